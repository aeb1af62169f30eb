#ifndef WEFT_HTTP_COMPRESS_BODY_H
#define WEFT_HTTP_COMPRESS_BODY_H

#include <weft/http/body.h>

#include "http/coder.h"

/**
 * A body that compresses another, which it owns from now on.
 *
 * @param used   What all compressors of a middleware take together; changed by kind->memory.
 * @return       The body; NULL and errno: nothing has changed then.
 */
struct weft_http_body *weft__compress_body(struct weft_http_memory *memory,
                                           const struct weft__coder_kind *kind, size_t *used,
                                           struct weft_http_body *source);

#endif
