#ifndef WEFT_HTTP_COOKIES_INTERNAL_H
#define WEFT_HTTP_COOKIES_INTERNAL_H

/*
 *      cookies.c         the jar: matching, keeping, making room
 *      cookies_parse.c   a set-cookie field, dates
 *      suffix.c          domains in which anybody can have a name
 */

#include <stdbool.h>
#include <stdint.h>

#include <weft/http/cookies.h>

#include "base/slice.h"

/* Who sets or gets. */
struct weft__cookie_place {
    struct weft__slice host; /* in any case, without brackets */
    struct weft__slice path; /* without the query; may be empty */
    bool secure;
};

/* A set-cookie field taken apart; slices point into it. */
struct weft__cookie_text {
    struct weft__slice name;
    struct weft__slice value;
    struct weft__slice domain; /* without a leading dot; empty: none */
    struct weft__slice path;   /* empty: none, or one that counts as none */
    bool secure;
    bool expires_set;
    int64_t expires; /* Unix seconds */
};

/** Take a field apart. 0; -1: EINVAL. @param now Unix seconds. */
int weft__cookie_parse(struct weft__slice text, int64_t now, struct weft__cookie_text *cookie);

/** A date as cookies have it, in many forms. 0; -1: EINVAL. */
int weft__cookie_date(struct weft__slice text, int64_t *seconds);

/** Keep a cookie. 0; -1: EINVAL, ENOMEM. */
int weft__cookies_keep(struct weft_cookies *cookies, const struct weft__cookie_place *place,
                       struct weft__slice text);

/** The value of a cookie field; NULL and errno: ENOENT, ENOMEM. To be freed. */
char *weft__cookies_for(struct weft_cookies *cookies, const struct weft__cookie_place *place);

/** True if anybody can have a name in that domain (in lower case). */
bool weft__is_public_suffix(const char *domain);

#endif
