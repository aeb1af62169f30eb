/* wait, waitpid, waitid, wait3, wait4; see children.h. And vfork. */

#include "hook/children.h"

/* How soon the question is asked again though nothing was heard. */
#define ASK_FIRST WEFT_MILLISECOND
#define ASK_LAST (250 * WEFT_MILLISECOND)

/* Above 0: there is an answer; 0: not yet; or a negative errno. */
static long ask(const struct weft__child_wait *wait)
{
    int options = wait->options | WNOHANG;
    if (!wait->by_id)
        return weft__raw(SYS_wait4, wait->pid, wait->status, options, wait->usage);
    long result = weft__raw(SYS_waitid, wait->type, wait->pid, wait->info, options, wait->usage);
    return result < 0 ? result : wait->info->si_pid != 0;
}

static int64_t next_time(const struct weft__fiber *self, int64_t *pause)
{
    int64_t next = weft__deadline(weft__now(self->runtime), *pause);
    *pause = *pause * 2 < ASK_LAST ? *pause * 2 : ASK_LAST;
    return next;
}

/* 0: the process has ended, and yet there is no answer: somebody traces it. */
static long await_pidfd(struct weft__fiber *self, const struct weft__child_wait *wait, int fd)
{
    int64_t pause = ASK_FIRST;
    for (int ready = 0;;) {
        long answer = ask(wait);
        if (answer != 0 || ready > 0)
            return answer;
        ready = weft__wait_fd(self, fd, EPOLLIN, next_time(self, &pause));
        if (ready < 0)
            return ready;
    }
}

static long await_change(struct weft__fiber *self, const struct weft__child_wait *wait)
{
    int64_t pause = ASK_FIRST;
    for (;;) {
        struct weft__children_waiter waiter;
        bool entered = weft__children_enter(&waiter, self);
        long answer = ask(wait);
        if (answer == 0) {
            int64_t next = next_time(self, &pause);
            int error = entered ? weft__children_park(&waiter, next)
                                : weft__park_until(self, WEFT__WAIT_TIME, NULL, next, true);
            answer = error < 0 ? error : 0;
        } else if (entered) {
            weft__children_leave(&waiter);
        }
        if (answer != 0)
            return answer;
    }
}

/* A pidfd tells of the end of one process, of nothing else. */
static bool one_end(const struct weft__child_wait *wait)
{
    if (wait->options & (WSTOPPED | WCONTINUED))
        return false;
    return wait->by_id ? wait->type == P_PID || wait->type == P_PIDFD : wait->pid > 0;
}

static long await_end(struct weft__fiber *self, const struct weft__child_wait *wait)
{
    if (wait->by_id && wait->type == P_PIDFD)
        return weft__is_nonblocking((int)wait->pid) ? -EAGAIN
                                                    : await_pidfd(self, wait, (int)wait->pid);
    long fd = weft__raw(SYS_pidfd_open, wait->pid, 0);
    if (fd < 0)
        return 0;
    weft__fd_opened((int)fd, WEFT__FD_NOWAIT, 0);
    long answer = await_pidfd(self, wait, (int)fd);
    weft__fd_forget((int)fd);
    weft__raw(SYS_close, fd);
    return answer;
}

/* Processes run in real time. */
long weft__child_await(struct weft__fiber *self, const struct weft__child_wait *wait)
{
    long answer = ask(wait);
    if (answer != 0 || wait->options & WNOHANG) {
        weft__spend(self);
        return answer;
    }
    self->runtime->offloads++;
    if (one_end(wait))
        answer = await_end(self, wait);
    if (answer == 0)
        answer = await_change(self, wait);
    self->runtime->offloads--;
    return answer;
}

/* A handler may end it, and may jump away: by then the pidfd is closed. */
static long await_interruptible(struct weft__fiber *self, const struct weft__child_wait *wait)
{
    for (;;) {
        weft__interruptible_begin(self, WEFT__RESTARTS);
        long answer = weft__child_await(self, wait);
        bool again = answer == -EINTR;
        answer = weft__interruptible_end(self, answer);
        if (answer || !again)
            return answer;
    }
}

pid_t weft__hook_wait4(struct weft__fiber *self, pid_t pid, int *status, int options,
                       struct rusage *usage)
{
    struct weft__child_wait wait = {
        .pid = pid, .status = status, .options = options, .usage = usage
    };
    return (pid_t)weft__result(await_interruptible(self, &wait));
}

pid_t weft__hook_wait3(struct weft__fiber *self, int *status, int options, struct rusage *usage)
{
    return weft__hook_wait4(self, -1, status, options, usage);
}

pid_t weft__hook_waitpid(struct weft__fiber *self, pid_t pid, int *status, int options)
{
    return weft__hook_wait4(self, pid, status, options, NULL);
}

pid_t weft__hook_wait(struct weft__fiber *self, int *status)
{
    return weft__hook_wait4(self, -1, status, 0, NULL);
}

int weft__hook_waitid(struct weft__fiber *self, idtype_t type, id_t id, siginfo_t *info,
                      int options)
{
    siginfo_t unwanted;
    struct weft__child_wait wait = { .by_id = true,
                                     .type = type,
                                     .pid = (pid_t)id,
                                     .info = info ? info : &unwanted,
                                     .options = options };
    long answer = await_interruptible(self, &wait);
    return (int)weft__result(answer > 0 ? 0 : answer);
}

void weft__child_reap(struct weft__fiber *self, pid_t pid)
{
    struct weft__child_wait wait = { .pid = pid };
    struct weft__frame frame;
    weft__frame_push(self, &frame, true);
    weft__child_await(self, &wait);
    weft__frame_pop(self, &frame);
}

/*
 * A child that shares the memory of a process with a loop would change what the process knows of
 * its descriptors, and could park its fibers. POSIX allows the full copy.
 */
pid_t weft__hook_vfork(struct weft__fiber *self)
{
    (void)self;
    return WEFT__REAL(fork)();
}
