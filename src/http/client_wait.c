/* Every wait of the client, and every failure: which deadline it was, and what to do. */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"
#include "net/tls.h"

static int record(const char *method, const struct weft__origin *origin, const char *target,
                  enum weft_http_error code, int error, const char *what)
{
    return weft_error_set("http", (int)code, error, "%s %s://%s%.60s: %s", method,
                          origin->secure ? "https" : "http", origin->authority, target, what);
}

int weft__client_fail(const struct weft_http_client *client, enum weft_http_error code, int error,
                      const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return record("client of", &client->origin, "", code, error, what);
}

int weft__call_fail(const struct weft__call *call, enum weft_http_error code, int error,
                    const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return record(call->method, &call->client->origin, call->target, code, error, what);
}

int weft__call_stopped(const struct weft__call *call, int error)
{
    const char *why = error == ECANCELED   ? "cancelled"
                      : error == ETIMEDOUT ? "a deadline around the call has passed"
                                           : strerror(error);
    return weft__call_fail(call, WEFT_HTTP_ERROR_STOPPED, error, "%s", why);
}

/* The stage's own limit, in ns. */
static int64_t limit_of(const struct weft__call *call, enum weft__stage stage)
{
    return stage == WEFT__STAGE_HEAD ? call->response_timeout : call->stall_timeout;
}

static int64_t add(int64_t time, int64_t duration)
{
    return duration >= WEFT_FOREVER - time ? WEFT_FOREVER : time + duration;
}

static int late(const struct weft__call *call, enum weft__stage stage, int64_t now)
{
    if (now >= call->deadline) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_TIMEOUT, ETIMEDOUT,
                               "not done in time (see timeout)");
    }
    int64_t ms = limit_of(call, stage) / WEFT_MILLISECOND;
    if (stage == WEFT__STAGE_HEAD) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_RESPONSE_TIMEOUT, ETIMEDOUT,
                               "no answer for %lld ms (see response_timeout)", (long long)ms);
    }
    return weft__call_fail(call, WEFT_HTTP_ERROR_STALL_TIMEOUT, ETIMEDOUT,
                           "not a byte %s for %lld ms (see stall_timeout)",
                           stage == WEFT__STAGE_SEND ? "was taken" : "came", (long long)ms);
}

/* In poll's unit, rounded up: a wait that ends early would be begun again. */
static int patience(int64_t until, int64_t now)
{
    if (until == WEFT_FOREVER) {
        return -1;
    }
    int64_t ms = (until - now + WEFT_MILLISECOND - 1) / WEFT_MILLISECOND;
    return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

int weft__call_wait(struct weft__call *call, short events, enum weft__stage stage, int64_t since)
{
    struct weft__stream *stream = &call->connection->stream;
    int64_t until = add(since, limit_of(call, stage));
    until = until < call->deadline ? until : call->deadline;
    struct pollfd wait = { .fd = stream->fd, .events = events };
    if (stream->tls) {
        wait.events |= weft__tls_wants(stream->tls);
    }
    for (;;) {
        int64_t now = weft_now();
        if (now >= until) {
            return late(call, stage, now);
        }
        int ready = poll(&wait, 1, patience(until, now));
        if (ready > 0) {
            return wait.revents;
        }
        if (ready < 0 && errno != EINTR) {
            return weft__call_stopped(call, errno);
        }
    }
}

ssize_t weft__call_fill(struct weft__call *call, enum weft__stage stage, int64_t since)
{
    for (;;) {
        ssize_t got = weft__stream_try_fill(&call->connection->stream);
        if (got >= 0 || errno != EAGAIN) {
            if (got < 0 && (errno == ECANCELED || errno == ETIMEDOUT) && weft_cancelled()) {
                return weft__call_stopped(call, errno);
            }
            return got;
        }
        if (weft__call_wait(call, POLLIN, stage, since) < 0) {
            return -1;
        }
    }
}
