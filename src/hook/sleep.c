/* Sleeping: a timer, and what is left of it when something else ends the wait. */
#include <string.h>
#include <sys/timerfd.h>

#include "hook/hook.h"

/* 0 slept; -ECANCELED, -ETIMEDOUT, -EINTR. */
static int sleep_until(struct weft__fiber *self, int64_t deadline)
{
    int error = weft__checkpoint(self);
    if (error)
        return error;
    int result = 0;
    while (result == 0 && weft__now(self->runtime) < deadline) {
        weft__interruptible_begin(self, WEFT__ENDS);
        result = weft__park_until(self, WEFT__WAIT_TIME, NULL, deadline, true);
        result = (int)weft__interruptible_end(self, result);
    }
    return result < 0 ? result : 0;
}

static int sleep_for(struct weft__fiber *self, const struct timespec *duration,
                     struct timespec *remaining)
{
    int64_t ns = weft__timespec_ns(duration);
    if (ns == 0) {
        int error = weft__checkpoint(self);
        if (!error)
            weft__reschedule(self);
        return error;
    }
    int64_t deadline = weft__deadline(weft__now(self->runtime), ns);
    int error = sleep_until(self, deadline);
    if (error && remaining)
        *remaining = weft__timespec(weft__left(self, deadline));
    return error;
}

/* -EFAULT and -EINVAL as the kernel gives them. */
static int check(const struct timespec *time)
{
    if (!time)
        return -EFAULT;
    return weft__timespec_valid(time) ? 0 : -EINVAL;
}

unsigned weft__hook_sleep(struct weft__fiber *self, unsigned seconds)
{
    struct timespec duration = { .tv_sec = seconds }, remaining;
    int error = sleep_for(self, &duration, &remaining);
    if (!error)
        return 0;
    weft__fail(-error);
    /* Whole seconds after a handler, as the C library counts; else what began counts, too. */
    return (unsigned)remaining.tv_sec + (error != -EINTR && remaining.tv_nsec > 0);
}

int weft__hook_usleep(struct weft__fiber *self, useconds_t microseconds)
{
    struct timespec duration = weft__timespec((int64_t)microseconds * 1000);
    return (int)weft__result(sleep_for(self, &duration, NULL));
}

int weft__hook_nanosleep(struct weft__fiber *self, const struct timespec *duration,
                         struct timespec *remaining)
{
    int error = check(duration);
    return (int)weft__result(error ? error : sleep_for(self, duration, remaining));
}

/* -1 says that a handler has run; any other failure is below it. */
int weft__hook_thrd_sleep(struct weft__fiber *self, const struct timespec *duration,
                          struct timespec *remaining)
{
    int saved = errno;
    if (weft__hook_nanosleep(self, duration, remaining) == 0)
        return 0;
    if (errno != EINTR)
        return -2;
    errno = saved;
    return -1;
}

/* Clocks that may be set, or that run while the machine sleeps: the kernel watches them. */
static int await_timer(struct weft__fiber *self, clockid_t clock, const struct timespec *time)
{
    long fd = weft__raw(SYS_timerfd_create, clock, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return (int)fd;
    weft__fd_opened((int)fd, WEFT__FD_NOWAIT, 0);
    struct itimerspec when = { .it_value = *time };
    if (time->tv_sec == 0 && time->tv_nsec == 0)
        when.it_value.tv_nsec = 1; /* zero would disarm it */
    long error = weft__raw(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &when, NULL);
    uint64_t fired;
    while (error == 0 && weft__raw(SYS_read, fd, &fired, sizeof fired) == -EAGAIN) {
        int ready = weft__wait_fd(self, (int)fd, EPOLLIN, INT64_MAX);
        error = ready < 0 ? ready : 0;
    }
    weft__fd_forget((int)fd);
    weft__raw(SYS_close, fd);
    return (int)error;
}

/* A handler may jump away: by then the timer is closed. */
static int sleep_by_timer(struct weft__fiber *self, clockid_t clock, const struct timespec *time)
{
    for (;;) {
        weft__interruptible_begin(self, WEFT__ENDS);
        int error = await_timer(self, clock, time);
        bool again = error == -EINTR;
        error = (int)weft__interruptible_end(self, error);
        if (error || !again)
            return error;
    }
}

static int sleep_to(struct weft__fiber *self, clockid_t clock, const struct timespec *time)
{
    if (clock == CLOCK_MONOTONIC)
        return sleep_until(self, weft__timespec_ns(time));
    if (!self->runtime->virtual_clock)
        return sleep_by_timer(self, clock, time);
    struct timespec now;
    if (clock_gettime(clock, &now) < 0)
        return -errno;
    int64_t ns = weft__timespec_ns(time) - weft__timespec_ns(&now);
    return sleep_until(self, weft__deadline(weft__now(self->runtime), ns < 0 ? 0 : ns));
}

static bool is_parkable(clockid_t clock)
{
    return clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME;
}

int weft__hook_clock_nanosleep(struct weft__fiber *self, clockid_t clock, int flags,
                               const struct timespec *time, struct timespec *remaining)
{
    int error = check(time);
    if (error)
        return -error;
    error = weft__checkpoint(self);
    if (error)
        return -error;
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return EINVAL;       /* the thread would wait for itself */
    if (!is_parkable(clock)) /* of processor time, which other threads may spend */
        return (int)-weft__offload_raw(SYS_clock_nanosleep, clock, flags, (long)time,
                                       (long)remaining, 0, 0);
    return flags & TIMER_ABSTIME ? -sleep_to(self, clock, time) : -sleep_for(self, time, remaining);
}
