/*
 * A line server whose idle connections hold neither a stack nor a buffer: watch_server PORT
 *
 * Each connection is a descriptor, a small record and a watch. When bytes arrive, serve() runs in a
 * fresh fiber, answers, and gives its stack back. `count` tells how many are connected and how many
 * tasks that takes; every other line is echoed. The server ends at the end of its standard input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/weft.h>

struct connection {
    int fd;
};

static int hang_up(struct connection *connection)
{
    close(connection->fd);
    free(connection);
    return 0; /* ends the watch */
}

static bool send_all(int fd, const char *text, size_t length)
{
    return send(fd, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool answer(int fd, const char *line, size_t length)
{
    if (length < 5 || memcmp(line, "count", 5) != 0)
        return send_all(fd, line, length);
    char text[80];
    struct weft_stats stats;
    weft_stats(&stats);
    int size =
        snprintf(text, sizeof text, "%zu connections, %zu tasks\n", stats.watches, stats.tasks);
    return send_all(fd, text, (size_t)size);
}

/* Runs whenever there is something to read, and a last time when the server ends. */
static int serve(void *argument)
{
    struct connection *connection = argument;
    char line[1024];
    ssize_t count = recv(connection->fd, line, sizeof line, 0);
    if (count <= 0 || !answer(connection->fd, line, (size_t)count))
        return hang_up(connection);
    return 1; /* go on watching */
}

static int accept_all(void *argument)
{
    int *listener = argument;
    WEFT_AUTO(weft_scope) struct weft_scope connections = { .name = "connections", .reap = true };
    for (;;) {
        int fd = accept(*listener, NULL, NULL);
        if (fd < 0)
            return -1; /* cancelled: the scope's end runs serve() once more for each watch */
        struct connection *connection = malloc(sizeof *connection);
        if (!connection) {
            close(fd);
            continue;
        }
        connection->fd = fd;
        if (!weft_watch(&connections, fd, serve, connection))
            hang_up(connection);
    }
}

static int run(void *argument)
{
    int *listener = argument;
    char byte;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "server" };
    weft_go_transient(&scope, accept_all, *listener);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return weft_scope_wait(&scope); /* cancels the transient accept_all(), and waits for it */
}

static int listen_on(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        perror("watch_server");
        exit(1);
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);
    int result = weft_run(run, &listener);
    if (result < 0)
        perror("watch_server");
    close(listener);
    return result < 0;
}
