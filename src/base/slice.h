#ifndef WEFT_BASE_SLICE_H
#define WEFT_BASE_SLICE_H

/*
 * Slices: a run of bytes that belongs to someone else. Nothing here depends on the locale: letters
 * are the 26 of ASCII, digits are 0-9.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct weft__slice {
    const char *data; /* not terminated; may be NULL when length is 0 */
    size_t length;
};

/** A slice of a string literal or array of char. */
#define WEFT__SLICE(literal) ((struct weft__slice){ "" literal, sizeof(literal) - 1 })

/** For printf: `printf("%.*s", WEFT__PRINT(slice))`. */
#define WEFT__PRINT(slice) (int)(slice).length, (slice).data ? (slice).data : ""

static inline struct weft__slice weft__slice(const char *data, size_t length)
{
    return (struct weft__slice){ data, length };
}

static inline struct weft__slice weft__slice_string(const char *string)
{
    return (struct weft__slice){ string, strlen(string) };
}

/** ASCII lower case of one byte; other bytes unchanged. */
static inline char weft__lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static inline bool weft__is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/** Value of a hexadecimal digit, or -1. */
static inline int weft__hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte = weft__lower(byte);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/** Same bytes. */
bool weft__slice_equal(struct weft__slice a, struct weft__slice b);

/** Same bytes, ASCII letters compared without case. */
bool weft__slice_equal_case(struct weft__slice a, struct weft__slice b);

/** As weft__slice_equal, against a C string. */
static inline bool weft__slice_is(struct weft__slice slice, const char *string)
{
    size_t length = strlen(string);
    return slice.length == length && (length == 0 || memcmp(slice.data, string, length) == 0);
}

/** As weft__slice_equal_case, against a C string. */
static inline bool weft__slice_is_case(struct weft__slice slice, const char *string)
{
    size_t length = strlen(string);
    return slice.length == length && weft__slice_equal_case(slice, weft__slice(string, length));
}

/** True when slice begins with the bytes of prefix. */
bool weft__slice_starts(struct weft__slice slice, const char *prefix);

/** Offset of the first such byte, or the slice's length when there is none. */
size_t weft__slice_find(struct weft__slice slice, char byte);

/** Without spaces and tabs at both ends (the OWS of HTTP). */
struct weft__slice weft__slice_trim(struct weft__slice slice);

/**
 * Take the next piece up to a separator off a slice.
 *
 * @param rest       In: what is left. Out: what follows the separator.
 * @param separator  One byte.
 * @param piece      The bytes before the separator, or all of them when there is none.
 * @return           False once rest is used up; a slice of n separators yields n + 1 pieces.
 */
bool weft__slice_split(struct weft__slice *rest, char separator, struct weft__slice *piece);

/**
 * Walk a comma separated HTTP list (RFC 9110 5.6.1): pieces are trimmed, empty ones left out,
 * commas inside a quoted string do not separate.
 *
 * @return           False at the end.
 */
bool weft__slice_list(struct weft__slice *rest, struct weft__slice *piece);

/** True when a comma separated HTTP list contains this token, compared without case. */
bool weft__slice_list_has(struct weft__slice list, const char *token);

/**
 * Read an unsigned decimal number: digits only, at least one, no sign, no space.
 *
 * @return           0; or -1: EINVAL not a number, ERANGE above UINT64_MAX. value untouched then.
 */
int weft__parse_decimal(struct weft__slice text, uint64_t *value);

/** As weft__parse_decimal, in base 16, either case, without a `0x`. */
int weft__parse_hex(struct weft__slice text, uint64_t *value);

#endif
