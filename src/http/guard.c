/* Security headers, request ids, hosts. */
#include <weft/http/guard.h>

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <weft/error.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/headers.h"
#include "http/middleware.h"

/* Security headers. */
enum {
    CONTENT,
    REFERRER,
    FRAME,
    TRANSPORT,
    TEXTS
};

struct security {
    struct weft__middleware base;
    char **texts;
};

static int security_call(struct weft__middleware *base, struct weft_http_request *request,
                         struct weft_http_response *response)
{
    static const char *const NAMES[TEXTS] = { "content-security-policy", "referrer-policy",
                                              "x-frame-options", "strict-transport-security" };
    char **texts = ((struct security *)base)->texts;
    struct weft_http_headers *headers = &response->headers;
    bool secure = strcmp(request->scheme, "https") == 0;
    if (weft_http_call(base->handler.next, request, response) < 0) {
        return -1;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        bool wanted = *texts[i] && (i != TRANSPORT || secure);
        if (wanted && weft__headers_default(headers, NAMES[i], texts[i]) < 0) {
            return -1;
        }
    }
    if (weft__headers_default(headers, "x-content-type-options", "nosniff") < 0) {
        return -1;
    }
    return weft__headers_default(headers, "cross-origin-opener-policy", "same-origin");
}

static void security_fini(struct weft__middleware *base)
{
    weft__free(((struct security *)base)->texts);
}

static const struct weft__middleware_kind SECURITY = { sizeof(struct security), security_call,
                                                       security_fini };

static const char *text_or(const char *text, const char *usual)
{
    return text ? text : usual;
}

struct weft_http_handler *
weft_http_security_headers_new(const struct weft_http_security_options *options,
                               struct weft_http_handler *next)
{
    static const struct weft_http_security_options usual;
    struct security *self = weft__middleware_new(&SECURITY, next);
    if (!self) {
        return NULL;
    }
    char transport[64] = "";
    options = options ? options : &usual;
    if (options->transport_age > 0) {
        snprintf(transport, sizeof(transport), "max-age=%lld%s",
                 (long long)(options->transport_age / WEFT_SECOND),
                 options->transport_subdomains ? "; includeSubDomains" : "");
    }
    const char *const texts[TEXTS] = {
        [CONTENT] = text_or(options->content_policy, ""),
        [REFERRER] = text_or(options->referrer_policy, "strict-origin-when-cross-origin"),
        [FRAME] = text_or(options->frame_options, "SAMEORIGIN"),
        [TRANSPORT] = transport,
    };
    self->texts = weft__texts_copy(texts, TEXTS);
    if (!self->texts) {
        weft_http_middleware_free(&self->base.handler);
        return NULL;
    }
    return &self->base.handler;
}

/* Request ids. */
struct identity {
    struct weft__middleware base;
    bool trust;
};

static bool is_id(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-_.:/+=");
    return length > 0 && length <= WEFT_HTTP_REQUEST_ID_MAX && text[length] == '\0';
}

static int identity_call(struct weft__middleware *base, struct weft_http_request *request,
                         struct weft_http_response *response)
{
    bool trust = ((struct identity *)base)->trust;
    const char *id = trust ? weft_http_headers_get(&request->headers, "x-request-id") : NULL;
    if (!id || !is_id(id)) {
        uint64_t random[2];
        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
            return -1;
        }
        id = weft_http_format(request->memory, "%016llx%016llx", (unsigned long long)random[0],
                              (unsigned long long)random[1]);
    }
    if (!id || weft_http_headers_set(&request->headers, "x-request-id", id) < 0 ||
        weft_http_call(base->handler.next, request, response) < 0) {
        return -1;
    }
    return weft_http_headers_set(&response->headers, "x-request-id", id);
}

static const struct weft__middleware_kind IDENTITY = { sizeof(struct identity), identity_call,
                                                       NULL };

struct weft_http_handler *weft_http_request_id_new(bool trust, struct weft_http_handler *next)
{
    struct identity *self = weft__middleware_new(&IDENTITY, next);
    if (!self) {
        return NULL;
    }
    self->trust = trust;
    return &self->base.handler;
}

/* Hosts. */
struct hosts {
    struct weft__middleware base;
    char **list;
};

/* The host of an authority, without its port and the dot of a complete name. */
static struct weft__slice host_of(const char *authority)
{
    struct weft__slice text = weft__slice_string(authority);
    size_t end = text.length && text.data[0] == '[' ? weft__slice_find(text, ']') + 1
                                                    : weft__slice_find(text, ':');
    if (end < text.length) {
        text.length = end;
    }
    if (text.length > 1 && text.data[text.length - 1] == '.') {
        text.length--;
    }
    return text;
}

static bool fits(struct weft__slice host, const char *pattern)
{
    if (pattern[0] != '*' || pattern[1] != '.') {
        return weft__slice_is_case(host, pattern);
    }
    size_t length = strlen(pattern) - 1;
    return host.length > length &&
           weft__slice_is_case(weft__slice(host.data + host.length - length, length), pattern + 1);
}

static int hosts_call(struct weft__middleware *base, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    struct weft__slice host = host_of(request->authority ? request->authority : "");
    for (char **one = ((struct hosts *)base)->list; *one; one++) {
        if (fits(host, *one)) {
            return weft_http_call(base->handler.next, request, response);
        }
    }
    return weft__refuse(response, 421, "This server does not answer for that host.");
}

static void hosts_fini(struct weft__middleware *base)
{
    weft__free(((struct hosts *)base)->list);
}

static const struct weft__middleware_kind HOSTS = { sizeof(struct hosts), hosts_call, hosts_fini };

struct weft_http_handler *weft_http_hosts_new(const char *const *hosts, size_t count,
                                              struct weft_http_handler *next)
{
    struct hosts *self = weft__middleware_new(&HOSTS, next);
    if (!self) {
        return NULL;
    }
    self->list = weft__texts_copy(hosts, count);
    if (!self->list || count == 0) {
        weft_http_middleware_free(&self->base.handler);
        if (count == 0) {
            weft_error_set("http", EINVAL, EINVAL, "answering for hosts: the list is empty");
        }
        return NULL;
    }
    return &self->base.handler;
}
