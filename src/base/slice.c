#include "base/slice.h"

#include "base/fail.h"

bool weft__slice_equal(struct weft__slice a, struct weft__slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool weft__slice_equal_case(struct weft__slice a, struct weft__slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++) {
        if (weft__lower(a.data[i]) != weft__lower(b.data[i]))
            return false;
    }
    return true;
}

bool weft__slice_starts(struct weft__slice slice, const char *prefix)
{
    size_t length = strlen(prefix);
    return slice.length >= length && weft__slice_is(weft__slice(slice.data, length), prefix);
}

size_t weft__slice_find(struct weft__slice slice, char byte)
{
    if (slice.length == 0)
        return 0;
    const char *found = memchr(slice.data, byte, slice.length);
    return found ? (size_t)(found - slice.data) : slice.length;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

struct weft__slice weft__slice_trim(struct weft__slice slice)
{
    while (slice.length > 0 && is_blank(slice.data[0])) {
        slice.data++;
        slice.length--;
    }
    while (slice.length > 0 && is_blank(slice.data[slice.length - 1]))
        slice.length--;
    return slice;
}

/* Take `length` bytes and the separator behind them, if there is one, off the front. */
static void take(struct weft__slice *rest, size_t length, struct weft__slice *piece)
{
    *piece = weft__slice(rest->data, length);
    if (length == rest->length)
        *rest = weft__slice(NULL, 0);
    else
        *rest = weft__slice(rest->data + length + 1, rest->length - length - 1);
}

bool weft__slice_split(struct weft__slice *rest, char separator, struct weft__slice *piece)
{
    if (rest->data == NULL)
        return false;
    take(rest, weft__slice_find(*rest, separator), piece);
    return true;
}

static size_t list_element_length(struct weft__slice text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (quoted && byte == '\\')
            i++;
        else if (byte == '"')
            quoted = !quoted;
        else if (byte == ',' && !quoted)
            return i;
    }
    return text.length;
}

bool weft__slice_list(struct weft__slice *rest, struct weft__slice *piece)
{
    while (rest->data != NULL) {
        take(rest, list_element_length(*rest), piece);
        *piece = weft__slice_trim(*piece);
        if (piece->length > 0)
            return true;
    }
    return false;
}

bool weft__slice_list_has(struct weft__slice list, const char *token)
{
    struct weft__slice piece;
    while (weft__slice_list(&list, &piece)) {
        if (weft__slice_is_case(piece, token))
            return true;
    }
    return false;
}

static int parse(struct weft__slice text, unsigned base, uint64_t *value)
{
    uint64_t sum = 0;
    bool overflow = false;

    if (text.length == 0)
        return weft__fail(EINVAL);
    for (size_t i = 0; i < text.length; i++) {
        int digit = weft__hex_digit(text.data[i]);
        if (digit < 0 || digit >= (int)base)
            return weft__fail(EINVAL);
        overflow |= __builtin_mul_overflow(sum, base, &sum);
        overflow |= __builtin_add_overflow(sum, (uint64_t)digit, &sum);
    }
    if (overflow)
        return weft__fail(ERANGE);
    *value = sum;
    return 0;
}

int weft__parse_decimal(struct weft__slice text, uint64_t *value)
{
    return parse(text, 10, value);
}

int weft__parse_hex(struct weft__slice text, uint64_t *value)
{
    return parse(text, 16, value);
}
