/* Barriers, spin locks, once, named and shared semaphores: among fibers, threads and loops. */
#include "hook.h"

#include <linux/futex.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <threads.h>

enum {
    MANY = 10,
    ROUNDS = 200
};

/* --- barriers */

static pthread_barrier_t barrier;
static _Atomic int arrived, serial;

static int meet(void)
{
    atomic_fetch_add(&arrived, 1);
    int result = pthread_barrier_wait(&barrier);
    if (result == PTHREAD_BARRIER_SERIAL_THREAD)
        atomic_fetch_add(&serial, 1);
    return result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : -1;
}

FIBER(meet_once)
{
    return meet();
}

FIBER(fibers_meet)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(pthread_barrier_init(&barrier, NULL, MANY) == 0, "a barrier");
    atomic_store(&arrived, 0);
    atomic_store(&serial, 0);
    for (int i = 0; i < MANY - 1; i++)
        weft_go(&scope, meet_once, NOTHING);
    is_int(atomic_load(&arrived), MANY - 1, "all but one have arrived, and parked");
    is_int(weft_scope_count(&scope), MANY - 1, "none has gone on");
    must(meet() == 0, "the last one");
    is_int(weft_scope_wait(&scope), 0, "then all go on");
    is_int(atomic_load(&serial), 1, "one of them is the serial one");
    is_int(pthread_barrier_destroy(&barrier), 0, "and the barrier can go");
    return 0;
}

FIBER(meet_often)
{
    for (int i = 0; i < ROUNDS; i++)
        if (meet() < 0)
            return -1;
    return 0;
}

FIBER(fibers_of_a_loop)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 3; i++)
        weft_go(&scope, meet_often, NOTHING);
    return weft_scope_wait(&scope);
}

static void *loop_in_thread(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)weft_run(fibers_of_a_loop, NULL);
}

static void *plain_thread(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)meet_often(NULL);
}

/* Three fibers here, three of another loop, three plain threads. */
static void everybody_meets(void)
{
    pthread_t threads[4];
    must(pthread_barrier_init(&barrier, NULL, 9) == 0, "a barrier");
    atomic_store(&serial, 0);
    must(pthread_create(&threads[0], NULL, loop_in_thread, NULL) == 0, "a thread with a loop");
    for (int i = 1; i < 4; i++)
        must(pthread_create(&threads[i], NULL, plain_thread, NULL) == 0, "a plain thread");
    is_int(weft_run(fibers_of_a_loop, NULL), 0, "fibers meet threads %d times", ROUNDS);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ok(!result, "thread %d, too", i);
    }
    is_int(atomic_load(&serial), ROUNDS, "one of nine was the serial one each time");
    pthread_barrier_destroy(&barrier);
}

FIBER(cancelled_at_a_barrier)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    must(pthread_barrier_init(&barrier, NULL, 2) == 0, "a barrier");
    struct weft_task *task = weft_go(&scope, meet_once, NOTHING);
    weft_cancel(task);
    weft_yield();
    is_int(weft_scope_count(&scope), 1, "a barrier is no cancellation point: it has arrived");
    must(meet() == 0, "the other one");
    struct weft_result result;
    must(weft_join(task, &result) == 0, "joined");
    is_int(result.value, 0, "and goes on as any");
    pthread_barrier_destroy(&barrier);
    return 0;
}

/* Whoever was told to be the serial one may take the barrier away; the others are on their way. */
static pthread_barrier_t *passing;

FIBER(meet_and_destroy)
{
    int result = pthread_barrier_wait(passing);
    if (result != PTHREAD_BARRIER_SERIAL_THREAD)
        return result;
    return pthread_barrier_destroy(passing);
}

FIBER(serial_one_destroys)
{
    pthread_barrier_t mine;
    passing = &mine;
    for (int round = 0; round < 20; round++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        must(pthread_barrier_init(&mine, NULL, MANY) == 0, "a barrier");
        for (int i = 0; i < MANY; i++)
            weft_go(&scope, meet_and_destroy, NOTHING);
        must(weft_scope_wait(&scope) == 0, "round %d", round);
        memset(&mine, 0xff, sizeof mine);
    }
    ok(true, "the serial fiber may destroy the barrier before the others have run");
    must(pthread_barrier_init(&mine, NULL, 1) == 0, "a barrier for one");
    is_int(pthread_barrier_wait(&mine), PTHREAD_BARRIER_SERIAL_THREAD, "who is alone is serial");
    is_int(pthread_barrier_destroy(&mine), 0, "and destroys it");
    return 0;
}

