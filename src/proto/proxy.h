#ifndef WEFT_PROTO_PROXY_H
#define WEFT_PROTO_PROXY_H

/*
 * The PROXY protocol, versions 1 and 2: what a proxy says of its client before anything else.
 *
 *      1:  PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n
 *      2:  12 bytes of signature | version, command | family | length | addresses | TLVs
 *
 * Source: haproxy's doc/proxy-protocol.txt.
 */

#include <stdint.h>

#include "base/slice.h"

enum {
    WEFT__PROXY_LINE_MAX = 107,    /* bytes of a version 1 header */
    WEFT__PROXY_HEADER_MAX = 2048, /* of a version 2 header, TLVs and all */
};

enum weft__proxy_result {
    WEFT__PROXY_DONE,
    WEFT__PROXY_MORE,    /* all bytes so far belong to a header that goes on */
    WEFT__PROXY_INVALID, /* no header, or a malformed one */
};

enum weft__proxy_family {
    WEFT__PROXY_UNKNOWN, /* the proxy speaks for itself, or can't say: the socket's peer counts */
    WEFT__PROXY_IPV4,
    WEFT__PROXY_IPV6,
    WEFT__PROXY_UNIX,
};

struct weft__proxy {
    size_t length; /* of the header */
    enum weft__proxy_family family;
    uint8_t source[16]; /* the first 4 of IPv4 */
    uint8_t destination[16];
    uint16_t source_port;
    uint16_t destination_port;
};

/** Parse a header at the beginning of bytes. `proxy` is set with WEFT__PROXY_DONE. */
enum weft__proxy_result weft__proxy_parse(struct weft__proxy *proxy, struct weft__slice bytes);

#endif
