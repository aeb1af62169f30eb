/* Compressed responses: gzip, br and zstd. */
#ifndef WEFT_HTTP_COMPRESS_H
#define WEFT_HTTP_COMPRESS_H

#include <weft/base.h>
#include <weft/http/middleware.h>

WEFT_BEGIN_DECLS

/** Content codings, for a set of them. */
enum {
    WEFT_HTTP_GZIP = 1,   /**< zlib */
    WEFT_HTTP_BROTLI = 2, /**< "br" */
    WEFT_HTTP_ZSTD = 4,   /**< Zstandard */
};

/** Options of weft_http_compress_new(). A zeroed struct asks for the defaults. */
struct weft_http_compress_options {
    unsigned codings; /**< which may be used; 0: all that the library was built with */
    size_t minimum; /**< bytes below which a response of known length goes as it is. Default 256 */
    size_t memory;  /**< bytes that all compressors together may take; a coding that would take
                         more is left out. Default 64 MiB */
};

/**
 * Compress responses for clients that accept it.
 *
 * The coding with the highest quality in the request's accept-encoding is taken. Of equals, zstd
 * comes before br before gzip; for what a function writes as it goes gzip comes first: it takes 136
 * KiB in place of 1.75 MiB, and none while an event stream is silent. `vary` tells caches. What a
 * producer writes leaves at once, as without compression: the compressor is flushed whenever it has
 * nothing more at hand.
 *
 * Left as they are: HEAD, statuses 1xx, 204, 206 and 304, what has a content-encoding or
 * content-range, `cache-control: no-transform`, types that hardly shrink (images, video, archives),
 * what is shorter than `minimum`. A strong etag becomes a weak one.
 *
 * A secret and text that an attacker chooses must not be compressed together (BREACH): answer such
 * pages with `cache-control: no-transform`.
 *
 * @param options   NULL: the defaults.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           ENOTSUP the library was built without a coding that is asked for: weft_error()
 *                  names it; ENOMEM; next is NULL: errno is left.
 * Units            bytes
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 * Source           RFC 9110, 8.4 and 12.5.3; RFC 1952, 7932, 8878, 9659
 */
WEFT_API struct weft_http_handler *
weft_http_compress_new(const struct weft_http_compress_options *options,
                       struct weft_http_handler *next);

WEFT_END_DECLS

#endif
