/* The application that the wire tests talk to. */
#ifndef TESTS_WIRE_APP_H
#define TESTS_WIRE_APP_H

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <weft/http.h>
#include <weft/weft.h>

/* What handlers noticed, for the thread that asks. */
static atomic_int app_cancelled; /* handlers whose wait was cut short because the client had gone */
static atomic_int app_write_failures;
static atomic_int app_deferred;
static atomic_int app_streams; /* event streams open */
static atomic_int app_running; /* handlers of /wait */

static int app_hello(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    const char *name = weft_http_request_query(request, "name");
    return weft_http_response_text(response, 200, "Hello, %s!\n", name ? name : "world");
}

/* What the server understood of the request. */
static int app_show(struct weft_http_handler *handler, struct weft_http_request *request,
                    struct weft_http_response *response)
{
    (void)handler;
    char *text = weft_http_format(request->memory, "%s %s %d path=%s query=%s authority=%s\n",
                                  request->method, request->target, request->version, request->path,
                                  request->query ? request->query : "(none)",
                                  request->authority ? request->authority : "(none)");
    for (size_t i = 0; i < request->headers.count && text; i++) {
        text = weft_http_format(request->memory, "%s%s=%s\n", text, request->headers.fields[i].name,
                                request->headers.fields[i].value);
    }
    return text ? weft_http_response_text(response, 200, "%s", text) : -1;
}

/* Who asks, and over what. */
static int app_client(struct weft_http_handler *handler, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    (void)handler;
    const char *client = weft_http_request_client(request);
    return weft_http_response_text(response, 200, "%s %s\n", request->scheme,
                                   client ? client : "(nobody)");
}

static int app_echo(struct weft_http_handler *handler, struct weft_http_request *request,
                    struct weft_http_response *response)
{
    (void)handler;
    size_t length;
    const char *body = weft_http_request_text(request, &length);
    return body ? weft_http_response_bytes(response, 200, "application/octet-stream", body, length)
                : -1;
}

static int app_echo_stream(struct weft_http_stream *stream, void *context)
{
    struct weft_http_request *request = context;
    const void *chunk;
    ssize_t length;
    while ((length = weft_http_body_read(request->body, &chunk)) > 0) {
        if (weft_http_stream_write(stream, chunk, (size_t)length) < 0) {
            return -1;
        }
    }
    return (int)length;
}

/* Sends each piece of the body back as it comes: both directions at a time. */
static int app_echo_pieces(struct weft_http_handler *handler, struct weft_http_request *request,
                           struct weft_http_response *response)
{
    (void)handler;
    weft_http_request_limit_body(request, SIZE_MAX);
    return weft_http_response_stream(response, 200, "application/octet-stream", app_echo_stream,
                                     request, 0);
}

struct app_counting {
    int count;
    int pause_ms;
    int corked;
};

static int app_count_stream(struct weft_http_stream *stream, void *context)
{
    const struct app_counting *counting = context;
    if (counting->corked) {
        weft_http_stream_cork(stream);
    }
    for (int i = 0; i < counting->count; i++) {
        if (weft_http_stream_printf(stream, "%d\n", i) < 0) {
            app_write_failures++;
            return -1;
        }
        if (counting->pause_ms && weft_sleep(counting->pause_ms * WEFT_MILLISECOND) < 0) {
            return -1;
        }
    }
    return 0;
}

static int app_number(struct weft_http_request *request, const char *name, int usual)
{
    const char *text = weft_http_request_query(request, name);
    return text ? atoi(text) : usual;
}

/* "/count?n=3&pause=10&corked=1": a line each. */
static int app_count(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    struct app_counting counting = {
        .count = app_number(request, "n", 3),
        .pause_ms = app_number(request, "pause", 0),
        .corked = app_number(request, "corked", 0),
    };
    return weft_http_response_stream(response, 200, "text/plain", app_count_stream, &counting,
                                     sizeof(counting));
}

static int app_events_stream(struct weft_sse *sse, void *context)
{
    const struct app_counting *counting = context;
    app_streams++;
    int result = 0;
    for (int i = 0; result == 0 && (counting->count < 0 || i < counting->count); i++) {
        char id[16];
        char data[64];
        snprintf(id, sizeof(id), "%d", i);
        snprintf(data, sizeof(data), "tick %d\nof %s", i,
                 weft_sse_last_id(sse) ? weft_sse_last_id(sse) : "nothing");
        const struct weft_sse_event event = { .name = "tick", .id = id, .data = data };
        result = weft_sse_send_event(sse, &event);
        if (result == 0 && weft_sleep(counting->pause_ms * WEFT_MILLISECOND) < 0) {
            app_cancelled += errno == ECANCELED;
            result = -1;
        }
    }
    app_streams--;
    return result;
}

/* "/events?n=-1&pause=50" */
static int app_events(struct weft_http_handler *handler, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    (void)handler;
    struct app_counting counting = {
        .count = app_number(request, "n", -1),
        .pause_ms = app_number(request, "pause", 50),
    };
    return weft_sse_response(request, response, app_events_stream, &counting, sizeof(counting));
}

static int app_quiet_stream(struct weft_sse *sse, void *context)
{
    (void)context;
    app_streams++;
    int result = weft_sse_heartbeat(sse, 40 * WEFT_MILLISECOND);
    if (result == 0) {
        result = weft_sleep(60 * WEFT_SECOND);
        app_cancelled += result < 0 && errno == ECANCELED;
    }
    app_streams--;
    return result;
}

