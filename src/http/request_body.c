/* The body of a request: decoded from the input as the handler reads, within limits. */
#include <string.h>

#include <weft/time.h>

#include "base/fail.h"
#include "http/exchange.h"

enum {
    INPUT_MAX = 65536, /* most bytes of a body that are received ahead of the handler */
};

int weft__request_body_fail(struct weft__request_body *body, int error, unsigned status,
                            const char *reason)
{
    body->failure = error;
    body->status = status;
    body->reason = reason;
    return weft__fail(error);
}

static int fail_decoding(struct weft__http1_request_body *body)
{
    enum weft__http1_error error = body->decoder.error;
    return weft__request_body_fail(
        &body->base, error == WEFT__HTTP1_BODY_TOO_LARGE ? EMSGSIZE : EBADMSG,
        weft__http1_error_status(error), weft__http1_error_message(error));
}

/* "100 Continue", once the handler wants a body that the client keeps back. */
static int invite(struct weft__http1_request_body *body)
{
    static const char INVITATION[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct weft__stream *stream = &body->base.exchange->connection->stream;
    body->base.expects = false;
    if (stream->in.length > 0) {
        return 0; /* it did not wait */
    }
    return weft__stream_send_one(stream, INVITATION, sizeof(INVITATION) - 1);
}

static int begin(struct weft__http1_request_body *body)
{
    body->base.begun = true;
    if (weft__http1_body_init(&body->decoder, body->head, NULL, 0, body->base.limit) < 0) {
        return fail_decoding(body);
    }
    body->head = NULL;
    if (body->base.expects && invite(body) < 0) {
        return weft__request_body_fail(&body->base, errno, 0, NULL);
    }
    return 0;
}

/* From here on the input goes to another buffer: the request's texts stay in the old one. */
static int make_room(struct weft__http1_request_body *body)
{
    struct weft__exchange *exchange = body->base.exchange;
    struct weft__buffer *in = &exchange->connection->stream.in;
    if (exchange->head_bytes.data || !in->data) {
        return 0;
    }
    struct weft__slice left = weft__buffer_slice(in);
    uint64_t missing = body->base.length - body->decoder.received - left.length;
    exchange->head_bytes = *in;
    weft__buffer_init(in, INPUT_MAX > in->limit ? INPUT_MAX : in->limit);
    char *room = weft__buffer_reserve(
        in, left.length + (missing < INPUT_MAX / 2 ? (size_t)missing + 1 : INPUT_MAX / 2));
    return room ? weft__buffer_append_slice(in, left) : -1;
}

/* Time left: a fixed part, and more for what has come (a slow line is no attack, a stalled one is).
 */
int64_t weft__request_body_patience(struct weft__request_body *body)
{
    int64_t fixed = body->exchange->connection->server->options.body_timeout;
    if (fixed == WEFT_FOREVER) {
        return WEFT_FOREVER;
    }
    int64_t now = weft_now();
    if (body->started == 0) {
        body->started = now;
    }
    uint64_t earned = body->received / WEFT_HTTP_BODY_RATE;
    int64_t bonus = earned > 1000000 ? 1000000 * WEFT_SECOND : (int64_t)earned * WEFT_SECOND;
    return body->started + fixed + bonus - now;
}

static ssize_t receive(struct weft__http1_request_body *body)
{
    struct weft__request_body *base = &body->base;
    struct weft__stream *stream = &base->exchange->connection->stream;
    if (make_room(body) < 0) {
        return weft__request_body_fail(base, errno, 503, "the server is out of memory");
    }
    ssize_t got = weft__stream_try_fill(stream);
    if (got < 0 && errno == EAGAIN) {
        base->received = body->decoder.received;
        got = weft__stream_fill(stream, weft__request_body_patience(base));
    }
    if (got > 0) {
        return got;
    }
    if (got == 0) {
        if (weft__http1_body_end(&body->decoder) == WEFT__HTTP1_DONE) {
            base->done = true;
            return 0;
        }
        return fail_decoding(body);
    }
    if (errno == ETIMEDOUT) {
        return weft__request_body_fail(base, ETIMEDOUT, 408, "the request's body came too slowly");
    }
    return weft__request_body_fail(base, errno, 0, NULL);
}

static ssize_t request_read(struct weft_http_body *any, const void **chunk)
{
    struct weft__http1_request_body *body = (struct weft__http1_request_body *)any;
    struct weft__request_body *base = &body->base;
    struct weft__buffer *in = &base->exchange->connection->stream.in;
    if (base->failure) {
        return weft__fail(base->failure);
    }
    if (!base->begun && begin(body) < 0) {
        return -1;
    }
    weft__buffer_consume(in, body->pending);
    body->pending = 0;
    while (!base->done) {
        struct weft__slice bytes = weft__buffer_slice(in);
        struct weft__slice data;
        size_t used = 0;
        enum weft__http1_result result =
            weft__http1_body_next(&body->decoder, bytes.data, bytes.length, &used, &data);
        if (result == WEFT__HTTP1_DATA) {
            body->pending = used;
            *chunk = data.data;
            return (ssize_t)data.length;
        }
        if (result == WEFT__HTTP1_ERROR) {
            return fail_decoding(body);
        }
        weft__buffer_consume(in, used);
        base->done = result == WEFT__HTTP1_DONE;
        if (!base->done && receive(body) < 0) {
            return -1;
        }
    }
    return 0;
}

static int64_t request_length(struct weft_http_body *any)
{
    const struct weft__http1_request_body *body = (struct weft__http1_request_body *)any;
    if (body->base.done) {
        return 0;
    }
    return body->base.length > INT64_MAX ? -1
                                         : (int64_t)(body->base.length - body->decoder.received);
}

static bool request_ready(struct weft_http_body *any)
{
    const struct weft__http1_request_body *body = (struct weft__http1_request_body *)any;
    return body->base.done || body->base.failure ||
           body->base.exchange->connection->stream.in.length > body->pending;
}

const struct weft_http_body_operations weft__request_body_operations = {
    .read = request_read,
    .length = request_length,
    .ready = request_ready,
};

bool weft__request_body_droppable(const struct weft__exchange *exchange)
{
    struct weft__request_body *body = exchange->body;
    if (!body || body->done) {
        return true;
    }
    if (body->failure || body->expects) {
        return false;
    }
    return request_length(&body->body) <= WEFT__DISCARD_MAX;
}

int weft__request_body_finish(struct weft__exchange *exchange)
{
    struct weft__request_body *body = exchange->body;
    if (!body) {
        return 0;
    }
    if (!body->done) {
        if (!weft__request_body_droppable(exchange)) {
            return -1;
        }
        body->body.closed = false; /* a handler may have closed what it did not want to read */
        if (weft_http_body_discard(&body->body, WEFT__DISCARD_MAX) < 0) {
            return -1;
        }
    }
    struct weft__http1_request_body *decoded = (struct weft__http1_request_body *)body;
    weft__buffer_consume(&exchange->connection->stream.in, decoded->pending);
    decoded->pending = 0;
    return 0;
}

/* What stands for the body of a request that has none. */
static struct weft__request_body *empty_body(struct weft__exchange *exchange)
{
    struct weft__request_body *body = weft_http_allocate(&exchange->memory, sizeof(*body));
    if (body) {
        *body = (struct weft__request_body){ .exchange = exchange, .begun = true, .done = true };
        exchange->body = body;
    }
    return body;
}

void weft__request_body_blame(struct weft_http_request *request, int error, unsigned status,
                              const char *reason)
{
    struct weft__exchange *exchange = request->connection_;
    if (!exchange) {
        return;
    }
    struct weft__request_body *body = exchange->body ? exchange->body : empty_body(exchange);
    if (body && !body->failure) {
        weft__request_body_fail(body, error, status, reason);
    }
}

int weft_http_request_limit_body(struct weft_http_request *request, size_t limit)
{
    struct weft__exchange *exchange = request->connection_;
    if (!exchange) {
        return weft__fail(ENOTSUP);
    }
    if (!exchange->body) {
        return 0;
    }
    if (exchange->body->begun) {
        return weft__fail(EALREADY);
    }
    exchange->body->limit = limit == SIZE_MAX ? UINT64_MAX : limit;
    return 0;
}
