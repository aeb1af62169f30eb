/*
 * Sending.
 *
 *      handler: out, out_left ──nghttp2 asks as windows and priorities allow──> shared->out ──> socket
 *                                                                                   └──> h2->rest
 *
 * A handler's bytes are copied once, into a buffer that all connections of the server share: it is
 * filled and sent without a pause. What the socket does not take is kept in `rest`, and a fiber
 * waits for the socket; until then nothing more is asked for, so nothing more queues up.
 */
#include <string.h>

#include <weft/run.h>
#include <weft/task.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/h2.h"

/* --- from a stream to nghttp2 */

ssize_t weft__h2_data(nghttp2_session *session, int32_t id, uint8_t *room, size_t length,
                      uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct weft__h2_stream *stream = source->ptr;
    size_t count = stream->out_left < length ? stream->out_left : length;
    (void)session, (void)id, (void)room, (void)user;
    if (count == 0 && !stream->last) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (count > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    }
    if (stream->last && count == stream->out_left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)count;
}

static void append(struct weft__h2_server *shared, const void *data, size_t length)
{
    memcpy(shared->out + shared->out_used, data, length);
    shared->out_used += length;
}

/* pump() has seen to it that there is room for a frame. */
int weft__h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t length, nghttp2_data_source *source, void *user)
{
    struct weft__h2_stream *stream = source->ptr;
    struct weft__h2 *h2 = user;
    (void)session, (void)frame;
    append(h2->shared, head, WEFT__H2_HEAD);
    append(h2->shared, stream->out, length);
    stream->out += length;
    stream->out_left -= length;
    stream->progressed += length;
    if (stream->out_left == 0 || stream->progressed >= WEFT__H2_PROGRESS) {
        stream->progress = h2->connection->server->clock;
        stream->progressed = 0;
    }
    if (stream->out_left == 0) {
        weft_condition_broadcast(&stream->writable);
    }
    return 0;
}

void weft__h2_give(struct weft__h2_stream *stream, const void *data, size_t length, bool last)
{
    if (length > 0) {
        stream->out = data;
        stream->out_left = length;
        stream->progress = stream->h2->connection->server->clock;
        stream->progressed = 0;
    }
    stream->last = last;
    if (stream->deferred && !stream->closed) {
        stream->deferred = false;
        nghttp2_session_resume_data(stream->h2->session, stream->id);
    }
}

int weft__h2_wait_taken(struct weft__h2_stream *stream)
{
    while (stream->out_left > 0 && !stream->closed && !stream->broken) {
        if (weft_condition_wait(&stream->writable) < 0) {
            stream->out_left = 0; /* the bytes may not stay where they are */
            stream->last = false;
            return -1;
        }
    }
    if (stream->broken) {
        stream->out_left = 0;
        return weft__fail(stream->broken);
    }
    return 0;
}

/* --- from nghttp2 to the socket */

static int keep_rest(struct weft__h2 *h2, const char *data, size_t length)
{
    h2->rest = weft__malloc(length);
    if (!h2->rest) {
        return -1;
    }
    memcpy(h2->rest, data, length);
    h2->rest_start = 0;
    h2->rest_end = length;
    return 0;
}

/* Bytes that have been gathered: 0 sent; 1 the socket is full; -1. */
static int send_gathered(struct weft__h2 *h2)
{
    struct weft__h2_server *shared = h2->shared;
    size_t start = 0;
    size_t end = shared->out_used;
    shared->out_used = 0;
    while (start < end) {
        ssize_t sent =
            weft__stream_try_send(&h2->connection->stream, shared->out + start, end - start);
        if (sent < 0) {
            return -1;
        }
        if (sent == 0) {
            return keep_rest(h2, shared->out + start, end - start) < 0 ? -1 : 1;
        }
        start += (size_t)sent;
    }
    return 0;
}

static int send_rest(struct weft__h2 *h2)
{
    while (h2->rest_start < h2->rest_end) {
        ssize_t sent = weft__stream_try_send(&h2->connection->stream, h2->rest + h2->rest_start,
                                             h2->rest_end - h2->rest_start);
        if (sent <= 0) {
            return sent < 0 ? -1 : 1;
        }
        h2->rest_start += (size_t)sent;
    }
    weft__free(h2->rest);
    h2->rest = NULL;
    h2->rest_start = h2->rest_end = 0;
    return 0;
}

/* Frames until enough for one send is there. 1 there is more; 0 no; -1. */
static int gather(struct weft__h2 *h2)
{
    while (h2->shared->out_used < WEFT__H2_BATCH) {
        const uint8_t *frame;
        ssize_t length = nghttp2_session_mem_send(h2->session, &frame);
        if (length < 0) {
            return weft__fail(length == NGHTTP2_ERR_NOMEM ? ENOMEM : EPROTO);
        }
        if (length == 0) {
            return 0;
        }
        append(h2->shared, frame, (size_t)length);
    }
    return 1;
}

/* 0 all has been sent; 1 the socket is full; -1. Does not park. */
static int pump(struct weft__h2 *h2)
{
    int result = send_rest(h2);
    int more = 1;
    while (result == 0 && more > 0) {
        more = gather(h2);
        result = more < 0 ? -1 : send_gathered(h2);
    }
    h2->shared->out_used = 0;
    return result;
}

/* The fiber of a connection whose client takes nothing at the moment. */
static int wait_and_write(void *argument)
{
    struct weft__h2 *h2 = *(struct weft__h2 **)argument;
    int result = 1;
    while (result > 0 && !h2->broken) {
        int ready = weft__stream_wait_writable(&h2->connection->stream);
        if (ready <= 0) {
            weft__h2_drop(h2, ready == 0 ? ETIMEDOUT : errno);
            break;
        }
        result = pump(h2);
    }
    if (result < 0) {
        weft__h2_drop(h2, errno);
    }
    h2->writing = false;
    h2->flushing = false;
    weft__h2_settle(h2);
    weft_condition_signal(&h2->done);
    return 0;
}

static void flush(struct weft__h2 *h2)
{
    int result = pump(h2);
    if (result > 0) {
        h2->writing = true;
        if (weft_go(&h2->connection->server->connections, wait_and_write,
                    (struct weft__h2 *){ h2 })) {
            return;
        }
        h2->writing = false;
        result = -1;
    }
    h2->flushing = false;
    if (result < 0) {
        weft__h2_drop(h2, errno);
    } else {
        weft__h2_settle(h2);
    }
}

void weft__h2_flush(struct weft__h2 *h2, bool gather_others)
{
    if (h2->flushing || h2->reading || h2->broken) {
        return;
    }
    h2->flushing = true;
    if (gather_others) {
        weft_yield();
    }
    flush(h2);
}

void weft__h2_look_for_stalls(struct weft__h2 *h2, int64_t now)
{
    int64_t timeout = h2->connection->server->options.write_timeout;
    weft__list_each(node, &h2->streams) {
        struct weft__h2_stream *stream = weft__container_of(node, struct weft__h2_stream, node);
        if (stream->out_left > 0 && now - stream->progress >= timeout) {
            stream->broken = ETIMEDOUT;
            nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
        }
    }
    if (nghttp2_session_want_write(h2->session)) {
        weft__h2_flush(h2, false);
    }
}
