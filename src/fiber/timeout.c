/* WEFT_TIMEOUT and WEFT_SHIELD: a level of the fiber with a timer. */
#include <errno.h>

#include "base/assert.h"
#include "fiber/fiber.h"

enum state {
    UNUSED,
    BEGUN,
    ENDED
};

struct timeout {
    struct weft__frame frame;
    struct weft__timer timer;
    enum state state;
    bool expired;
};

_Static_assert(sizeof(struct timeout) <= sizeof(struct weft_timeout),
               "struct weft_timeout must hold the runtime's part");

static struct timeout *inner(const struct weft_timeout *timeout)
{
    return (struct timeout *)(uintptr_t)timeout->opaque_;
}

static void expire(struct weft__timer *timer)
{
    struct timeout *timeout = weft__container_of(timer, struct timeout, timer);
    timeout->expired = true;
    weft__cancel_frame(&timeout->frame, ETIMEDOUT);
}

static void arm(struct timeout *timeout, struct weft__fiber *self, int64_t duration)
{
    if (duration <= 0) {
        expire(&timeout->timer);
        return;
    }
    if (duration == WEFT_FOREVER)
        return;
    struct weft__runtime *runtime = self->runtime;
    int64_t deadline = weft__deadline(weft__now(runtime), duration);
    /* Without memory for the timer the block may not run unlimited: its calls fail instead. */
    if (weft__timer_set(&runtime->loop.timers, &timeout->timer, deadline) < 0)
        weft__cancel_frame(&timeout->frame, ENOMEM);
}

static void begin(struct weft_timeout *outer, int64_t duration, bool shield)
{
    struct timeout *timeout = inner(outer);
    *timeout = (struct timeout){ .timer.fire = expire };
    struct weft__fiber *self = weft__current;
    if (!self)
        return;
    timeout->state = BEGUN;
    weft__frame_push(self, &timeout->frame, shield);
    arm(timeout, self, duration);
}

void weft_timeout_init(struct weft_timeout *timeout, int64_t duration)
{
    begin(timeout, duration, false);
}

void weft_shield_init(struct weft_timeout *timeout, int64_t duration)
{
    begin(timeout, duration, true);
}

int weft_timeout_set(struct weft_timeout *outer, int64_t duration)
{
    struct timeout *timeout = inner(outer);
    if (timeout->state != BEGUN || timeout->frame.fiber != weft__current)
        return weft__fail_with(EPERM, "weft_timeout_set: the limit is not the calling fiber's");
    if (timeout->expired || timeout->frame.own)
        return weft__fail_with(ETIMEDOUT, "weft_timeout_set: the limit has already expired");
    weft__timer_clear(&weft__current->runtime->loop.timers, &timeout->timer);
    arm(timeout, weft__current, duration);
    return 0;
}

bool weft_timeout_expired(const struct weft_timeout *timeout)
{
    return inner(timeout)->expired;
}

void weft_timeout_fini(struct weft_timeout *outer)
{
    struct timeout *timeout = inner(outer);
    struct weft__fiber *self = weft__current;
    if (timeout->state != BEGUN || !self)
        return; /* begun outside a fiber, or this is the child of a fork */
    timeout->state = ENDED;
    weft__timer_clear(&self->runtime->loop.timers, &timeout->timer);
    weft__frame_pop(self, &timeout->frame);
}

int weft_sleep(int64_t duration)
{
    struct weft__fiber *self = weft__current;
    if (!self) {
        weft__thread_sleep(duration);
        return 0;
    }
    int error = weft__checkpoint(self);
    if (error)
        return weft__fail(-error);
    if (duration <= 0)
        return weft_yield();
    int64_t deadline = weft__deadline(weft__now(self->runtime), duration);
    int result = weft__park_until(self, WEFT__WAIT_TIME, NULL, deadline, true);
    return result < 0 ? weft__fail(-result) : 0;
}
