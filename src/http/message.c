/* What handlers do with requests and responses, apart from I/O. */
#include <weft/http/message.h>

#include <stdarg.h>
#include <string.h>

#include "base/fail.h"
#include "http/address.h"
#include "http/exchange.h"
#include "http/headers.h"
#include "proto/url.h"

int weft_http_call(struct weft_http_handler *handler, struct weft_http_request *request,
                   struct weft_http_response *response)
{
    return handler && handler->call ? handler->call(handler, request, response)
                                    : weft__fail(ENOSYS);
}

char *weft_http_request_text(struct weft_http_request *request, size_t *length)
{
    return weft_http_body_read_all(request->body, request->memory, SIZE_MAX, length);
}

/* A decoded copy; NULL and errno: ENOMEM, EINVAL a broken %XX. */
static char *decode(struct weft_http_memory *memory, struct weft__slice text)
{
    char *copy = weft__memory_copy(memory, text.data, text.length);
    size_t length;
    if (!copy || weft__url_decode(text, copy, &length, true) < 0) {
        return NULL;
    }
    copy[length] = '\0';
    return copy;
}

const char *weft_http_request_query(struct weft_http_request *request, const char *name)
{
    if (!request->query) {
        return NULL;
    }
    struct weft__slice rest = weft__slice_string(request->query);
    struct weft__slice key;
    struct weft__slice value;
    while (weft__url_query_next(&rest, &key, &value)) {
        bool plain = weft__slice_is(key, name);
        if (!plain && !memchr(key.data, '%', key.length) && !memchr(key.data, '+', key.length)) {
            continue;
        }
        const char *decoded = plain ? name : decode(request->memory, key);
        if (decoded && strcmp(decoded, name) == 0) {
            return decode(request->memory, value);
        }
    }
    return NULL;
}

const char *weft_http_request_peer(struct weft_http_request *request)
{
    const struct weft__exchange *exchange = request->connection_;
    struct weft__address address;
    char text[WEFT__ADDRESS_TEXT];
    if (request->peer_) {
        return request->peer_;
    }
    if (!exchange) {
        errno = ENOTCONN;
        return NULL;
    }
    if (weft__connection_peer(exchange->connection, &address) < 0) {
        return NULL;
    }
    weft__address_format(&address, text);
    request->peer_ = weft__memory_copy(request->memory, text, strlen(text));
    return request->peer_;
}

static int answer(struct weft_http_response *response, int status, struct weft__slice type,
                  struct weft_http_body *body)
{
    if (!body) {
        return -1;
    }
    weft_http_headers_remove(&response->headers, "content-type");
    if (weft__headers_put(&response->headers, WEFT__SLICE("content-type"), type) < 0) {
        return -1;
    }
    weft_http_body_close(response->body, 0);
    response->status = status;
    response->body = body;
    return 0;
}

int weft_http_response_text(struct weft_http_response *response, int status, const char *format,
                            ...)
{
    va_list args;
    va_start(args, format);
    char *text = weft__memory_vformat(response->memory, format, args);
    va_end(args);
    if (!text) {
        return -1;
    }
    return answer(response, status, WEFT__SLICE("text/plain; charset=utf-8"),
                  weft_http_body_memory(response->memory, text, strlen(text)));
}

/* The content-type of a caller: checked and copied. 0; -1: EINVAL, ENOMEM, ENOBUFS. */
static int take_type(struct weft_http_response *response, const char *type,
                     struct weft__slice *taken)
{
    size_t length = strlen(type);
    if (!weft__http1_is_field_value(weft__slice(type, length))) {
        return weft__fail(EINVAL);
    }
    const char *copy = weft__memory_copy(response->memory, type, length);
    *taken = weft__slice(copy, length);
    return copy ? 0 : -1;
}

int weft_http_response_borrow(struct weft_http_response *response, int status, const char *type,
                              const void *data, size_t length)
{
    struct weft__slice taken;
    if (take_type(response, type, &taken) < 0) {
        return -1;
    }
    return answer(response, status, taken, weft_http_body_memory(response->memory, data, length));
}

int weft_http_response_bytes(struct weft_http_response *response, int status, const char *type,
                             const void *data, size_t length)
{
    const char *copy = weft__memory_copy(response->memory, data, length);
    return copy ? weft_http_response_borrow(response, status, type, copy, length) : -1;
}

int weft_http_response_stream(struct weft_http_response *response, int status, const char *type,
                              int (*function)(struct weft_http_stream *stream, void *context),
                              const void *context, size_t size)
{
    struct weft__slice taken;
    if (take_type(response, type, &taken) < 0) {
        return -1;
    }
    return answer(response, status, taken,
                  weft_http_body_writer(response->memory, function, context, size));
}

/* If-None-Match: "*" or a list of tags, weakly compared (RFC 9110, 13.1.2). */
static bool already_has(const struct weft_http_request *request, const char *etag)
{
    if (weft_http_headers_has(&request->headers, "if-none-match", "*")) {
        return true;
    }
    const char *listed = weft_http_headers_get(&request->headers, "if-none-match");
    struct weft__slice rest = weft__slice_string(listed ? listed : "");
    struct weft__slice tag;
    while (weft__slice_list(&rest, &tag)) {
        if (weft__slice_starts(tag, "W/")) {
            tag = weft__slice(tag.data + 2, tag.length - 2);
        }
        if (weft__slice_is(tag, etag)) {
            return true;
        }
    }
    return false;
}

int weft_http_response_asset(struct weft_http_request *request, struct weft_http_response *response,
                             const struct weft_http_asset *asset)
{
    struct weft_http_headers *headers = &response->headers;
    if (weft_http_headers_set(headers, "cache-control", asset->cache ? asset->cache : "no-cache") <
        0) {
        return -1;
    }
    if (asset->etag) {
        if (weft_http_headers_set(headers, "etag", asset->etag) < 0) {
            return -1;
        }
        if (already_has(request, asset->etag)) {
            response->status = 304;
            return 0;
        }
    }
    return weft_http_response_borrow(response, 200, asset->type, asset->data, asset->length);
}

const char *weft_http_status_text(int status)
{
    const char *text = status > 0 ? weft__http1_reason((unsigned)status) : "";
    return *text ? text : "Unknown";
}
