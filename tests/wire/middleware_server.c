/*
 * An application behind all middleware, as a program: prints its port, serves until SIGTERM.
 *
 *      middleware_server LOG [CERTIFICATE]      with a certificate, TLS and plain HTTP on one port
 *
 * Connections from 127.0.0.1 may begin with a PROXY header only if WEFT_TEST_PROXY is set.
 */
#include <stdio.h>

#include "app.h"

static int upload(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    struct weft_http_form *form = weft_http_form_open(request, NULL);
    struct weft_http_form_part part;
    char *text = weft_http_format(request->memory, "%s", "");
    int got = form ? 0 : -1;
    while (text && form && (got = weft_http_form_next(form, &part)) > 0) {
        const void *chunk;
        ssize_t length;
        size_t total = 0;
        unsigned sum = 0;
        text = weft_http_format(request->memory, "%s%s %s %s ", text, part.name,
                                part.filename ? part.filename : "-", part.type ? part.type : "-");
        while ((length = weft_http_form_read(form, &chunk)) > 0) {
            for (ssize_t i = 0; i < length; i++) {
                sum = sum * 31 + ((const unsigned char *)chunk)[i];
            }
            total += (size_t)length;
        }
        if (length < 0 || !text) {
            return -1;
        }
        text = weft_http_format(request->memory, "%s%zu %u\n", text, total, sum);
    }
    return got < 0 || !text ? -1 : weft_http_response_text(response, 200, "%s", text);
}

static int who(struct weft_http_handler *handler, struct weft_http_request *request,
               struct weft_http_response *response)
{
    (void)handler;
    const char *cookie = weft_http_request_cookie(request, "a");
    const struct weft_http_cookie set = { .name = "a", .value = "1" };
    if (weft_http_response_cookie(response, &set) < 0) {
        return -1;
    }
    return weft_http_response_text(response, 200, "%s %s %s\n", weft_http_request_peer(request),
                                   request->scheme, cookie ? cookie : "-");
}

static int prose(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler;
    size_t size = 300000;
    char *text = weft_http_allocate(request->memory, size);
    if (!text) {
        return -1;
    }
    unsigned state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1103515245 + 12345;
        text[i] = "etaoin shrdlu\n"[state >> 16 & 7];
    }
    return weft_http_response_borrow(response, 200, "text/plain", text, size);
}

static struct weft_http_route routes[] = {
    { "GET", "/", { .call = app_hello } },        { "GET", "/prose", { .call = prose } },
    { "GET", "/count", { .call = app_count } },   { "GET", "/events", { .call = app_events } },
    { "POST", "/upload", { .call = upload } },    { "GET", "/who", { .call = who } },
    { "GET", "/metrics", { .call = app_hello } },
};

static int serve(void *argument)
{
    return weft_http_server_run(argument);
}

static int run(struct weft_http_handler *chain, const char *certificate)
{
    static const char *const PROXIES[] = { "127.0.0.1" };
    const struct weft_http_certificate files[] = { { certificate, NULL } };
    const struct weft_http_tls tls = { .certificates = files, .count = 1, .plain = true };
    struct weft_http_options options = {
        .handler = chain,
        .address = "127.0.0.1:0",
        .tls = certificate ? &tls : NULL,
        .proxies = PROXIES,
        .proxy_count = getenv("WEFT_TEST_PROXY") != NULL,
        .max_body = (size_t)64 << 20,
    };
    struct weft_http_server *server = weft_http_server_new(&options);
    if (!server) {
        fprintf(stderr, "server: %s\n", weft_error() ? weft_error()->message : strerror(errno));
        return 1;
    }
    printf("%d\n", weft_http_server_port(server));
    fflush(stdout);
    return weft_run(serve, server) < 0;
}

int main(int count, char **arguments)
{
    struct weft_http_router router;
    struct weft_http_metrics *metrics = weft_http_metrics_new();
    struct weft_http_log_file *file = weft_http_log_file_open(count > 1 ? arguments[1] : "", 0);
    const struct weft_http_access_log_options log = { .file = file };
    if (!metrics || !file) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        if (strcmp(routes[i].path, "/metrics") == 0) {
            routes[i].handler = *weft_http_metrics_page(metrics);
        }
    }
    if (weft_http_router_init(&router, routes, sizeof(routes) / sizeof(*routes)) < 0) {
        return 1;
    }
    struct weft_http_handler *chain = weft_http_compress_new(NULL, &router.handler);
    chain = weft_http_security_headers_new(NULL, chain);
    chain = weft_http_request_id_new(false, chain);
    chain = weft_http_metrics_measure_new(metrics, chain);
    chain = weft_http_access_log_new(&log, chain);
    return chain ? run(chain, count > 2 ? arguments[2] : NULL) : 1;
}
