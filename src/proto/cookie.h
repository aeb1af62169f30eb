#ifndef WEFT_PROTO_COOKIE_H
#define WEFT_PROTO_COOKIE_H

/* Cookies: RFC 6265bis, as a server reads and writes them. */

#include "base/slice.h"

/**
 * Walk the field Cookie: pairs joined by semicolons, quotes around a value left in place; pieces
 * without a name or with bytes that no cookie has are left out.
 *
 * @return          False at the end.
 */
bool weft__cookie_next(struct weft__slice *rest, struct weft__slice *name,
                       struct weft__slice *value);

/** True if a text may be a cookie's name: a token. */
bool weft__cookie_is_name(struct weft__slice text);

/** True if a text may be a cookie's value: no blank, quote, comma, semicolon, backslash, control.
 */
bool weft__cookie_is_value(struct weft__slice text);

/** True if a text may be a cookie's path or domain: no control, no semicolon. */
bool weft__cookie_is_attribute(struct weft__slice text);

#endif
