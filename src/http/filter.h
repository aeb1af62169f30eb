#ifndef WEFT_HTTP_FILTER_H
#define WEFT_HTTP_FILTER_H

/*
 * What stands between a body that is written by a function and the stream it goes to.
 *
 *      the function --write--> filter.stream --operations--> filter.below --> ... the connection
 *
 * A middleware that changes or counts a body puts a body of its own around it. If the inner one
 * is read, so is the outer; if it writes itself, the outer hands it a filter.
 */

#include "http/exchange.h"

struct weft__filter_operations {
    /** Take bytes; with `flush` all that was taken must reach the stream below. 0; -1. */
    int (*write)(struct weft__filter *filter, const void *data, size_t length, bool flush);

    /** As write() with flush, without waiting: the stream below is idle. */
    void (*offer)(struct weft__filter *filter, const char *data, size_t length, int64_t now);

    /** True if nothing is held back. NULL: nothing ever is. */
    bool (*idle)(const struct weft__filter *filter);
};

struct weft__filter {
    const struct weft__filter_operations *operations;
    struct weft_http_stream stream; /* what the function writes to */
    struct weft_http_stream *below;
};

/** Begin, above a stream. */
void weft__filter_init(struct weft__filter *filter,
                       const struct weft__filter_operations *operations,
                       struct weft_http_stream *below);

/** Nothing will be written any more. */
void weft__filter_fini(struct weft__filter *filter);

/** weft_http_stream_write() and weft_http_stream_flush() of a filter's stream. */
int weft__filter_write(struct weft__filter *filter, const void *data, size_t length);
int weft__filter_flush(struct weft__filter *filter);

/** weft__output_idle() and weft__output_offer() of a filter's stream. */
bool weft__filter_idle(const struct weft__filter *filter);
void weft__filter_offer(struct weft__filter *filter, const char *data, size_t length, int64_t now);

#endif
