/*
 * From header fields to a request, as a handler knows it from HTTP/1.
 *
 * What nghttp2 has let pass is checked once more where two machines could disagree: a target that
 * HTTP/1 could not carry, an authority beside another Host. Such a request is answered with 400.
 * Texts are copied, since nghttp2's own live no longer than its callback.
 */
#include <string.h>

#include "base/fail.h"
#include "http/h2.h"
#include "http/headers.h"
#include "proto/http1_scan.h"
#include "proto/url.h"

enum {
    FIELDS_FIRST = 8, /* room for what an ordinary request brings */
};

static void refuse(struct weft__h2_stream *stream, unsigned status, const char *reason)
{
    if (!stream->refusal) {
        stream->refusal = status;
        stream->refusal_reason = reason;
    }
}

static const char *copy(struct weft__h2_stream *stream, struct weft__slice text)
{
    const char *kept = weft__memory_copy(&stream->exchange.memory, text.data, text.length);
    if (!kept) {
        refuse(stream, 503, "the server is out of memory");
    }
    return kept;
}

static void pseudo_field(struct weft__h2_stream *stream, struct weft__slice name,
                         struct weft__slice value)
{
    struct weft_http_request *request = &stream->exchange.request;
    const struct weft_http_options *options = &stream->h2->connection->server->options;
    if (weft__slice_is(name, ":path") || weft__slice_is(name, ":method")) {
        if (value.length > options->max_target) {
            refuse(stream, 414, "the target is too long");
            return;
        }
        *(name.data[1] == 'p' ? &request->target : &request->method) = copy(stream, value);
    } else if (weft__slice_is(name, ":authority")) {
        request->authority = copy(stream, value);
    } else if (weft__slice_is(name, ":scheme")) {
        if (!weft__slice_is_case(value, "http") && !weft__slice_is_case(value, "https")) {
            refuse(stream, 400, "the scheme is neither http nor https");
        }
    } else if (weft__slice_is(name, ":protocol")) {
        stream->exchange.websocket = weft__h2_sockets && weft__slice_is_case(value, "websocket");
        if (!stream->exchange.websocket) {
            refuse(stream, 501, "this protocol is not supported by CONNECT");
        }
    }
}

void weft__h2_request_field(struct weft__h2_stream *stream, struct weft__slice name,
                            struct weft__slice value)
{
    const struct weft_http_options *options = &stream->h2->connection->server->options;
    struct weft_http_headers *headers = &stream->exchange.request.headers;
    size_t size = name.length + value.length;
    stream->list_size += size + WEFT__H2_FIELD;
    if (stream->list_size > options->max_head) {
        refuse(stream, 431, "the head is too large");
    }
    if (stream->refusal) {
        return;
    }
    if (name.data[0] == ':') {
        pseudo_field(stream, name, value);
    } else if (size > options->max_field) {
        refuse(stream, 431, "a field is too large");
    } else if (headers->count >= options->max_fields) {
        refuse(stream, 431, "there are too many fields");
    } else if (headers->count || weft__headers_reserve(headers, FIELDS_FIRST) == 0) {
        const char *name_copy = copy(stream, name);
        const char *value_copy = copy(stream, value);
        if (name_copy && value_copy &&
            weft__headers_put(headers, weft__slice(name_copy, name.length),
                              weft__slice(value_copy, value.length)) < 0) {
            refuse(stream, 503, "the server is out of memory");
        }
    } else {
        refuse(stream, 503, "the server is out of memory");
    }
}

/* --- once all are there */

static bool is_target(const char *text)
{
    const char *end = text + strlen(text);
    return (text[0] == '/' || strcmp(text, "*") == 0) && weft__http1_target_end(text, end) == end;
}

static void take_target(struct weft__h2_stream *stream)
{
    struct weft_http_request *request = &stream->exchange.request;
    if (strcmp(request->method, "CONNECT") == 0 && !request->target) {
        request->target = request->authority; /* no extended CONNECT: HTTP/1's form */
        request->path = request->target;
        return;
    }
    if (!request->target || !is_target(request->target)) {
        refuse(stream, 400, "the path is malformed");
        return;
    }
    const char *mark = strchr(request->target, '?');
    request->path = request->target;
    if (mark) {
        request->query = mark + 1;
        request->path =
            copy(stream, weft__slice(request->target, (size_t)(mark - request->target)));
    }
}

