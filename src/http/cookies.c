/*
 * A jar of cookies: a list, the first set first, so that the front is what makes room, and what is
 * sent first among those of one path.
 */
#include "http/cookies.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/fail.h"
#include "base/list.h"
#include "proto/url.h"

enum {
    FIELD_MAX = 65536 /* bytes of a cookie field */
};

struct cookie {
    struct weft__list node;
    char *name; /* one block holds all four */
    char *value;
    char *domain;
    char *path;
    bool host_only;
    bool secure;
    int64_t expires; /* Unix seconds; INT64_MAX: with the jar */
};

struct weft_cookies {
    struct weft__list list;
    size_t count;
};

static struct cookie *cookie_of(struct weft__list *node)
{
    return weft__container_of(node, struct cookie, node);
}

struct weft_cookies *weft_cookies_new(void)
{
    struct weft_cookies *cookies = weft__calloc(1, sizeof(*cookies));
    if (cookies) {
        weft__list_init(&cookies->list);
    }
    return cookies;
}

static void drop(struct weft_cookies *cookies, struct cookie *cookie)
{
    weft__list_remove(&cookie->node);
    cookies->count--;
    weft__free(cookie->name);
    weft__free(cookie);
}

void weft_cookies_free(struct weft_cookies *cookies)
{
    if (!cookies) {
        return;
    }
    weft__list_each(node, &cookies->list) {
        drop(cookies, cookie_of(node));
    }
    weft__free(cookies);
}

size_t weft_cookies_count(const struct weft_cookies *cookies)
{
    return cookies->count;
}

/* --- matching */

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* RFC 6265bis, 5.1.3. Both in lower case. */
static bool domain_matches(const char *host, const char *domain)
{
    size_t length = strlen(host);
    size_t end = strlen(domain);
    if (strcmp(host, domain) == 0) {
        return true;
    }
    return length > end && host[length - end - 1] == '.' &&
           strcmp(host + length - end, domain) == 0 && !is_address(host);
}

/* 5.1.4. */
static bool path_matches(struct weft__slice path, const char *cookie)
{
    size_t length = strlen(cookie);
    if (path.length < length || (length && memcmp(path.data, cookie, length) != 0)) {
        return false;
    }
    return path.length == length || cookie[length - 1] == '/' || path.data[length] == '/';
}

static struct weft__slice default_path(struct weft__slice path)
{
    size_t slash = path.length;
    while (slash > 0 && path.data[slash - 1] != '/') {
        slash--;
    }
    if (slash <= 1 || path.data[0] != '/') {
        return WEFT__SLICE("/");
    }
    return weft__slice(path.data, slash - 1);
}

/* The host in lower case. False: too long to be one. */
static bool lower(struct weft__slice text, char host[256])
{
    if (text.length == 0 || text.length > 255) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        host[i] = weft__lower(text.data[i]);
    }
    host[text.length] = '\0';
    return true;
}

/* --- keeping */

/* The domain a cookie is for. 0; -1: EINVAL the host may not set it. */
static int choose_domain(const struct weft__cookie_text *text, const char *host, char domain[256],
                         bool *host_only)
{
    *host_only = text->domain.length == 0;
    if (*host_only) {
        memcpy(domain, host, strlen(host) + 1);
        return 0;
    }
    if (!lower(text->domain, domain) || !domain_matches(host, domain)) {
        return weft__fail(EINVAL);
    }
    if (weft__is_public_suffix(domain)) {
        *host_only = true; /* such a name may have cookies of its own, for itself alone */
        return strcmp(host, domain) == 0 ? 0 : weft__fail(EINVAL);
    }
    if (is_address(host)) {
        *host_only = true;
    }
    return 0;
}

