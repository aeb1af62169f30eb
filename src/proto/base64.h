#ifndef WEFT_PROTO_BASE64_H
#define WEFT_PROTO_BASE64_H

#include "base/slice.h"

/**
 * Decode base64 (RFC 4648, 4), padded, without blanks; unused bits must be zero.
 *
 * @param out       At least text.length / 4 * 3 bytes.
 * @param length    Bytes written.
 * @return          0; or -1: EINVAL.
 */
int weft__base64_decode(struct weft__slice text, char *out, size_t *length);

/** Bytes that so many take when they are encoded, and a NUL. */
#define WEFT__BASE64_ROOM(length) (((length) + 2) / 3 * 4 + 1)

/** Encode, padded, with a NUL behind it. OUT has WEFT__BASE64_ROOM(bytes.length) bytes. */
void weft__base64_encode(struct weft__slice bytes, char *out);

#endif
