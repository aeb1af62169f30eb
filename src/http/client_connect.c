/* New connections: TCP or a Unix socket, then TLS. */
#include <poll.h>
#include <string.h>

#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"
#include "net/dial.h"

static const char *advice(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return " (is the server running, and is the port right?)";
    case ENETUNREACH:
    case EHOSTUNREACH:
        return " (is this machine on the network?)";
    case EMFILE:
        return " (raise the limit on open files: ulimit -n)";
    case ENOENT:
        return " (no server listens on that socket)";
    default:
        return "";
    }
}

static int connecting_late(const struct weft__call *call, bool tls, int64_t deadline)
{
    const struct weft_http_client_options *options = &call->client->options;
    if (deadline == call->deadline) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_TIMEOUT, ETIMEDOUT,
                               "not done in time, %s (see timeout)",
                               tls ? "in the TLS handshake" : "while connecting");
    }
    int64_t ms = (tls ? options->tls_timeout : options->connect_timeout) / WEFT_MILLISECOND;
    return weft__call_fail(
        call, tls ? WEFT_HTTP_ERROR_TLS_TIMEOUT : WEFT_HTTP_ERROR_CONNECT_TIMEOUT, ETIMEDOUT,
        tls ? "the TLS handshake took longer than %lld ms (see tls_timeout)"
            : "not connected after %lld ms (see connect_timeout)",
        (long long)ms);
}

/* Whom to connect to first: the proxy, if there is one. */
static const char *host_of(const struct weft_http_client *client)
{
    return client->proxy.kind ? client->proxy.host : client->origin.host;
}

static int explain(const struct weft__call *call, const struct weft__dial *dial, int64_t deadline)
{
    const struct weft_http_client *client = call->client;
    int error = errno;
    switch (dial->failure) {
    case WEFT__DIAL_LOOKUP:
        return weft__call_fail(call, WEFT_HTTP_ERROR_LOOKUP, error,
                               "looking up '%s': %s (is the name right?)", host_of(client),
                               dial->detail);
    case WEFT__DIAL_LATE:
        return connecting_late(call, false, deadline);
    case WEFT__DIAL_STOPPED:
        return weft__call_stopped(call, error);
    default:
        return weft__call_fail(call, WEFT_HTTP_ERROR_CONNECT, error, "connecting: %s%s",
                               strerror(error), advice(error));
    }
}

/* When something that begins now has to be done. */
static int64_t deadline_in(const struct weft__call *call, int64_t timeout)
{
    int64_t now = weft_now();
    int64_t until = timeout >= WEFT_FOREVER - now ? WEFT_FOREVER : now + timeout;
    return until < call->deadline ? until : call->deadline;
}

int weft__client_await(const struct weft__call *call, const struct weft__stream *stream,
                       short events, int64_t deadline)
{
    struct pollfd wait = { .fd = stream->fd, .events = events };
    int64_t left = deadline == WEFT_FOREVER ? WEFT_FOREVER : deadline - weft_now();
    if (left <= 0) {
        return connecting_late(call, stream->tls != NULL, deadline);
    }
    int64_t ms = left == WEFT_FOREVER ? -1 : (left + WEFT_MILLISECOND - 1) / WEFT_MILLISECOND;
    if (poll(&wait, 1, ms > INT32_MAX ? INT32_MAX : (int)ms) < 0 && errno != EINTR) {
        return weft__call_stopped(call, errno);
    }
    return 0;
}

static int handshake_failed(const struct weft__call *call, const struct weft__tls *tls, int error)
{
    const char *verdict = weft__tls_verdict(tls);
    const char *reason = weft__tls_reason(tls);
    if (error == EPROTO && verdict) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_CERTIFICATE, EKEYREJECTED,
                               "the server's certificate is refused: %s (see the tls options)",
                               verdict);
    }
    if (error == EPROTO) {
        bool plain = strstr(reason, "wrong version") || strstr(reason, "packet length");
        return weft__call_fail(call, WEFT_HTTP_ERROR_TLS, EPROTO, "TLS: %s%s", reason,
                               plain ? " (does the server speak TLS on this port?)" : "");
    }
    return weft__call_fail(call, WEFT_HTTP_ERROR_TLS, error,
                           "the connection ended in the TLS handshake: %s", strerror(error));
}

static int secure(struct weft__call *call, struct weft__stream *stream)
{
    struct weft_http_client *client = call->client;
    int64_t deadline = deadline_in(call, client->options.tls_timeout);
    stream->tls = weft__tls_connect(client->tls, stream->fd);
    if (!stream->tls) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory for TLS");
    }
    while (weft__tls_handshake(stream->tls) < 0) {
        if (errno != EAGAIN) {
            return handshake_failed(call, stream->tls, errno);
        }
        if (weft__client_await(call, stream, weft__tls_wants(stream->tls), deadline) < 0) {
            return -1;
        }
    }
    client->stats.resumed += weft__tls_resumed(stream->tls);
    if (weft__tls_client_check(client->tls, stream->tls) < 0) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_CERTIFICATE, EKEYREJECTED,
                               "no key of the server's chain is among the pins");
    }
    return 0;
}

/* The rest of the way, if a proxy is in between. A proxy of HTTP takes plain requests as they are.
 */
static int through(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    const struct weft_http_client *client = call->client;
    switch (client->options.connect ? WEFT__PROXY_NONE : client->proxy.kind) {
    case WEFT__PROXY_SOCKS5:
        return weft__tunnel_socks5(call, stream, deadline);
    case WEFT__PROXY_HTTP:
        return client->origin.secure ? weft__tunnel_connect(call, stream, deadline) : 0;
    default:
        return 0;
    }
}

int weft__client_connect(struct weft__call *call, struct weft__client_connection *connection)
{
    const struct weft_http_client *client = call->client;
    const struct weft__origin *origin = &client->origin;
    int64_t deadline = deadline_in(call, client->options.connect_timeout);
    struct weft__dial dial = { WEFT__DIAL_CONNECT, NULL };
    uint16_t port = client->proxy.kind ? client->proxy.port : origin->port;
    int fd = client->options.connect ? client->options.connect(client->options.connect_context)
             : origin->path          ? weft__dial_unix(origin->path, deadline, &dial)
                                     : weft__dial_host(host_of(client), port, deadline, &dial);
    if (fd < 0) {
        return explain(call, &dial, deadline);
    }
    weft__stream_init(&connection->stream, fd, &call->client->pool,
                      client->limits.head + WEFT__HTTP1_ROOM, WEFT_FOREVER);
    if (through(call, &connection->stream, deadline) < 0) {
        return -1;
    }
    return client->tls ? secure(call, &connection->stream) : 0;
}
