#ifndef WEFT_HTTP_FIRST_H
#define WEFT_HTTP_FIRST_H

/*
 * What comes before a connection's first request, told by its first bytes.
 *
 *      [PROXY header, from a proxy that is named]  [TLS handshake]  HTTP
 */

#include "http/server.h"

/** Take up the options about peers. 0; -1 and errno, with weft_error(). */
int weft__server_peers(struct weft_http_server *server, const struct weft_http_options *options);

/** Give back what weft__server_peers() made. */
void weft__server_peers_free(struct weft_http_server *server);

/** True if a fresh connection's first bytes have to be looked at before its requests. */
bool weft__server_looks_first(const struct weft_http_server *server);

/**
 * Take a PROXY header off a connection, if one is to come, and see that its client has not too many
 * connections. 1 go on; 0 nothing has come after all; -1 it is to be closed.
 */
int weft__connection_identify(struct weft__connection *connection);

/** The connection ends: its client has one less. */
void weft__connection_forget(struct weft__connection *connection);

#endif
