/* TLS of a client in a library that was built without OpenSSL: making one says so. */
#include <weft/error.h>

#include "base/fail.h"
#include "net/tls_client.h"

struct weft__tls_client *weft__tls_client_new(const struct weft__tls_client_options *options)
{
    (void)options;
    weft_error_set("tls", ENOTSUP, ENOTSUP,
                   "https: the library was built without TLS (install libssl-dev and build it "
                   "with -Dtls=enabled)");
    return NULL;
}

void weft__tls_client_free(struct weft__tls_client *client)
{
    (void)client;
}

struct weft__tls *weft__tls_connect(struct weft__tls_client *client, int fd)
{
    (void)client, (void)fd;
    errno = ENOTSUP;
    return NULL;
}

int weft__tls_client_check(const struct weft__tls_client *client, const struct weft__tls *tls)
{
    (void)client, (void)tls;
    return weft__fail(ENOTSUP);
}

const char *weft__tls_verdict(const struct weft__tls *tls)
{
    (void)tls;
    return NULL;
}

bool weft__tls_resumed(const struct weft__tls *tls)
{
    (void)tls;
    return false;
}
