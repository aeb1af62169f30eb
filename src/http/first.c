#include "http/first.h"

#include <string.h>
#include <sys/socket.h>

#include <weft/error.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/exchange.h"
#include "http/keyhash.h"
#include "proto/proxy.h"

enum {
    BUCKETS = 1024,
};

/* Connections by their clients' addresses. */
struct weft__peers {
    struct weft__network *proxies;
    size_t count;
    size_t most; /* connections of one address; 0: no limit */
    struct weft__hash_secret secret;
    struct weft__list buckets[BUCKETS];
};

int weft__server_peers(struct weft_http_server *server, const struct weft_http_options *options)
{
    if (options->proxy_count == 0 && options->max_connections_per_address == 0) {
        return 0;
    }
    struct weft__peers *peers = weft__calloc(1, sizeof(*peers));
    if (!peers) {
        return -1;
    }
    peers->most = options->max_connections_per_address;
    peers->count = options->proxy_count;
    peers->proxies = weft__networks_new(options->proxies, options->proxy_count);
    if (!peers->proxies) {
        int error = errno;
        weft__free(peers);
        return weft__fail(error);
    }
    weft__hash_secret_make(&peers->secret);
    for (size_t i = 0; i < BUCKETS; i++) {
        weft__list_init(&peers->buckets[i]);
    }
    server->peers = peers;
    return 0;
}

void weft__server_peers_free(struct weft_http_server *server)
{
    if (server->peers) {
        weft__free(server->peers->proxies);
        weft__free(server->peers);
        server->peers = NULL;
    }
}

bool weft__server_looks_first(const struct weft_http_server *server)
{
    return server->tls || server->peers;
}

int weft__connection_peer(const struct weft__connection *connection, struct weft__address *address)
{
    if (connection->peer.family == WEFT__FAMILY_NONE) {
        return weft__address_peer(connection->stream.fd, address);
    }
    *address = connection->peer;
    return 0;
}

static void note_peer(struct weft__connection *connection, const struct weft__proxy *proxy)
{
    static const enum weft__family FAMILIES[] = { WEFT__FAMILY_NONE, WEFT__FAMILY_IPV4,
                                                  WEFT__FAMILY_IPV6, WEFT__FAMILY_UNIX };
    if (proxy->family != WEFT__PROXY_UNKNOWN) {
        connection->peer =
            weft__address_of(FAMILIES[proxy->family], proxy->source, proxy->source_port);
    }
}

/*
 * Look at what is there, and take what belongs to the header, not a byte more: TLS reads the socket
 * by itself. 1 done; 0 wait for more; -1.
 */
static int take_some(struct weft__connection *connection, char *header, size_t *filled)
{
    struct weft__proxy proxy;
    int fd = connection->stream.fd;
    ssize_t got =
        recv(fd, header + *filled, WEFT__PROXY_HEADER_MAX - *filled, MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) {
        bool later = got < 0 && (errno == EAGAIN || errno == EINTR);
        return later ? 0 : -1;
    }
    enum weft__proxy_result result =
        weft__proxy_parse(&proxy, weft__slice(header, *filled + (size_t)got));
    if (result == WEFT__PROXY_INVALID) {
        weft_log(WEFT_LOG_WARNING, "http: a proxy that is trusted sent no PROXY header, or a "
                                   "malformed one: the connection is closed");
        return -1;
    }
    size_t mine = result == WEFT__PROXY_DONE ? proxy.length - *filled : (size_t)got;
    if (recv(fd, header + *filled, mine, MSG_DONTWAIT) != (ssize_t)mine) {
        return -1;
    }
    *filled += mine;
    if (result == WEFT__PROXY_DONE) {
        note_peer(connection, &proxy);
        return 1;
    }
    return 0;
}

/* 1; 0 nothing has come after all; -1. */
static int take_header(struct weft__connection *connection)
{
    char *header = weft__malloc(WEFT__PROXY_HEADER_MAX);
    size_t filled = 0;
    if (!header) {
        return -1;
    }
    WEFT_TIMEOUT(connection->server->options.head_timeout);
    int taken = take_some(connection, header, &filled);
    bool begun = taken != 0 || filled > 0;
    while (begun && taken == 0) {
        taken = weft__stream_wait_readable(&connection->stream) < 0
                    ? -1
                    : take_some(connection, header, &filled);
    }
    weft__free(header);
    return taken;
}

static bool same(const struct weft__address *a, const struct weft__address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Enter a connection among those of its client. 0; -1: there are too many. */
static int enter(struct weft__connection *connection, const struct weft__address *address)
{
    struct weft__peers *peers = connection->server->peers;
    uint8_t key[9];
    size_t length = weft__address_key(address, key);
    struct weft__list *bucket =
        &peers->buckets[weft__keyhash(&peers->secret, key, length) % BUCKETS];
    size_t count = 0;
    weft__list_each(node, bucket) {
        const struct weft__connection *other =
            weft__container_of(node, struct weft__connection, kin);
        count += same(&other->kin_of, address);
    }
    if (count >= peers->most) {
        return -1;
    }
    connection->kin_of = *address;
    weft__list_append(bucket, &connection->kin);
    return 0;
}

/* Of IPv6 the network counts, as everywhere. */
static void narrow(struct weft__address *address)
{
    address->port = 0;
    if (address->family == WEFT__FAMILY_IPV6) {
        memset(address->bytes + 8, 0, 8);
    }
}

static int admit(struct weft__connection *connection)
{
    struct weft_http_server *server = connection->server;
    struct weft__address address;
    if (server->peers->most == 0 || !weft__list_empty(&connection->kin)) {
        return 1;
    }
    if (weft__connection_peer(connection, &address) < 0) {
        return -1;
    }
    if (address.family == WEFT__FAMILY_UNIX) {
        return 1; /* no address to count by */
    }
    narrow(&address);
    if (enter(connection, &address) == 0) {
        return 1;
    }
    server->stats.overloaded++;
    if (!server->tls) {
        weft__response_refuse(connection, 503, "there are too many connections from this address");
        weft__stream_linger(&connection->stream, WEFT__LINGER_MAX, WEFT_SECOND);
    }
    return -1;
}

int weft__connection_identify(struct weft__connection *connection)
{
    const struct weft__peers *peers = connection->server->peers;
    struct weft__address address;
    if (!peers) {
        return 1;
    }
    if (peers->count > 0 && !connection->introduced) {
        if (weft__address_peer(connection->stream.fd, &address) < 0) {
            return -1;
        }
        if (weft__networks_have(peers->proxies, peers->count, &address)) {
            int taken = take_header(connection);
            if (taken <= 0) {
                return taken;
            }
        }
        connection->introduced = true;
    }
    return admit(connection);
}

void weft__connection_forget(struct weft__connection *connection)
{
    weft__list_remove(&connection->kin);
}
