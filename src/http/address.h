#ifndef WEFT_HTTP_ADDRESS_H
#define WEFT_HTTP_ADDRESS_H

/* Addresses of peers, and networks that are trusted. An IPv4 address inside IPv6 is IPv4. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct sockaddr;

enum weft__family {
    WEFT__FAMILY_NONE,
    WEFT__FAMILY_UNIX,
    WEFT__FAMILY_IPV4,
    WEFT__FAMILY_IPV6,
};

struct weft__address {
    uint8_t bytes[16]; /* the first 4 of IPv4 */
    uint16_t port;     /* 0: not known */
    uint8_t family;
};

enum {
    WEFT__ADDRESS_TEXT = 64, /* room for a text */
    WEFT__NETWORKS_MAX = 256,
};

/** Of four or sixteen bytes. */
struct weft__address weft__address_of(enum weft__family family, const void *bytes, uint16_t port);

/** Of the peer of a socket. 0; -1 and errno. */
int weft__address_peer(int fd, struct weft__address *address);

/** "1.2.3.4", "1.2.3.4:5", "::1", "[::1]", "[::1]:5", "unix". 0; -1 EINVAL. */
int weft__address_parse(struct weft__slice text, struct weft__address *address);

/** "1.2.3.4:5", "[::1]:5", "unix"; without a port if that is 0. */
void weft__address_format(const struct weft__address *address, char text[WEFT__ADDRESS_TEXT]);

/** The bytes by which a client is known: all of IPv4, the first 64 bits of IPv6. Their number. */
size_t weft__address_key(const struct weft__address *address, uint8_t key[9]);

struct weft__network {
    struct weft__address address;
    unsigned bits;
};

/** "10.0.0.0/8", "::1", "unix". 0; -1 EINVAL. */
int weft__network_parse(struct weft__slice text, struct weft__network *network);

/**
 * A list of networks on the heap, checked. NULL and errno: EINVAL, with weft_error(), ENOMEM.
 */
struct weft__network *weft__networks_new(const char *const *texts, size_t count);

bool weft__networks_have(const struct weft__network *networks, size_t count,
                         const struct weft__address *address);

#endif
