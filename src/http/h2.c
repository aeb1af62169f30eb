/* A connection that speaks HTTP/2, from its first frame to its end. */
#include "http/h2.h"

#include <sys/socket.h>

#include <weft/error.h>
#include <weft/run.h>
#include <weft/task.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"

enum {
    TURN = 16,      /* reads before other fibers get their turn */
    COME_BACK = 10, /* seconds until a used up allowance is full again */
};

#define DRAIN_TIME WEFT_SECOND /* for the notice of the end to arrive, if no answer tells */

static struct weft__h2 *h2_of(struct weft__upgraded *upgraded)
{
    return weft__container_of(upgraded, struct weft__h2, upgraded);
}

int weft__h2_drop(struct weft__h2 *h2, int error)
{
    if (!h2->broken) {
        h2->broken = error;
        weft__stream_shut(&h2->connection->stream);
        weft_watch_wake(h2->connection->watch);
    }
    return weft__fail(error);
}

int weft__h2_check(struct weft__h2 *h2, int result)
{
    if (result >= 0) {
        return 0;
    }
    if (result != NGHTTP2_ERR_NOMEM) {
        return weft__fail(ECONNRESET);
    }
    h2->unsound = true;
    return weft__h2_drop(h2, ENOMEM);
}

void weft__h2_terminate(struct weft__h2 *h2, uint32_t code)
{
    if (!h2->broken) {
        weft__h2_check(h2, nghttp2_session_terminate_session(h2->session, code));
    }
}

void weft__h2_reset(struct weft__h2 *h2, int32_t id, uint32_t code)
{
    if (!h2->broken) {
        weft__h2_check(h2, nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, code));
    }
}

void weft__h2_count(struct weft__h2 *h2)
{
    struct weft_http_server_stats *stats = &h2->connection->server->stats;
    bool active = h2->count > 0;
    if (active != h2->active) {
        h2->active = active;
        stats->active += active ? 1 : (size_t)-1;
        h2->idle_since = h2->connection->server->clock;
    }
}

static bool is_over(const struct weft__h2 *h2)
{
    return h2->broken ||
           ((h2->ending || h2->calmed) && !h2->out && !nghttp2_session_want_read(h2->session) &&
            !nghttp2_session_want_write(h2->session));
}

void weft__h2_settle(struct weft__h2 *h2)
{
    if (!h2->reading && (h2->ending || h2->calmed) && is_over(h2)) {
        weft_watch_wake(h2->connection->watch);
    }
}

/* --- the end */

void weft__h2_last_call(struct weft__h2 *h2)
{
    if (h2->draining_since && !h2->ending && !h2->broken) {
        int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);
        h2->ending = true;
        weft__h2_check(h2, nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last,
                                                 NGHTTP2_NO_ERROR, NULL, 0));
    }
}

/* The client hears that it should send no more, and may still have sent something meanwhile. */
static void stop(struct weft__upgraded *upgraded)
{
    struct weft__h2 *h2 = h2_of(upgraded);
    if (h2->draining_since || h2->broken) {
        return;
    }
    h2->draining_since = weft_now();
    weft__h2_check(h2, nghttp2_submit_shutdown_notice(h2->session));
    weft__h2_flush(h2, false);
}

static void end_idle(struct weft__h2 *h2)
{
    weft__h2_terminate(h2, NGHTTP2_NO_ERROR);
    h2->ending = true;
    weft__h2_flush(h2, false);
}

static void tick(struct weft__upgraded *upgraded, int64_t now)
{
    struct weft__h2 *h2 = h2_of(upgraded);
    const struct weft_http_options *options = &h2->connection->server->options;
    if (h2->broken) {
        return;
    }
    if (h2->draining_since && !h2->ending && now - h2->draining_since >= DRAIN_TIME) {
        weft__h2_last_call(h2);
        weft__h2_flush(h2, false);
    }
    bool slow_head = h2->heading_since && now - h2->heading_since >= options->head_timeout;
    if (slow_head || (h2->count == 0 && now - h2->idle_since >= options->idle_timeout)) {
        if (h2->ending) {
            weft__h2_drop(h2, ETIMEDOUT); /* it was told, and has not gone */
        } else {
            end_idle(h2);
        }
        return;
    }
    if (h2->count > 0) {
        weft__h2_look_for_stalls(h2, now);
    }
}

