/* A library that was built without nghttp2 speaks HTTP/1 only. */
#include "base/fail.h"
#include "http/exchange.h"

const bool weft__http2_built = false;

int weft__connection_choose(struct weft__connection *connection)
{
    (void)connection;
    return 1;
}

int weft__h2_interim(struct weft__exchange *exchange, unsigned status,
                     const struct weft_http_headers *headers)
{
    (void)exchange, (void)status, (void)headers;
    return weft__fail(ENOTSUP);
}
