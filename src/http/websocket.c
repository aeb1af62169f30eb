/* A WebSocket from the handshake to its end. */
#include "http/websocket.h"

#include <stdlib.h>
#include <string.h>

#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"

static struct weft_websocket *socket_of(struct weft__upgraded *upgraded)
{
    return weft__container_of(upgraded, struct weft_websocket, upgraded);
}

int weft__websocket_drop(struct weft_websocket *socket, int error)
{
    if (!socket->broken) {
        socket->broken = error;
        socket->operations->drop(socket->stream);
    }
    return weft__fail(error);
}

enum {
    LOOKED_AT = 16, /* shared options that are compared with a new socket's */
};

/* Padding may differ where the members don't: such options are not shared, that is all. */
static bool same_bytes(const void *one, const void *other, size_t size)
{
    return memcmp(one, other, size) == 0;
}

static const struct weft_websocket_options *share(struct weft_http_server *server,
                                                  const struct weft_websocket_options *options)
{
    struct weft__websocket_pool *pool = weft__websocket_pool(server);
    if (!pool) {
        return NULL;
    }
    unsigned looked = 0;
    struct weft__websocket_shared *shared;
    weft__list_each(node, &pool->shared) {
        shared = weft__container_of(node, struct weft__websocket_shared, node);
        if (same_bytes(&shared->options, options, sizeof(*options))) {
            shared->references++;
            return &shared->options;
        }
        if (++looked == LOOKED_AT) {
            break;
        }
    }
    shared = malloc(sizeof(*shared));
    if (!shared) {
        return NULL;
    }
    shared->references = 1;
    memcpy(&shared->options, options, sizeof(*options)); /* with its padding */
    weft__list_init(&shared->node);
    weft__list_prepend(&pool->shared, &shared->node);
    return &shared->options;
}

static void unshare(struct weft_websocket *socket)
{
    struct weft__websocket_shared *shared = weft__container_of(
        (void *)(uintptr_t)socket->options, struct weft__websocket_shared, options);
    socket->options = NULL;
    if (--shared->references == 0) {
        weft__list_remove(&shared->node);
        free(shared);
    }
}

/* Queue a close frame; only the first one counts. */
static int send_close(struct weft_websocket *socket, unsigned code, struct weft__slice reason)
{
    uint8_t payload[WEFT__WEBSOCKET_CONTROL_MAX];
    int length = weft__websocket_close_write(payload, code, reason);
    if (length < 0 || socket->close_sent) {
        return length < 0 ? -1 : 0;
    }
    if (!socket->stream) {
        return weft__fail(EPIPE);
    }
    socket->since = socket->server->clock;
    int result = weft__websocket_control(socket, WEFT__WEBSOCKET_CLOSE, payload, (size_t)length);
    socket->close_sent = true;
    return result;
}

static void close_with(struct weft_websocket *socket, unsigned code, const char *reason)
{
    send_close(socket, code, weft__slice_string(reason));
}

int weft_websocket_close(struct weft_websocket *socket, int code, const char *reason)
{
    return send_close(socket, code < 0 ? 1 : (unsigned)code,
                      reason ? weft__slice_string(reason) : weft__slice("", 0));
}

int weft__websocket_refuse(struct weft_websocket *socket, unsigned code, const char *reason)
{
    if (!socket->failed) {
        bool size = code == WEFT__WEBSOCKET_TOO_LARGE || code == WEFT__WEBSOCKET_POLICY;
        socket->failed = size ? EMSGSIZE : EBADMSG;
        socket->code = (uint16_t)code;
        socket->server->stats.refused++;
        close_with(socket, code, reason);
    }
    return weft__fail(socket->failed);
}

static void tick(struct weft__upgraded *upgraded, int64_t now)
{
    struct weft_websocket *socket = socket_of(upgraded);
    const struct weft_websocket_options *options = socket->options;
    if (socket->broken) {
        return;
    }
    if (socket->close_sent) {
        if (now - socket->since >= options->close_timeout) {
            weft__websocket_drop(socket, ETIMEDOUT);
        }
    } else if (now - socket->spoken >= options->idle_timeout) {
        close_with(socket, WEFT__WEBSOCKET_NORMAL, "idle");
    } else if (!socket->waiting) {
        socket->since = now; /* a pong may well lie unread */
    } else if (socket->pinged) {
        if (now - socket->since >= options->pong_timeout) {
            weft__websocket_drop(socket, ETIMEDOUT);
        }
    } else if (now - socket->heard >= options->ping_interval) {
        socket->pinged = true;
        socket->since = now;
        weft__websocket_control(socket, WEFT__WEBSOCKET_PING, NULL, 0);
    }
}

static void stop(struct weft__upgraded *upgraded)
{
    close_with(socket_of(upgraded), WEFT__WEBSOCKET_GOING_AWAY, "the server stops");
}

/*
 * Take the socket apart. Fibers may still wait for their turn or be in the middle of it: they are
 * made to fail, and the connection is given up only after the last of them.
 */
static void detach(struct weft_websocket *socket)
{
    WEFT_SHIELD(WEFT_FOREVER);
    socket->broken = socket->broken ? socket->broken : EPIPE;
    weft_semaphore_acquire(&socket->turn);
    socket->stream = NULL;
    weft__websocket_discard(socket);
    weft_semaphore_release(&socket->turn);
    weft__list_remove(&socket->upgraded.node);
    weft__websocket_inflate_end(socket, true);
    weft__websocket_deflate_end(socket);
    weft__buffer_fini(&socket->text);
    unshare(socket);
}

