/*
 * Escapes and dots of URLs: percent coding, path normalisation and reference resolution.
 *
 * A path is decoded before its dots are resolved, so that `%2e%2e` is seen as the `..` it is, and
 * exactly once, so that `%252e` stays the harmless text `%2e`.
 */
#include <string.h>

#include "base/fail.h"
#include "proto/url.h"
#include "proto/url_bytes.h"

/* The byte that %XX at text[i] stands for, or -1. */
static int escaped(struct weft__slice text, size_t i)
{
    if (text.length - i < 3)
        return -1;
    int high = weft__hex_digit(text.data[i + 1]);
    int low = weft__hex_digit(text.data[i + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int weft__url_decode(struct weft__slice text, char *out, size_t *length, bool plus)
{
    size_t count = 0;

    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            int value = escaped(text, i);
            if (value <= 0)
                return weft__fail(EINVAL);
            byte = (char)value;
            i += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        out[count++] = byte;
    }
    *length = count;
    return 0;
}

int weft__url_encode(struct weft__buffer *out, struct weft__slice text)
{
    static const char digits[] = "0123456789ABCDEF";

    if (text.length > SIZE_MAX / 3)
        return weft__fail(ENOBUFS);
    size_t needed = 0;
    for (size_t i = 0; i < text.length; i++)
        needed += weft__url_is_unreserved(text.data[i]) ? 1 : 3;
    char *room = weft__buffer_reserve(out, needed);
    if (!room)
        return -1;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (weft__url_is_unreserved((char)byte)) {
            *room++ = (char)byte;
        } else {
            *room++ = '%';
            *room++ = digits[byte >> 4];
            *room++ = digits[byte & 15];
        }
    }
    weft__buffer_added(out, needed);
    return 0;
}

/* Drop the last segment of "/a/b/", leaving "/a/"; -1 at the root. */
static int parent(const char *out, size_t *count)
{
    size_t end = *count;
    if (end <= 1)
        return weft__fail(EACCES);
    do
        end--;
    while (out[end - 1] != '/');
    *count = end;
    return 0;
}

/* Decode a segment behind out[*count - 1], which is a slash, and let dots take effect. */
static int add_segment(struct weft__slice segment, char *out, size_t *count, bool *open)
{
    size_t length = 0;
    char *place = out + *count;

    if (weft__url_decode(segment, place, &length, false) < 0)
        return -1;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)place[i];
        if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\')
            return weft__fail(EINVAL);
    }
    struct weft__slice text = weft__slice(place, length);
    *open = false;
    if (length == 0 || weft__slice_is(text, "."))
        return 0;
    if (weft__slice_is(text, ".."))
        return parent(out, count);
    *count += length;
    *open = true;
    return 0;
}

int weft__url_path_clean(struct weft__slice path, char *out, size_t *length)
{
    struct weft__slice rest = path, segment;
    bool open = false; /* the last segment is a name and still lacks its slash */
    size_t count = 1;

    if (path.length == 0 || path.data[0] != '/')
        return weft__fail(EINVAL);
    out[0] = '/';
    rest.data++;
    rest.length--;
    while (weft__slice_split(&rest, '/', &segment)) {
        if (open)
            out[count++] = '/';
        if (add_segment(segment, out, &count, &open) < 0)
            return -1;
    }
    *length = count;
    return 0;
}

/* Remove the dot segments of RFC 3986 5.2.4 from buffer[from..], without decoding. */
static void remove_dots(struct weft__buffer *out, size_t from)
{
    char *path = out->data + out->start + from;
    struct weft__slice rest = weft__slice(path, out->length - from), segment;
    size_t count = 0;

    if (rest.length == 0)
        return;
    rest.data++;
    rest.length--;
    path[count++] = '/';
    while (weft__slice_split(&rest, '/', &segment)) {
        bool last = rest.data == NULL;
        if (weft__slice_is(segment, "..")) {
            while (count > 1 && path[--count - 1] != '/')
                continue;
        } else if (!weft__slice_is(segment, ".")) {
            memmove(path + count, segment.data, segment.length);
            count += segment.length;
            if (!last)
                path[count++] = '/';
        }
    }
    out->length = from + count;
}

/* The base's path up to and with its last slash; "/" when it has none. */
static struct weft__slice folder(const struct weft__url *base)
{
    size_t end = base->path.length;
    while (end > 0 && base->path.data[end - 1] != '/')
        end--;
    return end > 0 ? weft__slice(base->path.data, end) : WEFT__SLICE("/");
}

static int append_all(struct weft__buffer *out, const struct weft__slice *pieces, size_t count)
{
    size_t before = out->length;
    for (size_t i = 0; i < count; i++) {
        if (weft__buffer_append_slice(out, pieces[i]) < 0) {
            out->length = before;
            return -1;
        }
    }
    return 0;
}

/* Does the text begin with `scheme:`? */
static bool has_scheme(struct weft__slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (byte == ':')
            return i > 0;
        if (byte == '/' || byte == '?' || byte == '#')
            return false;
    }
    return false;
}

/* Append `path` (absolute or, below the base's folder, relative) and what follows it. */
static int append_path(struct weft__buffer *out, const struct weft__url *base,
                       struct weft__slice reference)
{
    size_t end = 0;
    while (end < reference.length && reference.data[end] != '?' && reference.data[end] != '#')
        end++;
    struct weft__slice path = weft__slice(reference.data, end);
    struct weft__slice tail = weft__slice(reference.data + end, reference.length - end);
    bool keeps_path = path.length == 0;
    bool keeps_query =
        keeps_path && base->has_query && (end == reference.length || reference.data[end] == '#');
    struct weft__slice none = WEFT__SLICE(""), start = none;

    if (keeps_path)
        start = base->path;
    else if (path.data[0] != '/')
        start = folder(base);
    size_t from = out->length;
    if (append_all(out, (struct weft__slice[]){ start, path }, 2) < 0)
        return -1;
    if (!keeps_path)
        remove_dots(out, from);
    return append_all(out,
                      (struct weft__slice[]){ keeps_query ? WEFT__SLICE("?") : none,
                                              keeps_query ? base->query : none, tail },
                      3);
}

int weft__url_resolve(struct weft__buffer *out, const struct weft__url *base,
                      struct weft__slice reference)
{
    size_t before = out->length;
    struct weft__slice scheme[] = { base->scheme, WEFT__SLICE(":"), WEFT__SLICE("//"),
                                    base->authority };
    bool absolute = has_scheme(reference);
    bool network = weft__slice_starts(reference, "//");
    struct weft__url check;
    int result = 0;

    if (!absolute)
        result = append_all(out, scheme, network ? 2 : 4);
    if (result == 0 && (absolute || network))
        result = weft__buffer_append_slice(out, reference);
    else if (result == 0)
        result = append_path(out, base, reference);
    if (result == 0) {
        struct weft__slice all = weft__buffer_slice(out);
        result = weft__url_parse(weft__slice(all.data + before, all.length - before), &check);
    }
    if (result < 0)
        out->length = before;
    return result;
}
