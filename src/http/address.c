#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <weft/error.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "proto/ip.h"

static const uint8_t MAPPED[12] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96 */

struct weft__address weft__address_of(enum weft__family family, const void *bytes, uint16_t port)
{
    struct weft__address address = { .port = port, .family = (uint8_t)family };
    const uint8_t *source = bytes;
    if (family == WEFT__FAMILY_IPV6 && memcmp(source, MAPPED, sizeof(MAPPED)) == 0) {
        address.family = WEFT__FAMILY_IPV4;
        memcpy(address.bytes, source + sizeof(MAPPED), 4);
    } else if (family == WEFT__FAMILY_IPV4 || family == WEFT__FAMILY_IPV6) {
        memcpy(address.bytes, source, family == WEFT__FAMILY_IPV4 ? 4 : 16);
    }
    return address;
}

int weft__address_peer(int fd, struct weft__address *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } name;
    socklen_t size = sizeof(name);
    if (getpeername(fd, &name.any, &size) < 0) {
        return -1;
    }
    switch (name.any.sa_family) {
    case AF_INET:
        *address = weft__address_of(WEFT__FAMILY_IPV4, &name.v4.sin_addr, ntohs(name.v4.sin_port));
        break;
    case AF_INET6:
        *address =
            weft__address_of(WEFT__FAMILY_IPV6, &name.v6.sin6_addr, ntohs(name.v6.sin6_port));
        break;
    default:
        *address = weft__address_of(WEFT__FAMILY_UNIX, NULL, 0);
    }
    return 0;
}

static int parse_port(struct weft__slice text, uint16_t *port)
{
    uint64_t number;
    if (text.length > 5 || weft__parse_decimal(text, &number) < 0 || number > UINT16_MAX) {
        return weft__fail(EINVAL);
    }
    *port = (uint16_t)number;
    return 0;
}

/* Into host and port. 0; -1 EINVAL. */
static int cut(struct weft__slice text, struct weft__slice *host, uint16_t *port)
{
    size_t colon = weft__slice_find(text, ':');
    *port = 0;
    *host = text;
    if (text.length && text.data[0] == '[') {
        size_t end = weft__slice_find(text, ']');
        if (end == text.length) {
            return weft__fail(EINVAL);
        }
        *host = weft__slice(text.data + 1, end - 1);
        text = weft__slice(text.data + end + 1, text.length - end - 1);
        if (text.length == 0) {
            return 0;
        }
        return text.data[0] == ':' ? parse_port(weft__slice(text.data + 1, text.length - 1), port)
                                   : weft__fail(EINVAL);
    }
    bool one = colon < text.length && !memchr(text.data + colon + 1, ':', text.length - colon - 1);
    if (!one) {
        return 0;
    }
    *host = weft__slice(text.data, colon);
    return parse_port(weft__slice(text.data + colon + 1, text.length - colon - 1), port);
}

int weft__address_parse(struct weft__slice text, struct weft__address *address)
{
    struct weft__slice host;
    uint16_t port;
    uint8_t bytes[16];
    if (weft__slice_is(text, "unix")) {
        *address = weft__address_of(WEFT__FAMILY_UNIX, NULL, 0);
        return 0;
    }
    if (cut(text, &host, &port) < 0) {
        return -1;
    }
    bool v6 = weft__slice_find(host, ':') < host.length;
    if ((v6 ? weft__ipv6_parse(host, bytes) : weft__ipv4_parse(host, bytes)) < 0) {
        return -1;
    }
    *address = weft__address_of(v6 ? WEFT__FAMILY_IPV6 : WEFT__FAMILY_IPV4, bytes, port);
    return 0;
}

void weft__address_format(const struct weft__address *address, char text[WEFT__ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN];
    char port[8] = "";
    bool v6 = address->family == WEFT__FAMILY_IPV6;
    if (address->family != WEFT__FAMILY_IPV4 && !v6) {
        memcpy(text, "unix", sizeof("unix"));
        return;
    }
    inet_ntop(v6 ? AF_INET6 : AF_INET, address->bytes, host, sizeof(host));
    if (address->port) {
        snprintf(port, sizeof(port), ":%u", address->port);
    }
    snprintf(text, WEFT__ADDRESS_TEXT, v6 ? "[%s]%s" : "%s%s", host, port);
}

size_t weft__address_key(const struct weft__address *address, uint8_t key[9])
{
    size_t length = address->family == WEFT__FAMILY_IPV6 ? 8 : 4;
    key[0] = address->family;
    memcpy(key + 1, address->bytes, length);
    return length + 1;
}

int weft__network_parse(struct weft__slice text, struct weft__network *network)
{
    size_t slash = weft__slice_find(text, '/');
    uint64_t bits = 0;
    struct weft__address *address = &network->address;
    if (weft__address_parse(weft__slice(text.data, slash), address) < 0 || address->port) {
        return weft__fail(EINVAL);
    }
    unsigned most = address->family == WEFT__FAMILY_IPV6   ? 128
                    : address->family == WEFT__FAMILY_IPV4 ? 32
                                                           : 0;
    network->bits = most;
    if (slash == text.length) {
        return 0;
    }
    if (weft__parse_decimal(weft__slice(text.data + slash + 1, text.length - slash - 1), &bits) <
            0 ||
        bits > most) {
        return weft__fail(EINVAL);
    }
    network->bits = (unsigned)bits;
    return 0;
}

struct weft__network *weft__networks_new(const char *const *texts, size_t count)
{
    if (count > WEFT__NETWORKS_MAX) {
        weft_error_set("http", EINVAL, EINVAL, "reading a list of addresses: %zu are too many",
                       count);
        return NULL;
    }
    struct weft__network *networks = weft__calloc(count + 1, sizeof(*networks));
    for (size_t i = 0; networks && i < count; i++) {
        if (weft__network_parse(weft__slice_string(texts[i]), &networks[i]) < 0) {
            weft__free(networks);
            weft_error_set("http", EINVAL, EINVAL,
                           "reading a list of addresses: '%s' is neither an address nor a network "
                           "such as 10.0.0.0/8, nor 'unix'",
                           texts[i]);
            return NULL;
        }
    }
    return networks;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned bytes = bits / 8;
    unsigned rest = bits % 8;
    return memcmp(a, b, bytes) == 0 && (rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0);
}

bool weft__networks_have(const struct weft__network *networks, size_t count,
                         const struct weft__address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (networks[i].address.family == address->family &&
            same_bits(networks[i].address.bytes, address->bytes, networks[i].bits)) {
            return true;
        }
    }
    return false;
}
