/* The head of a request, in one piece of the call's memory. */
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "http/client.h"
#include "http/headers.h"

enum {
    OWN = 128 /* beside the fields: version, framing, line ends */
};

/* Fields that the connection decides on. */
static bool is_own(const struct weft_http_field *field)
{
    static const char *const OWN_NAMES[] = { "connection",        "content-length", "host",
                                             "transfer-encoding", "keep-alive",     "upgrade" };
    for (size_t i = 0; i < sizeof(OWN_NAMES) / sizeof(OWN_NAMES[0]); i++) {
        if (weft__slice_is_case(weft__field_name(field), OWN_NAMES[i])) {
            return true;
        }
    }
    return false;
}

static char *put(char *at, const char *data, size_t length)
{
    memcpy(at, data, length);
    return at + length;
}

static char *put_text(char *at, const char *text)
{
    return put(at, text, strlen(text));
}

static size_t size_of(const struct weft_http_headers *headers)
{
    size_t size = 0;
    for (size_t i = 0; i < headers->count; i++) {
        size += headers->fields[i].name_length + headers->fields[i].value_length + 4;
    }
    return size;
}

static char *put_fields(char *at, const struct weft_http_headers *headers,
                        const struct weft_http_headers *but)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct weft_http_field *field = &headers->fields[i];
        if (is_own(field) || (but && weft_http_headers_get(but, field->name))) {
            continue;
        }
        at = put(at, field->name, field->name_length);
        at = put(at, ": ", 2);
        at = put(at, field->value, field->value_length);
        at = put(at, "\r\n", 2);
    }
    return at;
}

static char *put_framing(char *at, enum weft__framing framing, uint64_t length)
{
    if (framing == WEFT__FRAMING_CHUNKED) {
        return put_text(at, "transfer-encoding: chunked\r\n");
    }
    if (framing == WEFT__FRAMING_LENGTH) {
        return at + sprintf(at, "content-length: %llu\r\n", (unsigned long long)length);
    }
    return at;
}

char *weft__request_head(struct weft__call *call, enum weft__framing framing, uint64_t length,
                         size_t *size)
{
    const struct weft_http_client *client = call->client;
    const char *host = weft_http_headers_get(&call->headers, "host");
    host = host ? host : client->origin.authority;
    bool by_proxy = client->proxy.kind == WEFT__PROXY_HTTP && !client->origin.secure;
    const char *proves = by_proxy ? client->proxy.authorization : NULL;
    size_t room = strlen(call->method) + strlen(call->target) + strlen(host) +
                  strlen(client->origin.authority) + (proves ? strlen(proves) : 0) +
                  size_of(&client->headers) + size_of(&call->headers) + OWN;
    char *head = weft_http_allocate(call->response->memory, room);
    if (!head) {
        return NULL;
    }
    char *at = put_text(head, call->method);
    *at++ = ' ';
    if (by_proxy) {
        at = put_text(at, "http://");
        at = put_text(at, client->origin.authority);
    }
    at = put_text(at, call->target);
    at = put_text(at, " HTTP/1.1\r\nhost: ");
    at = put_text(at, host);
    at = put(at, "\r\n", 2);
    at = put_fields(at, &client->headers, &call->headers);
    at = put_fields(at, &call->headers, NULL);
    if (proves) {
        at = put_text(at, "proxy-authorization: ");
        at = put_text(at, proves);
        at = put(at, "\r\n", 2);
    }
    at = put_framing(at, framing, length);
    at = put(at, "\r\n", 2);
    *size = (size_t)(at - head);
    return head;
}
