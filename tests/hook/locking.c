/* pthread and C11 objects among fibers of one thread, of two threads, and plain threads. */
#include "hook.h"

#include <semaphore.h>
#include <threads.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;

static struct timespec soon(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    now.tv_nsec += 20000000;
    if (now.tv_nsec >= 1000000000) {
        now.tv_nsec -= 1000000000;
        now.tv_sec++;
    }
    return now;
}

/* --- mutual exclusion, fiber against fiber */

static long lock_shared(int unused)
{
    (void)unused;
    int error = pthread_mutex_lock(&mutex);
    if (error == 0)
        pthread_mutex_unlock(&mutex);
    return error;
}

FIBER(mutex_excludes)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    must(pthread_mutex_lock(&mutex) == 0, "the mutex is ours");
    is_int(pthread_mutex_trylock(&mutex), EBUSY, "trylock of a mutex another call holds");
    struct timespec limit = soon(CLOCK_REALTIME);
    is_int(pthread_mutex_timedlock(&mutex, &limit), ETIMEDOUT, "timedlock gives up");
    limit = soon(CLOCK_MONOTONIC);
    is_int(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &limit), ETIMEDOUT,
           "clocklock gives up");
    limit.tv_nsec = -1;
    is_int(pthread_mutex_timedlock(&mutex, &limit), EINVAL, "timedlock until no time");
    struct trial trial = { .call = lock_shared };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "another fiber waits");
    weft_cancel(task);
    usleep(1000);
    ok(!trial.ended, "a lock is never cancelled");
    must(pthread_mutex_unlock(&mutex) == 0, "unlock");
    trial_join(task);
    ok(trial.result == 0 && trial.error == UNTOUCHED, "it parked until the unlock");
    return 0;
}

static pthread_mutex_t typed;

static long try_typed(int unused)
{
    (void)unused;
    int error = pthread_mutex_trylock(&typed);
    if (error == 0)
        pthread_mutex_unlock(&typed);
    return error;
}

static long unlock_typed(int unused)
{
    (void)unused;
    return pthread_mutex_unlock(&typed);
}

static long lock_typed(int unused)
{
    (void)unused;
    int error = pthread_mutex_lock(&typed);
    return error ? error : pthread_mutex_unlock(&typed);
}

static void init_typed(int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    must(pthread_mutex_init(&typed, &attributes) == 0, "a mutex");
    pthread_mutexattr_destroy(&attributes);
}

static long from_fiber(struct weft_scope *scope, long (*call)(int))
{
    struct trial trial = { .call = call };
    trial_join(trial_start(scope, &trial));
    return trial.result;
}

FIBER(mutex_types)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    init_typed(PTHREAD_MUTEX_RECURSIVE);
    must(pthread_mutex_lock(&typed) == 0, "first");
    is_int(pthread_mutex_lock(&typed), 0, "recursive: its fiber locks again");
    is_int(from_fiber(&scope, try_typed), EBUSY, "recursive: another fiber of the thread may not");
    is_int(from_fiber(&scope, unlock_typed), EPERM, "recursive: nor unlock it");
    struct trial trial = { .call = lock_typed };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "it waits");
    is_int(pthread_mutex_unlock(&typed), 0, "recursive: one unlock");
    weft_yield();
    ok(!trial.ended, "is not enough");
    is_int(pthread_mutex_unlock(&typed), 0, "recursive: two");
    trial_join(task);
    is_int(trial.result, 0, "are");
    is_int(pthread_mutex_unlock(&typed), EPERM, "recursive: unlocked once too often");
    pthread_mutex_destroy(&typed);

    init_typed(PTHREAD_MUTEX_ERRORCHECK);
    must(pthread_mutex_lock(&typed) == 0, "first");
    is_int(pthread_mutex_lock(&typed), EDEADLK, "errorcheck: its fiber hears of the deadlock");
    is_int(pthread_mutex_trylock(&typed), EBUSY, "errorcheck: trylock");
    is_int(from_fiber(&scope, unlock_typed), EPERM, "errorcheck: another fiber can't unlock");
    task = trial_start(&scope, &trial);
    trial.ended = false;
    pthread_mutex_unlock(&typed);
    is_int(pthread_mutex_unlock(&typed), EPERM, "errorcheck: unlocked once too often");
    trial_join(task);
    pthread_mutex_destroy(&typed);
    return 0;
}

/* A fiber that locks again as soon as it has unlocked, and parks while it holds, starves nobody. */
static bool got_it;

FIBER(wants_it)
{
    pthread_mutex_lock(&mutex);
    got_it = true;
    pthread_mutex_unlock(&mutex);
    return 0;
}

