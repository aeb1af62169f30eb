/* Rows: locks, semaphores, joins. The main thread holds what the call waits for. */
#include "rows.h"

#include <linux/futex.h>
#include <sys/syscall.h>

/* --- mutexes */

static void prepare_held_mutex(void)
{
    pthread_mutex_init(&place.mutex, NULL);
    mtx_init(&place.c_mutex, mtx_timed);
    pthread_mutex_lock(&place.mutex);
    mtx_lock(&place.c_mutex);
}

static void wake_held_mutex(void)
{
    pthread_mutex_unlock(&place.mutex);
    mtx_unlock(&place.c_mutex);
}

static const struct setting held_mutex = { .prepare = prepare_held_mutex, .wake = wake_held_mutex };

static void prepare_refused(void)
{
    pthread_mutexattr_t checks;
    prepare_held_mutex();
    pthread_mutexattr_init(&checks);
    pthread_mutexattr_settype(&checks, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&place.mutex, &checks);
    pthread_mutexattr_destroy(&checks);
}

/* Nobody waits for what is held here. */
static const struct setting taken = { .prepare = prepare_held_mutex,
                                      .finish = wake_held_mutex,
                                      .traits = STILL };
static const struct setting checked = { .prepare = prepare_refused, .traits = STILL };

static long released(int error)
{
    return error ? error : pthread_mutex_unlock(&place.mutex);
}

static long c_released(int error)
{
    return error != thrd_success ? error : mtx_unlock(&place.c_mutex);
}

static long relock(void)
{
    pthread_mutex_lock(&place.mutex);
    long error = pthread_mutex_lock(&place.mutex);
    pthread_mutex_unlock(&place.mutex);
    return error;
}

ROW(pthread_mutex_lock, held_mutex, released(pthread_mutex_lock(&place.mutex)))
ROW(pthread_mutex_lock, checked, relock())
ROW(pthread_mutex_timedlock, held_mutex, released(pthread_mutex_timedlock(&place.mutex, SOON)))
ROW(pthread_mutex_clocklock, held_mutex,
    released(pthread_mutex_clocklock(&place.mutex, CLOCK_MONOTONIC, SOON_MONOTONIC)))
ROW(pthread_mutex_trylock, taken, pthread_mutex_trylock(&place.mutex))
ROW(pthread_mutex_trylock, checked, released(pthread_mutex_trylock(&place.mutex)))
ROW(pthread_mutex_unlock, checked, pthread_mutex_unlock(&place.mutex))
ROW(mtx_lock, held_mutex, c_released(mtx_lock(&place.c_mutex)))
ROW(mtx_timedlock, held_mutex, c_released(mtx_timedlock(&place.c_mutex, SOON)))
ROW(mtx_trylock, taken, mtx_trylock(&place.c_mutex))
ROW(mtx_unlock, checked,
    mtx_init(&place.c_mutex, mtx_plain) + mtx_lock(&place.c_mutex) + mtx_unlock(&place.c_mutex))

/* --- conditions */

static void prepare_quiet(void)
{
    pthread_mutex_init(&place.mutex, NULL);
    pthread_cond_init(&place.condition, NULL);
    mtx_init(&place.c_mutex, mtx_plain);
    cnd_init(&place.c_condition);
}

static void wake_quiet(void)
{
    pthread_mutex_lock(&place.mutex);
    pthread_cond_signal(&place.condition);
    pthread_mutex_unlock(&place.mutex);
    mtx_lock(&place.c_mutex);
    cnd_signal(&place.c_condition);
    mtx_unlock(&place.c_mutex);
}

static const struct setting quiet = { .prepare = prepare_quiet, .wake = wake_quiet };
static const struct setting unwaited = { .prepare = prepare_quiet, .traits = STILL };

static long waited(const struct timespec *time)
{
    pthread_mutex_lock(&place.mutex);
    int error = time ? pthread_cond_timedwait(&place.condition, &place.mutex, time)
                     : pthread_cond_wait(&place.condition, &place.mutex);
    return released(error);
}

static long waited_by_clock(void)
{
    pthread_mutex_lock(&place.mutex);
    return released(
        pthread_cond_clockwait(&place.condition, &place.mutex, CLOCK_MONOTONIC, SOON_MONOTONIC));
}

