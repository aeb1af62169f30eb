#ifndef WEFT_NET_TLS_H
#define WEFT_NET_TLS_H

/*
 * TLS beneath a stream, by OpenSSL.
 *
 *      stream ──read, write──> SSL ──BIO: recv and send that never wait──> socket
 *
 * The BIO answers "retry" where the socket would block, the SSL call comes back, and the fiber
 * parks outside of it, for what weft__tls_wants() says. So a reader and a writer fiber may share a
 * connection: neither is ever inside the SSL object while the other runs.
 *
 *      tls.c          a connection
 *      tls_server.c   certificates: chosen by name, read again when their files change
 *      tls_ticket.c   the keys of session tickets, the same in all workers of a parent
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** A connection's TLS. Opaque. */
struct weft__tls;

/** What a server's connections share. Opaque. */
struct weft__tls_server;

/** Files of one certificate. */
struct weft__tls_files {
    const char *certificate; /* PEM: the leaf first, then the chain */
    const char *key;         /* PEM; NULL: in the same file */
};

struct weft__tls_options {
    const struct weft__tls_files *files; /* the first answers to names that none is for */
    size_t count;
    const char *client_authority; /* PEM: who may have signed a client's certificate. NULL: none */
    bool client_optional;         /* a client may come without one */
    int minimum;                  /* 12 or 13 */
    const unsigned char *protocols; /* ALPN, as on the wire, the most wanted first */
    size_t protocols_length;
    const unsigned char *tickets; /* 32 secret bytes; NULL: drawn */
};

enum {
    WEFT__TLS_CERTIFICATES_MAX = 256,
    WEFT__TLS_RECORD = 16384 /* most bytes of one record: RFC 8446, 5.1 */
};

/**
 * Read certificates and keys. The options are copied.
 *
 * NULL and errno, with weft_error() naming the file and what is wrong with it.
 */
struct weft__tls_server *weft__tls_server_new(const struct weft__tls_options *options);

void weft__tls_server_free(struct weft__tls_server *server);

/**
 * Read again what has changed on disk since.
 *
 * 1 something was; 0 nothing; -1 and errno, with weft_error(): all stays as it was.
 */
int weft__tls_server_refresh(struct weft__tls_server *server);

/** TLS for an accepted socket, the handshake still to come. NULL and errno ENOMEM. */
struct weft__tls *weft__tls_accept(struct weft__tls_server *server, int fd);

/** Free it; the socket is the caller's. */
void weft__tls_free(struct weft__tls *tls);

/**
 * Go on with the handshake: 0 done; -1 and errno: EAGAIN wait for weft__tls_wants(), EPROTO it
 * failed (weft__tls_reason()), ENOTSUP the peer speaks plain HTTP, ECONNRESET.
 */
int weft__tls_handshake(struct weft__tls *tls);

/** What to poll for after an EAGAIN: POLLIN or POLLOUT. */
short weft__tls_wants(const struct weft__tls *tls);

/** Why the last call failed, in OpenSSL's words; "" if it did not. */
const char *weft__tls_reason(const struct weft__tls *tls);

/** Bytes; 0 the peer has closed properly; -1: EAGAIN, ECONNRESET, EPROTO. */
ssize_t weft__tls_read(struct weft__tls *tls, void *buffer, size_t size);

/** weft__tls_read() that leaves the bytes there. */
ssize_t weft__tls_peek(struct weft__tls *tls, void *buffer, size_t size);

/**
 * Bytes, at most one record's; -1: EAGAIN, EPIPE, ECONNRESET, EPROTO. After an EAGAIN the same
 * bytes, and not fewer, must come first in the next call.
 */
ssize_t weft__tls_write(struct weft__tls *tls, const void *data, size_t length);

/** Whether a record has been begun whose bytes must come first in the next write. */
bool weft__tls_halfway(const struct weft__tls *tls);

/** Say that nothing more will come (close_notify), if that can be done without waiting. */
void weft__tls_goodbye(struct weft__tls *tls);

/** True if both have agreed on that protocol (ALPN). */
bool weft__tls_speaks(const struct weft__tls *tls, const char *protocol);

/** The subject of the client's certificate as text in MEMORY of SIZE; false: it has shown none. */
bool weft__tls_client_subject(const struct weft__tls *tls, char *text, size_t size);

/* tls_ticket.c */

struct ssl_ctx_st;

/** Seal the tickets of a context with keys that come from SECRET and the time. */
int weft__tls_tickets_install(struct ssl_ctx_st *context, const unsigned char secret[32]);

#endif
