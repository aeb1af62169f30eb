/*
 * Reading requests: the head in one piece, the body as the handler asks for it.
 *
 * The request's texts are not copied: they lie in the input buffer, where the byte behind each (a
 * colon, a space, a CR) is overwritten by a NUL. The buffer must therefore not move while the
 * handler runs. A body that does not come with the head gets a buffer of its own (make_room), and
 * what it leaves over is the next request.
 */
#include <stdio.h>
#include <string.h>

#include <weft/time.h>

#include "base/fail.h"
#include "http/exchange.h"
#include "http/headers.h"
#include "proto/url.h"

static const char WAITED_TOO_LONG[] = "the request's head took too long";

/* End a text inside the input. */
static const char *terminate(struct weft__slice text)
{
    char *end = (char *)(uintptr_t)text.data + text.length; /* the bytes are ours */
    *end = '\0';
    return text.data;
}

static int copy_fields(struct weft__exchange *exchange, const struct weft__http1_head *head)
{
    struct weft_http_headers *headers = &exchange->request.headers;
    if (weft__headers_reserve(headers, head->field_count) < 0) {
        return -1;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        struct weft__slice name = head->fields[i].name;
        struct weft__slice value = head->fields[i].value;
        headers->fields[i] = (struct weft_http_field){
            .name = terminate(name),
            .value = terminate(value),
            .name_length = (uint32_t)name.length,
            .value_length = (uint32_t)value.length,
        };
    }
    headers->count = head->field_count;
    return 0;
}

static int take_target(struct weft__exchange *exchange, const struct weft__http1_head *head)
{
    struct weft_http_request *request = &exchange->request;
    struct weft__url_target parts = { .path = head->target };
    if (head->target_form == WEFT__HTTP1_TARGET_ORIGIN) {
        parts.path.length = weft__slice_find(head->target, '?');
        parts.has_query = parts.path.length < head->target.length;
    } else if (head->target_form == WEFT__HTTP1_TARGET_ABSOLUTE) {
        if (weft__url_target_parse(head->target, &parts) < 0) {
            return -1;
        }
    }
    request->target = terminate(head->target);
    request->path = request->target;
    if (parts.has_query || head->target_form == WEFT__HTTP1_TARGET_ABSOLUTE) {
        request->path = weft__memory_copy(&exchange->memory, parts.path.data, parts.path.length);
    }
    if (parts.has_query) {
        request->query =
            parts.query.data ? parts.query.data : head->target.data + parts.path.length + 1;
    }
    return request->path ? 0 : -1;
}

static int take_authority(struct weft__exchange *exchange, const struct weft__http1_head *head)
{
    if (!head->authority.data) {
        return 0;
    }
    exchange->request.authority =
        head->target_form == WEFT__HTTP1_TARGET_ABSOLUTE
            ? weft__memory_copy(&exchange->memory, head->authority.data, head->authority.length)
            : head->authority.data; /* a field's value, or the target: both end with a NUL */
    return exchange->request.authority ? 0 : -1;
}

static int take_body(struct weft__exchange *exchange, struct weft__http1_head *head)
{
    if (head->framing == WEFT__HTTP1_BODY_NONE ||
        (head->framing == WEFT__HTTP1_BODY_LENGTH && head->content_length == 0)) {
        return 0;
    }
    struct weft__http1_request_body *decoded =
        weft_http_allocate(&exchange->memory, sizeof(*decoded));
    if (!decoded) {
        return -1;
    }
    memset(decoded, 0, sizeof(*decoded));
    decoded->head = head;
    struct weft__request_body *body = &decoded->base;
    body->body.operations = &weft__request_body_operations;
    body->exchange = exchange;
    body->length = head->framing == WEFT__HTTP1_BODY_LENGTH ? head->content_length : UINT64_MAX;
    body->limit = exchange->connection->server->options.max_body;
    body->expects = head->expect_continue;
    exchange->body = body;
    exchange->request.body = &body->body;
    return 0;
}

/* Everything a handler sees, from a head that has just been parsed. 0; -1 and errno. */
static int take_head(struct weft__exchange *exchange, struct weft__http1_head *head)
{
    struct weft_http_request *request = &exchange->request;
    request->version = head->minor == 0 ? 10 : 11;
    request->method = terminate(head->method);
    exchange->head_only = strcmp(request->method, "HEAD") == 0;
    exchange->client_keeps = head->keep_alive;
    if (copy_fields(exchange, head) < 0 || take_target(exchange, head) < 0 ||
        take_authority(exchange, head) < 0 || take_body(exchange, head) < 0) {
        return -1;
    }
    weft__buffer_consume(&exchange->connection->stream.in, head->length);
    return 0;
}