/* Fibers of streams are told, and waited for; sockets without a fiber find their end here. */
static void end_streams(struct weft__h2 *h2)
{
    weft__list_each(node, &h2->streams) {
        struct weft__h2_stream *stream = weft__container_of(node, struct weft__h2_stream, node);
        if (!stream->closed) {
            weft__h2_stream_closed(stream, ECONNRESET);
        } else {
            weft__h2_stream_turn(stream);
        }
    }
    for (;;) {
        struct weft__list *node = weft__list_pop(&h2->ready);
        if (node) {
            struct weft__h2_stream *stream = weft__container_of(node, struct weft__h2_stream, turn);
            if (stream->upgraded) {
                weft__h2_stream_heed(stream);
            }
            weft__h2_stream_release(stream);
        } else if (h2->handlers > 0 || h2->flushing) {
            weft_condition_wait(&h2->done);
        } else {
            return;
        }
    }
}

/* A client that takes nothing would leave megabytes in the kernel: closing is to drop them. */
static void reset_on_close(struct weft__connection *connection)
{
    const struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(connection->stream.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static enum weft__next finish(struct weft__h2 *h2)
{
    WEFT_SHIELD(WEFT_FOREVER);
    enum weft__next next = h2->broken ? WEFT__NEXT_CLOSE : WEFT__NEXT_LINGER;
    h2->broken = h2->broken ? h2->broken : ECONNRESET;
    h2->connection->upgraded = NULL;
    if (h2->broken == ETIMEDOUT) {
        reset_on_close(h2->connection);
    }
    end_streams(h2);
    weft__list_remove(&h2->upgraded.node);
    if (!h2->unsound) {
        nghttp2_session_del(h2->session);
    }
    weft__h2_pieces_drop(&h2->pieces);
    weft__h2_block_give(h2->shared, h2->out);
    weft__free(h2);
    return next;
}

/* --- reading */

static int understand(struct weft__h2 *h2, const char *data, size_t length)
{
    ssize_t used = nghttp2_session_mem_recv(h2->session, (const uint8_t *)data, length);
    weft__h2_streams_run(h2);
    if (used >= 0) {
        return 0;
    }
    if (used == NGHTTP2_ERR_FLOODED) {
        h2->calmed = true;
        h2->connection->server->stats.refused++;
        weft__h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
        return 0;
    }
    if (used == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        h2->calmed = true;
        weft__h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    return weft__h2_check(h2, (int)used);
}

static int read_into(struct weft__h2 *h2, char *block)
{
    struct weft__stream *stream = &h2->connection->stream;
    for (unsigned turn = 1; !h2->broken && !h2->calmed; turn++) {
        ssize_t got = weft__stream_try_receive(stream, block, WEFT__H2_BATCH);
        if (got <= 0) {
            return got == 0 ? 0 : errno == EAGAIN ? 1 : -1;
        }
        if (understand(h2, block, (size_t)got) < 0) {
            return -1;
        }
        if (got < WEFT__H2_BATCH && !stream->tls) {
            return 1;
        }
        if (turn % TURN == 0) {
            h2->reading = false;
            weft__h2_flush(h2, true);
            h2->reading = true;
        }
    }
    return 1;
}

/* All that is there. 1 go on later; 0 the end; -1 and errno. */
static int read_all(struct weft__h2 *h2)
{
    struct weft__stream *stream = &h2->connection->stream;
    if (stream->in.length > 0) { /* received when the protocol was not known yet */
        struct weft__slice bytes = weft__buffer_slice(&stream->in);
        int result = understand(h2, bytes.data, bytes.length);
        weft__buffer_clear(&stream->in);
        if (result < 0) {
            return -1;
        }
    }
    weft__stream_release(stream);
    char *block = weft__h2_block_take(h2->shared);
    int result = block ? read_into(h2, block) : -1;
    weft__h2_block_give(h2->shared, block);
    return result;
}

static void run_streams(struct weft__h2 *h2)
{
    h2->reading = true;
    if (!h2->broken) {
        weft__h2_streams_run(h2);
    }
    h2->reading = false;
}

static enum weft__next ready(struct weft__upgraded *upgraded)
{
    struct weft__h2 *h2 = h2_of(upgraded);
    if (weft_cancelled()) {
        h2->broken = h2->broken ? h2->broken : ECANCELED;
        return finish(h2);
    }
    run_streams(h2);
    h2->reading = true;
    int result = h2->broken ? -1 : read_all(h2);
    int error = errno;
    h2->reading = false;
    if (result <= 0 && !h2->broken) {
        h2->broken = result < 0 ? error : ECONNRESET;
    }
    weft__h2_flush(h2, false);
    while (!h2->broken &&
           !weft__list_empty(&h2->ready)) { /* a stream was closed by what was sent */
        run_streams(h2);
        weft__h2_flush(h2, false);
    }
    return is_over(h2) ? finish(h2) : WEFT__NEXT_WAIT;
}

static const struct weft__upgraded_operations operations = { ready, tick, stop };

/* --- the beginning */

static int64_t rate_of(size_t most)
{
    int64_t rate = most < INT64_MAX / 2 ? (int64_t)most / COME_BACK : INT64_MAX / 4;
    return rate > 0 ? rate : 1;
}

static int greet(struct weft__h2 *h2)
{
    const struct weft_http_options *options = &h2->connection->server->options;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)options->max_streams },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WEFT__H2_STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
          options->max_head < UINT32_MAX ? (uint32_t)options->max_head : UINT32_MAX },
        { NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, weft__h2_sockets },
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    };
    return nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof(settings) / sizeof(settings[0])) == 0 &&
                   nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                                         WEFT__H2_CONNECTION_WINDOW) == 0
               ? 0
               : -1;
}

