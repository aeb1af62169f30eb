#ifndef WEFT_HTTP_CODER_H
#define WEFT_HTTP_CODER_H

/* Compressors behind one interface. Which of them exist is decided when the library is built. */

#include "base/buffer.h"

enum {
    WEFT__CODER_PIECE = 16384,   /* most bytes of one weft__coder_run() */
    WEFT__CODER_LIMIT = 1 << 18, /* most bytes of output at a time */
    WEFT__CODER_ROOM = 4096,     /* output space asked for at a time */
};

enum weft__coder_step {
    WEFT__CODER_MORE,
    WEFT__CODER_FLUSH, /* all that was taken can be decoded from what was given out */
    WEFT__CODER_END,
};

struct weft__coder;

struct weft__coder_kind {
    const char *name; /* the content coding's */
    size_t memory;    /* bytes that one takes at most */
    struct weft__coder *(*make)(void);
    int (*run)(struct weft__coder *coder, const void *data, size_t length,
               enum weft__coder_step step, struct weft__buffer *out);
    void (*rest)(struct weft__coder *coder); /* give memory back behind a flush; may be NULL */
    void (*free)(struct weft__coder *coder);
};

/* Embedded first in each. */
struct weft__coder {
    const struct weft__coder_kind *kind;
};

/** NULL: the library was built without it. */
extern const struct weft__coder_kind *const weft__coder_gzip;
extern const struct weft__coder_kind *const weft__coder_brotli;
extern const struct weft__coder_kind *const weft__coder_zstd;

#endif
