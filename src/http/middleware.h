#ifndef WEFT_HTTP_MIDDLEWARE_INTERNAL_H
#define WEFT_HTTP_MIDDLEWARE_INTERNAL_H

/* What all middleware of the library has in common: one block of memory, told by its `call`. */

#include <weft/http/middleware.h>

#include "base/slice.h"

struct weft__middleware;

struct weft__middleware_kind {
    size_t size; /* of the whole struct */
    int (*call)(struct weft__middleware *self, struct weft_http_request *request,
                struct weft_http_response *response);
    void (*fini)(struct weft__middleware *self); /* may be NULL */
};

/* Embedded first in each. */
struct weft__middleware {
    struct weft_http_handler handler;
    const struct weft__middleware_kind *kind;
};

/**
 * Make one, zeroed beyond its head, around a handler.
 *
 * NULL and errno: ENOMEM, with what was to be wrapped freed; whatever errno says if `next` is NULL.
 */
void *weft__middleware_new(const struct weft__middleware_kind *kind,
                           struct weft_http_handler *next);

/** A list of texts in one block, with NULL behind the last; NULL and errno ENOMEM. */
char **weft__texts_copy(const char *const *texts, size_t count);

/** Add a name to the field `vary`, unless it is there. 0; -1: ENOMEM, ENOBUFS. */
int weft__headers_vary(struct weft_http_headers *headers, const char *name);

/** Set a field unless the message has it. 0; -1. */
int weft__headers_default(struct weft_http_headers *headers, const char *name, const char *value);

/** Answer with a status and a text, in place of what the handler would have said. */
int weft__refuse(struct weft_http_response *response, int status, const char *text);

#endif
