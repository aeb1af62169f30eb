/*
 * pthread read-write locks: the real one is tried, and a release wakes readers up to a writer.
 *
 * Fibers that wait are unknown to the lock: so it is here that readers stand behind a writer where
 * the lock was made to prefer writers.
 */
#include "fiber/held.h"
#include "hook/waiting.h"

static bool writers_first(const pthread_rwlock_t *lock)
{
    return lock->__data.__flags == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
}

static int attempt_read(struct weft__fiber *self, void *object)
{
    pthread_rwlock_t *lock = object;
    (void)self;
    if (writers_first(lock) && weft__anybody(lock) && weft__exclusive_waits(lock))
        return EBUSY;
    return WEFT__REAL(pthread_rwlock_tryrdlock)(lock);
}

static int attempt_write(struct weft__fiber *self, void *lock)
{
    (void)self;
    return WEFT__REAL(pthread_rwlock_trywrlock)(lock);
}

static bool released_unseen(const void *lock)
{
    return ((const pthread_rwlock_t *)lock)->__data.__shared;
}

static int thread_of(const void *lock)
{
    return ((const pthread_rwlock_t *)lock)->__data.__cur_writer;
}

/* Who writes is known; readers are many. */
static int note(struct weft__fiber *self, const pthread_rwlock_t *lock, int error)
{
    if (error == 0)
        weft__held_push(self, lock);
    return error;
}

static int acquire(struct weft__fiber *self, pthread_rwlock_t *lock, bool exclusive,
                   int64_t deadline)
{
    if (thread_of(lock) == self->runtime->watched.thread && weft__held_has(self, lock))
        return EDEADLK;
    int error = weft__acquire(
        self, &(struct weft__acquisition){ .object = lock,
                                           .attempt = exclusive ? attempt_write : attempt_read,
                                           .deadline = deadline,
                                           .exclusive = exclusive,
                                           .unseen = released_unseen,
                                           .thread_of = thread_of });
    if (exclusive && error == ETIMEDOUT && writers_first(lock) && weft__anybody(lock))
        weft__wake_shared(lock); /* readers that have waited behind it */
    return exclusive ? note(self, lock, error) : error;
}

int weft__hook_pthread_rwlock_rdlock(struct weft__fiber *self, pthread_rwlock_t *lock)
{
    int error = attempt_read(self, lock);
    return error != EBUSY ? error : acquire(self, lock, false, INT64_MAX);
}

int weft__hook_pthread_rwlock_wrlock(struct weft__fiber *self, pthread_rwlock_t *lock)
{
    int error = attempt_write(self, lock);
    return error != EBUSY ? note(self, lock, error) : acquire(self, lock, true, INT64_MAX);
}

int weft__hook_pthread_rwlock_trywrlock(struct weft__fiber *self, pthread_rwlock_t *lock)
{
    return note(self, lock, attempt_write(self, lock));
}

int weft__hook_pthread_rwlock_clockrdlock(struct weft__fiber *self, pthread_rwlock_t *lock,
                                          clockid_t clock, const struct timespec *time)
{
    int64_t deadline;
    int error = weft__deadline_at(self, clock, time, &deadline);
    if (error || (error = attempt_read(self, lock)) != EBUSY)
        return error;
    return acquire(self, lock, false, deadline);
}

int weft__hook_pthread_rwlock_clockwrlock(struct weft__fiber *self, pthread_rwlock_t *lock,
                                          clockid_t clock, const struct timespec *time)
{
    int64_t deadline;
    int error = weft__deadline_at(self, clock, time, &deadline);
    if (error)
        return error;
    error = attempt_write(self, lock);
    return error != EBUSY ? note(self, lock, error) : acquire(self, lock, true, deadline);
}

int weft__hook_pthread_rwlock_timedrdlock(struct weft__fiber *self, pthread_rwlock_t *lock,
                                          const struct timespec *time)
{
    return weft__hook_pthread_rwlock_clockrdlock(self, lock, CLOCK_REALTIME, time);
}

int weft__hook_pthread_rwlock_timedwrlock(struct weft__fiber *self, pthread_rwlock_t *lock,
                                          const struct timespec *time)
{
    return weft__hook_pthread_rwlock_clockwrlock(self, lock, CLOCK_REALTIME, time);
}

int weft__hook_pthread_rwlock_unlock(struct weft__fiber *self, pthread_rwlock_t *lock)
{
    if (self && lock->__data.__cur_writer)
        weft__held_pop(self, lock);
    int error = WEFT__REAL(pthread_rwlock_unlock)(lock);
    weft__release_fence();
    if (weft__anybody(lock))
        weft__wake_shared(lock);
    return error;
}