FIBER(mutex_starves_nobody)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    pthread_mutex_lock(&mutex);
    weft_go(&scope, wants_it, NOTHING);
    int rounds = 0;
    while (!got_it && rounds++ < 100) {
        pthread_mutex_unlock(&mutex);
        pthread_mutex_lock(&mutex);
        weft_yield();
    }
    pthread_mutex_unlock(&mutex);
    ok(got_it && rounds < 5, "a greedy fiber lets the other in (%d rounds)", rounds);
    return 0;
}

/* --- condition */

static int turn;

static long wait_for_turn(int which)
{
    pthread_mutex_lock(&mutex);
    while (turn != which)
        pthread_cond_wait(&condition, &mutex);
    turn = 0;
    pthread_mutex_unlock(&mutex);
    return 0;
}

static int wake_ups;

static long wait_and_count(int unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    while (turn != 1) {
        pthread_cond_wait(&condition, &mutex);
        wake_ups++;
    }
    turn = 0;
    pthread_mutex_unlock(&mutex);
    return 0;
}

static void signal_turn(int which)
{
    pthread_mutex_lock(&mutex);
    turn = which;
    pthread_mutex_unlock(&mutex);
    pthread_cond_signal(&condition);
}

FIBER(condition_wakes)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = wait_for_turn, .fd = 1 };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "it waits");
    signal_turn(1);
    trial_join(task);
    ok(trial.result == 0 && trial.error == UNTOUCHED, "a signal wakes a fiber");

    struct trial many[10];
    struct weft_task *tasks[10];
    for (int i = 0; i < 10; i++) {
        many[i] = (struct trial){ .call = wait_for_turn, .fd = 1 };
        tasks[i] = trial_start(&scope, &many[i]);
    }
    for (int i = 0; i < 10; i++) {
        pthread_mutex_lock(&mutex);
        turn = 1;
        pthread_mutex_unlock(&mutex);
        pthread_cond_broadcast(&condition);
        while (turn)
            weft_yield();
    }
    for (int i = 0; i < 10; i++)
        trial_join(tasks[i]);
    ok(true, "broadcasts wake ten");

    pthread_mutex_lock(&mutex);
    struct timespec limit = soon(CLOCK_REALTIME);
    is_int(pthread_cond_timedwait(&condition, &mutex, &limit), ETIMEDOUT, "timedwait gives up");
    limit = soon(CLOCK_MONOTONIC);
    is_int(pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &limit), ETIMEDOUT,
           "clockwait gives up");
    is_int(pthread_mutex_trylock(&mutex), EBUSY, "and holds the mutex again");
    pthread_mutex_unlock(&mutex);
    pthread_condattr_t attributes;
    pthread_cond_t monotonic;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&monotonic, &attributes);
    pthread_mutex_lock(&mutex);
    int64_t began = weft_now();
    limit = soon(CLOCK_MONOTONIC);
    is_int(pthread_cond_timedwait(&monotonic, &mutex, &limit), ETIMEDOUT, "by its own clock");
    ok(weft_now() - began >= 19 * WEFT_MILLISECOND, "in its time");
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&monotonic);
    return 0;
}

FIBER(condition_is_cut_short_once)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = wait_and_count };
    struct weft_task *task = trial_start(&scope, &trial);
    weft_cancel(task);
    for (int i = 0; i < 20; i++)
        weft_yield();
    usleep(2000);
    ok(!trial.ended && wake_ups == 1, "a cancelled wait wakes once, spuriously, and waits on (%d)",
       wake_ups);
    signal_turn(1);
    trial_join(task);
    is_int(trial.result, 0, "a signal ends it");
    return 0;
}

/* --- read-write lock */

static long read_lock(int unused)
{
    (void)unused;
    int error = pthread_rwlock_rdlock(&rwlock);
    return error ? error : pthread_rwlock_unlock(&rwlock);
}

static long read_lock_soon(int unused)
{
    (void)unused;
    struct timespec limit = soon(CLOCK_MONOTONIC);
    int error = pthread_rwlock_clockrdlock(&rwlock, CLOCK_MONOTONIC, &limit);
    return error ? error : pthread_rwlock_unlock(&rwlock);
}

static long write_lock(int unused)
{
    (void)unused;
    int error = pthread_rwlock_wrlock(&rwlock);
    return error ? error : pthread_rwlock_unlock(&rwlock);
}

