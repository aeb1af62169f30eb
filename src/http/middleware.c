#include "http/middleware.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/headers.h"

static int run(struct weft_http_handler *handler, struct weft_http_request *request,
               struct weft_http_response *response)
{
    struct weft__middleware *self = (struct weft__middleware *)handler;
    return self->kind->call(self, request, response);
}

void *weft__middleware_new(const struct weft__middleware_kind *kind, struct weft_http_handler *next)
{
    if (!next) {
        errno = errno ? errno : EINVAL;
        return NULL;
    }
    struct weft__middleware *self = weft__calloc(1, kind->size);
    if (!self) {
        weft_http_middleware_free(next);
        errno = ENOMEM;
        return NULL;
    }
    self->handler.call = run;
    self->handler.next = next;
    self->kind = kind;
    return self;
}

void weft_http_middleware_free(struct weft_http_handler *handler)
{
    int error = errno;
    while (handler && handler->call == run) {
        struct weft__middleware *self = (struct weft__middleware *)handler;
        handler = handler->next;
        if (self->kind->fini) {
            self->kind->fini(self);
        }
        weft__free(self);
    }
    errno = error;
}

char **weft__texts_copy(const char *const *texts, size_t count)
{
    size_t size = (count + 1) * sizeof(char *);
    for (size_t i = 0; i < count; i++) {
        size += strlen(texts[i]) + 1;
    }
    char **list = weft__malloc(size);
    if (!list) {
        return NULL;
    }
    char *at = (char *)(list + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]) + 1;
        list[i] = memcpy(at, texts[i], length);
        at += length;
    }
    list[count] = NULL;
    return list;
}

int weft__headers_vary(struct weft_http_headers *headers, const char *name)
{
    const char *now = weft_http_headers_get(headers, "vary");
    if (!now) {
        return weft_http_headers_add(headers, "vary", name);
    }
    if (weft_http_headers_has(headers, "vary", "*") ||
        weft_http_headers_has(headers, "vary", name)) {
        return 0;
    }
    return weft_http_headers_add(headers, "vary", name);
}

int weft__headers_default(struct weft_http_headers *headers, const char *name, const char *value)
{
    return weft_http_headers_get(headers, name) ? 0 : weft_http_headers_add(headers, name, value);
}

int weft__refuse(struct weft_http_response *response, int status, const char *text)
{
    return weft_http_response_text(response, status, "%s\n", text);
}
