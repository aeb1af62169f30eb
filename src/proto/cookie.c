#include "proto/cookie.h"

#include "proto/http1.h"

static bool has_control(struct weft__slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f) {
            return true;
        }
    }
    return false;
}

bool weft__cookie_next(struct weft__slice *rest, struct weft__slice *name,
                       struct weft__slice *value)
{
    struct weft__slice pair;
    while (weft__slice_split(rest, ';', &pair)) {
        size_t equals = weft__slice_find(pair, '=');
        if (equals == pair.length || has_control(pair)) {
            continue;
        }
        *name = weft__slice_trim(weft__slice(pair.data, equals));
        *value = weft__slice_trim(weft__slice(pair.data + equals + 1, pair.length - equals - 1));
        if (name->length > 0) {
            return true;
        }
    }
    return false;
}

bool weft__cookie_is_name(struct weft__slice text)
{
    return weft__http1_is_token(text);
}

bool weft__cookie_is_value(struct weft__slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte <= 0x20 || byte >= 0x7f || byte == '"' || byte == ',' || byte == ';' ||
            byte == '\\') {
            return false;
        }
    }
    return true;
}

bool weft__cookie_is_attribute(struct weft__slice text)
{
    return !has_control(text) && weft__slice_find(text, ';') == text.length;
}
