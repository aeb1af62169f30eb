#ifndef WEFT_HTTP_CLIENT_PROXY_H
#define WEFT_HTTP_CLIENT_PROXY_H

/* Proxies: which one an origin is reached by. */

#include <stdbool.h>
#include <stdint.h>

#include "http/memory.h"

enum weft__proxy_kind {
    WEFT__PROXY_NONE,
    WEFT__PROXY_HTTP,
    WEFT__PROXY_SOCKS5,
};

struct weft__client_proxy {
    enum weft__proxy_kind kind;
    const char *host;
    uint16_t port;
    const char *user;          /* decoded; NULL: none */
    const char *password;      /* with a user */
    const char *authorization; /* the value of proxy-authorization; NULL: none */
};

/** Read a proxy's URL: http, socks5 or socks5h. 0; -1: EINVAL, ENOMEM. */
int weft__client_proxy_parse(struct weft__client_proxy *proxy, struct weft_http_memory *memory,
                             const char *url);

/** The proxy that the environment names for an origin; NULL: none. */
const char *weft__proxy_of_environment(bool secure, const char *host, uint16_t port);

#endif