static long c_waited(const struct timespec *time)
{
    mtx_lock(&place.c_mutex);
    return c_released(time ? cnd_timedwait(&place.c_condition, &place.c_mutex, time)
                           : cnd_wait(&place.c_condition, &place.c_mutex));
}

ROW(pthread_cond_wait, quiet, waited(NULL))
ROW(pthread_cond_timedwait, quiet, waited(SOON))
ROW(pthread_cond_clockwait, quiet, waited_by_clock())
ROW(pthread_cond_signal, unwaited, pthread_cond_signal(&place.condition))
ROW(pthread_cond_broadcast, unwaited, pthread_cond_broadcast(&place.condition))
ROW(cnd_wait, quiet, c_waited(NULL))
ROW(cnd_timedwait, quiet, c_waited(SOON))
ROW(cnd_signal, unwaited, cnd_signal(&place.c_condition))
ROW(cnd_broadcast, unwaited, cnd_broadcast(&place.c_condition))

/* --- read-write locks */

static void prepare_written(void)
{
    pthread_rwlock_init(&place.rwlock, NULL);
    pthread_rwlock_wrlock(&place.rwlock);
}

static void wake_written(void)
{
    pthread_rwlock_unlock(&place.rwlock);
}

static const struct setting written = { .prepare = prepare_written, .wake = wake_written };
static const struct setting refused = { .prepare = prepare_written,
                                        .finish = wake_written,
                                        .traits = STILL };
static void prepare_open(void)
{
    pthread_rwlock_init(&place.rwlock, NULL);
}
static const struct setting unlocked = { .prepare = prepare_open, .traits = STILL };

static long left(int error)
{
    return error ? error : pthread_rwlock_unlock(&place.rwlock);
}

ROW(pthread_rwlock_rdlock, written, left(pthread_rwlock_rdlock(&place.rwlock)))
ROW(pthread_rwlock_wrlock, written, left(pthread_rwlock_wrlock(&place.rwlock)))
ROW(pthread_rwlock_timedrdlock, written, left(pthread_rwlock_timedrdlock(&place.rwlock, SOON)))
ROW(pthread_rwlock_timedwrlock, written, left(pthread_rwlock_timedwrlock(&place.rwlock, SOON)))
ROW(pthread_rwlock_clockrdlock, written,
    left(pthread_rwlock_clockrdlock(&place.rwlock, CLOCK_MONOTONIC, SOON_MONOTONIC)))
ROW(pthread_rwlock_clockwrlock, written,
    left(pthread_rwlock_clockwrlock(&place.rwlock, CLOCK_MONOTONIC, SOON_MONOTONIC)))
ROW(pthread_rwlock_trywrlock, refused, pthread_rwlock_trywrlock(&place.rwlock))
ROW(pthread_rwlock_trywrlock, unlocked, left(pthread_rwlock_trywrlock(&place.rwlock)))
ROW(pthread_rwlock_unlock, unlocked, left(pthread_rwlock_rdlock(&place.rwlock)))

/* --- semaphores */

static void prepare_empty(void)
{
    sem_init(&place.semaphore, 0, 0);
}

static void wake_empty(void)
{
    sem_post(&place.semaphore);
}

static const struct setting empty = { .prepare = prepare_empty, .wake = wake_empty };
static const struct setting posted = { .prepare = prepare_empty, .traits = STILL };

ROW(sem_wait, empty, sem_wait(&place.semaphore))
ROW(sem_timedwait, empty, sem_timedwait(&place.semaphore, SOON))
ROW(sem_clockwait, empty, sem_clockwait(&place.semaphore, CLOCK_MONOTONIC, SOON_MONOTONIC))
ROW(sem_post, posted, sem_post(&place.semaphore))

/* --- joins: of a thread that waits for a byte */

static void *wait_for_byte(void *unused)
{
    char byte;
    return read(place.fd, &byte, 1) == 1 ? place.bytes : unused;
}

static int c_wait_for_byte(void *unused)
{
    return wait_for_byte(unused) ? 7 : 1;
}

static void wake_thread(void)
{
    must(write(place.peer, "x", 1) == 1, "a byte");
}

static void prepare_thread(void)
{
    place_pipe();
    place_thread(wait_for_byte);
}

static void finish_thread(void)
{
    wake_thread();
    if (!place.thread_joined)
        pthread_join(place.thread, NULL);
    place.thread_joined = true;
}

