/* Condition, semaphore, promise: waiting among the fibers of one loop. */
#include <errno.h>

#include "fiber/waiters.h"

_Static_assert(sizeof(struct weft__list) == sizeof(struct weft_waiters),
               "struct weft_waiters must hold a list");

static int wait_on(struct weft_waiters *waiters, const void *object, const char *call)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return weft__fail_with(EPERM, "%s: it would wait, and no fiber runs here", call);
    int error = weft__waiters_park(self, weft__waiters(waiters), object);
    return error ? weft__fail(-error) : 0;
}

static int cancelled(void)
{
    struct weft__fiber *self = weft__current;
    int error = self ? weft__checkpoint(self) : 0;
    return error ? weft__fail(-error) : 0;
}

int weft_condition_wait(struct weft_condition *condition)
{
    if (cancelled() < 0)
        return -1;
    return wait_on(&condition->waiters, condition, "weft_condition_wait");
}

bool weft_condition_signal(struct weft_condition *condition)
{
    return weft__waiters_wake_one(weft__waiters(&condition->waiters)) != NULL;
}

size_t weft_condition_broadcast(struct weft_condition *condition)
{
    size_t woken = 0;
    while (weft__waiters_wake_one(weft__waiters(&condition->waiters)))
        woken++;
    return woken;
}

int weft_semaphore_try_acquire(struct weft_semaphore *semaphore)
{
    if (semaphore->permits <= 0 || !weft__list_empty(weft__waiters(&semaphore->waiters)))
        return weft__fail(EAGAIN);
    semaphore->permits--;
    return 0;
}

int weft_semaphore_acquire(struct weft_semaphore *semaphore)
{
    if (cancelled() < 0)
        return -1;
    if (semaphore->permits > 0 && weft__list_empty(weft__waiters(&semaphore->waiters))) {
        semaphore->permits--;
        return 0;
    }
    return wait_on(&semaphore->waiters, semaphore, "weft_semaphore_acquire");
}

/* Hand out what is free; a permit goes straight to its waiter, so nobody can take it in between. */
static void hand_out(struct weft_semaphore *semaphore)
{
    struct weft__list *waiters = weft__waiters(&semaphore->waiters);
    while (semaphore->permits > 0 && weft__waiters_wake_one(waiters))
        semaphore->permits--;
}

void weft_semaphore_release(struct weft_semaphore *semaphore)
{
    semaphore->permits++;
    hand_out(semaphore);
}

void weft_semaphore_adjust(struct weft_semaphore *semaphore, int64_t change)
{
    semaphore->permits += change;
    hand_out(semaphore);
}

enum {
    OPEN,
    RESOLVED,
    FAILED
};

static bool settle(struct weft_promise *promise, int state, void *value, int error)
{
    if (promise->state != OPEN)
        return false;
    promise->state = state;
    promise->value = value;
    promise->error = error;
    while (weft__waiters_wake_one(weft__waiters(&promise->waiters)))
        ;
    return true;
}

bool weft_promise_resolve(struct weft_promise *promise, void *value)
{
    return settle(promise, RESOLVED, value, 0);
}

bool weft_promise_fail(struct weft_promise *promise, int error)
{
    return settle(promise, FAILED, NULL, error > 0 ? error : EINVAL);
}

int weft_promise_wait(struct weft_promise *promise, void **value)
{
    if (promise->state == OPEN) {
        if (cancelled() < 0 || wait_on(&promise->waiters, promise, "weft_promise_wait") < 0)
            return -1;
    }
    if (promise->state == FAILED)
        return weft__fail(promise->error);
    if (value)
        *value = promise->value;
    return 0;
}
