/* TLS on a server's connections: begun when the first byte looks like it. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <weft/error.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/exchange.h"
#include "http/first.h"

enum {
    HANDSHAKE = 0x16 /* the first byte of a TLS connection: RFC 8446, 5.1 */
};

#define LOOK_AGAIN_AFTER (2 * WEFT_SECOND)

/* The most wanted first; the first entry is left out of a server without HTTP/2. */
static const unsigned char PROTOCOLS[] = "\x02h2\x08http/1.1\x08http/1.0";

_Static_assert(WEFT_HTTP_CERTIFICATES_MAX == WEFT__TLS_CERTIFICATES_MAX, "one limit, two names");

int weft__server_secure(struct weft_http_server *server, const struct weft_http_tls *tls)
{
    struct weft__tls_files files[8];
    struct weft__tls_files *all = files;
    if (tls->count > sizeof(files) / sizeof(*files) && tls->count <= WEFT__TLS_CERTIFICATES_MAX) {
        all = calloc(tls->count, sizeof(*all));
        if (!all) {
            return -1;
        }
    }
    for (size_t i = 0; i < tls->count && tls->count <= WEFT__TLS_CERTIFICATES_MAX; i++) {
        all[i] =
            (struct weft__tls_files){ tls->certificates[i].certificate, tls->certificates[i].key };
    }
    size_t skip = server->options.http1_only ? 3 : 0;
    struct weft__tls_options options = {
        .files = all,
        .count = tls->certificates ? tls->count : 0,
        .client_authority = tls->client_authority,
        .client_optional = tls->client_optional,
        .minimum = tls->minimum ? tls->minimum : 12,
        .protocols = PROTOCOLS + skip,
        .protocols_length = sizeof(PROTOCOLS) - 1 - skip,
        .tickets = tls->tickets,
    };
    server->tls = weft__tls_server_new(&options);
    server->tls_plain = tls->plain;
    server->tls_checked = weft_now();
    int error = errno;
    if (all != files) {
        free(all);
    }
    return server->tls ? 0 : weft__fail(error);
}

/* Certificates that were renewed are taken up without a restart. */
static void look_at_files(struct weft_http_server *server)
{
    int64_t now = weft_now();
    if (now - server->tls_checked < LOOK_AGAIN_AFTER) {
        return;
    }
    server->tls_checked = now;
    int changed = weft__tls_server_refresh(server->tls);
    const struct weft_error *detail = weft_error();
    if (changed > 0) {
        weft_log(WEFT_LOG_INFO, "http: certificates were read again");
    } else if (changed < 0) {
        weft_log(WEFT_LOG_ERROR, "http: a certificate that has changed is not taken up: %s",
                 detail ? detail->message : strerror(errno));
    }
}

static int shake_hands(struct weft__connection *connection)
{
    struct weft_http_server *server = connection->server;
    look_at_files(server);
    struct weft__tls *tls = weft__tls_accept(server->tls, connection->stream.fd);
    if (tls && weft__stream_secure(&connection->stream, tls, server->options.head_timeout) == 0) {
        server->stats.handshakes++;
        return 1;
    }
    const char *reason = tls && errno == EPROTO ? weft__tls_reason(tls) : strerror(errno);
    weft_log(WEFT_LOG_DEBUG, "http: a TLS handshake failed: %s", reason);
    server->stats.tls_failures++;
    return -1;
}

int weft__connection_begin(struct weft__connection *connection)
{
    unsigned char first;
    int known = weft__connection_identify(connection);
    if (known <= 0 || !connection->server->tls) {
        return known;
    }
    ssize_t got = recv(connection->stream.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    if (first == HANDSHAKE) {
        return shake_hands(connection);
    }
    if (connection->server->tls_plain) {
        return 1;
    }
    weft__response_refuse(connection, 400, "this port speaks HTTPS: use https:// in the address");
    weft__stream_linger(&connection->stream, WEFT__LINGER_MAX, WEFT_SECOND);
    return -1;
}

const char *weft_http_request_client(struct weft_http_request *request)
{
    const struct weft__exchange *exchange = request->connection_;
    char text[512];
    if (!exchange || !exchange->connection->stream.tls ||
        !weft__tls_client_subject(exchange->connection->stream.tls, text, sizeof(text))) {
        return NULL;
    }
    return weft__memory_copy(request->memory, text, strlen(text));
}