FIBER(rwlock_excludes)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(pthread_rwlock_rdlock(&rwlock) == 0, "a reader");
    is_int(from_fiber(&scope, read_lock), 0, "another reader gets in");
    struct trial trial = { .call = write_lock };
    struct weft_task *task = trial_start(&scope, &trial);
    ok(!trial.ended, "a writer waits");
    struct timespec limit = soon(CLOCK_REALTIME);
    is_int(pthread_rwlock_timedwrlock(&rwlock, &limit), ETIMEDOUT, "timedwrlock gives up");
    pthread_rwlock_unlock(&rwlock);
    trial_join(task);
    is_int(trial.result, 0, "until the reader is gone");
    must(pthread_rwlock_wrlock(&rwlock) == 0, "a writer");
    struct trial readers[5];
    struct weft_task *tasks[5];
    for (int i = 0; i < 5; i++) {
        readers[i] = (struct trial){ .call = read_lock };
        tasks[i] = trial_start(&scope, &readers[i]);
        must(!readers[i].ended, "a reader waits");
    }
    is_int(from_fiber(&scope, read_lock_soon), ETIMEDOUT, "clockrdlock gives up");
    pthread_rwlock_unlock(&rwlock);
    for (int i = 0; i < 5; i++)
        trial_join(tasks[i]);
    ok(true, "five readers get in once the writer is gone");
    return 0;
}

FIBER(writer_again)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct timespec limit = soon(CLOCK_REALTIME);
    must(pthread_rwlock_wrlock(&rwlock) == 0, "a writer");
    is_int(pthread_rwlock_wrlock(&rwlock), EDEADLK, "who writes can't ask to write");
    is_int(pthread_rwlock_rdlock(&rwlock), EDEADLK, "nor to read");
    is_int(pthread_rwlock_timedwrlock(&rwlock, &limit), EDEADLK, "timedwrlock");
    is_int(pthread_rwlock_timedrdlock(&rwlock, &limit), EDEADLK, "timedrdlock");
    is_int(pthread_rwlock_trywrlock(&rwlock), EBUSY, "but to try is allowed");
    is_int(pthread_rwlock_tryrdlock(&rwlock), EBUSY, "both ways");
    struct trial trial = { .call = write_lock };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "another fiber of the thread waits");
    must(pthread_rwlock_unlock(&rwlock) == 0, "unlocked");
    trial_join(task);
    is_int(trial.result, 0, "and gets it");
    must(pthread_rwlock_rdlock(&rwlock) == 0, "a reader");
    is_int(pthread_rwlock_rdlock(&rwlock), 0, "who reads may read again");
    must(pthread_rwlock_unlock(&rwlock) == 0, "unlocked once");
    is_int(pthread_rwlock_trywrlock(&rwlock), EBUSY, "which is once less");
    must(pthread_rwlock_unlock(&rwlock) == 0, "unlocked twice");
    return 0;
}

/* Who asked for writers to come first is not starved by readers who come later. */
static pthread_rwlock_t fair;
static _Atomic bool written;

static long write_fair(int unused)
{
    (void)unused;
    int error = pthread_rwlock_wrlock(&fair);
    written = true;
    return error ? error : pthread_rwlock_unlock(&fair);
}

static long read_fair(int unused)
{
    (void)unused;
    int error = pthread_rwlock_rdlock(&fair);
    return error ? error : pthread_rwlock_unlock(&fair);
}

static long write_fair_soon(int unused)
{
    (void)unused;
    struct timespec limit = soon(CLOCK_REALTIME);
    return pthread_rwlock_timedwrlock(&fair, &limit);
}

FIBER(writers_first)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    must(pthread_rwlock_init(&fair, &attributes) == 0, "a lock");
    must(pthread_rwlock_rdlock(&fair) == 0, "a reader");
    struct trial writer = { .call = write_fair };
    struct trial reader = { .call = read_fair };
    struct weft_task *writes = trial_start(&scope, &writer);
    struct weft_task *reads = trial_start(&scope, &reader);
    ok(!writer.ended && !reader.ended, "a reader that comes after a writer waits behind it");
    must(pthread_rwlock_unlock(&fair) == 0, "unlocked");
    trial_join(reads);
    ok(written && reader.result == 0, "and gets in once that has written");
    trial_join(writes);

    must(pthread_rwlock_rdlock(&fair) == 0, "a reader");
    writer = (struct trial){ .call = write_fair_soon };
    reader = (struct trial){ .call = read_fair };
    writes = trial_start(&scope, &writer);
    reads = trial_start(&scope, &reader);
    must(!reader.ended, "it waits behind a writer that has little time");
    trial_join(writes);
    is_int(writer.result, ETIMEDOUT, "which gives up");
    trial_join(reads);
    is_int(reader.result, 0, "and keeps nobody out any more");
    must(pthread_rwlock_unlock(&fair) == 0, "unlocked");
    pthread_rwlock_destroy(&fair);
    return 0;
}

