#include "proto/forwarded.h"

/* The length of a pair, up to a semicolon outside of quotes. */
static size_t pair_length(struct weft__slice text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.length; i++) {
        quoted ^= text.data[i] == '"';
        if (text.data[i] == ';' && !quoted) {
            return i;
        }
    }
    return text.length;
}

static bool unquote(struct weft__slice *value)
{
    if (value->length == 0 || value->data[0] != '"') {
        return value->length > 0;
    }
    if (value->length < 2 || value->data[value->length - 1] != '"') {
        return false;
    }
    *value = weft__slice(value->data + 1, value->length - 2);
    return weft__slice_find(*value, '\\') == value->length &&
           weft__slice_find(*value, '"') == value->length;
}

bool weft__forwarded_find(struct weft__slice element, const char *name, struct weft__slice *value)
{
    while (element.length > 0) {
        size_t length = pair_length(element);
        struct weft__slice pair = weft__slice_trim(weft__slice(element.data, length));
        size_t equals = weft__slice_find(pair, '=');
        if (equals < pair.length && weft__slice_is_case(weft__slice(pair.data, equals), name)) {
            *value = weft__slice(pair.data + equals + 1, pair.length - equals - 1);
            return unquote(value);
        }
        length += length < element.length;
        element = weft__slice(element.data + length, element.length - length);
    }
    return false;
}
