/*
 * A server with all middleware, and requests to it, once for each allocation that can fail. The
 * answer is right, or says that the server could not; nothing is leaked, and the loop goes on.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/http.h>
#include <weft/weft.h>

#include "base/alloc.h"
#include "tap.h"

static int page(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler, (void)request;
    static char text[20000];
    memset(text, 'x', sizeof(text));
    return weft_http_response_borrow(response, 200, "text/plain", text, sizeof(text));
}

static int speak(struct weft_http_stream *stream, void *context)
{
    (void)context;
    for (int i = 0; i < 3; i++) {
        if (weft_http_stream_printf(stream, "word %d\n", i) < 0) {
            return -1;
        }
    }
    return 0;
}

static int words(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler, (void)request;
    return weft_http_response_stream(response, 200, "text/plain", speak, NULL, 0);
}

static int form(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler;
    struct weft_http_form *fields = weft_http_form_open(request, NULL);
    struct weft_http_form_part part;
    int got = fields ? 0 : -1;
    while (fields && (got = weft_http_form_next(fields, &part)) > 0) {
        if (!weft_http_form_value(fields, NULL)) {
            return -1;
        }
    }
    return got < 0 ? -1 : weft_http_response_text(response, 200, "done");
}

static void drop_line(const char *line, size_t length, void *context)
{
    (void)line, (void)length, (void)context;
}

static int allow(struct weft_http_request *request, const char *token, void *context)
{
    (void)request, (void)context;
    return weft_http_secret_equal(token, "t");
}

static const char *const ANYWHERE[] = { "127.0.0.1" };
static const char *const ORIGINS[] = { "https://a" };
static const char *const HOSTS[] = { "a" };

static struct weft_http_handler *make_chain(struct weft_http_router *router,
                                            struct weft_http_metrics *metrics)
{
    const struct weft_http_access_log_options log = { .format = WEFT_HTTP_LOG_JSON,
                                                      .write = drop_line };
    const struct weft_http_rate_limit_options rate = { .requests = 1000, .keys = 8 };
    const struct weft_http_cors_options cors = { .origins = ORIGINS, .origin_count = 1 };
    const struct weft_http_auth_options auth = { .token = allow };
    const struct weft_http_forwarded_options forwarded = { .proxies = ANYWHERE, .proxy_count = 1 };
    errno = 0;
    struct weft_http_handler *chain = weft_http_compress_new(NULL, &router->handler);
    chain = weft_http_body_limit_new(10000, chain);
    chain = weft_http_timeout_new(60 * WEFT_SECOND, chain);
    chain = weft_http_concurrency_limit_new(4, chain);
    chain = weft_http_auth_new(&auth, chain);
    chain = weft_http_cors_new(&cors, chain);
    chain = weft_http_security_headers_new(NULL, chain);
    chain = weft_http_hosts_new(HOSTS, 1, chain);
    chain = weft_http_rate_limit_new(&rate, chain);
    chain = weft_http_metrics_measure_new(metrics, chain);
    chain = weft_http_request_id_new(true, chain);
    chain = weft_http_access_log_new(&log, chain);
    return weft_http_forwarded_new(&forwarded, chain);
}

#define FIELDS                                                                                     \
    " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nOrigin: https://a\r\nConnection: "         \
    "close\r\n"                                                                                    \
    "X-Forwarded-For: 192.0.2.1\r\n"
#define PROXY "PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\n"
#define FORM "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n12345\r\n--b--\r\n"

static const char *const REQUESTS[] = {
    PROXY "GET /page" FIELDS "Accept-Encoding: gzip\r\n\r\n",
    PROXY "GET /page" FIELDS "Accept-Encoding: br\r\n\r\n",
    PROXY "GET /page" FIELDS "Accept-Encoding: zstd\r\n\r\n",
    PROXY "GET /words" FIELDS "Accept-Encoding: gzip\r\n\r\n",
    PROXY "POST /form" FIELDS "Content-Type: application/x-www-form-urlencoded\r\n"
          "Content-Length: 7\r\n\r\na=1&b=2",
    PROXY "POST /form" FIELDS "Content-Type: multipart/form-data; boundary=b\r\n"
          "Content-Length: 65\r\n\r\n" FORM,
    PROXY "OPTIONS /page" FIELDS "Access-Control-Request-Method: GET\r\n\r\n",
};

struct run {
    struct weft_http_server *server;
    int answered; /* with 2xx, whole */
    int refused;  /* 4xx: never right */
};

