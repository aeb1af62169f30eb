/* New connections: to the origin itself. */
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
    return 0;
}
