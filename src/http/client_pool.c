/*
 * Which connection a call gets.
 *
 * A call waits for its turn first (first come, first served), then takes the kept connection that
 * was used last, so that those beyond the need grow old and are closed. One that has ended, or on
 * which something came unasked, is not used. As many connections may be open as may be in use.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include <weft/task.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/client.h"
#include "net/tls.h"

static struct weft__client_connection *connection_of(struct weft__list *node)
{
    return weft__container_of(node, struct weft__client_connection, node);
}

static void discard(struct weft__client_connection *connection)
{
    weft__list_remove(&connection->node);
    weft__stream_close(&connection->stream);
    weft__free(connection);
}

/* Open, and silent: what a connection between two calls is. */
static bool is_alive(struct weft__client_connection *connection)
{
    struct weft__stream *stream = &connection->stream;
    char byte;
    if (stream->in.length > 0) {
        return false;
    }
    ssize_t got = stream->tls ? weft__tls_peek(stream->tls, &byte, 1)
                              : recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN;
}

void weft__pool_empty(struct weft_http_client *client)
{
    weft__list_each(node, &client->idle) {
        discard(connection_of(node));
    }
    weft__list_each(node, &client->busy) {
        discard(connection_of(node));
    }
}

void weft__pool_reap(struct weft_http_client *client, int64_t now)
{
    for (struct weft__list *node = client->idle.prev, *before; node != &client->idle;
         node = before) {
        struct weft__client_connection *oldest = connection_of(node);
        before = node->prev;
        if (client->options.keep_alive == WEFT_FOREVER ||
            now - oldest->idle_since < client->options.keep_alive) {
            return;
        }
        client->stats.idle--;
        discard(oldest);
    }
}

/* Looking may give way to other fibers, so a connection is taken out of the list before. */
static struct weft__client_connection *find_alive(struct weft_http_client *client,
                                                  struct weft__list *dead)
{
    struct weft__list *node;
    while ((node = weft__list_pop(&client->idle))) {
        struct weft__client_connection *connection = connection_of(node);
        client->stats.idle--;
        weft__list_append(&client->busy, node);
        if (is_alive(connection)) {
            client->stats.reused++;
            return connection;
        }
        client->stats.stale++;
        weft__list_move(dead, node);
    }
    return NULL;
}

static struct weft__client_connection *take_kept(struct weft_http_client *client)
{
    struct weft__list dead = WEFT__LIST(dead);
    if (weft__list_empty(&client->idle)) {
        return NULL;
    }
    weft__pool_reap(client, weft_now());
    struct weft__client_connection *found = find_alive(client, &dead);
    weft__list_each(node, &dead) {
        discard(connection_of(node));
    }
    return found;
}

/* Outside of a runtime nobody else could give a connection back. */
static int wait_for_turn(struct weft__call *call)
{
    struct weft_http_client *client = call->client;
    if (weft_semaphore_try_acquire(&client->turns) == 0) {
        return 0;
    }
    if (!weft_self()) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_POOL, EAGAIN,
                               "all %zu connections are in use (close a response first, or raise "
                               "max_connections)",
                               client->options.max_connections);
    }
    client->stats.waiting++;
    int64_t left = call->deadline == WEFT_FOREVER ? WEFT_FOREVER : call->deadline - weft_now();
    WEFT_TIMEOUT_AS(timeout, left);
    int result = weft_semaphore_acquire(&client->turns);
    int error = errno;
    client->stats.waiting--;
    if (result == 0) {
        return 0;
    }
    if (error == ETIMEDOUT && call->deadline != WEFT_FOREVER && weft_now() >= call->deadline) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_TIMEOUT, ETIMEDOUT,
                               "all %zu connections were in use (see max_connections, timeout)",
                               client->options.max_connections);
    }
    return weft__call_stopped(call, error);
}

static struct weft__client_connection *open_new(struct weft__call *call)
{
    struct weft_http_client *client = call->client;
    struct weft__client_connection *connection = weft__calloc(1, sizeof(*connection));
    if (!connection) {
        weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory for a connection");
        return NULL;
    }
    connection->client = client;
    connection->stream.fd = -1;
    weft__list_append(&client->busy, &connection->node);
    if (weft__client_connect(call, connection) < 0) {
        int error = errno;
        discard(connection);
        errno = error;
        return NULL;
    }
    client->stats.opened++;
    return connection;
}

struct weft__client_connection *weft__pool_take(struct weft__call *call)
{
    struct weft_http_client *client = call->client;
    if (wait_for_turn(call) < 0) {
        return NULL;
    }
    struct weft__client_connection *connection = take_kept(client);
    if (!connection) {
        connection = open_new(call);
    }
    if (!connection) {
        int error = errno;
        weft_semaphore_release(&client->turns);
        errno = error;
        return NULL;
    }
    client->stats.busy++;
    return connection;
}

void weft__pool_give(struct weft__client_connection *connection, bool keep)
{
    struct weft_http_client *client = connection->client;
    int error = errno;
    client->stats.busy--;
    if (keep && connection->stream.in.length == 0) {
        connection->idle_since = weft_now();
        weft__stream_release(&connection->stream);
        weft__list_remove(&connection->node);
        weft__list_prepend(&client->idle, &connection->node);
        client->stats.idle++;
        weft__pool_reap(client, connection->idle_since);
    } else {
        discard(connection);
    }
    weft_semaphore_release(&client->turns);
    errno = error;
}