/* --- semaphore */

static long wait_semaphore(int unused)
{
    (void)unused;
    return sem_wait(&semaphore);
}

static void post_in_handler(int number)
{
    (void)number;
    sem_post(&semaphore);
}

FIBER(semaphore_counts)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    sem_init(&semaphore, 0, 1);
    is_int(sem_wait(&semaphore), 0, "the one there is");
    struct trial trial = { .call = wait_semaphore };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "the next waits");
    sem_post(&semaphore);
    trial_join(task);
    ok(trial.result == 0 && trial.error == UNTOUCHED, "until a post");
    task = trial_start(&scope, &trial);
    trial.ended = false;
    weft_cancel(task);
    trial_join(task);
    ok(trial.result == -1 && trial.error == ECANCELED, "a cancelled wait");
    struct timespec limit = soon(CLOCK_REALTIME);
    ok(sem_timedwait(&semaphore, &limit) == -1 && errno == ETIMEDOUT, "sem_timedwait gives up");
    limit = soon(CLOCK_MONOTONIC);
    ok(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &limit) == -1 && errno == ETIMEDOUT,
       "sem_clockwait gives up");
    signal(SIGUSR2, post_in_handler);
    task = trial_start(&scope, &trial);
    raise(SIGUSR2);
    trial_join(task);
    is_int(trial.result, 0, "a signal handler may post");
    /* A post that comes with a cancel is taken or left, never lost. */
    task = trial_start(&scope, &trial);
    sem_post(&semaphore);
    weft_cancel(task);
    trial_join(task);
    int value;
    sem_getvalue(&semaphore, &value);
    is_int(value, trial.result == 0 ? 0 : 1, "a post that meets a cancel is not lost");
    sem_destroy(&semaphore);
    return 0;
}

/* --- join */

static void *sleep_then_return(void *argument)
{
    struct timespec duration = { 0, 30000000 };
    nanosleep(&duration, NULL);
    return argument;
}

static int sleep_then_seven(void *argument)
{
    sleep_then_return(argument);
    return 7;
}

static pthread_t thread;

static long join_thread(int unused)
{
    (void)unused;
    void *result = NULL;
    int error = pthread_join(thread, &result);
    errno = error ? error : errno;
    return error ? -1 : (long)(intptr_t)result;
}

FIBER(join_waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    must(pthread_create(&thread, NULL, sleep_then_return, (void *)42) == 0, "a thread");
    struct trial trial = { .call = join_thread };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "the join waits");
    trial_join(task);
    ok(trial.result == 42 && trial.error == UNTOUCHED, "and gets the result");
    must(pthread_create(&thread, NULL, sleep_then_return, NULL) == 0, "a thread");
    task = trial_start(&scope, &trial);
    weft_cancel(task);
    trial_join(task);
    ok(trial.result == -1 && trial.error == ECANCELED, "a join is cancelled");
    is_int(pthread_join(thread, NULL), 0, "and the thread can still be joined");
    is_int(pthread_join(pthread_self(), NULL), EDEADLK, "joining one's own thread");
    thrd_t c11;
    int result = 0;
    must(thrd_create(&c11, sleep_then_seven, NULL) == thrd_success, "a C11 thread");
    ok(thrd_join(c11, &result) == thrd_success && result == 7, "thrd_join");
    return 0;
}

FIBER(c11)
{
    mtx_t lock;
    cnd_t event;
    must(mtx_init(&lock, mtx_timed) == thrd_success && cnd_init(&event) == thrd_success, "made");
    is_int(mtx_lock(&lock), thrd_success, "mtx_lock");
    is_int(mtx_trylock(&lock), thrd_busy, "mtx_trylock");
    struct timespec limit = soon(CLOCK_REALTIME);
    is_int(mtx_timedlock(&lock, &limit), thrd_timedout, "mtx_timedlock");
    limit = soon(CLOCK_REALTIME);
    is_int(cnd_timedwait(&event, &lock, &limit), thrd_timedout, "cnd_timedwait");
    is_int(cnd_signal(&event), thrd_success, "cnd_signal");
    is_int(cnd_broadcast(&event), thrd_success, "cnd_broadcast");
    is_int(mtx_unlock(&lock), thrd_success, "mtx_unlock");
    mtx_destroy(&lock);
    cnd_destroy(&event);
    return 0;
}

/* A plain thread that waits on a condition lets the mutex go where no hook sees it. */
static bool thread_waits;

