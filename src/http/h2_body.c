/*
 * The body of a request.
 *
 *      nghttp2 --> arrived --take--> taken --> the handler's chunk
 *
 * Two buffers, because a handler may hold its chunk while more arrives. The client gets credit for
 * bytes as they are taken, so that what waits is bounded by the windows it was given.
 */
#include <string.h>

#include <weft/time.h>

#include "base/fail.h"
#include "http/h2.h"

int weft__h2_body_arrived(struct weft__h2_stream *stream, const uint8_t *data, size_t length)
{
    if (!stream->arrived.limit) {
        weft__buffer_init(&stream->arrived, WEFT__H2_STREAM_WINDOW);
        weft__buffer_init(&stream->taken, 2 * WEFT__H2_STREAM_WINDOW);
    }
    return weft__buffer_append(&stream->arrived, data, length);
}

static void give_credit(struct weft__h2_stream *stream, size_t length)
{
    nghttp2_session *session = stream->h2->session;
    if (length > 0 && !stream->h2->broken) {
        weft__h2_check(stream->h2, stream->closed
                                       ? nghttp2_session_consume_connection(session, length)
                                       : nghttp2_session_consume(session, stream->id, length));
    }
}

ssize_t weft__h2_body_take(struct weft__h2_stream *stream)
{
    size_t length = stream->arrived.length;
    if (length == 0) {
        return 0;
    }
    if (stream->taken.length == 0) {
        size_t limit = stream->taken.limit;
        struct weft__buffer emptied = stream->taken;
        stream->taken = stream->arrived;
        stream->taken.limit = limit;
        weft__buffer_clear(&emptied);
        emptied.limit = WEFT__H2_STREAM_WINDOW;
        stream->arrived = emptied;
    } else {
        if (weft__buffer_append_slice(&stream->taken, weft__buffer_slice(&stream->arrived)) < 0) {
            return -1;
        }
        weft__buffer_clear(&stream->arrived);
    }
    give_credit(stream, length);
    return (ssize_t)length;
}

void weft__h2_body_fini(struct weft__h2_stream *stream)
{
    size_t unread = stream->arrived.length;
    if (stream->arrived.limit) {
        weft__buffer_fini(&stream->arrived);
        weft__buffer_fini(&stream->taken);
        give_credit(stream, unread);
    }
}

static int begin(struct weft__h2_request_body *body)
{
    struct weft__request_body *base = &body->base;
    base->begun = true;
    if (base->length != UINT64_MAX && base->length > base->limit) {
        return weft__request_body_fail(base, EMSGSIZE, 413, "the body is too large");
    }
    if (base->expects && body->stream->arrived.length == 0 && !body->stream->end_received) {
        weft__h2_submit_head(body->stream, 100, NULL);
        weft__h2_flush(body->stream->h2, true);
    }
    base->expects = false;
    return 0;
}

static int wait_for_more(struct weft__h2_request_body *body)
{
    struct weft__h2_stream *stream = body->stream;
    WEFT_TIMEOUT(weft__request_body_patience(&body->base));
    while (stream->arrived.length == 0 && !stream->end_received && !stream->closed) {
        if (weft_condition_wait(&stream->readable) < 0) {
            if (errno == ETIMEDOUT) {
                return weft__request_body_fail(&body->base, ETIMEDOUT, 408,
                                               "the request's body came too slowly");
            }
            return weft__request_body_fail(&body->base, errno, 0, NULL);
        }
    }
    return 0;
}

static ssize_t hand_out(struct weft__h2_request_body *body, const void **chunk)
{
    struct weft__h2_stream *stream = body->stream;
    if (weft__h2_body_take(stream) < 0) {
        return weft__request_body_fail(&body->base, ENOMEM, 503, "the server is out of memory");
    }
    weft__h2_flush_credit(stream->h2, true);
    struct weft__slice bytes = weft__buffer_slice(&stream->taken);
    body->base.received += bytes.length;
    if (body->base.received > body->base.limit) {
        return weft__request_body_fail(&body->base, EMSGSIZE, 413, "the body is too large");
    }
    *chunk = bytes.data;
    return (ssize_t)bytes.length;
}

static ssize_t body_read(struct weft_http_body *any, const void **chunk)
{
    struct weft__h2_request_body *body = (struct weft__h2_request_body *)any;
    struct weft__request_body *base = &body->base;
    struct weft__h2_stream *stream = body->stream;
    if (base->failure) {
        return weft__fail(base->failure);
    }
    if (!base->begun && begin(body) < 0) {
        return -1;
    }
    weft__buffer_clear(&stream->taken);
    if (stream->arrived.length == 0 && wait_for_more(body) < 0) {
        return -1;
    }
    if (stream->arrived.length > 0) {
        return hand_out(body, chunk);
    }
    if (!stream->end_received) {
        return weft__request_body_fail(base, ECONNRESET, 0, NULL);
    }
    base->done = true;
    return 0;
}

static int64_t body_length(struct weft_http_body *any)
{
    const struct weft__request_body *body = (struct weft__request_body *)any;
    if (body->done) {
        return 0;
    }
    return body->length > INT64_MAX ? -1 : (int64_t)(body->length - body->received);
}

static bool body_ready(struct weft_http_body *any)
{
    const struct weft__h2_request_body *body = (struct weft__h2_request_body *)any;
    const struct weft__h2_stream *stream = body->stream;
    return body->base.failure || stream->arrived.length > 0 || stream->end_received ||
           stream->closed;
}

const struct weft_http_body_operations weft__h2_request_body_operations = {
    .read = body_read,
    .length = body_length,
    .ready = body_ready,
};
