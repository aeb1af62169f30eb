/* Rows: waiting for readiness. */
#include "rows.h"

static struct pollfd *one(void)
{
    static struct pollfd wanted;
    wanted = (struct pollfd){ .fd = place.fd, .events = POLLIN };
    return &wanted;
}

static fd_set *only(void)
{
    static fd_set set;
    FD_ZERO(&set);
    if (place.fd >= 0)
        FD_SET(place.fd, &set);
    return &set;
}

static void prepare_watched(void)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = 4711 };
    place_pipe();
    place.spare = place.fd;
    place.fd = epoll_create1(EPOLL_CLOEXEC);
    must(place.fd >= 0 && epoll_ctl(place.fd, EPOLL_CTL_ADD, place.spare, &event) == 0, "an epoll");
}

static void wake_watched(void)
{
    empty_pipe.wake();
}

/* A poll is told by what is written; closing what it waits for ends it, too. */
static const struct setting watched = { .prepare = prepare_watched,
                                        .wake = wake_watched,
                                        .traits = DESCRIPTOR };
static void prepare_quiet(void)
{
    empty_pipe.prepare();
}

static const struct setting quiet = { .prepare = prepare_quiet,
                                      .wake = wake_watched,
                                      .traits = DESCRIPTOR | IGNORING };

static struct epoll_event *found(void)
{
    return (struct epoll_event *)(void *)place.bytes;
}

ROW(poll, quiet, poll(one(), 1, -1))
ROW(ppoll, quiet, ppoll(one(), 1, LONG_SPAN, NULL))
ROW(select, quiet, select(place.fd + 1, only(), NULL, NULL, NULL))
ROW(pselect, quiet, pselect(place.fd + 1, only(), NULL, NULL, LONG_SPAN, NULL))
ROW(epoll_wait, watched, epoll_wait(place.fd, found(), 1, -1))
ROW(epoll_pwait, watched, epoll_pwait(place.fd, found(), 1, -1, NULL))
ROW(epoll_pwait2, watched, epoll_pwait2(place.fd, found(), 1, LONG_SPAN, NULL))
