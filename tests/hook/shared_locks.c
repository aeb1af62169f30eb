/* Locks between processes, and robust ones: who dies with a lock is told of. */
#include "hook.h"

#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct shared {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    pthread_rwlock_t rwlock;
    sem_t semaphore;
    int turn;
};

static struct shared *shared;

static void init_shared(void)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_rwlockattr_t rwlock;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "shared memory");
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_condattr_init(&condition);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    pthread_rwlockattr_init(&rwlock);
    pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
    must(pthread_mutex_init(&shared->mutex, &mutex) == 0 &&
             pthread_cond_init(&shared->condition, &condition) == 0 &&
             pthread_rwlock_init(&shared->rwlock, &rwlock) == 0 &&
             sem_init(&shared->semaphore, 1, 0) == 0,
         "locks in it");
}

/* A child with a body; it holds what it has taken until it is told to go on. */
static pid_t child_of(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    must(child > 0, "a child");
    return child;
}

static void reap(pid_t child)
{
    int status;
    must(waitpid(child, &status, 0) == child && status == 0, "the child has ended well");
}

static void wait_turn(int turn)
{
    while (__atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE) != turn)
        usleep(200);
}

static void set_turn(int turn)
{
    __atomic_store_n(&shared->turn, turn, __ATOMIC_RELEASE);
}

static void hold_all(void)
{
    pthread_mutex_lock(&shared->mutex);
    pthread_rwlock_wrlock(&shared->rwlock);
    set_turn(1);
    wait_turn(2);
    pthread_mutex_unlock(&shared->mutex);
    pthread_rwlock_unlock(&shared->rwlock);
    sem_post(&shared->semaphore);
}

static long lock_shared(int unused)
{
    (void)unused;
    int error = pthread_mutex_lock(&shared->mutex);
    return error ? error : pthread_mutex_unlock(&shared->mutex);
}

static long read_shared(int unused)
{
    (void)unused;
    int error = pthread_rwlock_rdlock(&shared->rwlock);
    return error ? error : pthread_rwlock_unlock(&shared->rwlock);
}

static long wait_shared(int unused)
{
    (void)unused;
    return sem_wait(&shared->semaphore);
}

FIBER(another_process_holds)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    long (*const calls[])(int) = { lock_shared, read_shared, wait_shared };
    const char *const names[] = { "mutex", "read-write lock", "semaphore" };
    struct trial trials[COUNT(calls)];
    struct weft_task *tasks[COUNT(calls)];
    set_turn(0);
    pid_t child = child_of(hold_all);
    wait_turn(1);
    for (size_t i = 0; i < COUNT(calls); i++) {
        trials[i] = (struct trial){ .call = calls[i] };
        tasks[i] = trial_start(&scope, &trials[i]);
        must(!trials[i].ended, "a fiber waits for the %s", names[i]);
    }
    set_turn(2);
    for (size_t i = 0; i < COUNT(calls); i++) {
        trial_join(tasks[i]);
        ok(trials[i].result == 0 && trials[i].error == UNTOUCHED,
           "a %s that another process gives up", names[i]);
    }
    reap(child);
    return 0;
}

/* --- a condition that another process signals */

static void signal_shared(void)
{
    wait_turn(1);
    pthread_mutex_lock(&shared->mutex);
    shared->turn = 2;
    pthread_cond_signal(&shared->condition);
    pthread_mutex_unlock(&shared->mutex);
}

static long await_turn(int turn)
{
    pthread_mutex_lock(&shared->mutex);
    while (shared->turn != turn)
        pthread_cond_wait(&shared->condition, &shared->mutex);
    return pthread_mutex_unlock(&shared->mutex);
}

static void await_in_child(void)
{
    set_turn(4);
    await_turn(5);
}

FIBER(another_process_signals)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    set_turn(0);
    pid_t child = child_of(signal_shared);
    struct trial trial = { .call = await_turn, .fd = 2 };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "a fiber waits");
    set_turn(1);
    trial_join(task);
    ok(trial.result == 0 && trial.error == UNTOUCHED, "a condition that another process signals");
    reap(child);

    child = child_of(await_in_child);
    wait_turn(4);
    pthread_mutex_lock(&shared->mutex);
    shared->turn = 5;
    pthread_cond_broadcast(&shared->condition);
    pthread_mutex_unlock(&shared->mutex);
    reap(child);
    ok(true, "and one that another process waits for");

    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += 3600;
    pthread_mutex_lock(&shared->mutex);
    is_int(pthread_cond_timedwait(&shared->condition, &shared->mutex, &limit), 0,
           "a look in between is a spurious wake-up, not the end of the time");
    clock_gettime(CLOCK_MONOTONIC, &limit);
    int error = 0;
    for (limit.tv_sec -= 1; error == 0;)
        error = pthread_cond_timedwait(&shared->condition, &shared->mutex, &limit);
    is_int(error, ETIMEDOUT, "which comes by the condition's own clock");
    pthread_mutex_unlock(&shared->mutex);
    return 0;
}

/* --- robust mutexes */

static pthread_mutex_t robust;
static _Atomic bool taken, may_die;

static void init_robust(int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    must(pthread_mutex_init(&robust, &attributes) == 0, "a robust mutex");
    atomic_store(&taken, false);
    atomic_store(&may_die, false);
}