/* One request. The status; 0: closed without an answer; -1: it could not be asked. */
static int ask(int port, const char *request)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[4096];
    ssize_t got = -1;
    int status = -1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 &&
        send(fd, request, strlen(request), MSG_NOSIGNAL) > 0) {
        got = recv(fd, answer, sizeof(answer) - 1, 0);
        answer[got > 0 ? got : 0] = '\0';
        status = got > 9 ? atoi(answer + 9) : 0;
        while (got > 0) {
            got = recv(fd, answer, sizeof(answer), 0);
        }
    }
    close(fd);
    return status;
}

static int ask_all(void *argument)
{
    struct run *run = *(struct run **)argument;
    for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(*REQUESTS); i++) {
        int status = ask(weft_http_server_port(run->server), REQUESTS[i]);
        run->answered += status / 100 == 2;
        run->refused += status / 100 == 4;
    }
    weft_http_server_stop(run->server);
    return 0;
}

static int serve(void *argument)
{
    struct run *run = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    if (!weft_go(&scope, ask_all, (struct run *){ run })) {
        return -1;
    }
    return weft_http_server_run(run->server);
}

/* Everything made, used and freed. How many requests were answered. */
static int run_once(struct run *run)
{
    struct weft_http_route routes[] = {
        { "GET", "/page", { .call = page } },
        { "GET", "/words", { .call = words } },
        { "POST", "/form", { .call = form } },
    };
    struct weft_http_router router;
    *run = (struct run){ 0 };
    must(weft_http_router_init(&router, routes, 3) == 0, "routes");
    struct weft_http_metrics *metrics = weft_http_metrics_new();
    struct weft_http_handler *chain = metrics ? make_chain(&router, metrics) : NULL;
    if (chain) {
        const struct weft_http_options options = { .handler = chain,
                                                   .address = "127.0.0.1:0",
                                                   .proxies = ANYWHERE,
                                                   .proxy_count = 1,
                                                   .max_connections_per_address = 100,
                                                   .grace = WEFT_SECOND };
        run->server = weft_http_server_new(&options);
    }
    if (run->server) {
        weft_run(serve, run);
    }
    weft_http_server_free(run->server);
    weft_http_middleware_free(chain);
    weft_http_metrics_free(metrics);
    return run->answered;
}

int main(void)
{
    struct run run;
    int all = sizeof(REQUESTS) / sizeof(*REQUESTS);
    alarm(300);
    run_once(&run); /* what is made once and kept */
    is_int(run_once(&run), all, "without a fault all requests are answered");
    int64_t live = weft__torture_live();
    size_t leaked = 0;
    size_t wrong = 0;
    uint64_t n = 0;
    bool met;
    do {
        uint64_t before = weft__torture_allocations();
        weft__torture_fail_allocation(++n);
        run_once(&run);
        met = weft__torture_allocations() - before >= n;
        weft__torture_fail_allocation(0);
        leaked += weft__torture_live() != live;
        wrong += run.refused > 0;
        live = weft__torture_live();
    } while (met && n < 20000);
    ok(n > 50 && n < 20000, "%d allocations failed, one after the other", (int)n);
    is_int(leaked, 0, "nothing is leaked");
    is_int(wrong, 0, "no request is called wrong because of it");
    is_int(run_once(&run), all, "afterwards all is answered");
    return done_testing();
}
