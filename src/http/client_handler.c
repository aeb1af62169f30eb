/* A client in a server's place: requests are passed on, responses come back (RFC 9110, 7.6). */
#include <stdio.h>
#include <string.h>

#include <weft/error.h>

#include "base/fail.h"
#include "http/client.h"
#include "http/headers.h"

/* Fields of one connection, whether `connection` lists them or not. */
static bool is_hop(const struct weft_http_headers *headers, const struct weft_http_field *field)
{
    static const char *const HOP[] = {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    };
    for (size_t i = 0; i < sizeof(HOP) / sizeof(HOP[0]); i++) {
        if (weft__slice_is_case(weft__field_name(field), HOP[i])) {
            return true;
        }
    }
    return weft_http_headers_has(headers, "connection", field->name);
}

/* The request's fields that go on, `via` behind them. NULL and errno. */
static struct weft_http_header *outgoing(struct weft_http_request *request)
{
    const struct weft_http_headers *headers = &request->headers;
    struct weft_http_header *list =
        weft_http_allocate(request->memory, (headers->count + 2) * sizeof(*list));
    size_t count = 0;
    for (size_t i = 0; list && i < headers->count; i++) {
        const struct weft_http_field *field = &headers->fields[i];
        bool own = weft__slice_is_case(weft__field_name(field), "host") ||
                   weft__slice_is_case(weft__field_name(field), "content-length") ||
                   weft__slice_is_case(weft__field_name(field), "expect");
        if (!own && !is_hop(headers, field)) {
            list[count++] = (struct weft_http_header){ field->name, field->value };
        }
    }
    if (list) {
        list[count++] = (struct weft_http_header){ "via", "1.1 weft" };
        list[count] = (struct weft_http_header){ NULL, NULL };
    }
    return list;
}

static void strip(struct weft_http_headers *headers)
{
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        bool hop = is_hop(headers, &headers->fields[i]);
        if (!hop) {
            headers->fields[kept++] = headers->fields[i];
        }
    }
    headers->count = kept;
}

static int refuse(struct weft_http_response *response)
{
    const struct weft_error *error = weft_error();
    int code = error && strcmp(error->domain, "http") == 0 ? error->code : 0;
    bool late = code == WEFT_HTTP_ERROR_TIMEOUT || code == WEFT_HTTP_ERROR_RESPONSE_TIMEOUT ||
                code == WEFT_HTTP_ERROR_STALL_TIMEOUT || code == WEFT_HTTP_ERROR_CONNECT_TIMEOUT ||
                code == WEFT_HTTP_ERROR_TLS_TIMEOUT;
    if (code == WEFT_HTTP_ERROR_STOPPED || code == WEFT_HTTP_ERROR_BODY) {
        return -1; /* the server's own client is the cause */
    }
    weft_log(WEFT_LOG_WARNING, "http: %s", error ? error->message : "a request was not passed on");
    response->headers.count = 0;
    response->body = NULL;
    return weft_http_response_text(response, late ? 504 : 502, "%s\n",
                                   weft_http_status_text(late ? 504 : 502));
}

static int call(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    struct weft_http_client *client = handler->context;
    const struct weft_http_request_options options = { .headers = outgoing(request),
                                                       .body = request->body };
    const char *target =
        weft_http_format(request->memory, "%s%s%s", request->path, request->query ? "?" : "",
                         request->query ? request->query : "");
    if (!options.headers || !target) {
        return -1;
    }
    if (weft__client_call(client, request->method, target, &options, response) < 0) {
        return refuse(response);
    }
    strip(&response->headers);
    return 0;
}

struct weft_http_handler *weft_http_client_handler(struct weft_http_client *client)
{
    client->handler = (struct weft_http_handler){ .call = call, .context = client };
    return &client->handler;
}
