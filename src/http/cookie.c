#include <weft/http/cookie.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <weft/error.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/headers.h"
#include "http/memory.h"
#include "proto/cookie.h"
#include "proto/http_date.h"

const char *weft_http_request_cookie(struct weft_http_request *request, const char *name)
{
    const struct weft_http_headers *headers = &request->headers;
    for (size_t i = 0; i < headers->count; i++) {
        struct weft__slice rest = weft__field_value(&headers->fields[i]);
        struct weft__slice key;
        struct weft__slice value;
        if (!weft__slice_is_case(weft__field_name(&headers->fields[i]), "cookie")) {
            continue;
        }
        while (weft__cookie_next(&rest, &key, &value)) {
            if (!weft__slice_is(key, name)) {
                continue;
            }
            bool quoted =
                value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"';
            return weft__memory_copy(request->memory, value.data + quoted,
                                     value.length - 2 * (size_t)quoted);
        }
    }
    return NULL;
}

static const char *problem_of(const struct weft_http_cookie *cookie)
{
    const char *path = cookie->path ? cookie->path : "/";
    if (!cookie->name || !weft__cookie_is_name(weft__slice_string(cookie->name))) {
        return "its name is no token";
    }
    if (!cookie->value || !weft__cookie_is_value(weft__slice_string(cookie->value))) {
        return "its value has characters that must be encoded";
    }
    if (path[0] != '/' || !weft__cookie_is_attribute(weft__slice_string(path)) ||
        (cookie->domain && !weft__cookie_is_attribute(weft__slice_string(cookie->domain)))) {
        return "its path or domain is malformed";
    }
    if (!cookie->secure && (cookie->same_site == WEFT_HTTP_SAME_SITE_NONE || cookie->partitioned)) {
        return "SameSite=None and Partitioned need 'secure'";
    }
    if (!cookie->secure && strncasecmp(cookie->name, "__Secure-", 9) == 0) {
        return "a name that begins with __Secure- needs 'secure'";
    }
    if (strncasecmp(cookie->name, "__Host-", 7) == 0 &&
        (!cookie->secure || cookie->domain || strcmp(path, "/") != 0)) {
        return "a name that begins with __Host- needs 'secure', the path / and no domain";
    }
    return NULL;
}

/* "; Max-Age=…; Expires=…", the latter for clients that know no other. */
static void format_age(int64_t age, char text[96])
{
    text[0] = '\0';
    if (age == 0) {
        return;
    }
    int64_t seconds = age > 0 ? (age + WEFT_SECOND - 1) / WEFT_SECOND : 0;
    char date[WEFT__HTTP_DATE];
    weft__http_date_format(seconds ? time(NULL) + seconds : 0, date);
    snprintf(text, 96, "; Max-Age=%lld; Expires=%s", (long long)seconds, date);
}

int weft_http_response_cookie(struct weft_http_response *response,
                              const struct weft_http_cookie *cookie)
{
    static const char *const SITES[] = { "Lax", "Strict", "None" };
    const char *problem = problem_of(cookie);
    char age[96];
    if (problem) {
        return weft_error_set("http", EINVAL, EINVAL, "setting a cookie: %s", problem);
    }
    if (strlen(cookie->name) + strlen(cookie->value) > WEFT_HTTP_COOKIE_MAX) {
        return weft__fail(EMSGSIZE);
    }
    format_age(cookie->max_age, age);
    const char *text = weft_http_format(
        response->memory, "%s=%s; Path=%s%s%s%s; SameSite=%s%s%s%s", cookie->name, cookie->value,
        cookie->path ? cookie->path : "/", cookie->domain ? "; Domain=" : "",
        cookie->domain ? cookie->domain : "", age, SITES[cookie->same_site % 3],
        cookie->secure ? "; Secure" : "", cookie->script ? "" : "; HttpOnly",
        cookie->partitioned ? "; Partitioned" : "");
    return text ? weft_http_headers_add(&response->headers, "set-cookie", text) : -1;
}
