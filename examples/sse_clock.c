/*
 * Server-Sent Events: a page that shows the server's clock. A program of its own, and as
 * sse_clock.so an application: `weft serve sse_clock.so`.
 *
 * Each reader is one fiber that sleeps in plain nanosleep(2) between two events. When a reader
 * goes, its sleep fails and its function returns.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <weft/app.h>
#include <weft/error.h>
#include <weft/http.h>

static const char PAGE[] = "<!doctype html><html lang=en><meta charset=utf-8><title>Clock</title>"
                           "<p>The server's time: <output id=clock>…</output>"
                           "<script>new EventSource('/events').addEventListener('tick',"
                           " event => { clock.textContent = event.data });</script></html>\n";

static int tick(struct weft_sse *sse, void *context)
{
    (void)context;
    const struct timespec second = { .tv_sec = 1 };
    while (!weft_http_stream_stopping(weft_sse_stream(sse))) {
        char text[32];
        time_t now = time(NULL);
        struct tm tm;
        strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&now, &tm));
        if (weft_sse_send(sse, "tick", text) < 0 || nanosleep(&second, NULL) < 0) {
            return -1;
        }
    }
    return 0;
}

static int page(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler;
    const struct weft_http_asset asset = { .type = "text/html; charset=utf-8",
                                           .data = PAGE,
                                           .length = sizeof(PAGE) - 1 };
    return weft_http_response_asset(request, response, &asset);
}

static int events(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    return weft_sse_response(request, response, tick, NULL, 0);
}

static struct weft_http_route routes[] = {
    { "GET", "/", { .call = page } },
    { "GET", "/events", { .call = events } },
};

static struct weft_http_router router;

static int load(void)
{
    return weft_http_router_init(&router, routes, sizeof(routes) / sizeof(routes[0]));
}

WEFT_APP(.handler = &router.handler, .load = load);

int main(int argc, char **argv)
{
    struct weft_http_options options = { .handler = &router.handler,
                                         .address = argc > 1 ? argv[1] : NULL };
    if (load() < 0 || weft_http_serve(&options) < 0) {
        fprintf(stderr, "sse_clock: %s\n", weft_error() ? weft_error()->message : strerror(errno));
        return 1;
    }
    return 0;
}
