/* How often each client may ask. */
#include <string.h>

#include <weft/error.h>
#include <weft/http/limit.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/address.h"
#include "http/middleware.h"
#include "http/rate.h"

enum {
    KEYS = 65536,
};

struct rate_limit {
    struct weft__middleware base;
    struct weft__rate rate;
    const char *(*key)(struct weft_http_request *request, void *context);
    void *context;
};

/* ns until the client may ask again; 0: now; -1 and errno. */
static int64_t take(struct rate_limit *self, struct weft_http_request *request)
{
    struct weft__address address;
    uint8_t key[9];
    const char *text =
        self->key ? self->key(request, self->context) : weft_http_request_peer(request);
    if (!text) {
        return 0;
    }
    if (self->key) {
        return weft__rate_take(&self->rate, text, strlen(text), weft_now());
    }
    if (weft__address_parse(weft__slice_string(text), &address) < 0) {
        return -1;
    }
    return weft__rate_take(&self->rate, key, weft__address_key(&address, key), weft_now());
}

static int call(struct weft__middleware *base, struct weft_http_request *request,
                struct weft_http_response *response)
{
    int64_t wait = take((struct rate_limit *)base, request);
    if (wait == 0) {
        return weft_http_call(base->handler.next, request, response);
    }
    if (wait < 0) {
        return -1;
    }
    const char *seconds = weft_http_format(response->memory, "%lld",
                                           (long long)((wait + WEFT_SECOND - 1) / WEFT_SECOND));
    if (!seconds || weft_http_headers_set(&response->headers, "retry-after", seconds) < 0) {
        return -1;
    }
    return weft__refuse(response, 429, "Too many requests: try again later.");
}

static void fini(struct weft__middleware *base)
{
    weft__rate_fini(&((struct rate_limit *)base)->rate);
}

static const struct weft__middleware_kind KIND = { sizeof(struct rate_limit), call, fini };

struct weft_http_handler *
weft_http_rate_limit_new(const struct weft_http_rate_limit_options *options,
                         struct weft_http_handler *next)
{
    struct rate_limit *self = weft__middleware_new(&KIND, next);
    if (!self) {
        return NULL;
    }
    self->key = options->key;
    self->context = options->context;
    if (weft__rate_init(&self->rate, options->requests,
                        options->period ? options->period : WEFT_SECOND,
                        options->burst ? options->burst : options->requests,
                        options->keys ? options->keys : KEYS) < 0) {
        int error = errno;
        weft_http_middleware_free(&self->base.handler);
        if (error == EINVAL) {
            weft_error_set("http", EINVAL, EINVAL,
                           "limiting a rate: 'requests' must be above 0, and 'period' so long that "
                           "there is a nanosecond for each");
        }
        errno = error;
        return NULL;
    }
    return &self->base.handler;
}
