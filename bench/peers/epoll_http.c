/* A server that answers everything with the same bytes, as one writes it by hand when nothing else
 * matters: one epoll loop, one read and one write a request, no parsing. What asks for /events gets
 * an event each PERIOD of its own: epoll_http [PERIOD in ms]. All periods being the same, whoever
 * is due next stands first in one queue. */
#include "echo.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS = 512,
    CONNECTIONS = 20000
};

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "date: Wed, 25 Nov 2026 12:00:00 GMT\r\n"
                             "content-type: text/plain; charset=utf-8\r\n"
                             "content-length: 12\r\n\r\n"
                             "Hello world\n";
static const char head[] = "HTTP/1.1 200 OK\r\n"
                           "date: Wed, 25 Nov 2026 12:00:00 GMT\r\n"
                           "content-type: text/event-stream\r\n"
                           "cache-control: no-cache\r\n"
                           "transfer-encoding: chunked\r\n\r\n";
static const char event_text[] = "16\r\ndata: a piece of text\n\n\r\n";

struct listener {
    int fd;
    int64_t due;
};

static int64_t period = 50000000;
static struct listener queue[CONNECTIONS]; /* a ring */
static size_t first, listeners;

static void listener_add(int fd, int64_t due)
{
    if (listeners < CONNECTIONS)
        queue[(first + listeners++) % CONNECTIONS] = (struct listener){ fd, due };
}

static void answer_one(int fd)
{
    char request[4096];
    ssize_t got = read(fd, request, sizeof request);
    bool events = got > 12 && memcmp(request, "GET /events", 11) == 0;
    const char *text = events ? head : answer;
    size_t size = events ? sizeof head - 1 : sizeof answer - 1;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || write(fd, text, size) != (ssize_t)size)
        close(fd);
    else if (events)
        listener_add(fd, bench_clock(CLOCK_MONOTONIC) + period);
}

static void send_events(void)
{
    int64_t now = bench_clock(CLOCK_MONOTONIC);

    while (listeners > 0 && queue[first].due <= now) {
        struct listener listener = queue[first];
        first = (first + 1) % CONNECTIONS;
        listeners--;
        if (send(listener.fd, event_text, sizeof event_text - 1, MSG_NOSIGNAL) >= 0)
            listener_add(listener.fd, listener.due + period);
    }
}

/* Until somebody is due; whole milliseconds, rounded up. */
static int pause_now(void)
{
    if (listeners == 0)
        return -1;
    int64_t left = queue[first].due - bench_clock(CLOCK_MONOTONIC);
    return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

static void accept_all(int epoll, int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        echo_no_delay(fd);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            close(fd);
    }
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    int listener = echo_listen(SOCK_NONBLOCK);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

    if (argc > 1)
        period = strtoll(argv[1], NULL, 10) * 1000000;
    if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        return 1;
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, pause_now());
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                answer_one(events[i].data.fd);
        }
        send_events();
    }
}