int weft__h2_open(struct weft__connection *connection)
{
    struct weft_http_server *server = connection->server;
    struct weft__h2_server *shared = weft__h2_server(server);
    struct weft__h2 *h2 = shared ? weft__calloc(1, sizeof(*h2)) : NULL;
    if (!h2) {
        return -1;
    }
    h2->connection = connection;
    h2->shared = shared;
    nghttp2_mem functions = weft__h2_pieces_init(&h2->pieces, &shared->memory);
    if (nghttp2_session_server_new3(&h2->session, shared->callbacks, h2, shared->options,
                                    &functions) != 0 ||
        greet(h2) < 0) {
        weft__h2_pieces_drop(&h2->pieces);
        weft__free(h2);
        return weft__fail(ENOMEM);
    }
    weft__list_init(&h2->streams);
    weft__list_init(&h2->ready);
    weft__list_init(&h2->upgraded.node);
    h2->upgraded.operations = &operations;
    server->clock = weft_now(); /* the clerk may have slept while there was nobody */
    h2->idle_since = server->clock;
    weft__h2_allow(&h2->resets, server->options.max_resets, rate_of(server->options.max_resets));
    weft__h2_allow(&h2->controls, server->options.max_controls,
                   rate_of(server->options.max_controls));
    weft__list_append(&server->upgraded, &h2->upgraded.node);
    weft__clerk_hurry(server, server->options.head_timeout);
    weft__clerk_hurry(server, server->options.write_timeout);
    connection->upgraded = &h2->upgraded;
    server->stats.http2++;
    if (server->stopping) {
        stop(&h2->upgraded);
    }
    return 0;
}
