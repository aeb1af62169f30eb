/*
 * Noticing that the client has gone while a handler waits for something else.
 *
 * A watch looks at the connection beside the fiber that answers. Readable means: the end of the
 * stream or an error (the fiber is cancelled), or bytes of a next request (then nothing more can be
 * told, and the watch ends). Bytes are only peeked at.
 */
#include <sys/socket.h>

#include <weft/scope.h>
#include <weft/task.h>
#include <weft/watch.h>

#include "base/fail.h"
#include "http/exchange.h"
#include "net/tls.h"

struct weft__gone {
    struct weft_scope scope;
    struct weft_task *handler;
    struct weft__stream *stream;
};

/* A byte that is left where it is; as recv(2). */
static ssize_t peek(struct weft__stream *stream)
{
    char byte;
    return stream->tls ? weft__tls_peek(stream->tls, &byte, 1)
                       : recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

static int look(void *argument)
{
    struct weft__gone *gone = argument;
    if (weft_cancelled()) {
        return 0; /* the exchange is over */
    }
    ssize_t got = peek(gone->stream);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 1;
    }
    if (got <= 0) {
        weft_cancel(gone->handler);
    }
    return 0;
}

int weft_http_request_cancel_if_gone(struct weft_http_request *request)
{
    struct weft__exchange *exchange = request->connection_;
    if (!exchange) {
        return weft__fail(ENOTSUP);
    }
    if (exchange->gone || exchange->h2) {
        return 0; /* a stream's handler is always cancelled when the client is gone */
    }
    struct weft__gone *gone = weft_http_allocate(&exchange->memory, sizeof(*gone));
    if (!gone) {
        return -1;
    }
    *gone = (struct weft__gone){
        .scope = { .name = "client", .keep_going = true, .reap = true },
        .handler = weft_self(),
        .stream = &exchange->connection->stream,
    };
    if (!weft_watch(&gone->scope, gone->stream->fd, look, gone)) {
        int error = errno;
        weft_scope_fini(&gone->scope);
        return weft__fail(error);
    }
    exchange->gone = gone;
    return 0;
}

void weft__gone_fini(struct weft__exchange *exchange)
{
    if (exchange->gone) {
        weft_scope_fini(&exchange->gone->scope);
        exchange->gone = NULL;
    }
}
