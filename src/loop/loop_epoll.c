/* The epoll backend: every descriptor is registered once, edge-triggered. */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "loop/private.h"

enum {
    BATCH = 256
};

struct epoll_state {
    int fd;
    bool no_pwait2; /* a kernel before 5.11, or a seccomp profile */
    struct epoll_event events[BATCH];
};

static int epoll_open(struct weft__loop *loop)
{
    struct epoll_state *state = weft__malloc(sizeof *state);
    if (!state)
        return -ENOMEM;
    state->no_pwait2 = false;
    state->fd = weft__torture_fails() ? -1 : epoll_create1(EPOLL_CLOEXEC);
    int failed = errno;
    state->fd = weft__private_keep(state->fd);
    errno = failed;
    struct epoll_event wake = { .events = EPOLLIN, .data.u64 = (uint32_t)loop->wake_fd };
    if (state->fd < 0 || epoll_ctl(state->fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) < 0) {
        int error = -errno;
        if (state->fd >= 0)
            weft__private_close(state->fd);
        weft__free(state);
        return error;
    }
    loop->state = state;
    return 0;
}

static void epoll_close(struct weft__loop *loop)
{
    struct epoll_state *state = loop->state;
    weft__private_close(state->fd);
    weft__free(state);
}

static int epoll_arm(struct weft__loop *loop, struct weft__interest *interest, uint32_t events)
{
    struct epoll_state *state = loop->state;
    uint32_t wanted = interest->armed | events;
    struct epoll_event event = { .events = wanted | EPOLLET, .data.u64 = weft__loop_tag(interest) };
    int operation = interest->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int result = epoll_ctl(state->fd, operation, interest->fd, &event);
    /* The number may have changed hands behind our back, by a raw close or a duplicate. */
    if (result < 0 && (errno == EEXIST || errno == ENOENT))
        result = epoll_ctl(state->fd, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, interest->fd,
                           &event);
    if (result < 0)
        return -errno;
    interest->armed = (uint16_t)wanted;
    return 0;
}

static void epoll_disarm(struct weft__loop *loop, struct weft__interest *interest)
{
    struct epoll_state *state = loop->state;
    int saved = errno;
    epoll_ctl(state->fd, EPOLL_CTL_DEL, interest->fd, NULL);
    errno = saved;
}

static int wait_events(struct epoll_state *state, int64_t timeout)
{
    if (!state->no_pwait2) {
        struct timespec limit = { timeout / 1000000000, timeout % 1000000000 };
        long count = syscall(SYS_epoll_pwait2, state->fd, state->events, BATCH,
                             timeout == INT64_MAX ? NULL : &limit, NULL, 0);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return (int)count;
        state->no_pwait2 = true;
    }
    int64_t milliseconds = timeout == INT64_MAX ? -1 : (timeout + 999999) / 1000000;
    return (int)syscall(SYS_epoll_pwait, state->fd, state->events, BATCH,
                        milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds, NULL, 0);
}

static int epoll_poll(struct weft__loop *loop, int64_t timeout)
{
    struct epoll_state *state = loop->state;
    int count = wait_events(state, timeout);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        weft__loop_dispatch(loop, state->events[i].data.u64, state->events[i].events);
    return 0;
}

const struct weft__loop_backend weft__loop_epoll = {
    .name = "epoll",
    .exact = true,
    .open = epoll_open,
    .close = epoll_close,
    .arm = epoll_arm,
    .disarm = epoll_disarm,
    .poll = epoll_poll,
};
