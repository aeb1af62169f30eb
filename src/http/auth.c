#include <string.h>

#include <weft/error.h>
#include <weft/http/guard.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/memory.h"
#include "http/middleware.h"
#include "proto/base64.h"

bool weft_http_secret_equal(const char *given, const char *secret)
{
    if (!given || !secret || !*secret) {
        return false;
    }
    size_t length = strlen(given);
    size_t right = strlen(secret);
    volatile unsigned char differs = length != right;
    for (size_t i = 0; i < length; i++) {
        differs =
            (unsigned char)(differs | ((unsigned char)given[i] ^ (unsigned char)secret[i % right]));
    }
    return differs == 0;
}

struct auth {
    struct weft__middleware base;
    struct weft_http_auth_options options;
    char **realm;
};

/* What stands behind the scheme's name; NULL: another scheme. */
static const char *credentials_of(const char *field, const char *scheme)
{
    size_t length = strlen(scheme);
    if (!field || strlen(field) <= length ||
        !weft__slice_equal_case(weft__slice(field, length), weft__slice(scheme, length)) ||
        field[length] != ' ') {
        return NULL;
    }
    return field + length + strspn(field + length, " ");
}

static int check_password(const struct auth *self, struct weft_http_request *request,
                          const char *encoded)
{
    struct weft__slice text = weft__slice_string(encoded);
    char *plain = weft__memory_copy(request->memory, text.data, text.length);
    size_t length;
    if (!plain) {
        return -1;
    }
    if (weft__base64_decode(text, plain, &length) < 0 || memchr(plain, '\0', length)) {
        return 0;
    }
    plain[length] = '\0';
    char *colon = strchr(plain, ':');
    if (!colon) {
        return 0;
    }
    *colon = '\0';
    return self->options.password(request, plain, colon + 1, self->options.context);
}

/* 1 it is right; 0 it is not; -1 and errno. */
static int check(const struct auth *self, struct weft_http_request *request)
{
    const char *field = weft_http_headers_get(&request->headers, "authorization");
    const char *basic = self->options.password ? credentials_of(field, "basic") : NULL;
    const char *token = self->options.token ? credentials_of(field, "bearer") : NULL;
    if (basic) {
        return check_password(self, request, basic);
    }
    return token && *token ? self->options.token(request, token, self->options.context) : 0;
}

static int offer(struct weft_http_response *response, const char *challenge)
{
    return challenge ? weft_http_headers_add(&response->headers, "www-authenticate", challenge)
                     : -1;
}

static int refuse(const struct auth *self, struct weft_http_response *response)
{
    const char *realm = self->realm[0];
    if (self->options.password &&
        offer(response, weft_http_format(response->memory, "Basic realm=\"%s\", charset=\"UTF-8\"",
                                         realm)) < 0) {
        return -1;
    }
    if (self->options.token &&
        offer(response, weft_http_format(response->memory, "Bearer realm=\"%s\"", realm)) < 0) {
        return -1;
    }
    return weft__refuse(response, 401, "This needs a name and a password, or a token.");
}

static int call(struct weft__middleware *base, struct weft_http_request *request,
                struct weft_http_response *response)
{
    const struct auth *self = (const struct auth *)base;
    int right = check(self, request);
    if (right < 0) {
        return -1;
    }
    return right ? weft_http_call(base->handler.next, request, response) : refuse(self, response);
}

static void fini(struct weft__middleware *base)
{
    weft__free(((struct auth *)base)->realm);
}

static const struct weft__middleware_kind KIND = { sizeof(struct auth), call, fini };

static bool is_realm(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f || *text == '"' || *text == '\\') {
            return false;
        }
    }
    return true;
}

struct weft_http_handler *weft_http_auth_new(const struct weft_http_auth_options *options,
                                             struct weft_http_handler *next)
{
    struct auth *self = weft__middleware_new(&KIND, next);
    if (!self) {
        return NULL;
    }
    const char *realm = options->realm ? options->realm : "weft";
    self->options = *options;
    self->realm = weft__texts_copy(&realm, 1);
    bool valid = (options->password || options->token) && is_realm(realm);
    if (!self->realm || !valid) {
        weft_http_middleware_free(&self->base.handler);
        if (!valid) {
            weft_error_set("http", EINVAL, EINVAL,
                           "checking who asks: there is neither a function for passwords nor one "
                           "for tokens, or the realm has a quote or a control character");
        }
        return NULL;
    }
    return &self->base.handler;
}
