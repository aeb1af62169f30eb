#ifndef WEFT_HTTP_WRAP_H
#define WEFT_HTTP_WRAP_H

/* A body around a body that changes nothing by itself: kinds replace single operations. */

#include <weft/http/body.h>

struct weft__wrap {
    struct weft_http_body body;
    struct weft_http_body *source; /* owned */
};

ssize_t weft__wrap_read(struct weft_http_body *body, const void **chunk);
void weft__wrap_close(struct weft_http_body *body, int error);
int weft__wrap_rewind(struct weft_http_body *body);
int64_t weft__wrap_length(struct weft_http_body *body);
bool weft__wrap_ready(struct weft_http_body *body);

#endif
