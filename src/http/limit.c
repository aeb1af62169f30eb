/* How many at once, how long, how large. */
#include <weft/http/limit.h>

#include <weft/error.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/middleware.h"
#include "http/wrap.h"

/* How many at once. */
struct concurrency {
    struct weft__middleware base;
    size_t limit;
    size_t active;
};

static void leave(void *argument)
{
    struct concurrency *self = argument;
    self->active--;
}

static int concurrency_call(struct weft__middleware *base, struct weft_http_request *request,
                            struct weft_http_response *response)
{
    struct concurrency *self = (struct concurrency *)base;
    if (self->active >= self->limit) {
        if (weft_http_headers_set(&response->headers, "retry-after", "1") < 0) {
            return -1;
        }
        return weft__refuse(response, 503, "Too many requests are under way: try again.");
    }
    if (weft_http_defer(request->memory, leave, self) < 0) {
        return -1;
    }
    self->active++;
    return weft_http_call(base->handler.next, request, response);
}

static const struct weft__middleware_kind CONCURRENCY = { sizeof(struct concurrency),
                                                          concurrency_call, NULL };

struct weft_http_handler *weft_http_concurrency_limit_new(size_t limit,
                                                          struct weft_http_handler *next)
{
    struct concurrency *self = weft__middleware_new(&CONCURRENCY, next);
    if (!self) {
        return NULL;
    }
    self->limit = limit;
    if (limit == 0) {
        weft_http_middleware_free(&self->base.handler);
        weft_error_set("http", EINVAL, EINVAL, "limiting requests under way: the limit is 0");
        return NULL;
    }
    return &self->base.handler;
}

/* How long. */
struct timed {
    struct weft__middleware base;
    int64_t duration;
};

struct timed_body {
    struct weft__wrap wrap;
    int64_t deadline;
};

static ssize_t timed_read(struct weft_http_body *body, const void **chunk)
{
    WEFT_TIMEOUT(((struct timed_body *)body)->deadline - weft_now());
    return weft__wrap_read(body, chunk);
}

static int timed_stream(struct weft_http_body *body, struct weft_http_stream *stream)
{
    const struct timed_body *timed = (struct timed_body *)body;
    struct weft_http_body *source = timed->wrap.source;
    WEFT_TIMEOUT(timed->deadline - weft_now());
    return source->operations->stream(source, stream);
}

static const struct weft_http_body_operations timed_read_operations = {
    .read = timed_read,
    .close = weft__wrap_close,
    .rewind = weft__wrap_rewind,
    .length = weft__wrap_length,
    .ready = weft__wrap_ready,
};

static const struct weft_http_body_operations timed_stream_operations = {
    .stream = timed_stream,
    .close = weft__wrap_close,
    .length = weft__wrap_length,
};

/* A body that lies in memory can't be late. */
static int time_body(struct weft_http_response *response, int64_t deadline)
{
    struct weft_http_body *source = response->body;
    if (!source || (!source->operations->stream && weft_http_body_ready(source))) {
        return 0;
    }
    struct timed_body *body = weft_http_allocate(response->memory, sizeof(*body));
    if (!body) {
        return -1;
    }
    bool streams = source->operations->stream != NULL;
    *body = (struct timed_body){
        { { streams ? &timed_stream_operations : &timed_read_operations, false }, source },
        deadline,
    };
    response->body = &body->wrap.body;
    return 0;
}

/* 0; -1; 1 it was too slow. */
static int call_timed(const struct timed *self, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    WEFT_TIMEOUT_AS(limit, self->duration);
    int result = weft_http_call(self->base.handler.next, request, response);
    return result < 0 && errno == ETIMEDOUT && weft_timeout_expired(&limit) ? 1 : result;
}

static int timed_call(struct weft__middleware *base, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    const struct timed *self = (struct timed *)base;
    int64_t deadline = weft_now() + self->duration;
    int result = call_timed(self, request, response);
    if (result > 0) {
        response->headers.count = 0;
        return weft__refuse(response, 503, "The answer took too long.");
    }
    return result < 0 ? -1 : time_body(response, deadline);
}

static const struct weft__middleware_kind TIMED = { sizeof(struct timed), timed_call, NULL };

struct weft_http_handler *weft_http_timeout_new(int64_t duration, struct weft_http_handler *next)
{
    struct timed *self = weft__middleware_new(&TIMED, next);
    if (!self) {
        return NULL;
    }
    self->duration = duration;
    if (duration <= 0 || duration > WEFT_FOREVER / 2) {
        weft_http_middleware_free(&self->base.handler);
        weft_error_set("http", EINVAL, EINVAL, "limiting the time of requests: %lld ns is no limit",
                       (long long)duration);
        return NULL;
    }
    return &self->base.handler;
}

/* How large. */
struct sized {
    struct weft__middleware base;
    size_t limit;
};

static int sized_call(struct weft__middleware *base, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    size_t limit = ((struct sized *)base)->limit;
    int64_t told = weft_http_body_length(request->body);
    if (told > 0 && (uint64_t)told > limit) {
        return weft__refuse(response, 413, "The body is too large.");
    }
    if (request->body && weft_http_request_limit_body(request, limit) < 0 && errno != ENOTSUP) {
        return -1;
    }
    return weft_http_call(base->handler.next, request, response);
}

static const struct weft__middleware_kind SIZED = { sizeof(struct sized), sized_call, NULL };

struct weft_http_handler *weft_http_body_limit_new(size_t limit, struct weft_http_handler *next)
{
    struct sized *self = weft__middleware_new(&SIZED, next);
    if (!self) {
        return NULL;
    }
    self->limit = limit;
    return &self->base.handler;
}