/* --- spin locks */

static pthread_spinlock_t spin;

static long take_spin(int unused)
{
    (void)unused;
    int error = pthread_spin_lock(&spin);
    return error ? error : pthread_spin_unlock(&spin);
}

FIBER(spins)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0, "a spin lock");
    must(pthread_spin_lock(&spin) == 0, "ours");
    struct trial trial = { .call = take_spin };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "another fiber spins, giving way");
    usleep(1000);
    must(pthread_spin_unlock(&spin) == 0, "unlocked");
    trial_join(task);
    is_int(trial.result, 0, "it gets the lock");
    pthread_spin_destroy(&spin);
    return 0;
}

/* --- once */

static pthread_once_t control = PTHREAD_ONCE_INIT;
static once_flag flag = ONCE_FLAG_INIT;
static _Atomic int runs, seen_before;
static _Atomic bool inside, finished;

static void initialize(void)
{
    atomic_fetch_add(&runs, 1);
    atomic_store(&inside, true);
    usleep(5000); /* parks */
    atomic_store(&finished, true);
}

static long by_pthread(int unused)
{
    (void)unused;
    int error = pthread_once(&control, initialize);
    if (!atomic_load(&finished))
        atomic_fetch_add(&seen_before, 1);
    return error;
}

static long by_c11(int unused)
{
    (void)unused;
    call_once(&flag, initialize);
    if (!atomic_load(&finished))
        atomic_fetch_add(&seen_before, 1);
    return 0;
}

static void *once_in_thread(void *argument)
{
    long (*call)(int) = *(long (**)(int))argument;
    return (void *)call(0);
}

static void once(const char *name, long (*call)(int), struct weft_scope *scope)
{
    struct trial trials[MANY];
    struct weft_task *tasks[MANY];
    pthread_t thread;
    atomic_store(&runs, 0);
    atomic_store(&seen_before, 0);
    atomic_store(&inside, false);
    atomic_store(&finished, false);
    for (int i = 0; i < MANY; i++) {
        trials[i] = (struct trial){ .call = call };
        tasks[i] = trial_start(scope, &trials[i]);
        must(!trials[i].ended, "fiber %d parked", i);
    }
    must(pthread_create(&thread, NULL, once_in_thread, &call) == 0, "a thread");
    for (int i = 0; i < MANY; i++) {
        trial_join(tasks[i]);
        must(trials[i].result == 0 && trials[i].error == UNTOUCHED, "fiber %d", i);
    }
    pthread_join(thread, NULL);
    is_int(atomic_load(&runs), 1, "%s: the function ran once", name);
    is_int(atomic_load(&seen_before), 0, "%s: nobody went on before it had", name);
    is_int(call(0), 0, "%s: and later calls return at once", name);
}

FIBER(onces)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    once("pthread_once", by_pthread, &scope);
    once("call_once", by_c11, &scope);
    return 0;
}

/* A thread is inside; a fiber must not hold its own thread meanwhile. */
static void *initialize_in_thread(void *unused)
{
    (void)unused;
    return (void *)by_pthread(0);
}

FIBER(once_of_a_thread)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    pthread_t thread;
    control = (pthread_once_t)PTHREAD_ONCE_INIT;
    atomic_store(&inside, false);
    atomic_store(&finished, false);
    must(pthread_create(&thread, NULL, initialize_in_thread, NULL) == 0, "a thread");
    while (!atomic_load(&inside))
        usleep(100);
    struct trial trial = { .call = by_pthread };
    struct weft_task *task = trial_start(&scope, &trial);
    ok(!trial.ended || atomic_load(&finished), "a fiber waits for a thread that is inside");
    trial_join(task);
    ok(atomic_load(&finished) && trial.result == 0, "until it is done");
    pthread_join(thread, NULL);
    return 0;
}

/* --- semaphores with a name, and objects shared with another process */

static sem_t *named;

static long wait_named(int unused)
{
    (void)unused;
    return sem_wait(named);
}

FIBER(named_semaphore)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    char name[64];
    snprintf(name, sizeof name, "/weft-test-%d", (int)getpid());
    named = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    must(named != SEM_FAILED, "a named semaphore");
    sem_unlink(name);
    struct trial trial = { .call = wait_named };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "a fiber waits");
    pid_t child = fork();
    if (child == 0)
        _exit(sem_post(named) == 0 ? 0 : 1);
    int status;
    must(waitpid(child, &status, 0) == child && status == 0, "another process posts");
    trial_join(task);
    is_int(trial.result, 0, "and it goes on");
    sem_close(named);
    return 0;
}

