/* A body that counts what passes through it. */
#include "http/count.h"

#include "http/filter.h"
#include "http/wrap.h"

struct counted {
    struct weft__wrap wrap;
    uint64_t *bytes;
};

struct count_filter {
    struct weft__filter filter;
    uint64_t *bytes;
};

static ssize_t count_read(struct weft_http_body *body, const void **chunk)
{
    ssize_t got = weft__wrap_read(body, chunk);
    if (got > 0) {
        *((struct counted *)body)->bytes += (uint64_t)got;
    }
    return got;
}

static int count_write(struct weft__filter *base, const void *data, size_t length, bool flush)
{
    *((struct count_filter *)base)->bytes += length;
    base->below->corked = !flush;
    if (weft_http_stream_write(base->below, data, length) < 0) {
        return -1;
    }
    return flush ? weft_http_stream_flush(base->below) : 0;
}

static void count_offer(struct weft__filter *base, const char *data, size_t length, int64_t now)
{
    *((struct count_filter *)base)->bytes += length;
    weft__output_offer(base->below, data, length, now);
}

static const struct weft__filter_operations filter_operations = {
    .write = count_write,
    .offer = count_offer,
};

static int count_stream(struct weft_http_body *body, struct weft_http_stream *stream)
{
    const struct counted *counted = (struct counted *)body;
    struct weft_http_body *source = counted->wrap.source;
    struct count_filter filter = { .bytes = counted->bytes };
    weft__filter_init(&filter.filter, &filter_operations, stream);
    int result = source->operations->stream(source, &filter.filter.stream);
    weft__filter_fini(&filter.filter);
    return result;
}

static const struct weft_http_body_operations read_operations = {
    .read = count_read,
    .close = weft__wrap_close,
    .rewind = weft__wrap_rewind,
    .length = weft__wrap_length,
    .ready = weft__wrap_ready,
};

static const struct weft_http_body_operations stream_operations = {
    .stream = count_stream,
    .close = weft__wrap_close,
    .length = weft__wrap_length,
};

int weft__count_body(struct weft_http_response *response, uint64_t *bytes)
{
    struct weft_http_body *source = response->body;
    if (!source) {
        return 0;
    }
    struct counted *counted = weft_http_allocate(response->memory, sizeof(*counted));
    if (!counted) {
        return -1;
    }
    bool streams = source->operations->stream != NULL;
    *counted = (struct counted){
        { { streams ? &stream_operations : &read_operations, false }, source },
        bytes,
    };
    response->body = &counted->wrap.body;
    return 0;
}
