/* A stream: its record, and the fiber that handles its request. */
#include <string.h>

#include <weft/task.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/h2.h"

struct weft__h2_stream *weft__h2_stream_new(struct weft__h2 *h2, int32_t id)
{
    struct weft__h2_server *shared = h2->shared;
    struct weft__h2_stream *stream = shared->spare;
    if (stream) {
        shared->spare = stream->next_spare;
        shared->spares--;
    } else if (!(stream = weft__malloc(sizeof(*stream)))) {
        return NULL;
    }
    memset(stream, 0,
           offsetof(struct weft__h2_stream, exchange) + offsetof(struct weft__exchange, memory));
    weft__memory_init(&stream->exchange.memory);
    weft__list_init(&stream->node);
    weft__list_init(&stream->turn);
    weft__list_append(&h2->streams, &stream->node);
    stream->h2 = h2;
    stream->id = id;
    struct weft__exchange *exchange = &stream->exchange;
    exchange->connection = h2->connection;
    exchange->h2 = stream;
    exchange->client_keeps = true;
    exchange->request.connection_ = exchange;
    exchange->request.version = 20;
    exchange->request.scheme = h2->connection->stream.tls ? "https" : "http";
    exchange->request.memory = &exchange->memory;
    exchange->request.headers.memory = &exchange->memory;
    exchange->response.memory = &exchange->memory;
    exchange->response.headers.memory = &exchange->memory;
    h2->count++;
    weft__h2_count(h2);
    return stream;
}

static bool keep(struct weft__h2_server *shared, struct weft__h2_stream *stream)
{
    if (!WEFT__H2_REUSE || shared->spares >= WEFT__H2_SPARE) {
        return false;
    }
    shared->spares++;
    stream->next_spare = shared->spare;
    shared->spare = stream;
    return true;
}

void weft__h2_stream_release(struct weft__h2_stream *stream)
{
    struct weft__h2 *h2 = stream->h2;
    if (!stream->closed || stream->task || stream->upgraded) {
        return;
    }
    weft__list_remove(&stream->node);
    weft__list_remove(&stream->turn);
    weft__h2_body_fini(stream);
    weft__memory_fini(&stream->exchange.memory);
    weft__free(stream->copy);
    h2->count--;
    weft__h2_count(h2);
    if (!keep(h2->shared, stream)) {
        weft__free(stream);
    }
}

/* --- handlers */

/* What a socket's function has come to. */
static void end_socket(struct weft__h2_stream *stream, enum weft__next next)
{
    weft__memory_leave(&stream->exchange.memory);
    if (next == WEFT__NEXT_WAIT) {
        if (stream->heads == 0) {
            weft__memory_fini(&stream->exchange.memory);
        }
        return;
    }
    stream->upgraded = NULL;
    if (!stream->answered) {
        weft__h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
    } else if (!stream->closed && !stream->broken) {
        weft__h2_give(stream, NULL, 0, true);
    } else {
        weft__h2_stream_reset(stream, NGHTTP2_CANCEL);
    }
}

void weft__h2_stream_heed(struct weft__h2_stream *stream)
{
    end_socket(stream, stream->upgraded->operations->ready(stream->upgraded));
}

static void answer(struct weft__h2_stream *stream)
{
    struct weft__exchange *exchange = &stream->exchange;
    weft__exchange_handle(exchange);
    if (exchange->upgrade.begin && exchange->response.status == 101) {
        end_socket(stream, exchange->upgrade.begin(exchange, exchange->upgrade.argument));
        return;
    }
    weft__h2_respond(stream);
    weft__memory_leave(&exchange->memory); /* the texts are needed until the head is sent */
}

static int handle_stream(void *argument)
{
    struct weft__h2_stream *stream = *(struct weft__h2_stream **)argument;
    struct weft__h2 *h2 = stream->h2;
    stream->task = weft_self();
    h2->handlers++;
    if (stream->upgraded) {
        weft__h2_stream_heed(stream);
    } else {
        answer(stream);
    }
    weft__h2_flush(h2, true);
    stream->task = NULL;
    if (stream->upgraded) {
        weft__h2_stream_turn(stream); /* what has come since its function looked */
    }
    weft__h2_stream_release(stream);
    h2->handlers--;
    weft__h2_settle(h2);
    weft_condition_signal(&h2->done);
    return 0;
}

static void start(struct weft__h2_stream *stream)
{
    stream->started = true;
    if (!weft_go(&stream->h2->connection->server->connections, handle_stream,
                 (struct weft__h2_stream *){ stream })) {
        weft__h2_stream_reset(stream, NGHTTP2_REFUSED_STREAM);
    }
}

/* Answered without a handler, and without a fiber: the body lies in memory. */
static void refuse(struct weft__h2_stream *stream)
{
    struct weft__exchange *exchange = &stream->exchange;
    stream->started = true;
    exchange->connection->server->stats.refused++;
    exchange->response.status = 200;
    if (weft_http_response_text(&exchange->response, (int)stream->refusal, "%s.\n",
                                stream->refusal_reason) < 0) {
        weft__h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    weft__h2_respond(stream);
}

static bool has_news(const struct weft__h2_stream *stream)
{
    return stream->arrived.length > 0 || stream->end_received || stream->closed;
}

void weft__h2_stream_turn(struct weft__h2_stream *stream)
{
    if (stream->task) {
        weft_condition_broadcast(&stream->readable);
    } else if (stream->upgraded ? has_news(stream) : !stream->started && stream->head_done) {
        if (weft__list_empty(&stream->turn)) {
            weft__list_append(&stream->h2->ready, &stream->turn);
        }
        if (!stream->h2->reading) {
            weft_watch_wake(stream->h2->connection->watch);
        }
    }
}

void weft__h2_streams_run(struct weft__h2 *h2)
{
    struct weft__list *node;
    while ((node = weft__list_pop(&h2->ready))) {
        struct weft__h2_stream *stream = weft__container_of(node, struct weft__h2_stream, turn);
        if (stream->upgraded) {
            start(stream);
        } else if (h2->calmed || h2->broken) {
            continue; /* the connection's end is its end */
        } else if (stream->refusal) {
            refuse(stream);
        } else {
            start(stream);
        }
    }
}

/* --- ends */

void weft__h2_stream_closed(struct weft__h2_stream *stream, int error)
{
    bool complete = stream->answered && stream->last && stream->out_left == 0;
    stream->closed = true;
    stream->out_left = 0;
    if (!complete && !stream->broken) {
        stream->broken = error;
    }
    weft_condition_broadcast(&stream->readable);
    weft_condition_broadcast(&stream->writable);
    if (stream->upgraded) {
        weft__h2_stream_turn(stream);
    } else if (!stream->task) {
        weft__h2_stream_release(stream);
    } else if (!complete && stream->task != weft_self()) {
        weft_cancel(stream->task);
    }
}

void weft__h2_stream_reset(struct weft__h2_stream *stream, uint32_t code)
{
    if (!stream->closed) {
        weft__h2_reset(stream->h2, stream->id, code);
        weft__h2_flush(stream->h2, false);
    }
}
