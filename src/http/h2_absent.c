/* A library that was built without nghttp2 speaks HTTP/1 only. */
#include "http/exchange.h"

const bool weft__http2_built = false;

int weft__connection_choose(struct weft__connection *connection)
{
    (void)connection;
    return 1;
}
