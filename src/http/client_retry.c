/*
 * Trying again.
 *
 *      not a byte was sent              any method
 *      sent, and no answer came         only what may happen twice: GET, PUT, DELETE, …
 *      an answer that says "not now"    429: any method; 408, 502, 503, 504: what may happen twice
 *
 * Always: the body can be sent again, tries and budget are left, and the time allows it. A call on
 * a kept connection that turns out to have ended is tried again at once and costs no budget: that
 * is no sign of trouble.
 */
#include <string.h>

#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"

enum {
    RETRY_COST = 10 /* in the budget's tenths */
};

static bool is_idempotent(const struct weft__call *call)
{
    static const char *const METHODS[] = { "GET",     "HEAD",  "PUT",  "DELETE",
                                           "OPTIONS", "TRACE", "QUERY" };
    for (size_t i = 0; i < sizeof(METHODS) / sizeof(METHODS[0]); i++) {
        if (strcmp(call->method, METHODS[i]) == 0) {
            return true;
        }
    }
    return call->options && call->options->idempotent;
}

/* Make the body ready to be sent from its beginning. */
static bool rewind_body(struct weft__call *call)
{
    if (call->options && call->options->write) {
        return !call->written || call->options->again;
    }
    return !call->written || weft_http_body_rewind(call->body) == 0;
}

static bool has_budget(struct weft_http_client *client)
{
    if (client->options.retry_budget == SIZE_MAX) {
        return true;
    }
    if (client->budget < RETRY_COST) {
        return false;
    }
    client->budget -= RETRY_COST;
    return true;
}

static uint64_t next_random(struct weft_http_client *client)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return client->random;
}

/* Full jitter: anything up to twice the delay that doubles each time. */
static int64_t delay_of(struct weft_http_client *client, unsigned attempt)
{
    int64_t delay = client->options.retry_delay;
    int64_t most = client->options.retry_delay_max;
    for (unsigned i = 0; i < attempt && delay < most; i++) {
        delay *= 2;
    }
    delay = delay < most ? delay : most;
    int64_t jittered = (int64_t)(next_random(client) % (uint64_t)(2 * delay + 1));
    return jittered < most ? jittered : most;
}

/* 1 once the delay is over; 0 there is no time for it; -1 interrupted. */
static int pause_for(struct weft__call *call, int64_t delay)
{
    if (call->deadline != WEFT_FOREVER && weft_now() + delay >= call->deadline) {
        return 0;
    }
    if (delay > 0 && weft_sleep(delay) < 0) {
        return weft__call_stopped(call, errno);
    }
    call->client->stats.retries++;
    return 1;
}

/* Did the failure come before the server can have acted on the request? */
static bool may_repeat(const struct weft__call *call, int code)
{
    switch (code) {
    case WEFT_HTTP_ERROR_CONNECT:
    case WEFT_HTTP_ERROR_CONNECT_TIMEOUT:
    case WEFT_HTTP_ERROR_TLS:
    case WEFT_HTTP_ERROR_TLS_TIMEOUT:
        return true;
    case WEFT_HTTP_ERROR_SEND:
    case WEFT_HTTP_ERROR_CLOSED:
        return call->sender.sent == WEFT__SENT_NOTHING || is_idempotent(call);
    default:
        return false;
    }
}

static bool tries_left(const struct weft__call *call, unsigned attempt)
{
    int retries = call->client->options.retries;
    return retries > 0 && attempt < (unsigned)retries;
}

int weft__retry_failure(struct weft__call *call, unsigned attempt)
{
    int error = errno;
    const struct weft_error *detail = weft_error();
    if (!detail || !may_repeat(call, detail->code) || !tries_left(call, attempt)) {
        return weft__fail(error);
    }
    bool stale = call->reused &&
                 (detail->code == WEFT_HTTP_ERROR_SEND || detail->code == WEFT_HTTP_ERROR_CLOSED);
    if (!rewind_body(call) || (!stale && !has_budget(call->client))) {
        return weft__fail(error);
    }
    int paused = pause_for(call, stale ? 0 : delay_of(call->client, attempt));
    return paused == 0 ? weft__fail(error) : paused;
}

static bool is_temporary(const struct weft__call *call)
{
    switch (call->response->status) {
    case 429:
        return true;
    case 408:
    case 502:
    case 503:
    case 504:
        return is_idempotent(call);
    default:
        return false;
    }
}

/* How long the server asks to wait: ns; -1 it does not say, or not in seconds. */
static int64_t retry_after(const struct weft_http_response *response)
{
    const char *text = weft_http_headers_get(&response->headers, "retry-after");
    uint64_t seconds;
    if (!text || weft__parse_decimal(weft__slice_string(text), &seconds) < 0) {
        return -1;
    }
    return seconds > 1000000 ? WEFT_FOREVER : (int64_t)seconds * WEFT_SECOND;
}

int weft__retry_status(struct weft__call *call, unsigned attempt)
{
    struct weft_http_client *client = call->client;
    if (!client->options.retry_statuses || !is_temporary(call) || !tries_left(call, attempt)) {
        return 0;
    }
    int64_t asked = retry_after(call->response);
    int64_t delay = delay_of(client, attempt);
    delay = asked > delay ? asked : delay;
    if (delay > client->options.retry_delay_max || !rewind_body(call) || !has_budget(client)) {
        return 0;
    }
    if (call->deadline != WEFT_FOREVER && weft_now() + delay >= call->deadline) {
        return 0;
    }
    weft__response_reset(call->response, 0);
    weft__call_release(call, false);
    call->answered = false;
    return pause_for(call, delay) < 0 ? -1 : 1;
}
