#include "proto/base64.h"

#include "base/fail.h"

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int weft__base64_decode(struct weft__slice text, char *out, size_t *length)
{
    size_t padding = 0;
    size_t filled = 0;
    if (text.length % 4 != 0) {
        return weft__fail(EINVAL);
    }
    while (padding < 2 && padding < text.length && text.data[text.length - 1 - padding] == '=') {
        padding++;
    }
    unsigned bits = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool padded = i >= text.length - padding;
        int value = padded ? 0 : value_of(text.data[i]);
        if (value < 0) {
            return weft__fail(EINVAL);
        }
        bits = bits << 6 | (unsigned)value;
        if (i % 4 == 3) {
            size_t count = i == text.length - 1 ? 3 - padding : 3;
            for (size_t k = 0; k < count; k++) {
                out[filled++] = (char)(bits >> (16 - 8 * k));
            }
            if (count < 3 && (bits & ((1U << (8 * padding)) - 1))) {
                return weft__fail(EINVAL);
            }
            bits = 0;
        }
    }
    *length = filled;
    return 0;
}

void weft__base64_encode(struct weft__slice bytes, char *out)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *data = (const unsigned char *)bytes.data;
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t left = bytes.length - i;
        unsigned bits = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                        (left > 2 ? data[i + 2] : 0);
        *out++ = DIGITS[bits >> 18];
        *out++ = DIGITS[bits >> 12 & 63];
        *out++ = left > 1 ? DIGITS[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? DIGITS[bits & 63] : '=';
    }
    *out = '\0';
}
