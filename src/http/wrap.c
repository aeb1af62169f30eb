#include "http/wrap.h"

static struct weft_http_body *source_of(struct weft_http_body *body)
{
    return ((struct weft__wrap *)body)->source;
}

ssize_t weft__wrap_read(struct weft_http_body *body, const void **chunk)
{
    return weft_http_body_read(source_of(body), chunk);
}

void weft__wrap_close(struct weft_http_body *body, int error)
{
    weft_http_body_close(source_of(body), error);
}

int weft__wrap_rewind(struct weft_http_body *body)
{
    return weft_http_body_rewind(source_of(body));
}

int64_t weft__wrap_length(struct weft_http_body *body)
{
    return weft_http_body_length(source_of(body));
}

bool weft__wrap_ready(struct weft_http_body *body)
{
    return weft_http_body_ready(source_of(body));
}
