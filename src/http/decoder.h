#ifndef WEFT_HTTP_DECODER_H
#define WEFT_HTTP_DECODER_H

/* Undoing a content coding, a step at a time. One implementation a coding. */

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/** What a step came to. */
enum weft__decoded {
    WEFT__DECODED_MORE,   /* all input was taken, and more is needed */
    WEFT__DECODED_FULL,   /* the output is full, there may be more of it */
    WEFT__DECODED_END,    /* the coded data is complete; input may be left */
    WEFT__DECODED_BROKEN, /* malformed */
    WEFT__DECODED_MEMORY,
};

struct weft__decoder {
    const char *name;
    bool repeats; /* coded data may follow coded data */
    /** A state of its own; NULL: no memory. */
    void *(*open)(void);
    void (*close)(void *state);
    /** Takes bytes off the input, puts some to the output (which has `room`), tells how many. */
    enum weft__decoded (*step)(void *state, struct weft__slice *input, char *output, size_t room,
                               size_t *produced);
};

extern const struct weft__decoder weft__decoder_gzip;
extern const struct weft__decoder weft__decoder_brotli;
extern const struct weft__decoder weft__decoder_zstd;

#endif
