/* Connections: from accepted to closed, idle in between. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

#include "http/exchange.h"
#include "http/first.h"

#define LINGER_TIME (2 * WEFT_SECOND)

static void close_connection(struct weft__connection *connection)
{
    struct weft_http_server *server = connection->server;
    weft__list_remove(&connection->node);
    weft__connection_forget(connection);
    weft__stream_close(&connection->stream);
    server->stats.connections--;
    free(connection);
}

static enum weft__next begin(struct weft__connection *connection)
{
    if (!connection->begun) {
        int begun = connection->expired ? -1 : weft__connection_begin(connection);
        if (begun <= 0) {
            return begun < 0 ? WEFT__NEXT_CLOSE : WEFT__NEXT_IDLE;
        }
        connection->begun = true;
    }
    if (!connection->known) {
        int known = connection->expired ? -1 : weft__connection_choose(connection);
        if (known <= 0) {
            return known < 0 ? WEFT__NEXT_CLOSE : WEFT__NEXT_IDLE;
        }
        connection->known = true;
    }
    return WEFT__NEXT_REQUEST;
}

/* TLS may hold bytes that no event will tell of: they are taken before the connection rests. */
static enum weft__next settle(struct weft__connection *connection, enum weft__next next)
{
    if (next != WEFT__NEXT_IDLE || !connection->stream.tls) {
        return next;
    }
    ssize_t got = weft__stream_try_fill(&connection->stream);
    if (got > 0) {
        return WEFT__NEXT_REQUEST;
    }
    return got < 0 && errno == EAGAIN ? WEFT__NEXT_IDLE : WEFT__NEXT_CLOSE;
}

static enum weft__next serve(struct weft__connection *connection)
{
    struct weft__upgraded *upgraded = connection->upgraded;
    return upgraded ? upgraded->operations->ready(upgraded) : weft__exchange_run(connection);
}

/* Runs in a fresh fiber whenever a request has begun to arrive, or the connection has to end. */
static int connection_ready(void *argument)
{
    struct weft__connection *connection = argument;
    struct weft_http_server *server = connection->server;
    weft__list_remove(&connection->node);
    weft__list_append(&server->busy, &connection->node);
    server->stats.active++;

    enum weft__next next = begin(connection);
    while (next == WEFT__NEXT_REQUEST) {
        next = settle(connection, serve(connection));
    }

    server->stats.active--;
    if (next == WEFT__NEXT_WAIT) {
        return 1; /* it stays among the busy: nothing but its own protocol ends it */
    }
    /* One that was told that it may go on before the server stopped may do so once more. */
    if (next == WEFT__NEXT_IDLE && (!server->stopping || server->options.stop_idle > 0)) {
        weft__stream_release(&connection->stream);
        connection->idle_since = weft_now();
        weft__list_remove(&connection->node);
        weft__list_append(&server->idle, &connection->node);
        return 1;
    }
    if (next == WEFT__NEXT_LINGER) {
        weft__stream_linger(&connection->stream, WEFT__LINGER_MAX, LINGER_TIME);
    }
    close_connection(connection);
    return 0;
}

static void answer_overload(struct weft_http_server *server, int fd)
{
    static const char ANSWER[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "retry-after: 1\r\n"
                                 "connection: close\r\n"
                                 "content-type: text/plain; charset=utf-8\r\n"
                                 "content-length: 33\r\n\r\n"
                                 "The server is full. Try later...\n";
    server->stats.overloaded++;
    /* What has arrived is read, because closing over unread bytes would reset the answer away. */
    char dropped[1024];
    while (recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) == (ssize_t)sizeof(dropped)) {
    }
    send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

void weft__connection_open(struct weft_http_server *server, int fd)
{
    server->stats.accepted++;
    if (server->stats.connections >= server->options.max_connections) {
        answer_overload(server, fd);
        return;
    }
    struct weft__connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        answer_overload(server, fd);
        return;
    }
    connection->server = server;
    connection->begun = !weft__server_looks_first(server);
    connection->known = server->options.http1_only;
    weft__list_init(&connection->kin);
    connection->idle_since = weft_now();
    weft__stream_init(&connection->stream, fd, &server->pool,
                      server->limits.head + WEFT__HTTP1_ROOM, server->options.write_timeout);
    server->stats.connections++;
    weft__list_append(&server->idle, &connection->node);
    connection->watch = weft_watch(&server->connections, fd, connection_ready, connection);
    if (!connection->watch) {
        weft_log(WEFT_LOG_WARNING, "http: a connection was dropped: %s", strerror(errno));
        close_connection(connection);
        return;
    }
    if (server->stats.connections == 1) {
        weft_condition_signal(&server->opened);
    }
}

void weft__connection_expire(struct weft__connection *connection)
{
    struct weft_http_server *server = connection->server;
    connection->expired = true;
    weft__list_remove(&connection->node);
    weft__list_append(&server->busy, &connection->node);
    weft_watch_wake(connection->watch);
}
