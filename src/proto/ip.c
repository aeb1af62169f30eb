#include "proto/ip.h"

#include "base/fail.h"

int weft__ipv4_parse(struct weft__slice text, uint8_t bytes[4])
{
    struct weft__slice piece;
    uint64_t number;
    int count = 0;
    while (weft__slice_split(&text, '.', &piece)) {
        bool zeros = piece.length > 1 && piece.data[0] == '0';
        if (count == 4 || zeros || piece.length > 3 || weft__parse_decimal(piece, &number) < 0 ||
            number > 255) {
            return weft__fail(EINVAL);
        }
        bytes[count++] = (uint8_t)number;
    }
    return count == 4 ? 0 : weft__fail(EINVAL);
}

/* Groups of two bytes, the last perhaps an IPv4 address. Bytes written; -1. */
static int parse_groups(struct weft__slice text, uint8_t bytes[16])
{
    struct weft__slice piece;
    uint64_t number;
    int count = 0;
    if (text.length == 0) {
        return 0;
    }
    while (weft__slice_split(&text, ':', &piece)) {
        bool last = !text.data;
        if (last && weft__slice_find(piece, '.') < piece.length) {
            return count > 12 || weft__ipv4_parse(piece, bytes + count) < 0 ? -1 : count + 4;
        }
        if (count > 14 || piece.length > 4 || weft__parse_hex(piece, &number) < 0) {
            return -1;
        }
        bytes[count++] = (uint8_t)(number >> 8);
        bytes[count++] = (uint8_t)number;
    }
    return count;
}

int weft__ipv6_parse(struct weft__slice text, uint8_t bytes[16])
{
    uint8_t tail[16];
    size_t gap = 0;
    while (gap + 1 < text.length && !(text.data[gap] == ':' && text.data[gap + 1] == ':')) {
        gap++;
    }
    bool has_gap = gap + 1 < text.length;
    memset(bytes, 0, 16);
    int before = parse_groups(weft__slice(text.data, has_gap ? gap : text.length), bytes);
    if (!has_gap) {
        return before == 16 ? 0 : weft__fail(EINVAL);
    }
    struct weft__slice rest = weft__slice(text.data + gap + 2, text.length - gap - 2);
    int after = parse_groups(rest, tail);
    bool dotted = has_gap && memchr(text.data, '.', gap) != NULL; /* an IPv4 before the gap */
    if (before < 0 || after < 0 || before + after > 14 || dotted) {
        return weft__fail(EINVAL);
    }
    memcpy(bytes + 16 - after, tail, (size_t)after);
    return 0;
}
