/* A server that answers everything with the same bytes, as one writes it by hand when nothing else
 * matters: one epoll loop, one read and one write a request, no parsing. What asks for /events gets
 * an event each time that one timer for all of them fires: epoll_http [PERIOD in ms]. */
#include "echo.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
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

static int listening[CONNECTIONS];
static size_t listeners;

static void answer_one(int fd)
{
    char request[4096];
    ssize_t got = read(fd, request, sizeof request);
    bool events = got > 12 && memcmp(request, "GET /events", 11) == 0;
    const char *text = events ? head : answer;
    size_t size = events ? sizeof head - 1 : sizeof answer - 1;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || write(fd, text, size) != (ssize_t)size) {
        close(fd);
        return;
    }
    if (events && listeners < CONNECTIONS)
        listening[listeners++] = fd;
}

static void send_events(int timer)
{
    uint64_t times;

    if (read(timer, &times, sizeof times) != sizeof times)
        return;
    for (size_t i = 0; i < listeners;) {
        if (send(listening[i], event_text, sizeof event_text - 1, MSG_NOSIGNAL) < 0)
            listening[i] = listening[--listeners];
        else
            i++;
    }
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
    long period = argc > 1 ? strtol(argv[1], NULL, 10) : 50;
    int listener = echo_listen(SOCK_NONBLOCK);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct timespec span = { period / 1000, period % 1000 * 1000000 };
    struct epoll_event at_listener = { .events = EPOLLIN, .data.fd = listener };
    struct epoll_event at_timer = { .events = EPOLLIN, .data.fd = timer };

    if (listener < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &at_listener) < 0 ||
        timerfd_settime(timer, 0, &(struct itimerspec){ span, span }, NULL) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &at_timer) < 0)
        return 1;
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(epoll, listener);
            else if (fd == timer)
                send_events(timer);
            else
                answer_one(fd);
        }
    }
}
