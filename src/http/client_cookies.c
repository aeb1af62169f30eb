/* Between calls and a jar of cookies. */
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "http/client.h"
#include "http/cookies.h"
#include "http/headers.h"

static struct weft__cookie_place place_of(const struct weft__call *call)
{
    const struct weft__origin *origin = &call->client->origin;
    struct weft__slice path = weft__slice_string(call->target);
    path.length = weft__slice_find(path, '?');
    return (struct weft__cookie_place){ weft__slice_string(origin->host), path, origin->secure };
}

int weft__call_cookies(struct weft__call *call)
{
    struct weft_cookies *cookies = call->client->options.cookies;
    if (!cookies || weft_http_headers_get(&call->headers, "cookie")) {
        return 0;
    }
    struct weft__cookie_place place = place_of(call);
    char *text = weft__cookies_for(cookies, &place);
    if (!text && errno == ENOENT) {
        return 0;
    }
    int result = text ? weft_http_headers_add(&call->headers, "cookie", text) : -1;
    int error = errno;
    free(text);
    return result < 0
               ? weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, error, "no memory for cookies")
               : 0;
}

void weft__call_keep_cookies(struct weft__call *call)
{
    struct weft_cookies *cookies = call->client->options.cookies;
    const struct weft_http_headers *headers = &call->response->headers;
    struct weft__cookie_place place = place_of(call);
    int error = errno;
    for (size_t i = 0; cookies && i < headers->count; i++) {
        if (weft__slice_is_case(weft__field_name(&headers->fields[i]), "set-cookie")) {
            weft__cookies_keep(cookies, &place, weft__field_value(&headers->fields[i]));
        }
    }
    errno = error;
}
