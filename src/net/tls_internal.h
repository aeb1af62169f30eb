#ifndef WEFT_NET_TLS_INTERNAL_H
#define WEFT_NET_TLS_INTERNAL_H

/* What the files of TLS share of OpenSSL. */

#include <openssl/ssl.h>

#include "net/tls.h"

/** A connection's TLS in neither role yet. NULL and errno ENOMEM. */
struct weft__tls *weft__tls_make(SSL_CTX *context, int fd);

/** Its SSL object. */
SSL *weft__tls_object(const struct weft__tls *tls);

/* tls_verify.c */

/** Have a context trust the authorities of a file, or the system's. 0; -1 with weft_error(). */
int weft__tls_trust(SSL_CTX *context, const char *path);

/** Have a connection refuse any certificate that is not for that name or address. 0; -1. */
int weft__tls_expect(SSL *ssl, const char *name);

/** Is one of the pins that of a key in the chain? */
bool weft__tls_is_pinned(SSL *ssl, const char *const *pins);

/** A pin that can be one: "sha256/" and 44 characters. */
bool weft__tls_is_pin(const char *text);

#endif
