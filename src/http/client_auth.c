/* Credentials: bearer tokens, and Basic (RFC 7617). */
#include <string.h>

#include "base/fail.h"
#include "http/client.h"

static void encode(char *out, const unsigned char *data, size_t length)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned bits = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                        (left > 2 ? data[i + 2] : 0);
        *out++ = DIGITS[bits >> 18];
        *out++ = DIGITS[bits >> 12 & 63];
        *out++ = left > 1 ? DIGITS[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? DIGITS[bits & 63] : '=';
    }
    *out = '\0';
}

char *weft__basic_credentials(struct weft_http_memory *memory, struct weft__slice user,
                              struct weft__slice password)
{
    if (memchr(user.data, ':', user.length)) {
        errno = EINVAL;
        return NULL;
    }
    size_t length = user.length + 1 + password.length;
    char *plain = weft_http_format(memory, "%.*s:%.*s", WEFT__PRINT(user), WEFT__PRINT(password));
    char *text = weft_http_allocate(memory, sizeof("Basic ") + (length + 2) / 3 * 4);
    if (!plain || !text) {
        return NULL;
    }
    memcpy(text, "Basic ", 6);
    encode(text + 6, (const unsigned char *)plain, length);
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
