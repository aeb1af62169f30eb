/*
 * pthread and C11 conditions.
 *
 * A fiber stands in our queue before it releases the mutex, so a signal given under the mutex finds
 * it. A signal wakes one fiber and one thread: POSIX allows more than one, and who waits looks at
 * its predicate anyway.
 *
 * What another process signals reaches nobody here, and leaves no trace in the object as long as no
 * thread waits: a wait on a shared condition ends after a while, as a spurious wake-up.
 */
#include "base/alloc.h"
#include "hook/hooked.h"
#include "hook/waiting.h"

/*
 * A cancelled wait returns once, as a spurious wake-up, and then waits on: a loop that only looks
 * at its predicate would otherwise never leave the processor.
 */
static bool may_be_cut_short(struct weft__fiber *self)
{
    struct weft__hooked *hooked = weft__hooked(self);
    if (!hooked)
        return false;
    if (self->frame->effective == 0) {
        hooked->cut_short = NULL;
        return true;
    }
    return hooked->cut_short != self->frame;
}

static void was_cut_short(struct weft__fiber *self)
{
    self->hooked->cut_short = self->frame;
}

#define LOOK_FIRST WEFT_MILLISECOND
#define LOOK_LAST (16 * WEFT_MILLISECOND)

enum {
    SHARED = 1, /* glibc's, in __wrefs */
    MONOTONIC = 2
};

/* When to look at what another process may have changed; each look in a row comes later. */
static int64_t next_look(struct weft__fiber *self, const pthread_cond_t *condition)
{
    struct weft__hooked *hooked = weft__hooked(self);
    int64_t pause = LOOK_FIRST;
    if (!(condition->__data.__wrefs & SHARED))
        return INT64_MAX;
    if (hooked && hooked->looked_at == condition)
        pause = hooked->look < LOOK_LAST ? hooked->look * 2 : LOOK_LAST;
    if (hooked) {
        hooked->looked_at = condition;
        hooked->look = pause;
    }
    return weft__deadline(weft__now(self->runtime), pause);
}

static void was_signalled(struct weft__fiber *self)
{
    if (self->hooked)
        self->hooked->looked_at = NULL;
}

static int wait_until(struct weft__fiber *self, pthread_cond_t *condition, pthread_mutex_t *mutex,
                      int64_t deadline)
{
    bool cancellable = may_be_cut_short(self);
    int64_t look = next_look(self, condition);
    struct weft__waiting waiting;
    weft__waiting_init(&waiting, self, condition, false);
    weft__waiting_enter(&waiting, false);
    int error = weft__mutex_unlock(self, mutex);
    if (error) {
        if (!weft__waiting_leave(&waiting))
            weft__parker_finish(&waiting.parker, WEFT__WAIT_LOCK, condition);
        return error;
    }
    int result = cancellable ? weft__checkpoint(self) : 0;
    if (result == 0)
        result = weft__waiting_park(&waiting, look < deadline ? look : deadline, cancellable);
    else if (!weft__waiting_leave(&waiting))
        weft__parker_finish(&waiting.parker, WEFT__WAIT_LOCK, condition);
    if (result < 0)
        was_cut_short(self);
    else if (result == 0)
        was_signalled(self);
    else if (look < deadline)
        result = 0;
    error = weft__mutex_lock(self, mutex, INT64_MAX);
    return error ? error : result > 0 ? ETIMEDOUT : 0;
}

int weft__hook_pthread_cond_wait(struct weft__fiber *self, pthread_cond_t *condition,
                                 pthread_mutex_t *mutex)
{
    return wait_until(self, condition, mutex, INT64_MAX);
}

int weft__hook_pthread_cond_clockwait(struct weft__fiber *self, pthread_cond_t *condition,
                                      pthread_mutex_t *mutex, clockid_t clock,
                                      const struct timespec *time)
{
    int64_t deadline;
    int error = weft__deadline_at(self, clock, time, &deadline);
    return error ? error : wait_until(self, condition, mutex, deadline);
}

int weft__hook_pthread_cond_timedwait(struct weft__fiber *self, pthread_cond_t *condition,
                                      pthread_mutex_t *mutex, const struct timespec *time)
{
    /* where glibc keeps pthread_condattr_setclock()'s choice */
    clockid_t clock = condition->__data.__wrefs & MONOTONIC ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return weft__hook_pthread_cond_clockwait(self, condition, mutex, clock, time);
}

int weft__hook_pthread_cond_signal(struct weft__fiber *self, pthread_cond_t *condition)
{
    (void)self;
    if (weft__anybody(condition))
        weft__wake_one(condition);
    return WEFT__REAL(pthread_cond_signal)(condition);
}

int weft__hook_pthread_cond_broadcast(struct weft__fiber *self, pthread_cond_t *condition)
{
    (void)self;
    if (weft__anybody(condition))
        weft__wake_all(condition);
    return WEFT__REAL(pthread_cond_broadcast)(condition);
}

/* --- C11 */

int weft__hook_cnd_wait(struct weft__fiber *self, cnd_t *condition, mtx_t *mutex)
{
    int error = wait_until(self, (pthread_cond_t *)(void *)condition,
                           (pthread_mutex_t *)(void *)mutex, INT64_MAX);
    return error ? thrd_error : thrd_success;
}

int weft__hook_cnd_timedwait(struct weft__fiber *self, cnd_t *condition, mtx_t *mutex,
                             const struct timespec *time)
{
    int error = weft__hook_pthread_cond_timedwait(self, (pthread_cond_t *)(void *)condition,
                                                  (pthread_mutex_t *)(void *)mutex, time);
    return error == ETIMEDOUT ? thrd_timedout : error ? thrd_error : thrd_success;
}

int weft__hook_cnd_signal(struct weft__fiber *self, cnd_t *condition)
{
    return weft__hook_pthread_cond_signal(self, (pthread_cond_t *)(void *)condition) ? thrd_error
                                                                                     : thrd_success;
}

int weft__hook_cnd_broadcast(struct weft__fiber *self, cnd_t *condition)
{
    return weft__hook_pthread_cond_broadcast(self, (pthread_cond_t *)(void *)condition)
               ? thrd_error
               : thrd_success;
}
