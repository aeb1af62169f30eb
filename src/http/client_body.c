/* The body of an answer: decoded where it lies, as the user reads it. */
#include <poll.h>
#include <string.h>

#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"
#include "http/headers.h"

enum {
    INPUT_MAX = 65536 /* most bytes of a body that are received ahead of the reader */
};

void weft__call_release(struct weft__call *call, bool keep)
{
    struct weft__client_connection *connection = call->connection;
    if (connection) {
        call->connection = NULL;
        weft__pool_give(connection, keep && call->keeps && call->sender.sent == WEFT__SENT_ALL);
    }
}

/* No further read succeeds, and the connection is of no use. Keeps errno. */
static ssize_t give_up(struct weft__answer_body *body)
{
    body->failure = errno;
    weft__call_release(body->call, false);
    return weft__fail(body->failure);
}

static ssize_t refuse(struct weft__answer_body *body)
{
    enum weft__http1_error error = body->decoder.error;
    bool cut = error == WEFT__HTTP1_TRUNCATED;
    if (cut) {
        weft__call_fail(body->call, WEFT_HTTP_ERROR_TRUNCATED, ECONNRESET,
                        "the answer was cut short after %llu bytes",
                        (unsigned long long)body->decoder.received);
    } else {
        weft__call_fail(body->call, WEFT_HTTP_ERROR_MALFORMED, EBADMSG,
                        "the answer's body is refused: %s", weft__http1_error_message(error));
    }
    return give_up(body);
}

static int keep_trailers(struct weft__answer_body *body)
{
    struct weft_http_headers *headers = &body->call->trailers;
    const struct weft__http1_head *head = &body->decoder.trailers;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct weft__http1_field *field = &head->fields[i];
        const char *name = weft__memory_copy(headers->memory, field->name.data, field->name.length);
        const char *value =
            weft__memory_copy(headers->memory, field->value.data, field->value.length);
        if (!name || !value ||
            weft__headers_put(headers, weft__slice(name, field->name.length),
                              weft__slice(value, field->value.length)) < 0) {
            return -1;
        }
    }
    body->call->response->trailers = head->field_count ? headers : NULL;
    return 0;
}

/* The body is complete: the connection serves somebody else while the user goes on. */
static ssize_t finish(struct weft__answer_body *body, size_t used)
{
    body->done = true;
    if (body->trailers && keep_trailers(body) < 0) {
        weft__call_fail(body->call, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for the trailers");
        return give_up(body);
    }
    weft__buffer_consume(&body->call->connection->stream.in, used);
    weft__call_release(body->call, true);
    return 0;
}

/* Receive more, and go on sending the request if that is not done. */
static ssize_t receive(struct weft__answer_body *body)
{
    struct weft__call *call = body->call;
    int64_t since = weft_now();
    while (call->sender.sent != WEFT__SENT_ALL && !call->sender.broken) {
        int pushed = weft__sender_push(call);
        if (pushed < 0) {
            break; /* the answer counts */
        }
        ssize_t got = weft__stream_try_fill(&call->connection->stream);
        if (got >= 0 || errno != EAGAIN) {
            return got;
        }
        if (pushed == 0 && weft__call_wait(call, POLLIN | POLLOUT, WEFT__STAGE_BODY, since) < 0) {
            return -1;
        }
    }
    return weft__call_fill(call, WEFT__STAGE_BODY, since);
}

static ssize_t more(struct weft__answer_body *body)
{
    struct weft__call *call = body->call;
    ssize_t got = receive(body);
    if (got > 0) {
        return got;
    }
    if (got == 0) {
        if (weft__http1_body_end(&body->decoder) != WEFT__HTTP1_DONE) {
            return refuse(body);
        }
        call->keeps = false;
        return finish(body, 0);
    }
    if (errno != ETIMEDOUT && errno != ECANCELED) {
        weft__call_fail(call, WEFT_HTTP_ERROR_TRUNCATED, errno, "the answer was cut short: %s",
                        strerror(errno));
    }
    return give_up(body);
}

static ssize_t answer_read(struct weft_http_body *base, const void **chunk)
{
    struct weft__answer_body *body = (struct weft__answer_body *)base;
    if (body->failure) {
        return weft__fail(body->failure);
    }
    while (!body->done && body->call->connection) {
        struct weft__buffer *in = &body->call->connection->stream.in;
        weft__buffer_consume(in, body->pending);
        body->pending = 0;
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
            return refuse(body);
        }
        if (result == WEFT__HTTP1_DONE) {
            return finish(body, used);
        }
        weft__buffer_consume(in, used);
        if (more(body) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What is left and has already come is dropped; beyond that a new connection is cheaper. */
static void answer_close(struct weft_http_body *base, int error)
{
    struct weft__answer_body *body = (struct weft__answer_body *)base;
    struct weft__call *call = body->call;
    (void)error;
    while (call->connection && !body->done) {
        struct weft__buffer *in = &call->connection->stream.in;
        weft__buffer_consume(in, body->pending);
        body->pending = 0;
        struct weft__slice bytes = weft__buffer_slice(in);
        struct weft__slice data;
        size_t used = 0;
        enum weft__http1_result result =
            weft__http1_body_next(&body->decoder, bytes.data, bytes.length, &used, &data);
        if (result == WEFT__HTTP1_DATA) {
            body->pending = used;
            continue;
        }
        weft__buffer_consume(in, used);
        body->done = true;
        weft__call_release(call, result == WEFT__HTTP1_DONE);
    }
}

static int64_t answer_length(struct weft_http_body *base)
{
    const struct weft__answer_body *body = (struct weft__answer_body *)base;
    if (body->done) {
        return 0;
    }
    bool told = body->decoder.framing == WEFT__HTTP1_BODY_LENGTH &&
                body->decoder.remaining <= (uint64_t)INT64_MAX;
    return told ? (int64_t)body->decoder.remaining : -1;
}

static bool answer_ready(struct weft_http_body *base)
{
    const struct weft__answer_body *body = (struct weft__answer_body *)base;
    return body->done || body->failure || body->call->connection->stream.in.length > body->pending;
}

static const struct weft_http_body_operations answer_operations = {
    .read = answer_read,
    .close = answer_close,
    .length = answer_length,
    .ready = answer_ready,
};

static void *room_for_trailers(struct weft__call *call)
{
    return weft_http_allocate(call->response->memory,
                              WEFT__TRAILERS_MAX * sizeof(struct weft__http1_field));
}

int weft__answer_begin(struct weft__call *call, const struct weft__http1_head *head)
{
    struct weft__answer_body *body = &call->answer;
    if (head->framing == WEFT__HTTP1_BODY_NONE ||
        (head->framing == WEFT__HTTP1_BODY_LENGTH && head->content_length == 0)) {
        weft__call_release(call, true);
        return 0;
    }
    *body = (struct weft__answer_body){ .body.operations = &answer_operations, .call = call };
    if (head->framing == WEFT__HTTP1_BODY_CHUNKED && !(body->trailers = room_for_trailers(call))) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for the trailers");
    }
    weft__http1_body_init(&body->decoder, head, body->trailers,
                          body->trailers ? WEFT__TRAILERS_MAX : 0, UINT64_MAX);
    if (call->connection->stream.in.limit < INPUT_MAX) {
        call->connection->stream.in.limit = INPUT_MAX;
    }
    call->response->body = &body->body;
    return 0;
}