/* 5.7: what a name promises. */
static bool keeps_promise(const struct weft__cookie_text *text, bool host_only,
                          struct weft__slice path)
{
    struct weft__slice start = weft__slice(text->name.data, text->name.length < 9 ? 0 : 9);
    if (weft__slice_is_case(start, "__Secure-")) {
        return text->secure;
    }
    start.length = text->name.length < 7 ? 0 : 7;
    if (weft__slice_is_case(start, "__Host-")) {
        return text->secure && host_only && text->domain.length == 0 && weft__slice_is(path, "/");
    }
    return true;
}

static struct cookie *make(const struct weft__cookie_text *text, const char *domain,
                           struct weft__slice path)
{
    struct weft__slice parts[] = { text->name, text->value, weft__slice_string(domain), path };
    size_t size = 0;
    for (size_t i = 0; i < 4; i++) {
        size += parts[i].length + 1;
    }
    struct cookie *cookie = weft__calloc(1, sizeof(*cookie));
    char *block = weft__malloc(size);
    if (!cookie || !block) {
        weft__free(cookie);
        weft__free(block);
        errno = ENOMEM;
        return NULL;
    }
    char **places[] = { &cookie->name, &cookie->value, &cookie->domain, &cookie->path };
    for (size_t i = 0; i < 4; i++) {
        *places[i] = block;
        if (parts[i].length) {
            memcpy(block, parts[i].data, parts[i].length);
        }
        block[parts[i].length] = '\0';
        block += parts[i].length + 1;
    }
    return cookie;
}

static struct cookie *find(struct weft_cookies *cookies, const struct cookie *like)
{
    weft__list_each(node, &cookies->list) {
        struct cookie *cookie = cookie_of(node);
        if (strcmp(cookie->name, like->name) == 0 && strcmp(cookie->domain, like->domain) == 0 &&
            strcmp(cookie->path, like->path) == 0 && cookie->host_only == like->host_only) {
            return cookie;
        }
    }
    return NULL;
}

/* A plain connection does not replace, or hide, what came over a secure one (5.6, 14). */
static bool hides_secure(struct weft_cookies *cookies, const struct cookie *fresh)
{
    weft__list_each(node, &cookies->list) {
        const struct cookie *cookie = cookie_of(node);
        if (cookie->secure && strcmp(cookie->name, fresh->name) == 0 &&
            (domain_matches(cookie->domain, fresh->domain) ||
             domain_matches(fresh->domain, cookie->domain)) &&
            path_matches(weft__slice_string(fresh->path), cookie->path)) {
            return true;
        }
    }
    return false;
}

/* Each new cookie lets one go, if it must: an expired one first. */
static void make_room(struct weft_cookies *cookies, const char *domain, int64_t now)
{
    struct cookie *expired = NULL;
    struct cookie *oldest = NULL;
    size_t same = 0;
    weft__list_each(node, &cookies->list) {
        struct cookie *cookie = cookie_of(node);
        bool own = strcmp(cookie->domain, domain) == 0;
        expired = cookie->expires <= now && (own || !expired) ? cookie : expired;
        oldest = own && !oldest ? cookie : oldest;
        same += own;
    }
    bool expired_own = expired && strcmp(expired->domain, domain) == 0;
    if (same >= WEFT_COOKIES_DOMAIN_MAX) {
        drop(cookies, expired_own ? expired : oldest);
    } else if (cookies->count >= WEFT_COOKIES_MAX) {
        drop(cookies, expired ? expired : cookie_of(cookies->list.next));
    }
}

/* In the place of an older one, or at the end. */
static void put(struct weft_cookies *cookies, struct cookie *cookie, int64_t now)
{
    struct cookie *old = find(cookies, cookie);
    if (old) {
        weft__list_append(&old->node, &cookie->node);
        cookies->count++;
        drop(cookies, old);
    } else {
        make_room(cookies, cookie->domain, now);
        weft__list_append(&cookies->list, &cookie->node);
        cookies->count++;
    }
    if (cookie->expires <= now) {
        drop(cookies, cookie);
    }
}