static void take_authority(struct weft__h2_stream *stream)
{
    struct weft_http_request *request = &stream->exchange.request;
    struct weft__url_authority parts;
    const char *host = weft_http_headers_get(&request->headers, "host");
    if (!request->authority) {
        request->authority = host;
    } else if (!host) {
        /* Handlers that look for Host find what HTTP/1 would have told there. */
        if (weft__headers_put(&request->headers, WEFT__SLICE("host"),
                              weft__slice_string(request->authority)) < 0) {
            refuse(stream, 503, "the server is out of memory");
        }
    } else if (!weft__slice_equal_case(weft__slice_string(host),
                                       weft__slice_string(request->authority))) {
        refuse(stream, 400, "host is not the authority");
    }
    if (!request->authority ||
        weft__url_authority_parse(weft__slice_string(request->authority), &parts) < 0) {
        refuse(stream, 400, "the authority is missing or malformed");
    }
}

/* A cookie may come in several fields; handlers know it as one (RFC 9113, 8.2.3). */
static void join_cookies(struct weft__h2_stream *stream)
{
    struct weft_http_headers *headers = &stream->exchange.request.headers;
    struct weft_http_field *first = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        struct weft_http_field *field = &headers->fields[i];
        if (weft__slice_is(weft__field_name(field), "cookie")) {
            if (first) {
                first->value = weft_http_format(&stream->exchange.memory, "%s; %s", first->value,
                                                field->value);
                if (!first->value) {
                    refuse(stream, 503, "the server is out of memory");
                    return;
                }
                first->value_length += field->value_length + 2;
                continue;
            }
            first = &headers->fields[kept];
        }
        headers->fields[kept++] = *field;
    }
    headers->count = kept;
}

static void take_body(struct weft__h2_stream *stream)
{
    struct weft__exchange *exchange = &stream->exchange;
    struct weft_http_headers *headers = &exchange->request.headers;
    const char *expectation = weft_http_headers_get(headers, "expect");
    if (expectation && !weft__slice_is_case(weft__slice_string(expectation), "100-continue")) {
        refuse(stream, 417, "the expectation is not supported");
    }
    if (stream->end_received || exchange->websocket) {
        return;
    }
    struct weft__request_body *body = &stream->body.base;
    uint64_t length;
    const char *told = weft_http_headers_get(headers, "content-length");
    memset(&stream->body, 0, sizeof(stream->body));
    stream->body.stream = stream;
    body->body.operations = &weft__h2_request_body_operations;
    body->exchange = exchange;
    body->limit = stream->h2->connection->server->options.max_body;
    body->expects = expectation != NULL;
    body->length = UINT64_MAX;
    if (told && weft__parse_decimal(weft__slice_string(told), &length) == 0) {
        body->length = length;
    }
    exchange->body = body;
    exchange->request.body = &body->body;
}

/* An extended CONNECT becomes what the handler of a WebSocket knows from HTTP/1. */
static void take_websocket(struct weft__h2_stream *stream)
{
    struct weft__exchange *exchange = &stream->exchange;
    if (!exchange->websocket) {
        return;
    }
    exchange->request.method = "GET";
    if (weft__headers_put(&exchange->request.headers, WEFT__SLICE("upgrade"),
                          WEFT__SLICE("websocket")) < 0) {
        refuse(stream, 503, "the server is out of memory");
    }
}

void weft__h2_request_done(struct weft__h2_stream *stream)
{
    struct weft_http_request *request = &stream->exchange.request;
    if (!stream->refusal) {
        take_target(stream);
    }
    if (!stream->refusal) {
        take_authority(stream);
        join_cookies(stream);
        take_body(stream);
        take_websocket(stream);
    }
    if (!request->method) {
        request->method = "";
    }
    if (!request->path) {
        request->path = "";
    }
    stream->exchange.head_only = strcmp(request->method, "HEAD") == 0;
}
