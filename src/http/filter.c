#include "http/filter.h"

#include "base/fail.h"

void weft__filter_init(struct weft__filter *filter,
                       const struct weft__filter_operations *operations,
                       struct weft_http_stream *below)
{
    filter->operations = operations;
    filter->below = below;
    filter->stream = (struct weft_http_stream){
        .filter = filter,
        .connection = below->connection,
        .framing = below->framing,
        .last = below->last,
    };
    weft__list_init(&filter->stream.beat);
}

void weft__filter_fini(struct weft__filter *filter)
{
    weft__list_remove(&filter->stream.beat);
}

static int pass(struct weft__filter *filter, const void *data, size_t length, bool flush)
{
    struct weft_http_stream *stream = &filter->stream;
    if (stream->broken) {
        return weft__fail(stream->broken);
    }
    if (stream->sending) {
        return weft__fail(EBUSY);
    }
    stream->sending = true;
    int result = filter->operations->write(filter, data, length, flush);
    stream->sending = false;
    stream->last = filter->below->last;
    if (result < 0) {
        stream->broken = errno;
    }
    return result;
}

int weft__filter_write(struct weft__filter *filter, const void *data, size_t length)
{
    return pass(filter, data, length, !filter->stream.corked);
}

int weft__filter_flush(struct weft__filter *filter)
{
    return pass(filter, NULL, 0, true);
}

bool weft__filter_idle(const struct weft__filter *filter)
{
    const struct weft__filter_operations *operations = filter->operations;
    return (!operations->idle || operations->idle(filter)) && weft__output_idle(filter->below);
}

void weft__filter_offer(struct weft__filter *filter, const char *data, size_t length, int64_t now)
{
    filter->operations->offer(filter, data, length, now);
}