static void *die_with_it(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&robust);
    atomic_store(&taken, true);
    while (!atomic_load(&may_die))
        usleep(200);
    return NULL;
}

static long lock_robust(int unused)
{
    (void)unused;
    int error = pthread_mutex_lock(&robust);
    if (error == EOWNERDEAD) {
        pthread_mutex_consistent(&robust);
        pthread_mutex_unlock(&robust);
    }
    return error;
}

static long try_robust(int unused)
{
    (void)unused;
    int error = pthread_mutex_trylock(&robust);
    return error ? error : pthread_mutex_unlock(&robust);
}

static long call_in_fiber(struct weft_scope *scope, long (*call)(int))
{
    struct trial trial = { .call = call };
    trial_join(trial_start(scope, &trial));
    return trial.result;
}

static void thread_dies(struct weft_scope *scope, int type, const char *name)
{
    pthread_t thread;
    init_robust(type);
    must(pthread_create(&thread, NULL, die_with_it, NULL) == 0, "a thread");
    while (!atomic_load(&taken))
        usleep(200);
    struct trial trial = { .call = lock_robust };
    struct weft_task *task = trial_start(scope, &trial);
    must(!trial.ended, "a fiber waits for a thread's %s mutex", name);
    atomic_store(&may_die, true);
    pthread_join(thread, NULL);
    trial_join(task);
    is_int(trial.result, EOWNERDEAD, "%s: the death of its owner is told to who waits", name);
}

static const struct {
    int type;
    const char *name;
} types[] = { { PTHREAD_MUTEX_NORMAL, "robust" },
              { PTHREAD_MUTEX_ERRORCHECK, "robust error-checking" },
              { PTHREAD_MUTEX_RECURSIVE, "robust recursive" } };

FIBER(robust_mutexes)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (size_t i = 0; i < COUNT(types); i++) {
        pthread_t thread;
        init_robust(types[i].type);
        must(pthread_create(&thread, NULL, die_with_it, NULL) == 0, "a thread");
        atomic_store(&may_die, true);
        pthread_join(thread, NULL);
        is_int(pthread_mutex_lock(&robust), EOWNERDEAD, "%s: the owner is dead", types[i].name);
        is_int(call_in_fiber(&scope, try_robust), EBUSY, "%s: who is told has it, for himself",
               types[i].name);
        is_int(pthread_mutex_consistent(&robust), 0, "%s: it is made whole", types[i].name);
        is_int(pthread_mutex_unlock(&robust), 0, "%s: and given up", types[i].name);
        is_int(call_in_fiber(&scope, try_robust), 0, "%s: the next one has it", types[i].name);
    }
    for (size_t i = 0; i < COUNT(types); i++)
        thread_dies(&scope, types[i].type, types[i].name);
    return 0;
}

FIBER(not_recoverable)
{
    pthread_t thread;
    init_robust(PTHREAD_MUTEX_NORMAL);
    must(pthread_create(&thread, NULL, die_with_it, NULL) == 0, "a thread");
    atomic_store(&may_die, true);
    pthread_join(thread, NULL);
    must(pthread_mutex_lock(&robust) == EOWNERDEAD, "the owner is dead");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trials[3];
    struct weft_task *tasks[3];
    for (size_t i = 0; i < COUNT(trials); i++) {
        trials[i] = (struct trial){ .call = lock_robust };
        tasks[i] = trial_start(&scope, &trials[i]);
        must(!trials[i].ended, "a fiber waits");
    }
    must(pthread_mutex_unlock(&robust) == 0, "given up as it is");
    for (size_t i = 0; i < COUNT(trials); i++) {
        trial_join(tasks[i]);
        is_int(trials[i].result, ENOTRECOVERABLE, "who waits for it is told, every one");
    }
    is_int(pthread_mutex_lock(&robust), ENOTRECOVERABLE, "a mutex left broken stays so");
    is_int(pthread_mutex_trylock(&robust), ENOTRECOVERABLE, "for everybody");
    return 0;
}

/* The kernel knows threads: a fiber that ends leaves its mutex to be told of when its thread ends.
 */
FIBER(keep_it)
{
    return pthread_mutex_lock(&robust);
}

FIBER(fiber_is_told)
{
    return lock_robust(0) == EOWNERDEAD ? 0 : -1;
}

static void *loop_that_ends(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)weft_run(keep_it, NULL);
}

static void fiber_leaves_it(int type)
{
    pthread_t thread;
    init_robust(type);
    must(pthread_create(&thread, NULL, loop_that_ends, NULL) == 0, "a thread with a loop");
    pthread_join(thread, NULL);
    is_int(pthread_mutex_lock(&robust), EOWNERDEAD, "a fiber's death is its thread's");
    pthread_mutex_consistent(&robust);
    pthread_mutex_unlock(&robust);

    must(pthread_create(&thread, NULL, loop_that_ends, NULL) == 0, "a thread with a loop");
    pthread_join(thread, NULL);
    is_int(weft_run(fiber_is_told, NULL), 0, "and another loop's fiber is told, too");
}

int main(void)
{
    init_shared();
    in_runtime(another_process_holds);
    if (UNDER_TSAN)
        return done_testing();
    in_runtime(another_process_signals);
    in_runtime(robust_mutexes);
    in_runtime(not_recoverable);
    for (size_t i = 0; i < COUNT(types); i++)
        fiber_leaves_it(types[i].type);
    return done_testing();
}