/* An event stream that never says anything, with a heartbeat each 40 ms. */
static int app_quiet(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    return weft_sse_response(request, response, app_quiet_stream, NULL, 0);
}

static void app_note_deferred(void *argument)
{
    (void)argument;
    app_deferred++;
}

/* "/wait?ms=100&gone=1": answers late; with gone, notices a client that leaves. */
static int app_wait(struct weft_http_handler *handler, struct weft_http_request *request,
                    struct weft_http_response *response)
{
    (void)handler;
    weft_http_defer(request->memory, app_note_deferred, NULL);
    if (app_number(request, "gone", 0) && weft_http_request_cancel_if_gone(request) < 0) {
        return -1;
    }
    app_running++;
    int slept = weft_sleep(app_number(request, "ms", 100) * WEFT_MILLISECOND);
    app_running--;
    if (slept < 0) {
        app_cancelled += errno == ECANCELED;
        return -1;
    }
    return weft_http_response_text(response, 200, "waited\n");
}

/* "/big?size=1000000": bytes of a known pattern. */
static int app_big(struct weft_http_handler *handler, struct weft_http_request *request,
                   struct weft_http_response *response)
{
    (void)handler;
    size_t size = (size_t)app_number(request, "size", 1000);
    char *bytes = weft_http_allocate(request->memory, size ? size : 1);
    if (!bytes) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)('a' + i % 26);
    }
    return weft_http_response_borrow(response, 200, "application/octet-stream", bytes, size);
}

static int app_fail(struct weft_http_handler *handler, struct weft_http_request *request,
                    struct weft_http_response *response)
{
    (void)handler;
    (void)request;
    weft_http_headers_add(&response->headers, "x-half-done", "yes");
    errno = EIO;
    return -1;
}

static int app_cut_stream(struct weft_http_stream *stream, void *context)
{
    (void)context;
    weft_http_stream_write(stream, "half", 4);
    errno = EIO;
    return -1;
}

/* A body that breaks off in the middle. */
static int app_cut(struct weft_http_handler *handler, struct weft_http_request *request,
                   struct weft_http_response *response)
{
    (void)handler;
    (void)request;
    return weft_http_response_stream(response, 200, "text/plain", app_cut_stream, NULL, 0);
}

static int app_item(struct weft_http_handler *handler, struct weft_http_request *request,
                    struct weft_http_response *response)
{
    (void)handler;
    return weft_http_response_text(response, 200, "item %s of %s\n",
                                   weft_http_request_parameter(request, "item"),
                                   weft_http_request_parameter(request, "shelf"));
}

static int app_asset(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    static const struct weft_http_asset ASSET = {
        .type = "text/css", .data = "body{}", .length = 6, .etag = "\"v1\""
    };
    return weft_http_response_asset(request, response, &ASSET);
}

/* Two hints before the answer. */
static int app_hints(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    struct weft_http_headers hints = { .memory = request->memory };
    weft_http_headers_add(&hints, "Link", "</style.css>; rel=preload");
    if (weft_http_request_interim(request, 100, NULL) == 0 || errno != EINVAL ||
        weft_http_request_interim(request, 103, &hints) < 0 ||
        weft_http_request_interim(request, 199, NULL) < 0) {
        return -1;
    }
    return weft_http_response_text(response, 200, "hinted\n");
}

static int app_figures(struct weft_http_handler *handler, struct weft_http_request *request,
                       struct weft_http_response *response)
{
    (void)handler;
    (void)request;
    struct weft_stats stats;
    if (weft_stats(&stats) < 0) {
        return -1;
    }
    return weft_http_response_text(
        response, 200, "cancelled=%d deferred=%d streams=%d running=%d tasks=%zu watches=%zu\n",
        app_cancelled, app_deferred, app_streams, app_running, stats.tasks, stats.watches);
}

static struct weft_http_route app_routes[] = {
    { "GET", "/hints", { .call = app_hints } },
    { "GET", "/figures", { .call = app_figures } },
    { "GET", "/", { .call = app_hello } },
    { NULL, "/show", { .call = app_show } },
    { NULL, "/show/*rest", { .call = app_show } },
    { "GET", "/client", { .call = app_client } },
    { "POST", "/echo", { .call = app_echo } },
    { "POST", "/pieces", { .call = app_echo_pieces } },
    { "POST", "/ignore", { .call = app_hello } },
    { "GET", "/count", { .call = app_count } },
    { "GET", "/events", { .call = app_events } },
    { "GET", "/quiet", { .call = app_quiet } },
    { "GET", "/wait", { .call = app_wait } },
    { "GET", "/big", { .call = app_big } },
    { "GET", "/fail", { .call = app_fail } },
    { "GET", "/cut", { .call = app_cut } },
    { "GET", "/shelves/:shelf/items/:item", { .call = app_item } },
    { "GET", "/style.css", { .call = app_asset } },
};

static struct weft_http_router app_router;

__attribute__((unused)) static struct weft_http_handler *app_make(void)
{
    if (weft_http_router_init(&app_router, app_routes, sizeof(app_routes) / sizeof(app_routes[0])) <
        0) {
        return NULL;
    }
    return &app_router.handler;
}

#endif
