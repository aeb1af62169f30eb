#ifndef WEFT_PROTO_URL_BYTES_H
#define WEFT_PROTO_URL_BYTES_H

#include <stdbool.h>

/* The character classes of RFC 3986. */

static inline bool weft__url_is_unreserved(char byte)
{
    char lower = (char)(byte | 0x20);
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
           byte == '.' || byte == '_' || byte == '~';
}

static inline bool weft__url_is_sub_delimiter(char byte)
{
    switch (byte) {
    case '!':
    case '$':
    case '&':
    case '\'':
    case '(':
    case ')':
    case '*':
    case '+':
    case ',':
    case ';':
    case '=':
        return true;
    default:
        return false;
    }
}

/* Visible ASCII: all that may stand in a request target. */
static inline bool weft__url_is_visible(char byte)
{
    return byte > 0x20 && byte < 0x7f;
}

#endif
