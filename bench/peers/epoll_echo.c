/* The echo server that one writes by hand when nothing else matters: one epoll loop, level
 * triggered, sockets that never block, and an answer written where its message was read. */
#include "echo.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS = 512
};

/* Made when a peer stops reading: the bytes that its socket would not take. */
struct connection {
    int fd;
    size_t start;
    size_t end;
    char buffer[ECHO_BUFFER];
};

static void connection_close(struct connection *connection)
{
    close(connection->fd);
    free(connection);
}

static void connection_wants(int epoll, struct connection *connection, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = connection };

    epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static int connection_write(struct connection *connection)
{
    while (connection->start < connection->end) {
        ssize_t put = write(connection->fd, connection->buffer + connection->start,
                            connection->end - connection->start);
        if (put < 0)
            return errno == EAGAIN ? 0 : -1;
        connection->start += (size_t)put;
    }
    return 1;
}

static int connection_read(int epoll, struct connection *connection)
{
    ssize_t got = read(connection->fd, connection->buffer, sizeof connection->buffer);

    if (got < 0)
        return errno == EAGAIN ? 0 : -1;
    if (got == 0)
        return -1;
    connection->start = 0;
    connection->end = (size_t)got;
    int done = connection_write(connection);
    if (done == 0)
        connection_wants(epoll, connection, EPOLLOUT);
    return done;
}

static int connection_ready(int epoll, struct connection *connection, uint32_t events)
{
    if (!(events & EPOLLOUT))
        return connection_read(epoll, connection);
    int done = connection_write(connection);
    if (done > 0)
        connection_wants(epoll, connection, EPOLLIN);
    return done;
}

static void accept_all(int epoll, int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct connection *connection = calloc(1, sizeof *connection);
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

        if (!connection) {
            close(fd);
            continue;
        }
        connection->fd = fd;
        echo_no_delay(fd);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            connection_close(connection);
    }
}

int main(void)
{
    static struct epoll_event events[EVENTS];
    int listener = echo_listen(SOCK_NONBLOCK);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };

    if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        return 1;
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection)
                accept_all(epoll, listener);
            else if (connection_ready(epoll, connection, events[i].events) < 0)
                connection_close(connection);
        }
    }
}