int weft__cookies_keep(struct weft_cookies *cookies, const struct weft__cookie_place *place,
                       struct weft__slice field)
{
    struct weft__cookie_text text;
    char host[256];
    char domain[256];
    bool host_only;
    int64_t now = time(NULL);
    if (weft__cookie_parse(field, now, &text) < 0 || !lower(place->host, host) ||
        choose_domain(&text, host, domain, &host_only) < 0 || (text.secure && !place->secure)) {
        return weft__fail(EINVAL);
    }
    struct weft__slice path = text.path.length ? text.path : default_path(place->path);
    if (!keeps_promise(&text, host_only, path)) {
        return weft__fail(EINVAL);
    }
    struct cookie *cookie = make(&text, domain, path);
    if (!cookie) {
        return -1;
    }
    weft__list_init(&cookie->node);
    cookie->host_only = host_only;
    cookie->secure = text.secure;
    cookie->expires = text.expires_set ? text.expires : INT64_MAX;
    if (!place->secure && hides_secure(cookies, cookie)) {
        weft__free(cookie->name);
        weft__free(cookie);
        return weft__fail(EINVAL);
    }
    put(cookies, cookie, now);
    return 0;
}

/* --- getting */

static bool is_for(const struct cookie *cookie, const struct weft__cookie_place *place,
                   const char *host, int64_t now)
{
    struct weft__slice path = place->path.length ? place->path : WEFT__SLICE("/");
    bool domain = cookie->host_only ? strcmp(host, cookie->domain) == 0
                                    : domain_matches(host, cookie->domain);
    return domain && cookie->expires > now && (!cookie->secure || place->secure) &&
           path_matches(path, cookie->path);
}

static int write_cookie(struct weft__buffer *out, const struct cookie *cookie)
{
    return weft__buffer_appendf(out, "%s%s%s%s", out->length ? "; " : "", cookie->name,
                                *cookie->name ? "=" : "", cookie->value);
}

/* The longest path first: each round writes those of the longest length below the last one's. */
char *weft__cookies_for(struct weft_cookies *cookies, const struct weft__cookie_place *place)
{
    char host[256];
    int64_t now = time(NULL);
    struct weft__buffer out;
    size_t below = SIZE_MAX;
    if (!lower(place->host, host)) {
        errno = ENOENT;
        return NULL;
    }
    weft__buffer_init(&out, FIELD_MAX);
    for (;;) {
        size_t length = 0;
        weft__list_each(node, &cookies->list) {
            const struct cookie *cookie = cookie_of(node);
            size_t own = strlen(cookie->path);
            if (own < below && own > length && is_for(cookie, place, host, now)) {
                length = own;
            }
        }
        if (length == 0) {
            break;
        }
        weft__list_each(node, &cookies->list) {
            const struct cookie *cookie = cookie_of(node);
            if (strlen(cookie->path) == length && is_for(cookie, place, host, now) &&
                write_cookie(&out, cookie) < 0 && errno == ENOMEM) {
                weft__buffer_fini(&out);
                errno = ENOMEM;
                return NULL;
            }
        }
        below = length;
    }
    char *text = out.length ? weft__buffer_take(&out, NULL) : NULL;
    int error = text || out.length ? errno : ENOENT;
    weft__buffer_fini(&out);
    errno = error;
    return text;
}

static int place_of(const char *text, struct weft__cookie_place *place)
{
    struct weft__url url;
    if (weft__url_parse(weft__slice_string(text), &url) < 0) {
        return weft__fail(EINVAL);
    }
    *place = (struct weft__cookie_place){ url.host, url.path, url.secure };
    return 0;
}

int weft_cookies_set(struct weft_cookies *cookies, const char *url, const char *text)
{
    struct weft__cookie_place place;
    return place_of(url, &place) < 0
               ? -1
               : weft__cookies_keep(cookies, &place, weft__slice_string(text));
}

char *weft_cookies_get(struct weft_cookies *cookies, const char *url)
{
    struct weft__cookie_place place;
    return place_of(url, &place) < 0 ? NULL : weft__cookies_for(cookies, &place);
}
