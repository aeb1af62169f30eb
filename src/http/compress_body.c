/*
 * A body around a body: what the inner one gives is compressed on its way out, piece by piece. The
 * compressor is flushed whenever the inner body has nothing more at hand.
 */
#include "http/compress_body.h"

#include <string.h>

#include <weft/error.h>

#include "base/fail.h"
#include "http/filter.h"

struct compress_body {
    struct weft_http_body body;
    struct weft_http_body *source;
    struct weft__coder *coder;
    size_t *used;
    struct weft__buffer out;
    struct weft__slice rest; /* read from the source, not compressed yet */
    bool ended;
};

/* When the body writes itself. */
struct compress_filter {
    struct weft__filter filter;
    struct compress_body *body;
    bool dirty; /* taken and not flushed */
};

static int code(struct compress_body *body, const void *data, size_t length,
                enum weft__coder_step step)
{
    return body->coder->kind->run(body->coder, data, length, step, &body->out);
}

/* Read the source once, or take up what is left of its last chunk. 0; -1. */
static int advance(struct compress_body *body)
{
    if (body->rest.length == 0) {
        const void *chunk = NULL;
        ssize_t got = weft_http_body_read(body->source, &chunk);
        if (got < 0) {
            return -1;
        }
        body->rest = weft__slice(chunk, (size_t)got);
        if (got == 0) {
            body->ended = true;
            return code(body, NULL, 0, WEFT__CODER_END);
        }
    }
    struct weft__slice piece = body->rest;
    if (piece.length > WEFT__CODER_PIECE) {
        piece.length = WEFT__CODER_PIECE;
    }
    body->rest = weft__slice(piece.data + piece.length, body->rest.length - piece.length);
    bool more = body->rest.length > 0 || weft_http_body_ready(body->source);
    return code(body, piece.data, piece.length, more ? WEFT__CODER_MORE : WEFT__CODER_FLUSH);
}

static ssize_t compress_read(struct weft_http_body *base, const void **chunk)
{
    struct compress_body *body = (struct compress_body *)base;
    weft__buffer_clear(&body->out);
    while (body->out.length == 0 && !body->ended) {
        if (advance(body) < 0) {
            return -1;
        }
    }
    *chunk = weft__buffer_slice(&body->out).data;
    return (ssize_t)body->out.length;
}

static bool compress_ready(struct weft_http_body *base)
{
    struct compress_body *body = (struct compress_body *)base;
    return body->ended || body->rest.length > 0 || weft_http_body_ready(body->source);
}

static void compress_close(struct weft_http_body *base, int error)
{
    struct compress_body *body = (struct compress_body *)base;
    *body->used -= body->coder->kind->memory;
    body->coder->kind->free(body->coder);
    weft__buffer_fini(&body->out);
    weft_http_body_close(body->source, error);
}

/* Compress one piece and pass on what comes of it. */
static int filter_step(struct compress_filter *filter, const void *data, size_t length,
                       enum weft__coder_step step)
{
    struct weft__buffer *out = &filter->body->out;
    if (code(filter->body, data, length, step) < 0) {
        return -1;
    }
    struct weft__slice bytes = weft__buffer_slice(out);
    int result = weft_http_stream_write(filter->filter.below, bytes.data, bytes.length);
    weft__buffer_clear(out);
    return result;
}

static int filter_write(struct weft__filter *base, const void *data, size_t length, bool flush)
{
    struct compress_filter *filter = (struct compress_filter *)base;
    const char *at = data;
    while (length > 0) {
        size_t piece = length < WEFT__CODER_PIECE ? length : WEFT__CODER_PIECE;
        bool last = piece == length && flush;
        filter->dirty = !last;
        if (filter_step(filter, at, piece, last ? WEFT__CODER_FLUSH : WEFT__CODER_MORE) < 0) {
            return -1;
        }
        at += piece;
        length -= piece;
    }
    if (flush && filter->dirty) {
        filter->dirty = false;
        if (filter_step(filter, NULL, 0, WEFT__CODER_FLUSH) < 0) {
            return -1;
        }
    }
    return flush ? weft_http_stream_flush(base->below) : 0;
}

static bool filter_idle(const struct weft__filter *base)
{
    return !((const struct compress_filter *)base)->dirty;
}

/* A silent stream: after the comment it holds no compressor and no buffer, if its coding can do
 * without. */
static void filter_offer(struct weft__filter *base, const char *data, size_t length, int64_t now)
{
    struct compress_filter *filter = (struct compress_filter *)base;
    struct compress_body *body = filter->body;
    if (code(body, data, length, WEFT__CODER_FLUSH) < 0 || body->out.length > WEFT__OFFER_MAX) {
        base->stream.broken = ENOMEM;
        return;
    }
    struct weft__slice bytes = weft__buffer_slice(&body->out);
    weft__output_offer(base->below, bytes.data, bytes.length, now);
    weft__buffer_fini(&body->out);
    weft__buffer_init(&body->out, WEFT__CODER_LIMIT);
    if (body->coder->kind->rest) {
        body->coder->kind->rest(body->coder);
    }
}

static const struct weft__filter_operations filter_operations = {
    .write = filter_write,
    .offer = filter_offer,
    .idle = filter_idle,
};

static int compress_stream(struct weft_http_body *base, struct weft_http_stream *stream)
{
    struct compress_filter filter = { .body = (struct compress_body *)base };
    struct weft_http_body *source = filter.body->source;
    weft__filter_init(&filter.filter, &filter_operations, stream);
    int result = source->operations->stream(source, &filter.filter.stream);
    if (result >= 0) {
        result = filter_step(&filter, NULL, 0, WEFT__CODER_END);
    }
    weft__filter_fini(&filter.filter);
    return result;
}

static const struct weft_http_body_operations read_operations = {
    .read = compress_read,
    .close = compress_close,
    .ready = compress_ready,
};

static const struct weft_http_body_operations stream_operations = {
    .stream = compress_stream,
    .close = compress_close,
};

struct weft_http_body *weft__compress_body(struct weft_http_memory *memory,
                                           const struct weft__coder_kind *kind, size_t *used,
                                           struct weft_http_body *source)
{
    struct compress_body *body = weft_http_allocate(memory, sizeof(*body));
    if (!body) {
        return NULL;
    }
    *body = (struct compress_body){ .source = source, .coder = kind->make(), .used = used };
    if (!body->coder) {
        errno = ENOMEM;
        return NULL;
    }
    *used += kind->memory;
    weft__buffer_init(&body->out, WEFT__CODER_LIMIT);
    body->body.operations = source->operations->stream ? &stream_operations : &read_operations;
    return &body->body;
}
