#ifndef WEFT_NET_TLS_CLIENT_H
#define WEFT_NET_TLS_CLIENT_H

/*
 * TLS as a client: who the server has to be, and the sessions that are resumed.
 *
 *      tls_client.c     what the connections of one client to one origin share
 *      tls_verify.c     certificates: trust, names, pins, and what is wrong with one in words
 */

#include "net/tls.h"

/** What a client's connections share. Opaque. */
struct weft__tls_client;

struct weft__tls_client_options {
    const char *authorities; /* PEM: whom to trust. NULL: the system's */
    const char *certificate; /* PEM, to be shown when asked. NULL: none */
    const char *key;         /* PEM; NULL: in the same file */
    const char *const *pins; /* "sha256/" and base64 of a public key, ended by NULL. NULL: none */
    const char *name;        /* who the server has to be: a host name, or an address */
    bool insecure;           /* whoever answers is believed */
    int minimum;             /* 12 or 13 */
    const unsigned char *protocols; /* ALPN, as on the wire, the most wanted first */
    size_t protocols_length;
};

/** Read what is trusted and shown. Options are copied. NULL and errno, with weft_error(). */
struct weft__tls_client *weft__tls_client_new(const struct weft__tls_client_options *options);

void weft__tls_client_free(struct weft__tls_client *client);

/** TLS for a connected socket, the handshake still to come. NULL and errno ENOMEM. */
struct weft__tls *weft__tls_connect(struct weft__tls_client *client, int fd);

/** Is it who it has to be, once the handshake is done? 0; -1 and EKEYREJECTED: see _verdict(). */
int weft__tls_client_check(const struct weft__tls_client *client, const struct weft__tls *tls);

/** What is wrong with the server's certificate, in words; NULL: nothing. Static text. */
const char *weft__tls_verdict(const struct weft__tls *tls);

/** True if the handshake resumed a session. */
bool weft__tls_resumed(const struct weft__tls *tls);

#endif
