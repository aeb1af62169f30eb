#ifndef WEFT_HTTP_HEADERS_INTERNAL_H
#define WEFT_HTTP_HEADERS_INTERNAL_H

#include <weft/http/headers.h>

#include "base/slice.h"

/** The name of a field, or its value, as a slice. */
static inline struct weft__slice weft__field_name(const struct weft_http_field *field)
{
    return weft__slice(field->name, field->name_length);
}

static inline struct weft__slice weft__field_value(const struct weft_http_field *field)
{
    return weft__slice(field->value, field->value_length);
}

/**
 * Add a field of texts that are known to be valid and to outlive the exchange: nothing is copied.
 * 0; -1: ENOMEM, ENOBUFS.
 */
int weft__headers_put(struct weft_http_headers *headers, struct weft__slice name,
                      struct weft__slice value);

/** Make room for `count` fields in all. 0; -1: ENOMEM, ENOBUFS. */
int weft__headers_reserve(struct weft_http_headers *headers, size_t count);

#endif
