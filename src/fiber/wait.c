/* Parking with a deadline, on descriptors, and for a wake-up from any thread. */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "fiber/fiber.h"

struct alarm {
    struct weft__timer timer;
    struct weft__fiber *fiber;
};

static void ring(struct weft__timer *timer)
{
    struct alarm *alarm = weft__container_of(timer, struct alarm, timer);
    weft__wake(alarm->fiber, 1);
}

int weft__park_until(struct weft__fiber *self, enum weft__wait wait, const void *object,
                     int64_t deadline, bool cancellable)
{
    if (deadline == INT64_MAX)
        return weft__park(self, wait, object, cancellable);
    struct alarm alarm = { .timer.fire = ring, .fiber = self };
    struct weft__timers *timers = &self->runtime->loop.timers;
    int error = weft__timer_set(timers, &alarm.timer, deadline);
    if (error)
        return error;
    int result = weft__park(self, wait, object, cancellable);
    weft__timer_clear(timers, &alarm.timer);
    return result;
}

struct fd_wait {
    struct weft__waiter waiter;
    struct weft__fiber *fiber;
    uint32_t events;
    bool closed;
};

static void ready(struct weft__waiter *waiter, uint32_t events)
{
    struct fd_wait *wait = weft__container_of(waiter, struct fd_wait, waiter);
    wait->events |= events;
    wait->closed = events == 0;
    weft__wake(wait->fiber, 0);
}

static int outcome(const struct fd_wait *wait, int result)
{
    if (result < 0)
        return result;
    if (wait->closed)
        return -EBADF;
    return (int)wait->events;
}

int weft__wait_fd(struct weft__fiber *self, int fd, uint32_t events, int64_t deadline)
{
    struct fd_wait wait = { .waiter = { .events = events, .notify = ready }, .fiber = self };
    int error = weft__loop_wait(&self->runtime->loop, fd, &wait.waiter);
    if (error)
        return error;
    int result = weft__park_until(self, WEFT__WAIT_IO, (const void *)(intptr_t)fd, deadline, true);
    weft__loop_unwait(&wait.waiter);
    return outcome(&wait, result);
}

enum {
    WAITS_ON_STACK = 8
};

static int register_all(struct weft__fiber *self, struct fd_wait *waits,
                        const struct weft__fd_events *fds, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count; i++) {
        waits[i] = (struct fd_wait){ .waiter = { .events = fds[i].events, .notify = ready },
                                     .fiber = self };
        weft__list_init(&waits[i].waiter.node);
        if (fds[i].fd >= 0 && !error)
            error = weft__loop_wait(&self->runtime->loop, fds[i].fd, &waits[i].waiter);
    }
    return error;
}

int weft__wait_fds(struct weft__fiber *self, struct weft__fd_events *fds, size_t count,
                   int64_t deadline)
{
    struct fd_wait few[WAITS_ON_STACK];
    struct fd_wait *waits = count <= WAITS_ON_STACK ? few : weft__malloc(count * sizeof *waits);
    if (!waits)
        return -ENOMEM;
    int result = register_all(self, waits, fds, count);
    if (result == 0) {
        int first = count && fds[0].fd >= 0 ? fds[0].fd : -1;
        result =
            weft__park_until(self, WEFT__WAIT_IO, (const void *)(intptr_t)first, deadline, true);
        result = result < 0 ? result : result == 0;
    }
    for (size_t i = 0; i < count; i++) {
        fds[i].got = waits[i].events;
        weft__loop_unwait(&waits[i].waiter);
        if (result >= 0 && (waits[i].events || waits[i].closed))
            result = 1;
    }
    if (waits != few)
        weft__free(waits);
    return result;
}

static void unparked(struct weft__message *message)
{
    struct weft__parker *parker = weft__container_of(message, struct weft__parker, message);
    parker->unparked = true;
    weft__wake(parker->fiber, 0);
}

void weft__parker_init(struct weft__parker *parker, struct weft__fiber *self)
{
    *parker = (struct weft__parker){ .message.run = unparked, .fiber = self };
}

int weft__parker_wait(struct weft__parker *parker, enum weft__wait wait, const void *object,
                      int64_t deadline, bool cancellable)
{
    while (!parker->unparked) {
        int result = weft__park_until(parker->fiber, wait, object, deadline, cancellable);
        if (result != 0 && !parker->unparked)
            return result;
    }
    return 0;
}

void weft__parker_finish(struct weft__parker *parker, enum weft__wait wait, const void *object)
{
    while (!parker->unparked)
        weft__park(parker->fiber, wait, object, false);
}

void weft__unpark(struct weft__parker *parker)
{
    struct weft__runtime *runtime = parker->fiber->runtime;
    if (runtime == weft__runtime_current)
        unparked(&parker->message);
    else
        weft__loop_post(&runtime->loop, &parker->message);
}

void weft__thread_sleep(int64_t duration)
{
    struct timespec left = { duration / WEFT_SECOND, duration % WEFT_SECOND };
    while (duration > 0 && syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &left, &left) < 0 &&
           errno == EINTR)
        ;
}

int64_t weft_now(void)
{
    struct weft__runtime *runtime = weft__runtime_current;
    return runtime ? weft__now(runtime) : weft__clock();
}