static void prepare_c_thread(void)
{
    place_pipe();
    must(thrd_create(&place.c_thread, c_wait_for_byte, NULL) == thrd_success, "a thread");
}

static void finish_c_thread(void)
{
    wake_thread();
    if (!place.thread_joined)
        thrd_join(place.c_thread, NULL);
}

static const struct setting thread = { .prepare = prepare_thread,
                                       .wake = wake_thread,
                                       .finish = finish_thread };
static const struct setting c_thread = { .prepare = prepare_c_thread,
                                         .wake = wake_thread,
                                         .finish = finish_c_thread };

static long joined(int error, const void *result)
{
    place.thread_joined = error == 0;
    return error ? error : result == place.bytes ? 0 : -100;
}

static long c_joined(int error, int result)
{
    place.thread_joined = error == thrd_success;
    return error != thrd_success ? error : result == 7 ? 0 : -100;
}

static long join_thread(const struct timespec *time)
{
    void *result = NULL;
    int error = time ? pthread_timedjoin_np(place.thread, &result, time)
                     : pthread_join(place.thread, &result);
    return joined(error, result);
}

static long join_by_clock(void)
{
    void *result = NULL;
    int error = pthread_clockjoin_np(place.thread, &result, CLOCK_MONOTONIC, SOON_MONOTONIC);
    return joined(error, result);
}

static long join_c_thread(void)
{
    int result = 0;
    int error = thrd_join(place.c_thread, &result);
    return c_joined(error, result);
}

ROW(pthread_join, thread, join_thread(NULL))
ROW(pthread_timedjoin_np, thread, join_thread(SOON))
ROW(pthread_clockjoin_np, thread, join_by_clock())
ROW(thrd_join, c_thread, join_c_thread())

/* --- barriers, spin locks, once, futexes */

static void prepare_barrier(void)
{
    pthread_barrier_init(&place.barrier, NULL, 2);
}

static void wake_barrier(void)
{
    pthread_barrier_wait(&place.barrier);
}

static const struct setting barrier = { .prepare = prepare_barrier, .wake = wake_barrier };
static const struct setting lonely_barrier = { .prepare = prepare_barrier, .traits = STILL };

static long passed(int result)
{
    return result == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : result;
}

ROW(pthread_barrier_wait, barrier, passed(pthread_barrier_wait(&place.barrier)))
ROW(pthread_barrier_destroy, lonely_barrier, pthread_barrier_destroy(&place.barrier))

static void prepare_spin(void)
{
    pthread_spin_init(&place.spin, PTHREAD_PROCESS_PRIVATE);
    pthread_spin_lock(&place.spin);
}

static void wake_spin(void)
{
    pthread_spin_unlock(&place.spin);
}

static const struct setting spun = { .prepare = prepare_spin, .wake = wake_spin, .traits = BUSY };

ROW(pthread_spin_lock, spun, pthread_spin_lock(&place.spin) || pthread_spin_unlock(&place.spin))

static _Atomic bool is_running;

static void run_long(void)
{
    is_running = true;
    wait_for_byte(NULL);
}

static void *run_once(void *unused)
{
    pthread_once(&place.once, run_long);
    return unused;
}

static void *run_c_once(void *unused)
{
    call_once(&place.c_once, run_long);
    return unused;
}

static void prepare_running(void *(*body)(void *argument))
{
    is_running = false;
    place.once = (pthread_once_t)PTHREAD_ONCE_INIT;
    place.c_once = (once_flag)ONCE_FLAG_INIT;
    place_pipe();
    place_thread(body);
    while (!is_running)
        sched_yield();
}

static void prepare_once(void)
{
    prepare_running(run_once);
}

static void prepare_c_once(void)
{
    prepare_running(run_c_once);
}

static const struct setting running = { .prepare = prepare_once,
                                        .wake = wake_thread,
                                        .finish = finish_thread };
static const struct setting c_running = { .prepare = prepare_c_once,
                                          .wake = wake_thread,
                                          .finish = finish_thread };

ROW(pthread_once, running, pthread_once(&place.once, abort))
ROW(call_once, c_running, (call_once(&place.c_once, abort), 0))

static void wake_futex(void)
{
    place.word = 1;
    syscall(SYS_futex, &place.word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static const struct setting futex = { .wake = wake_futex };

ROW(syscall, futex, syscall(SYS_futex, &place.word, FUTEX_WAIT, 0, NULL, NULL, 0))
