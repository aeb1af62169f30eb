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

static int explain(const struct weft__call *call, const struct weft__dial *dial, int64_t deadline)
{
    const struct weft_http_client *client = call->client;
    int error = errno;
    switch (dial->failure) {
    case WEFT__DIAL_LOOKUP:
        return weft__call_fail(call, WEFT_HTTP_ERROR_LOOKUP, error,
                               "looking up '%s': %s (is the name right?)", client->origin.host,
                               dial->detail);
    case WEFT__DIAL_LATE:
        if (deadline == call->deadline) {
            return weft__call_fail(call, WEFT_HTTP_ERROR_TIMEOUT, ETIMEDOUT,
                                   "not done in time, while connecting (see timeout)");
        }
        return weft__call_fail(call, WEFT_HTTP_ERROR_CONNECT_TIMEOUT, ETIMEDOUT,
                               "not connected after %lld ms (see connect_timeout)",
                               (long long)(client->options.connect_timeout / WEFT_MILLISECOND));
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

static int handshake_late(const struct weft__call *call, int64_t deadline)
{
    if (deadline == call->deadline) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_TIMEOUT, ETIMEDOUT,
                               "not done in time, in the TLS handshake (see timeout)");
    }
    return weft__call_fail(call, WEFT_HTTP_ERROR_TLS_TIMEOUT, ETIMEDOUT,
                           "the TLS handshake took longer than %lld ms (see tls_timeout)",
                           (long long)(call->client->options.tls_timeout / WEFT_MILLISECOND));
}

/* Wait for what the handshake wants. 0; -1 with weft_error(). */
static int wait_for(const struct weft__call *call, const struct weft__stream *stream,
                    int64_t deadline)
{
    struct pollfd wait = { .fd = stream->fd, .events = weft__tls_wants(stream->tls) };
    int64_t left = deadline == WEFT_FOREVER ? WEFT_FOREVER : deadline - weft_now();
    if (left <= 0) {
        return handshake_late(call, deadline);
    }
    int64_t ms = left == WEFT_FOREVER ? -1 : (left + WEFT_MILLISECOND - 1) / WEFT_MILLISECOND;
    if (poll(&wait, 1, ms > INT32_MAX ? INT32_MAX : (int)ms) < 0 && errno != EINTR) {
        return weft__call_stopped(call, errno);
    }
    return 0;
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
        if (wait_for(call, stream, deadline) < 0) {
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

int weft__client_connect(struct weft__call *call, struct weft__client_connection *connection)
{
    const struct weft_http_client *client = call->client;
    const struct weft__origin *origin = &client->origin;
    int64_t deadline = deadline_in(call, client->options.connect_timeout);
    struct weft__dial dial;
    int fd = origin->path ? weft__dial_unix(origin->path, deadline, &dial)
                          : weft__dial_host(origin->host, origin->port, deadline, &dial);
    if (fd < 0) {
        return explain(call, &dial, deadline);
    }
    weft__stream_init(&connection->stream, fd, &call->client->pool,
                      client->limits.head + WEFT__HTTP1_ROOM, WEFT_FOREVER);
    return client->tls ? secure(call, &connection->stream) : 0;
}
