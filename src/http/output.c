/*
 * Sending a response: what a handler writes leaves at once, the head with the first of it.
 *
 *      out: [ head | small chunks ]     sent together with
 *      size line, data, CRLF            the handler's own bytes, in one call
 *
 * Small pieces are copied behind what waits in `out` and cost one plain send; large ones are sent
 * from where they are. A send that has to wait parks the handler, so nothing queues up.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "http/exchange.h"
#include "http/filter.h"

enum {
    CHUNK_END = 2, /* the CR LF behind a chunk */
};

static int broken(struct weft_http_stream *stream, int error)
{
    stream->broken = error;
    return weft__fail(error);
}

/* While a fiber is in the middle of a send, nobody else may write. */
static int transmit(struct weft_http_stream *stream, struct iovec *slices, size_t count)
{
    stream->sending = true;
    int result = stream->sink ? stream->sink->send(stream, slices, count)
                              : weft__stream_send(&stream->connection->stream, slices, count);
    stream->sending = false;
    stream->used = 0;
    stream->last = stream->connection ? stream->connection->server->clock : 0;
    return result < 0 ? broken(stream, errno) : 0;
}

static int transmit_out(struct weft_http_stream *stream)
{
    if (stream->sink) {
        struct iovec slice = { stream->out, stream->used };
        return transmit(stream, &slice, 1);
    }
    stream->sending = true;
    int result = weft__stream_send_one(&stream->connection->stream, stream->out, stream->used);
    stream->sending = false;
    stream->used = 0;
    stream->last = stream->connection ? stream->connection->server->clock : 0;
    return result < 0 ? broken(stream, errno) : 0;
}

/* Is the stream in a state in which `length` more bytes may be written? */
static int admit(struct weft_http_stream *stream, size_t length)
{
    if (stream->broken) {
        return weft__fail(stream->broken);
    }
    if (stream->sending) {
        return weft__fail(EBUSY);
    }
    if (stream->framing == WEFT__FRAMING_LENGTH) {
        if (length > stream->remaining) {
            return broken(stream, EMSGSIZE);
        }
        stream->remaining -= length;
    }
    return 0;
}

/* A corked stream gathers in memory of its own. */
static bool grow(struct weft_http_stream *stream)
{
    if (!stream->corked || stream->heap) {
        return false;
    }
    char *heap = malloc(WEFT_HTTP_STREAM_CORK);
    if (!heap) {
        return false; /* then it is sent, not gathered */
    }
    memcpy(heap, stream->out, stream->used);
    stream->heap = heap;
    stream->out = heap;
    stream->capacity = WEFT_HTTP_STREAM_CORK;
    return true;
}

static void append(struct weft_http_stream *stream, const void *data, size_t length)
{
    memcpy(stream->out + stream->used, data, length);
    stream->used += length;
}

int weft_http_stream_write(struct weft_http_stream *stream, const void *data, size_t length)
{
    if (length == 0 && !stream->broken) {
        return 0;
    }
    if (stream->filter) {
        return weft__filter_write(stream->filter, data, length);
    }
    if (admit(stream, length) < 0) {
        return -1;
    }
    char size[WEFT__HTTP1_CHUNK_HEAD];
    size_t prefix = 0;
    size_t suffix = 0;
    if (stream->framing == WEFT__FRAMING_CHUNKED) {
        prefix = weft__http1_chunk_head(size, length);
        suffix = CHUNK_END;
    }
    size_t framed = prefix + length + suffix;
    if (framed <= stream->capacity - stream->used ||
        (framed <= WEFT_HTTP_STREAM_CORK - stream->used && grow(stream))) {
        append(stream, size, prefix);
        append(stream, data, length);
        append(stream, "\r\n", suffix);
        return stream->corked ? 0 : transmit_out(stream);
    }
    struct iovec slices[] = {
        { stream->out, stream->used },
        { size, prefix },
        { (void *)(uintptr_t)data, length },
        { (char[]){ '\r', '\n' }, suffix },
    };
    return transmit(stream, slices, 4);
}

int weft_http_stream_printf(struct weft_http_stream *stream, const char *format, ...)
{
    char small[512];
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    int result = -1;
    if (length >= 0 && (size_t)length < sizeof(small)) {
        result = weft_http_stream_write(stream, small, (size_t)length);
    } else if (length >= 0) {
        char *large = NULL;
        if (vasprintf(&large, format, again) >= 0) {
            result = weft_http_stream_write(stream, large, (size_t)length);
            int error = errno;
            free(large);
            errno = error;
        }
    }
    va_end(again);
    return result;
}

void weft_http_stream_cork(struct weft_http_stream *stream)
{
    stream->corked = true;
}

int weft_http_stream_uncork(struct weft_http_stream *stream)
{
    stream->corked = false;
    return weft_http_stream_flush(stream);
}

int weft_http_stream_flush(struct weft_http_stream *stream)
{
    if (stream->filter) {
        return weft__filter_flush(stream->filter);
    }
    if (admit(stream, 0) < 0) {
        return -1;
    }
    return stream->used || stream->sink ? transmit_out(stream) : 0;
}

bool weft_http_stream_stopping(const struct weft_http_stream *stream)
{
    return stream->connection && stream->connection->server->stopping;
}

int weft__output_end(struct weft_http_stream *stream)
{
    static const char LAST[] = "0\r\n\r\n";
    if (admit(stream, 0) < 0) {
        return -1;
    }
    if (stream->framing == WEFT__FRAMING_LENGTH && stream->remaining > 0) {
        return broken(stream, EBADMSG);
    }
    if (stream->framing == WEFT__FRAMING_CHUNKED) {
        if (sizeof(LAST) - 1 > stream->capacity - stream->used && transmit_out(stream) < 0) {
            return -1;
        }
        append(stream, LAST, sizeof(LAST) - 1);
    }
    if (stream->used && transmit_out(stream) < 0) {
        return -1;
    }
    return stream->sink && stream->sink->end ? stream->sink->end(stream) : 0;
}

void weft__output_fini(struct weft_http_stream *stream)
{
    weft__list_remove(&stream->beat);
    free(stream->heap);
    stream->heap = NULL;
}

bool weft__output_idle(const struct weft_http_stream *stream)
{
    return !stream->broken && !stream->sending && !stream->used &&
           (!stream->filter || weft__filter_idle(stream->filter));
}

void weft__output_offer(struct weft_http_stream *stream, const char *data, size_t length,
                        int64_t now)
{
    char framed[WEFT__HTTP1_CHUNK_HEAD + WEFT__OFFER_MAX + CHUNK_END];
    size_t size = 0;
    stream->last = now;
    if (stream->filter) {
        weft__filter_offer(stream->filter, data, length, now);
        return;
    }
    if (stream->sink) {
        stream->sink->beat(stream, data, length);
        return;
    }
    bool chunked = stream->framing == WEFT__FRAMING_CHUNKED;
    if (chunked) {
        size = weft__http1_chunk_head(framed, length);
    }
    memcpy(framed + size, data, length);
    size += length;
    if (chunked) {
        memcpy(framed + size, "\r\n", CHUNK_END);
        size += CHUNK_END;
    }
    ssize_t sent = weft__stream_try_send(&stream->connection->stream, framed, size);
    if (sent < 0) {
        stream->broken = errno;
    } else if (sent > 0 || stream->connection->stream.tls) {
        append(stream, framed + sent, size - (size_t)sent);
    }
}

void weft__output_beat(struct weft_http_stream *stream, int64_t now)
{
    if (now - stream->last >= stream->interval && weft__output_idle(stream)) {
        weft__output_offer(stream, ":\n\n", 3, now);
    }
}