static enum weft__next finish(struct weft_websocket *socket)
{
    bool flushed = !socket->broken && weft__websocket_flush(socket) == 0;
    bool rude = socket->failed || !socket->close_read;
    if (!flushed) {
        weft__websocket_drop(socket, EPIPE);
    }
    if (!socket->code) {
        socket->code = WEFT__WEBSOCKET_ABNORMAL;
    }
    if (socket->opened && socket->options->close) {
        socket->options->close(socket, socket->context);
    }
    detach(socket);
    weft_websocket_unref(socket);
    return flushed && rude ? WEFT__NEXT_LINGER : WEFT__NEXT_CLOSE;
}

static void complain(const char *what, int error)
{
    const struct weft_error *detail = weft_error();
    bool theirs = weft_cancelled() || error == ECONNRESET || error == EPIPE || error == ETIMEDOUT;
    weft_log(theirs ? WEFT_LOG_DEBUG : WEFT_LOG_ERROR, "http: a websocket's %s failed: %s%s%s",
             what, strerror(error), detail ? ": " : "", detail ? detail->message : "");
}

/* A function of the application has failed. */
static void give_up(struct weft_websocket *socket, const char *what, int error)
{
    if (!socket->failed && !socket->broken && !socket->close_sent) {
        complain(what, error);
    }
    if (weft_cancelled()) {
        close_with(socket, WEFT__WEBSOCKET_GOING_AWAY, "the server stops");
    } else {
        close_with(socket, WEFT__WEBSOCKET_FAILURE, "");
    }
}

static enum weft__next run(struct weft_websocket *socket)
{
    if (socket->options->run(socket, socket->context) < 0) {
        give_up(socket, "run", errno);
    }
    close_with(socket, WEFT__WEBSOCKET_NORMAL, "");
    if (!socket->close_read && !socket->broken && !socket->failed) {
        weft__websocket_read_out(socket);
    }
    return finish(socket);
}

/* All messages that are there. */
static enum weft__next ready(struct weft__upgraded *upgraded)
{
    struct weft_websocket *socket = socket_of(upgraded);
    struct weft_websocket_message message;
    for (;;) {
        if (weft_cancelled()) {
            close_with(socket, WEFT__WEBSOCKET_GOING_AWAY, "the server stops");
            return finish(socket);
        }
        int got = weft__websocket_next(socket, false, &message);
        if (got > 0) {
            if (socket->options->message(socket, &message, socket->context) < 0) {
                give_up(socket, "message", errno);
            }
        } else if (got < 0 && errno == EAGAIN) {
            weft__websocket_relax(socket);
            return WEFT__NEXT_WAIT;
        } else {
            return finish(socket);
        }
    }
}

static const struct weft__upgraded_operations operations = { ready, tick, stop };

struct weft_websocket *weft__websocket_new(struct weft_http_server *server,
                                           const struct weft__websocket_plan *plan)
{
    struct weft_websocket *socket = calloc(1, sizeof(*socket) + plan->size);
    if (!socket) {
        return NULL;
    }
    socket->options = share(server, &plan->options);
    if (!socket->options) {
        free(socket);
        return NULL;
    }
    const struct weft_websocket_options *options = &plan->options;
    const struct weft__websocket_limits limits = {
        .message = options->max_message,
        .fragments = options->max_fragments,
        .masked = true,
        .deflate = plan->deflate,
    };
    weft__websocket_reader_init(&socket->reader, &limits);
    weft__list_init(&socket->upgraded.node);
    weft__list_init(&socket->queue);
    weft__buffer_init(&socket->text,
                      options->max_message < SIZE_MAX ? options->max_message + 1 : SIZE_MAX);
    socket->upgraded.operations = &operations;
    socket->server = server;
    socket->protocol = plan->protocol;
    socket->context = plan->size ? socket->own : (void *)(uintptr_t)plan->context;
    if (plan->size) {
        memcpy(socket->own, plan->context, plan->size);
    }
    socket->references = 1;
    socket->turn.permits = 1;
    socket->deflate = plan->deflate;
    socket->server_keeps = plan->agreed.server_takeover;
    socket->client_keeps = plan->agreed.client_takeover;
    socket->server_bits = plan->agreed.server_bits;
    socket->heard = socket->spoken = socket->since = server->clock;
    return socket;
}

void weft__websocket_free(struct weft_websocket *socket)
{
    unshare(socket);
    free(socket);
}

enum weft__next weft__websocket_serve(struct weft_websocket *socket)
{
    const struct weft_websocket_options *options = socket->options;
    struct weft_http_server *server = socket->server;
    weft__list_append(&server->upgraded, &socket->upgraded.node);
    weft__clerk_hurry(server, options->ping_interval);
    weft__clerk_hurry(server, options->pong_timeout);
    weft__clerk_hurry(server, options->idle_timeout);
    weft__clerk_hurry(server, options->close_timeout);
    if (server->stopping) {
        stop(&socket->upgraded);
    }
    if (options->run) {
        return run(socket);
    }
    socket->opened = true;
    socket->busy = true; /* it is read for the application */
    if (options->open && options->open(socket, socket->context) < 0) {
        give_up(socket, "open", errno);
    }
    return ready(&socket->upgraded);
}

struct weft_websocket *weft_websocket_ref(struct weft_websocket *socket)
{
    socket->references++;
    return socket;
}

void weft_websocket_unref(struct weft_websocket *socket)
{
    if (socket && --socket->references == 0) {
        free(socket);
    }
}

const char *weft_websocket_protocol(const struct weft_websocket *socket)
{
    return socket->protocol;
}

int weft_websocket_close_code(const struct weft_websocket *socket)
{
    return socket->code ? socket->code : socket->broken ? WEFT__WEBSOCKET_ABNORMAL : 0;
}