int weft__request_keep(struct weft__exchange *exchange)
{
    struct weft__buffer *in = &exchange->connection->stream.in;
    if (exchange->head_bytes.data || !in->data) {
        return 0;
    }
    struct weft__slice left = weft__buffer_slice(in);
    exchange->head_bytes = *in;
    weft__buffer_init(in, exchange->head_bytes.limit);
    return weft__buffer_append_slice(in, left);
}

static enum weft__http1_result parse(struct weft__exchange *exchange, struct weft__http1_head *head)
{
    struct weft__slice bytes = weft__buffer_slice(&exchange->connection->stream.in);
    return weft__http1_head_parse(head, bytes.data, bytes.length);
}

/* The head comes in pieces: its fields need a place of their own, and its time is limited. */
static enum weft__http1_result read_slowly(struct weft__exchange *exchange,
                                           struct weft__http1_head *head)
{
    struct weft__connection *connection = exchange->connection;
    struct weft_http_server *server = connection->server;
    size_t count = server->limits.fields;
    struct weft__http1_field *fields =
        weft_http_allocate(&exchange->memory, count * sizeof(*fields));
    if (!fields) {
        return WEFT__HTTP1_ERROR;
    }
    weft__http1_request_init(head, &server->limits, fields, count);
    WEFT_TIMEOUT(server->options.head_timeout);
    enum weft__http1_result result;
    while ((result = parse(exchange, head)) == WEFT__HTTP1_MORE) {
        ssize_t got = weft__stream_fill(&connection->stream, WEFT_FOREVER);
        if (got == 0) {
            result = weft__http1_head_end(head, connection->stream.in.length);
            errno = ECONNRESET;
            return result == WEFT__HTTP1_DONE ? WEFT__HTTP1_MORE : result;
        }
        if (got < 0) {
            struct weft__slice bytes = weft__buffer_slice(&connection->stream.in);
            bool blank = bytes.length <= 2 && bytes.data[0] == '\r'; /* no request has begun */
            return blank ? WEFT__HTTP1_MORE : WEFT__HTTP1_ERROR;
        }
    }
    return result;
}

/* Why no head came: the bytes, the time, or the connection, which gets no answer. */
static int explain(const struct weft__http1_head *head, int error, enum weft__next *next,
                   unsigned *status, const char **reason)
{
    if (head->error) {
        *status = weft__http1_error_status(head->error);
        *reason = weft__http1_error_message(head->error);
        return -1;
    }
    if (error == ETIMEDOUT) {
        *status = 408;
        *reason = WAITED_TOO_LONG;
        return -1;
    }
    if (error == ENOMEM) {
        *status = 503;
        *reason = "the server is out of memory";
        return -1;
    }
    *next = WEFT__NEXT_CLOSE;
    return 0;
}

/* The first bytes of a request. 1 there are some; 0 with *next. */
static int first_bytes(struct weft__connection *connection, enum weft__next *next)
{
    if (connection->stream.in.length > 0) {
        return 1;
    }
    ssize_t got = weft__stream_try_fill(&connection->stream);
    if (got > 0) {
        return 1;
    }
    bool woken = got < 0 && errno == EAGAIN && !connection->expired;
    *next = woken ? WEFT__NEXT_IDLE : WEFT__NEXT_CLOSE;
    return 0;
}

int weft__request_read(struct weft__exchange *exchange, struct weft__http1_head *head,
                       enum weft__next *next, unsigned *status, const char **reason)
{
    struct weft__connection *connection = exchange->connection;
    struct weft_http_server *server = connection->server;
    if (!first_bytes(connection, next)) {
        return 0;
    }
    connection->expired = false;
    weft__http1_request_init(head, &server->limits, server->fields, server->limits.fields);
    enum weft__http1_result result = parse(exchange, head);
    if (result == WEFT__HTTP1_MORE) {
        result = read_slowly(exchange, head);
    }
    if (result == WEFT__HTTP1_MORE) {
        *next = WEFT__NEXT_CLOSE;
        return 0;
    }
    if (result == WEFT__HTTP1_ERROR || take_head(exchange, head) < 0) {
        return explain(head, errno, next, status, reason);
    }
    return 1;
}