static void *wait_in_thread(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    thread_waits = true;
    turn = 0;
    usleep(20000);
    while (turn != 5)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

FIBER(thread_lets_go)
{
    pthread_create(&thread, NULL, wait_in_thread, NULL);
    while (!__atomic_load_n(&thread_waits, __ATOMIC_ACQUIRE))
        usleep(500);
    pthread_mutex_lock(&mutex);
    turn = 5;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
    ok(pthread_join(thread, NULL) == 0, "a fiber gets the mutex that a waiting thread has let go");
    return 0;
}

/*
 * A thread takes the mutex before a fiber that was woken for it, and lets it go in a wait that no
 * hook sees: the fiber must not rely on who had the mutex when it began to wait.
 */
static _Atomic int stage;

static void reach(int next)
{
    atomic_store(&stage, next);
}

static void await_stage(int wanted)
{
    while (atomic_load(&stage) < wanted)
        syscall(SYS_sched_yield);
}

static void *come_between(void *unused)
{
    (void)unused;
    reach(1);
    pthread_mutex_lock(&mutex);
    reach(2);
    await_stage(3);
    while (turn != 6)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static long tell_thread(int unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    turn = 6;
    pthread_cond_signal(&condition);
    return pthread_mutex_unlock(&mutex);
}

FIBER(thread_comes_between)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    reach(0);
    pthread_mutex_lock(&mutex);
    pthread_create(&thread, NULL, come_between, NULL);
    await_stage(1);
    struct trial trial = { .call = tell_thread };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "a fiber waits");
    pthread_mutex_unlock(&mutex);
    await_stage(2); /* the fiber has been woken, but has not run */
    weft_yield();
    must(!trial.ended, "it came too late");
    reach(3);
    trial_join(task);
    is_int(trial.result, 0, "a fiber gets a mutex that a thread took before it, and has let go");
    return pthread_join(thread, NULL);
}

/* --- a fiber that ends with a mutex */

static pthread_mutex_t kept_mutex;

FIBER(end_with_it)
{
    must(pthread_mutex_lock(&kept_mutex) == 0, "a mutex");
    return 0;
}

FIBER(try_what_is_kept)
{
    int error = pthread_mutex_trylock(&kept_mutex);
    ok(error == EBUSY, "the next fiber, on the same stack, does not have it (%d)", error);
    is_int(pthread_mutex_unlock(&kept_mutex), EPERM, "nor may it give it back");
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    is_int(pthread_mutex_timedlock(&kept_mutex, &soon), ETIMEDOUT, "it waits in vain");
    return 0;
}

FIBER(ended_owners)
{
    const int types[] = { PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK };
    for (size_t i = 0; i < COUNT(types); i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, types[i]);
        must(pthread_mutex_init(&kept_mutex, &attributes) == 0, "a mutex");
        must(weft_join(weft_go(&scope, end_with_it, NOTHING), NULL) == 0, "its owner has ended");
        must(weft_join(weft_go(&scope, try_what_is_kept, NOTHING), NULL) == 0, "another");
        is_int(pthread_mutex_trylock(&kept_mutex), EBUSY, "it stays locked, as a thread's would");
        is_int(pthread_mutex_destroy(&kept_mutex), EBUSY, "and is not to be destroyed");
    }
    return 0;
}

/* Taken by way of the hooks, given back around them, and the other way round. */
FIBER(around_and_back)
{
    pthread_mutex_t own = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    must(pthread_mutex_lock(&own) == 0, "a mutex");
    {
        WEFT_BLOCKING();
        is_int(pthread_mutex_lock(&own), 0, "its fiber takes it once more around the hooks");
        is_int(pthread_mutex_unlock(&own), 0, "gives it back");
        is_int(pthread_mutex_unlock(&own), 0, "and what it took by way of them");
        is_int(pthread_mutex_lock(&own), 0, "takes it around them");
    }
    is_int(pthread_mutex_unlock(&own), 0, "and gives it back by way of them");
    is_int(pthread_mutex_destroy(&own), 0, "nobody has it then");
    return 0;
}

int main(void)
{
    in_runtime(mutex_excludes);
    in_runtime(mutex_starves_nobody);
    in_runtime(rwlock_excludes);
    in_runtime(writer_again);
    in_runtime(writers_first);
    in_runtime(semaphore_counts);
    if (UNDER_TSAN)
        return done_testing();
    in_runtime(join_waits);
    in_runtime(mutex_types);
    in_runtime(condition_wakes);
    in_runtime(condition_is_cut_short_once);
    in_runtime(c11);
    in_runtime(thread_lets_go);
    in_runtime(thread_comes_between);
    if (!UNDER_TSAN) { /* it has a report of its own for them */
        in_runtime(ended_owners);
        in_runtime(around_and_back);
    }
    return done_testing();
}
