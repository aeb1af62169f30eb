/* WebSockets of a library that was built without HTTP/2. */
#include "base/fail.h"
#include "http/exchange.h"
#include "http/websocket.h"

enum weft__next weft__h2_socket_begin(struct weft__exchange *exchange, void *argument)
{
    (void)exchange, (void)argument;
    return WEFT__NEXT_CLOSE;
}
