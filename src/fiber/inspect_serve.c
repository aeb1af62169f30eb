/*
 * The fiber that answers those who look in from outside.
 *
 *      client  "tree\n"            one of dump, stats, tree, rows, stalls
 *      loop    the answer, and the end of the stream; "error: …" if it did not understand
 *
 * One client at a time, each for a few seconds at most: this is for people, and must never be what
 * keeps a loop from its work. The answer is made in one go, so that it is of one moment.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fiber/fiber.h"
#include "fiber/inspect.h"

enum {
    REQUEST_MOST = 32,
    TASKS_MOST = 100000 /* in one answer */
};

#define PATIENCE (3 * WEFT_SECOND)

/* Virtual time stands still or jumps: it bounds nothing. */
static int64_t limit_of(const struct weft__fiber *self)
{
    return self->runtime->virtual_clock ? INT64_MAX : weft__clock() + PATIENCE;
}

/* The first line, without its end; false if none comes. */
static bool read_request(struct weft__fiber *self, int fd, char *text)
{
    int64_t limit = limit_of(self);
    size_t size = 0;
    while (size < REQUEST_MOST - 1) {
        long count = syscall(SYS_recvfrom, fd, text + size, REQUEST_MOST - 1 - size, MSG_DONTWAIT,
                             NULL, NULL);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        size += count > 0 ? (size_t)count : 0;
        text[size] = '\0';
        char *end = strchr(text, '\n');
        if (end) {
            *end = '\0';
            return true;
        }
        if (count < 0 && weft__wait_fd(self, fd, EPOLLIN, limit) <= 0)
            return false;
    }
    return false;
}

static void send_all(struct weft__fiber *self, int fd, const char *text, size_t size)
{
    int64_t limit = limit_of(self);
    while (size > 0) {
        long count = syscall(SYS_sendto, fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            return;
        if (count < 0 && weft__wait_fd(self, fd, EPOLLOUT, limit) <= 0)
            return;
        if (count > 0) {
            text += count;
            size -= (size_t)count;
        }
    }
}

static void make_answer(FILE *stream, struct weft__runtime *runtime, const char *command)
{
    if (strcmp(command, "dump") == 0)
        weft__dump(stream, TASKS_MOST);
    else if (strcmp(command, "stats") == 0)
        weft__json_stats(stream, runtime);
    else if (strcmp(command, "tree") == 0)
        weft__json_tree(stream, runtime, TASKS_MOST);
    else if (strcmp(command, "rows") == 0)
        weft__rows(stream, runtime, TASKS_MOST);
    else if (strcmp(command, "stalls") == 0)
        weft__json_stalls(stream);
    else
        fputs("error: the commands are dump, stats, tree, rows, stalls\n", stream);
}

static void serve_client(struct weft__fiber *self, int fd)
{
    char command[REQUEST_MOST];
    char *text = NULL;
    size_t size = 0;
    if (!weft__inspect_permitted(fd) || !read_request(self, fd, command))
        return;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return;
    make_answer(stream, self->runtime, command);
    if (fclose(stream) == 0)
        send_all(self, fd, text, size);
    free(text);
}

/* 0 or a negative errno that ends the service. */
static int serve_next(struct weft__fiber *self, int listener)
{
    int fd = (int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        weft__fd_opened(fd, WEFT__FD_STREAM, 0);
        serve_client(self, fd);
        close(fd);
        return weft__checkpoint(self);
    }
    if (errno == EAGAIN) {
        int events = weft__wait_fd(self, listener, EPOLLIN, INT64_MAX);
        return events < 0 ? events : 0;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        return weft__park_until(self, WEFT__WAIT_TIME, NULL,
                                weft__deadline(weft__now(self->runtime), WEFT_SECOND), true) < 0
                   ? -ECANCELED
                   : 0;
    return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
}

static int serve(void *argument)
{
    struct weft__inspect_socket *socket = argument;
    struct weft__fiber *self = weft__current;
    weft_annotate("looked in through %d", socket->fd);
    int error = 0;
    while (error == 0)
        error = serve_next(self, socket->fd);
    self->runtime->inspect_fd = -1;
    weft__inspect_close(socket);
    return 0;
}

void weft__inspect_start(struct weft__runtime *runtime)
{
    struct weft__inspect_socket socket;
    if (weft__inspect_listen(&socket) < 0) {
        weft_log(WEFT_LOG_WARNING, "inspect: %s", weft_error()->message);
        return;
    }
    struct weft_task *task =
        weft__task_start(weft__scope_inner(&runtime->root), serve, &socket, sizeof socket, true);
    if (!task) {
        weft__inspect_close(&socket);
        weft_log(WEFT_LOG_WARNING, "inspect: no memory for its fiber");
        return;
    }
    weft__fd_opened(socket.fd, WEFT__FD_STREAM, 0);
    runtime->inspect_fd = socket.fd;
    weft__make_ready(runtime, task->fiber);
}

void weft__inspect_abandon(struct weft__runtime *runtime)
{
    if (runtime->inspect_fd >= 0)
        syscall(SYS_close, runtime->inspect_fd);
    runtime->inspect_fd = -1;
}
