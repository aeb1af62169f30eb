/* Credentials: bearer tokens, and Basic (RFC 7617). */
#include <string.h>

#include "base/fail.h"
#include "http/client.h"
#include "proto/base64.h"

char *weft__basic_credentials(struct weft_http_memory *memory, struct weft__slice user,
                              struct weft__slice password)
{
    if (memchr(user.data, ':', user.length)) {
        errno = EINVAL;
        return NULL;
    }
    size_t length = user.length + 1 + password.length;
    char *plain = weft_http_format(memory, "%.*s:%.*s", WEFT__PRINT(user), WEFT__PRINT(password));
    char *text = weft_http_allocate(memory, 6 + WEFT__BASE64_ROOM(length));
    if (!plain || !text) {
        return NULL;
    }
    memcpy(text, "Basic ", 6);
    weft__base64_encode(weft__slice(plain, length), text + 6);
    return text;
}

int weft__client_credentials(struct weft_http_headers *headers,
                             const struct weft_http_client_options *options)
{
    const char *value = NULL;
    if (options->bearer) {
        value = weft_http_format(headers->memory, "Bearer %s", options->bearer);
    } else if (options->user) {
        value =
            weft__basic_credentials(headers->memory, weft__slice_string(options->user),
                                    weft__slice_string(options->password ? options->password : ""));
    } else {
        return 0;
    }
    return value ? weft_http_headers_add(headers, "authorization", value) : -1;
}
