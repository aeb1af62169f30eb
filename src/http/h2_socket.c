/*
 * A stream of HTTP/2 as the stream of bytes beneath a WebSocket (RFC 8441).
 *
 * What is sent without waiting is copied, up to a bound, because the caller's memory is its own
 * again at once while the client's window may be shut.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/h2.h"
#include "http/websocket.h"

const bool weft__h2_sockets = true;

static struct weft__buffer *input(void *pointer)
{
    struct weft__h2_stream *stream = pointer;
    if (!stream->taken.limit) {
        weft__buffer_init(&stream->arrived, WEFT__H2_STREAM_WINDOW);
        weft__buffer_init(&stream->taken, 2 * WEFT__H2_STREAM_WINDOW);
    }
    return &stream->taken;
}

static ssize_t fill(void *pointer, bool wait)
{
    struct weft__h2_stream *stream = pointer;
    input(stream);
    while (stream->arrived.length == 0 && !stream->end_received && !stream->closed) {
        if (!wait) {
            return weft__fail(EAGAIN);
        }
        if (weft_condition_wait(&stream->readable) < 0) {
            return -1;
        }
    }
    ssize_t got = weft__h2_body_take(stream);
    if (got > 0) {
        weft__h2_flush_credit(stream->h2, false);
    }
    return got != 0 || stream->end_received ? got : weft__fail(ECONNRESET);
}

static ssize_t send_slices(void *pointer, struct iovec *slices, size_t count)
{
    struct weft__h2_stream *stream = pointer;
    size_t used = 0;
    if (stream->closed || stream->broken) {
        return weft__fail(stream->broken ? stream->broken : EPIPE);
    }
    if (stream->out_left > 0) {
        return 0;
    }
    if (!stream->copy && !(stream->copy = weft__malloc(WEFT__H2_SOCKET_OUT))) {
        return -1;
    }
    for (size_t i = 0; i < count && used < WEFT__H2_SOCKET_OUT; i++) {
        size_t room = WEFT__H2_SOCKET_OUT - used;
        size_t part = slices[i].iov_len < room ? slices[i].iov_len : room;
        memcpy(stream->copy + used, slices[i].iov_base, part);
        used += part;
    }
    weft__h2_give(stream, stream->copy, used, false);
    weft__h2_flush(stream->h2, false);
    return (ssize_t)used;
}

/* A client that takes too little is found by the clerk, who resets the stream. */
static int wait_taken(void *pointer)
{
    struct weft__h2_stream *stream = pointer;
    while (stream->out_left > 0 && !stream->closed && !stream->broken) {
        if (weft_condition_wait(&stream->writable) < 0) {
            return -1;
        }
    }
    return stream->broken == ETIMEDOUT ? 0 : 1;
}

static void relax(void *pointer)
{
    struct weft__h2_stream *stream = pointer;
    if (stream->taken.length == 0 && stream->arrived.length == 0) {
        weft__buffer_fini(&stream->taken);
        weft__buffer_fini(&stream->arrived);
    }
    if (stream->out_left == 0) {
        weft__free(stream->copy);
        stream->copy = NULL;
    }
}

static void drop(void *pointer)
{
    struct weft__h2_stream *stream = pointer;
    if (!stream->broken) {
        stream->broken = EPIPE;
    }
    weft_condition_broadcast(&stream->readable);
    weft_condition_broadcast(&stream->writable);
    weft__h2_stream_reset(stream, NGHTTP2_CANCEL);
}

static const struct weft__websocket_stream stream_operations = {
    .input = input,
    .fill = fill,
    .send = send_slices,
    .wait = wait_taken,
    .relax = relax,
    .drop = drop,
};

enum weft__next weft__h2_socket_begin(struct weft__exchange *exchange, void *argument)
{
    struct weft__h2_stream *stream = exchange->h2;
    struct weft_websocket *socket = weft__websocket_new(exchange->connection->server, argument);
    if (!socket) {
        return WEFT__NEXT_CLOSE;
    }
    if (weft__h2_submit_head(stream, 200, &exchange->response.headers) < 0) {
        weft__websocket_free(socket);
        return WEFT__NEXT_CLOSE;
    }
    weft__h2_flush(stream->h2, true);
    socket->operations = &stream_operations;
    socket->stream = stream;
    stream->upgraded = &socket->upgraded;
    return weft__websocket_serve(socket);
}
