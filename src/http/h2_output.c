/*
 * Sending.
 *
 *      handlers' bytes ──nghttp2 asks, as windows and priorities allow──> a block ──> socket
 *
 * They are copied once, into a block that is given back when it is sent. While the socket is full a
 * fiber waits for it, and nothing more is asked for, so nothing more queues up.
 */
#include <string.h>

#include <weft/run.h>
#include <weft/task.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/h2.h"

enum {
    TURN = 16, /* sends before other fibers get their turn */
};

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

static void append(struct weft__h2 *h2, const void *data, size_t length)
{
    memcpy(h2->out + h2->out_end, data, length);
    h2->out_end += length;
}

int weft__h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t length, nghttp2_data_source *source, void *user)
{
    struct weft__h2_stream *stream = source->ptr;
    struct weft__h2 *h2 = user;
    (void)session, (void)frame;
    if (h2->out_end >= WEFT__H2_BATCH) {
        return NGHTTP2_ERR_WOULDBLOCK; /* asked again behind the next send */
    }
    append(h2, head, WEFT__H2_HEAD);
    append(h2, stream->out, length);
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
    if (stream->deferred && !stream->closed && !stream->h2->broken) {
        stream->deferred = false;
        weft__h2_check(stream->h2, nghttp2_session_resume_data(stream->h2->session, stream->id));
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

/* Frames, until enough for one send is there. 0; -1 and errno. */
static int gather(struct weft__h2 *h2)
{
    h2->out_start = h2->out_end = 0;
    while (h2->out_end < WEFT__H2_BATCH) {
        const uint8_t *frame;
        ssize_t length = nghttp2_session_mem_send(h2->session, &frame);
        if (length < 0) {
            return weft__h2_check(h2, (int)length);
        }
        if (length == 0) {
            break;
        }
        append(h2, frame, (size_t)length);
    }
    return 0;
}

/* Around the hooks: whoever flushes may have been cancelled, and others' frames still have to go.
 */
static ssize_t try_send(struct weft__h2 *h2)
{
    WEFT_BLOCKING();
    return weft__stream_try_send(&h2->connection->stream, h2->out + h2->out_start,
                                 h2->out_end - h2->out_start);
}

/* What was gathered: 0 sent; 1 the socket is full; -1. */
static int send_gathered(struct weft__h2 *h2)
{
    while (h2->out_start < h2->out_end) {
        ssize_t sent = try_send(h2);
        if (sent <= 0) {
            return sent < 0 ? -1 : 1;
        }
        h2->out_start += (size_t)sent;
    }
    return 0;
}

/*
 * 0 all has been sent; 1 the socket is full; -1. It gives way to other fibers now and then, which
 * add frames meanwhile and leave it to us to send them: so the end is when there are none.
 */
static int pump(struct weft__h2 *h2)
{
    if (!h2->out && !(h2->out = weft__h2_block_take(h2->shared))) {
        return -1;
    }
    int result;
    unsigned turn = 0;
    do {
        if (++turn % TURN == 0) {
            weft_yield();
        }
        result = send_gathered(h2);
    } while (result == 0 && (result = gather(h2)) == 0 && h2->out_end > 0);
    if (result == 0) {
        weft__h2_block_give(h2->shared, h2->out);
        h2->out = NULL;
    }
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
    if (!h2->broken) {
        weft__h2_settle(h2);
    }
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

void weft__h2_flush_credit(struct weft__h2 *h2, bool gather_others)
{
    if (!h2->broken && nghttp2_session_want_write(h2->session)) {
        weft__h2_flush(h2, gather_others);
    }
}

void weft__h2_look_for_stalls(struct weft__h2 *h2, int64_t now)
{
    int64_t timeout = h2->connection->server->options.write_timeout;
    weft__list_each(node, &h2->streams) {
        struct weft__h2_stream *stream = weft__container_of(node, struct weft__h2_stream, node);
        if (stream->out_left > 0 && now - stream->progress >= timeout) {
            stream->broken = ETIMEDOUT;
            weft__h2_reset(h2, stream->id, NGHTTP2_CANCEL);
        }
    }
    weft__h2_flush_credit(h2, false);
}
