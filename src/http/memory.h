#ifndef WEFT_HTTP_MEMORY_H
#define WEFT_HTTP_MEMORY_H

/*
 * The memory of one exchange: bytes are handed out in a row and given back all at once.
 *
 *      inline: [ used | next ... end ]      enough for an ordinary request and answer
 *      blocks: heap, each twice the last    what did not fit
 */

#include <stdarg.h>
#include <stddef.h>

#include <weft/http/headers.h>

enum {
    WEFT__MEMORY_INLINE = 768, /* lies in the exchange, on the fiber's stack */
    WEFT__MEMORY_BLOCK = 4096, /* the first heap block */
};

struct weft__memory_block;
struct weft__memory_deferred;

struct weft_http_memory {
    char *next;
    char *end;
    size_t total; /* heap bytes */
    struct weft__memory_block *blocks;
    struct weft__memory_deferred *deferred;
    _Alignas(max_align_t) char room[WEFT__MEMORY_INLINE];
};

/** Begin, empty. */
void weft__memory_init(struct weft_http_memory *memory);

/** Run what was deferred. The memory stays. */
void weft__memory_leave(struct weft_http_memory *memory);

/** Run what was deferred, free everything. */
void weft__memory_fini(struct weft_http_memory *memory);

/** A copy with a NUL behind it; NULL and errno: ENOMEM, ENOBUFS. */
char *weft__memory_copy(struct weft_http_memory *memory, const char *data, size_t length);

/**
 * A copy of `size` bytes; with size 0 the pointer itself. NULL and errno, where size is above 0:
 * ENOMEM, ENOBUFS.
 */
void *weft__memory_keep(struct weft_http_memory *memory, const void *data, size_t size);

/** weft_http_format() with a va_list. */
__attribute__((format(printf, 2, 0))) char *weft__memory_vformat(struct weft_http_memory *memory,
                                                                 const char *format, va_list args);

#endif