struct shared {
    pthread_mutex_t mutex;
    pthread_barrier_t barrier;
};

static struct shared *shared;

static long meet_shared(int unused)
{
    (void)unused;
    return pthread_barrier_wait(&shared->barrier) > 0;
}

static void init_shared(void)
{
    pthread_mutexattr_t mutex;
    pthread_barrierattr_t attributes;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "shared memory");
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->mutex, &mutex);
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->barrier, &attributes, 2);
}

/* The child takes the mutex and dies with it: the next owner is told. */
FIBER(shared_objects)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    init_shared();
    struct trial trial = { .call = meet_shared };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "a fiber waits at a shared barrier");
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(&shared->mutex);
        pthread_barrier_wait(&shared->barrier);
        _exit(0);
    }
    trial_join(task);
    is_int(trial.result, 0, "until another process arrives");
    int status;
    must(waitpid(child, &status, 0) == child, "which ends");
    is_int(pthread_mutex_lock(&shared->mutex), EOWNERDEAD, "a robust mutex tells of its death");
    is_int(pthread_mutex_consistent(&shared->mutex), 0, "it is made whole again");
    is_int(pthread_mutex_unlock(&shared->mutex), 0, "and unlocked");
    is_int(pthread_mutex_lock(&shared->mutex), 0, "and locked as ever");
    is_int(pthread_mutex_unlock(&shared->mutex), 0, "as ever");
    munmap(shared, sizeof *shared);
    return 0;
}

/* --- futexes by syscall() */

static _Atomic uint32_t word;

static long wait_word(int private)
{
    return syscall(SYS_futex, &word, private ? FUTEX_WAIT_PRIVATE : FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void *wait_word_in_thread(void *unused)
{
    (void)unused;
    return (void *)wait_word(1);
}

static long wake_word(int most)
{
    return syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

FIBER(futexes)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct timespec limit = { 0, 5000000 };
    atomic_store(&word, 1);
    ok(wait_word(1) == -1 && errno == EAGAIN, "a word with another value: EAGAIN");
    atomic_store(&word, 0);
    ok(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &limit, NULL, 0) == -1 && errno == ETIMEDOUT,
       "a time limit: ETIMEDOUT");
    ok(syscall(SYS_futex, (uintptr_t)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0) == -1 &&
           errno == EINVAL,
       "between two words: EINVAL");
    ok(syscall(SYS_futex, nowhere(), FUTEX_WAIT, 0, NULL, NULL, 0) == -1 && errno == EFAULT,
       "nowhere: EFAULT");
    is_int(wake_word(1), 0, "nobody to wake");
    struct trial trials[] = { { .call = wait_word, .fd = 1 }, { .call = wait_word, .fd = 1 } };
    struct weft_task *tasks[] = { trial_start(&scope, &trials[0]),
                                  trial_start(&scope, &trials[1]) };
    must(!trials[0].ended && !trials[1].ended, "two fibers park");
    is_int(wake_word(1), 1, "one is woken");
    trial_join(tasks[0]);
    ok(trials[0].result == 0 && !trials[1].ended, "the first");
    pthread_t thread;
    must(pthread_create(&thread, NULL, wait_word_in_thread, NULL) == 0, "a thread waits, too");
    atomic_store(&word, 0);
    usleep(20000);
    long woken = 0;
    for (int i = 0; i < 1000 && woken < 2; i++, usleep(1000))
        woken += wake_word(10);
    is_int(woken, 2, "a fiber and a thread are woken alike");
    trial_join(tasks[1]);
    pthread_join(thread, NULL);
    struct trial shared_word = { .call = wait_word, .fd = 0 };
    struct weft_task *task = trial_start(&scope, &shared_word);
    must(!shared_word.ended, "a fiber waits for what another process may change");
    atomic_store(&word, 5); /* and nobody wakes it */
    trial_join(task);
    is_int(shared_word.result, 0, "it looks again from time to time");
    return 0;
}

int main(void)
{
    in_runtime(fibers_meet);
    if (!UNDER_TSAN) /* it looks into the barrier, which it takes for a write */
        everybody_meets();
    in_runtime(cancelled_at_a_barrier);
    in_runtime(serial_one_destroys);
    in_runtime(spins);
    if (!UNDER_TSAN) { /* its own once holds the thread */
        in_runtime(onces);
        in_runtime(once_of_a_thread);
    }
    in_runtime(named_semaphore);
    in_runtime(shared_objects);
    in_runtime(futexes);
    return done_testing();
}
