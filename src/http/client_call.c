/* One call, from its arguments to the head of its response. */
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"

static int refuse(struct weft__call *call, const char *what, const char *advice)
{
    return weft__call_fail(call, WEFT_HTTP_ERROR_ARGUMENT, EINVAL, "%s (%s)", what, advice);
}

static bool is_target(const char *method, const char *target)
{
    struct weft__url_target parts;
    return (target[0] == '/' || (strcmp(target, "*") == 0 && strcmp(method, "OPTIONS") == 0)) &&
           weft__url_target_parse(weft__slice_string(target), &parts) == 0;
}

static int add_header(struct weft__call *call, const char *name, const char *value)
{
    if (weft_http_headers_add(&call->headers, name, value) == 0) {
        return 0;
    }
    if (errno == EINVAL) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_ARGUMENT, EINVAL,
                               "the header '%.40s' is malformed (no line breaks, no spaces in "
                               "names)",
                               name);
    }
    return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for the headers");
}

static int take_headers(struct weft__call *call)
{
    const struct weft_http_request_options *options = call->options;
    call->headers.memory = call->response->memory;
    const struct weft_http_header *header = options ? options->headers : NULL;
    for (; header && header->name; header++) {
        if (add_header(call, header->name, header->value) < 0) {
            return -1;
        }
    }
    const char *type = !options ? NULL : options->json ? "application/json" : options->type;
    if (type && !weft_http_headers_get(&call->headers, "content-type")) {
        if (add_header(call, "content-type", type) < 0) {
            return -1;
        }
    }
    return weft__call_cookies(call);
}

static int take_body(struct weft__call *call)
{
    const struct weft_http_request_options *options = call->options;
    if (!options || options->write) {
        return 0;
    }
    const char *data = options->json ? options->json : options->data;
    if (options->body || !data) {
        call->body = options->body;
        return 0;
    }
    size_t length = options->json || !options->length ? strlen(data) : options->length;
    call->body = weft_http_body_memory(call->response->memory, data, length);
    return call->body ? 0
                      : weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, errno,
                                        "no memory for the request's body");
}

static int64_t choose(int64_t own, int64_t usual)
{
    return own ? own : usual;
}

static void take_times(struct weft__call *call)
{
    const struct weft_http_client_options *usual = &call->client->options;
    static const struct weft_http_request_options NONE;
    const struct weft_http_request_options *own = call->options ? call->options : &NONE;
    int64_t timeout = choose(own->timeout, usual->timeout);
    int64_t now = timeout == WEFT_FOREVER ? 0 : weft_now();
    call->deadline = timeout >= WEFT_FOREVER - now ? WEFT_FOREVER : now + timeout;
    call->response_timeout = choose(own->response_timeout, usual->response_timeout);
    call->stall_timeout = choose(own->stall_timeout, usual->stall_timeout);
}

static int prepare(struct weft__call *call)
{
    if (!weft__http1_is_token(weft__slice_string(call->method))) {
        return refuse(call, "the method is malformed", "such as GET");
    }
    if (!is_target(call->method, call->target)) {
        return refuse(call, "the target is malformed",
                      "begin with '/', and write spaces and other special characters as %XX");
    }
    take_times(call);
    return take_headers(call) < 0 ? -1 : take_body(call);
}

/* The server has ended the connection while the request was sent: it may have said why. */
static int rescue(struct weft__call *call)
{
    int error = errno;
    struct weft_error detail = *weft_error();
    while (!call->answered && call->connection &&
           weft__stream_try_fill(&call->connection->stream) > 0) {
        if (weft__receive_look(call) < 0) {
            break;
        }
    }
    if (call->answered) {
        call->keeps = false;
        return 0;
    }
    return weft_error_set(detail.domain, detail.code, error, "%s", detail.message);
}

static int send_request(struct weft__call *call)
{
    if (weft__sender_begin(call) < 0) {
        return -1;
    }
    bool writes = call->options && call->options->write;
    int result = writes ? weft__sender_write(call) : weft__sender_run(call);
    if (result < 0 && call->sender.broken && !call->answered &&
        (errno == EPIPE || errno == ECONNRESET)) {
        return rescue(call);
    }
    return result;
}

static int attempt(struct weft__call *call)
{
    memset(&call->sender, 0, sizeof(call->sender));
    call->connection = weft__pool_take(call);
    if (!call->connection) {
        return -1;
    }
    call->reused = call->connection->calls++ > 0;
    if (send_request(call) < 0 || weft__receive_head(call) < 0) {
        int error = errno;
        weft__call_release(call, false);
        errno = error;
        return -1;
    }
    return 0;
}

static int run(struct weft__call *call)
{
    for (unsigned tries = 0;; tries++) {
        int again =
            attempt(call) < 0 ? weft__retry_failure(call, tries) : weft__retry_status(call, tries);
        if (again <= 0) {
            return again;
        }
    }
}

/* However the response ends, the connection goes back. */
static void end(void *argument)
{
    struct weft__call *call = argument;
    weft_http_body_close(&call->answer.body, 0);
    weft__call_release(call, false);
    call->client->calls--;
}

int weft__client_call(struct weft_http_client *client, const char *method, const char *target,
                      const struct weft_http_request_options *options,
                      struct weft_http_response *response)
{
    struct weft__call *call = weft_http_allocate(response->memory, sizeof(*call));
    if (!call) {
        return weft__client_fail(client, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for a call");
    }
    memset(call, 0, sizeof(*call));
    call->client = client;
    call->response = response;
    call->method = weft__memory_copy(response->memory, method, strlen(method));
    call->target = weft__memory_copy(response->memory, target, strlen(target));
    call->options = options;
    call->answer.body.closed = true; /* until there is one */
    call->trailers.memory = response->memory;
    if (!call->method || !call->target || weft_http_defer(response->memory, end, call) < 0) {
        return weft__client_fail(client, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for a call");
    }
    client->calls++;
    if (prepare(call) < 0 || run(call) < 0) {
        return -1;
    }
    weft__call_keep_cookies(call);
    return weft__decode_response(call);
}
