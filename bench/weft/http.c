/* Weft's HTTP server: an answer, one after 10 ms, and a stream of events. weft-http [PERIOD in ms]
 */
#include "bench.h"

#include <weft/http.h>
#include <weft/weft.h>

static int64_t period = 50 * WEFT_MILLISECOND;

static int hello(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler, (void)request;
    return weft_http_response_text(response, 200, "Hello world\n");
}

static int slow(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    if (weft_sleep(10 * WEFT_MILLISECOND) < 0)
        return -1;
    return hello(handler, request, response);
}

static int tick(struct weft_sse *sse, void *argument)
{
    (void)argument;
    while (weft_sleep(period) == 0)
        if (weft_sse_send(sse, NULL, "a piece of text") < 0)
            return -1;
    return -1;
}

static int events(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    return weft_sse_response(request, response, tick, NULL, 0);
}

static char much[64 << 20];

static int bulk(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler, (void)request;
    return weft_http_response_borrow(response, 200, "application/octet-stream", much, sizeof much);
}

static struct weft_http_route routes[] = {
    { "GET", "/bulk", { .call = bulk } },
    { "GET", "/", { .call = hello } },
    { "GET", "/slow", { .call = slow } },
    { "GET", "/events", { .call = events } },
};

static int serve(void *argument)
{
    struct weft_http_server *server = argument;
    bench_report("port", weft_http_server_port(server));
    return weft_http_server_run(server);
}

int main(int argc, char **argv)
{
    struct weft_http_router router;
    if (argc > 1)
        period = strtoll(argv[1], NULL, 10) * WEFT_MILLISECOND;
    if (weft_http_router_init(&router, routes, sizeof routes / sizeof *routes) < 0)
        return 1;
    struct weft_http_certificate files = { argc > 3 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL };
    struct weft_http_tls tls = { .certificates = &files, .count = 1 };
    struct weft_http_options options = { .handler = &router.handler,
                                         .address = "127.0.0.1:0",
                                         .max_connections = 20000,
                                         .tls = argc > 3 ? &tls : NULL };
    struct weft_http_server *server = weft_http_server_new(&options);
    if (!server || weft_run(serve, server) < 0)
        return 1;
    weft_http_server_free(server);
    return 0;
}
