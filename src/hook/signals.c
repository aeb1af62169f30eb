/*
 * sigwait, sigwaitinfo, sigtimedwait: asked for at once, and a signalfd tells when to ask again. It
 * is only looked at, never read: the signal goes to whoever asks first, as among threads.
 */
#include <sys/signalfd.h>

#include "hook/hook.h"

enum {
    KERNEL_SET = 8
};

/* The number, 0 not yet, or a negative errno. */
static long ask(const sigset_t *set, siginfo_t *info)
{
    struct timespec now = { 0 };
    long number = weft__raw(SYS_rt_sigtimedwait, set, info, &now, KERNEL_SET);
    if (number > 0 && info && info->si_code == SI_TKILL)
        info->si_code = SI_USER; /* as the C library has it */
    return number == -EAGAIN ? 0 : number;
}

static long await_pending(struct weft__fiber *self, int fd, const sigset_t *set, siginfo_t *info,
                          int64_t deadline)
{
    for (;;) {
        long number = ask(set, info);
        if (number != 0)
            return number;
        if (weft__now(self->runtime) >= deadline)
            return -EAGAIN;
        int ready = weft__wait_fd(self, fd, EPOLLIN, deadline);
        if (ready < 0)
            return ready;
    }
}

static long await_signal(struct weft__fiber *self, const sigset_t *set, siginfo_t *info,
                         int64_t deadline)
{
    long number = ask(set, info);
    if (number != 0) {
        weft__spend(self);
        return number;
    }
    if (weft__now(self->runtime) >= deadline)
        return -EAGAIN;
    long fd = weft__raw(SYS_signalfd4, -1, set, KERNEL_SET, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return fd;
    weft__fd_opened((int)fd, WEFT__FD_NOWAIT, 0);
    number = await_pending(self, (int)fd, set, info, deadline);
    weft__fd_forget((int)fd);
    weft__raw(SYS_close, fd);
    return number;
}

/* Handlers of other signals end it, but for sigwait; they may jump away. */
static long await_one(struct weft__fiber *self, const sigset_t *set, siginfo_t *info,
                      int64_t deadline, enum weft__interruption how)
{
    for (;;) {
        weft__interruptible_begin(self, how);
        long number = await_signal(self, set, info, deadline);
        bool again = number == -EINTR;
        number = weft__interruptible_end(self, number);
        if (number || !again)
            return number;
    }
}

int weft__hook_sigtimedwait(struct weft__fiber *self, const sigset_t *set, siginfo_t *info,
                            const struct timespec *timeout)
{
    if (timeout && !weft__timespec_valid(timeout))
        return weft__fail(EINVAL);
    return (int)weft__result(
        await_one(self, set, info, weft__deadline_after(self, timeout), WEFT__ENDS));
}

int weft__hook_sigwaitinfo(struct weft__fiber *self, const sigset_t *set, siginfo_t *info)
{
    return (int)weft__result(await_one(self, set, info, INT64_MAX, WEFT__ENDS));
}

int weft__hook_sigwait(struct weft__fiber *self, const sigset_t *set, int *number)
{
    long got = await_one(self, set, NULL, INT64_MAX, WEFT__HOSTS);
    if (got < 0)
        return (int)-got;
    *number = (int)got;
    return 0;
}
