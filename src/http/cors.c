#include <stdio.h>
#include <string.h>

#include <weft/error.h>
#include <weft/http/guard.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/middleware.h"
#include "proto/http1.h"

enum {
    METHODS,
    HEADERS,
    EXPOSE,
    FIELDS
};

struct cors {
    struct weft__middleware base;
    char **origins;
    char **fields; /* METHODS, HEADERS, EXPOSE; "" for none */
    size_t count;
    bool all;
    bool credentials;
    char max_age[24];
};

static bool is_allowed(const struct cors *self, const char *origin)
{
    for (size_t i = 0; i < self->count && !self->all; i++) {
        if (strcmp(self->origins[i], origin) == 0) {
            return true;
        }
    }
    return self->all;
}

static int set(struct weft_http_headers *headers, const char *name, const char *value)
{
    return *value ? weft_http_headers_set(headers, name, value) : 0;
}

/* The fields of every response. 0; -1. */
static int admit(const struct cors *self, const char *origin, struct weft_http_headers *headers)
{
    if (!self->all && weft__headers_vary(headers, "origin") < 0) {
        return -1;
    }
    if (!origin || !is_allowed(self, origin)) {
        return 0;
    }
    if (set(headers, "access-control-allow-origin", self->all ? "*" : origin) < 0 ||
        set(headers, "access-control-allow-credentials", self->credentials ? "true" : "") < 0) {
        return -1;
    }
    return 1;
}

static int answer_preflight(const struct cors *self, const char *origin,
                            struct weft_http_response *response)
{
    struct weft_http_headers *headers = &response->headers;
    response->status = 204;
    int admitted = admit(self, origin, headers);
    if (admitted <= 0) {
        return admitted;
    }
    if (set(headers, "access-control-allow-methods", self->fields[METHODS]) < 0 ||
        set(headers, "access-control-allow-headers", self->fields[HEADERS]) < 0) {
        return -1;
    }
    return set(headers, "access-control-max-age", self->max_age);
}

static int call(struct weft__middleware *base, struct weft_http_request *request,
                struct weft_http_response *response)
{
    const struct cors *self = (const struct cors *)base;
    const char *origin = weft_http_headers_get(&request->headers, "origin");
    if (origin && strcmp(request->method, "OPTIONS") == 0 &&
        weft_http_headers_get(&request->headers, "access-control-request-method")) {
        return answer_preflight(self, origin, response);
    }
    if (weft_http_call(base->handler.next, request, response) < 0) {
        return -1;
    }
    int admitted = admit(self, origin, &response->headers);
    return admitted <= 0
               ? admitted
               : set(&response->headers, "access-control-expose-headers", self->fields[EXPOSE]);
}

static void fini(struct weft__middleware *base)
{
    struct cors *self = (struct cors *)base;
    weft__free(self->origins);
    weft__free(self->fields);
}

static const struct weft__middleware_kind KIND = { sizeof(struct cors), call, fini };

static const char *problem_of(const struct weft_http_cors_options *options)
{
    bool all = false;
    if (options->origin_count == 0) {
        return "no origin is listed";
    }
    if (options->max_age < 0) {
        return "max_age is negative";
    }
    for (size_t i = 0; i < options->origin_count; i++) {
        all |= strcmp(options->origins[i], "*") == 0;
    }
    if (all && options->origin_count > 1) {
        return "'*' stands for all origins and must stand alone";
    }
    return all && options->credentials ? "credentials can't be allowed to all origins: list them"
                                       : NULL;
}

static int take(struct cors *self, const struct weft_http_cors_options *options)
{
    const char *const fields[FIELDS] = {
        [METHODS] = options->methods ? options->methods : "GET, HEAD, POST",
        [HEADERS] = options->headers ? options->headers : "",
        [EXPOSE] = options->expose ? options->expose : "",
    };
    const char *problem = problem_of(options);
    for (size_t i = 0; i < FIELDS && !problem; i++) {
        if (!weft__http1_is_field_value(weft__slice_string(fields[i]))) {
            problem = "a list has characters that no header field may have";
        }
    }
    if (problem) {
        return weft_error_set("http", EINVAL, EINVAL, "making a middleware for CORS: %s", problem);
    }
    int64_t age = options->max_age ? options->max_age : 10 * WEFT_MINUTE;
    snprintf(self->max_age, sizeof(self->max_age), "%lld", (long long)(age / WEFT_SECOND));
    self->count = options->origin_count;
    self->all = strcmp(options->origins[0], "*") == 0;
    self->credentials = options->credentials;
    self->origins = weft__texts_copy(options->origins, options->origin_count);
    self->fields = weft__texts_copy(fields, FIELDS);
    return self->origins && self->fields ? 0 : weft__fail(ENOMEM);
}

struct weft_http_handler *weft_http_cors_new(const struct weft_http_cors_options *options,
                                             struct weft_http_handler *next)
{
    struct cors *self = weft__middleware_new(&KIND, next);
    if (self && take(self, options) < 0) {
        weft_http_middleware_free(&self->base.handler);
        return NULL;
    }
    return self ? &self->base.handler : NULL;
}
