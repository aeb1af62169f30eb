#ifndef WEFT_NET_TLS_SERVER_H
#define WEFT_NET_TLS_SERVER_H

#include "net/tls.h"

/** The context that a new connection begins with. */
struct ssl_ctx_st *weft__tls_server_context(struct weft__tls_server *server);

#endif
