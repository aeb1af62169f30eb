#ifndef WEFT_PROTO_URL_H
#define WEFT_PROTO_URL_H

/*
 * URLs of the web: the part of RFC 3986 that http, https, ws and wss use, without repairs. What a
 * browser would silently fix (backslashes, spaces, controls, missing slashes) is refused here,
 * because a server that guesses and a proxy that guesses otherwise are a way around access rules.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/** An authority without user information: `host`, `host:port`, `[address]:port`. */
struct weft__url_authority {
    struct weft__slice host; /* without brackets */
    uint16_t port;           /* 0 when not told */
    bool literal;            /* the host stood in brackets: an IPv6 address */
};

/**
 * Read an authority. The host must be of unreserved characters, `%XX` and sub-delimiters except the
 * comma (which would read as a list in a Host field); empty is refused.
 *
 * @return          0; or -1 with EINVAL.
 */
int weft__url_authority_parse(struct weft__slice text, struct weft__url_authority *authority);

/** An absolute URL in parts; all slices point into its text. */
struct weft__url {
    struct weft__slice scheme;    /* as written; compared without case */
    bool secure;                  /* https or wss */
    struct weft__slice user;      /* `name:password` before the @, not decoded; often empty */
    struct weft__slice authority; /* host and port as written: what a Host field wants */
    struct weft__slice host;      /* without brackets */
    bool literal;                 /* the host stood in brackets */
    uint16_t port;                /* told, or the scheme's usual one: 80, 443 */
    struct weft__slice path;      /* may be empty, then it means "/" */
    struct weft__slice query;     /* without the ? */
    struct weft__slice fragment;  /* without the # */
    bool has_query;
    bool has_fragment;
};

/**
 * Take an absolute http, https, ws or wss URL apart.
 *
 * @return          0; or -1: EINVAL malformed, EPROTONOSUPPORT another scheme.
 */
int weft__url_parse(struct weft__slice text, struct weft__url *url);

/** What the path and query of a request target are. */
struct weft__url_target {
    struct weft__slice authority; /* of an absolute target; empty otherwise */
    struct weft__slice path;      /* "/" when an absolute target has none; "*" of OPTIONS */
    struct weft__slice query;     /* without the ? */
    bool has_query;
};

/**
 * Take a request target in origin, absolute or asterisk form apart.
 *
 * @return          0; or -1 with EINVAL: neither form, a fragment, user information, a character
 *                  outside printable ASCII, a backslash in the path.
 */
int weft__url_target_parse(struct weft__slice text, struct weft__url_target *target);

/**
 * Decode %XX.
 *
 * @param out       At least text.length bytes; may be text.data itself. Not terminated.
 * @param length    Bytes written.
 * @param plus      A + becomes a space, as in forms and queries.
 * @return          0; or -1: EINVAL a % without two hexadecimal digits, or %00.
 */
int weft__url_decode(struct weft__slice text, char *out, size_t *length, bool plus);

/** Append text with everything but unreserved characters as %XX. 0; or -1: ENOBUFS, ENOMEM. */
int weft__url_encode(struct weft__buffer *out, struct weft__slice text);

/**
 * Decode and normalise a path for use below a directory: %XX decoded once, empty and `.` segments
 * dropped, `..` resolved. The result begins with a slash and keeps a final one.
 *
 * @param out       At least path.length + 1 bytes. Not terminated.
 * @return          0; or -1: EINVAL does not begin with a slash, malformed %XX, a NUL or other
 *                  control byte, a backslash or an encoded slash; EACCES `..` leads above the root.
 */
int weft__url_path_clean(struct weft__slice path, char *out, size_t *length);

/**
 * Walk a query of `name=value` pairs joined by &; empty pieces are left out, nothing is decoded.
 *
 * @param rest      In: the query. Out: what is left of it.
 * @return          False at the end.
 */
bool weft__url_query_next(struct weft__slice *rest, struct weft__slice *name,
                          struct weft__slice *value);

/**
 * Resolve a reference (a Location field, say) against an absolute URL, as RFC 3986 section 5.2,
 * and append the absolute result. A fragment of the reference is kept, that of the base is not.
 *
 * @return          0; or -1: EINVAL malformed, EPROTONOSUPPORT another scheme, ENOBUFS, ENOMEM.
 */
int weft__url_resolve(struct weft__buffer *out, const struct weft__url *base,
                      struct weft__slice reference);

#endif
