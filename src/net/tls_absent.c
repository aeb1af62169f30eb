/* TLS of a library that was built without OpenSSL: there is none, and making a server says so. */
#include "net/tls.h"

#include <weft/error.h>

#include "base/fail.h"

struct weft__tls_server *weft__tls_server_new(const struct weft__tls_options *options)
{
    (void)options;
    weft_error_set("tls", ENOTSUP, ENOTSUP,
                   "serving TLS: the library was built without it (install libssl-dev and build it "
                   "with -Dtls=enabled)");
    return NULL;
}

void weft__tls_server_free(struct weft__tls_server *server)
{
    (void)server;
}

int weft__tls_server_refresh(struct weft__tls_server *server)
{
    (void)server;
    return 0;
}

struct weft__tls *weft__tls_accept(struct weft__tls_server *server, int fd)
{
    (void)server, (void)fd;
    errno = ENOTSUP;
    return NULL;
}

void weft__tls_free(struct weft__tls *tls)
{
    (void)tls;
}

int weft__tls_handshake(struct weft__tls *tls)
{
    (void)tls;
    return weft__fail(ENOTSUP);
}

short weft__tls_wants(const struct weft__tls *tls)
{
    (void)tls;
    return 0;
}

const char *weft__tls_reason(const struct weft__tls *tls)
{
    (void)tls;
    return "";
}

ssize_t weft__tls_read(struct weft__tls *tls, void *buffer, size_t size)
{
    (void)tls, (void)buffer, (void)size;
    return weft__fail(ENOTSUP);
}

ssize_t weft__tls_peek(struct weft__tls *tls, void *buffer, size_t size)
{
    (void)tls, (void)buffer, (void)size;
    return weft__fail(ENOTSUP);
}

ssize_t weft__tls_write(struct weft__tls *tls, const void *data, size_t length)
{
    (void)tls, (void)data, (void)length;
    return weft__fail(ENOTSUP);
}

bool weft__tls_halfway(const struct weft__tls *tls)
{
    (void)tls;
    return false;
}

void weft__tls_goodbye(struct weft__tls *tls)
{
    (void)tls;
}

bool weft__tls_speaks(const struct weft__tls *tls, const char *protocol)
{
    (void)tls, (void)protocol;
    return false;
}

bool weft__tls_client_subject(const struct weft__tls *tls, char *text, size_t size)
{
    (void)tls, (void)text, (void)size;
    return false;
}
