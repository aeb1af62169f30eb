/* The client against the server of this library: calls, bodies, reuse, in fibers and without. */
#include "client_test.h"

static struct wire server;

static void check_get(struct weft_http_client *client)
{
    struct weft_http_response *response = weft_http_client_get(client, "/show?x=1", NULL);
    must(response, "a GET: %s", weft_error() ? weft_error()->message : "");
    is_int(response->status, 200, "a GET has its status");
    ok(weft_http_headers_get(&response->headers, "content-type"), "its headers");
    ok(strstr(client_text(response), "GET /show"), "and its body");
    weft_http_response_close(response);
}

static void check_reuse(struct weft_http_client *client)
{
    struct weft_http_client_stats before;
    struct weft_http_client_stats after;
    weft_http_client_stats(client, &before);
    for (int i = 0; i < 10; i++) {
        struct weft_http_response *response = weft_http_client_get(client, "/show", NULL);
        must(response, "a GET again");
        client_text(response);
        weft_http_response_close(response);
    }
    weft_http_client_stats(client, &after);
    is_int(after.opened, before.opened, "ten more calls open no connection");
    is_int(after.reused - before.reused, 10, "all of them use the one that is there");
    is_int(after.busy, 0, "and give it back");
}

static void check_post(struct weft_http_client *client)
{
    struct weft_http_response *response = weft_http_client_post(
        client, "/echo", &(struct weft_http_request_options){ .data = "hello", .type = "text/x" });
    must(response, "a POST: %s", weft_error() ? weft_error()->message : "");
    is_str(client_text(response), "hello", "a POST sends its body");
    weft_http_response_close(response);

    size_t size = (size_t)900 << 10;
    char *large = malloc(size + 1);
    must(large, "memory");
    memset(large, 'x', size);
    large[size] = '\0';
    response = weft_http_client_post(
        client, "/echo", &(struct weft_http_request_options){ .data = large, .length = size });
    must(response, "a large POST: %s", weft_error() ? weft_error()->message : "");
    ok(strcmp(client_text(response), large) == 0, "a large one comes back whole");
    weft_http_response_close(response);
    free(large);
}

static int write_lines(struct weft_http_stream *stream, void *context)
{
    int *lines = context;
    for (int i = 0; i < *lines; i++) {
        if (weft_http_stream_printf(stream, "line %d\n", i) < 0) {
            return -1;
        }
    }
    return 0;
}

static void check_write(struct weft_http_client *client)
{
    int lines = 3;
    struct weft_http_response *response = weft_http_client_post(
        client, "/echo",
        &(struct weft_http_request_options){ .write = write_lines, .context = &lines });
    must(response, "a written POST: %s", weft_error() ? weft_error()->message : "");
    is_str(client_text(response), "line 0\nline 1\nline 2\n", "a function writes a body");
    weft_http_response_close(response);
}

static void check_head(struct weft_http_client *client)
{
    struct weft_http_response *response = weft_http_client_head(client, "/show", NULL);
    must(response, "a HEAD");
    ok(response->status == 200 && !response->body, "HEAD has no body");
    weft_http_response_close(response);
}

static void check_unread(struct weft_http_client *client)
{
    struct weft_http_client_stats stats;
    struct weft_http_response *response = weft_http_client_get(client, "/show", NULL);
    must(response, "a GET");
    weft_http_response_close(response);
    weft_http_client_stats(client, &stats);
    is_int(stats.busy, 0, "a response closed unread gives its connection back");
    check_get(client);
}

static void check_arguments(struct weft_http_client *client)
{
    ok(!weft_http_client_get(client, "no-slash", NULL) &&
           client_error() == WEFT_HTTP_ERROR_ARGUMENT && errno == EINVAL,
       "a target without a slash is refused");
    ok(!weft_http_client_get(client, "/a b", NULL) && errno == EINVAL, "and one with a space");
    ok(!weft_http_client_get(client, "/a\r\nx: y", NULL) && errno == EINVAL, "or a line break");
    ok(!weft_http_client_request(client, "G T", "/", NULL) && errno == EINVAL, "a method too");
    const struct weft_http_header bad[] = { { "x", "a\r\nb: c" }, { NULL, NULL } };
    ok(!weft_http_client_get(client, "/", &(struct weft_http_request_options){ .headers = bad }) &&
           client_error() == WEFT_HTTP_ERROR_ARGUMENT,
       "a header with a line break is refused");
    diag("%s", weft_error()->message);
    struct weft_http_client_options options = { .url = "ftp://x" };
    ok(!weft_http_client_new(&options) && errno == EINVAL, "no other scheme");
    options.url = "http://x/path";
    ok(!weft_http_client_new(&options) && errno == EINVAL, "no path in an origin");
}

static int everything(void *argument)
{
    (void)argument;
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ 0 });
    check_get(client);
    check_reuse(client);
    check_post(client);
    check_write(client);
    check_head(client);
    check_unread(client);
    check_arguments(client);
    weft_http_client_free(client);
    return 0;
}

struct crowd {
    struct weft_http_client *client;
    int *done;
};

static int visitor(void *argument)
{
    struct crowd *crowd = argument;
    for (int i = 0; i < 20; i++) {
        struct weft_http_response *response = weft_http_client_get(crowd->client, "/show", NULL);
        if (!response) {
            return -1;
        }
        *crowd->done += strstr(client_text(response), "GET /show") != NULL;
        weft_http_response_close(response);
    }
    return 0;
}

static int crowd(void *argument)
{
    (void)argument;
    int done = 0;
    struct weft_http_client_stats stats;
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .max_connections = 4 });
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "visitors" };
        for (int i = 0; i < 50; i++) {
            weft_go(&scope, visitor, (struct crowd){ client, &done });
        }
        is_int(weft_scope_wait(&scope), 0, "fifty fibers share a client");
    }
    weft_http_client_stats(client, &stats);
    is_int(done, 1000, "every call is answered");
    ok(stats.opened <= 4, "over four connections at most");
    ok(stats.busy == 0 && stats.waiting == 0, "none of which is in use afterwards");
    weft_http_client_free(client);
    return 0;
}

/* --- a client as a handler: a proxy */

static void check_proxy(void)
{
    struct wire proxy;
    struct weft_http_client *behind =
        client_make(server.port, (struct weft_http_client_options){ .retries = -1 });
    wire_start(&proxy, (struct weft_http_options){ .handler = weft_http_client_handler(behind) });
    struct weft_http_client *client =
        client_make(proxy.port, (struct weft_http_client_options){ 0 });
    const struct weft_http_header headers[] = { { "x-mine", "passed on" },
                                                { "te", "gzip" },
                                                { 0 } };
    struct weft_http_response *response = weft_http_client_get(
        client, "/show?a=b", &(struct weft_http_request_options){ .headers = headers });
    must(response, "through a proxy: %s", weft_error() ? weft_error()->message : "");
    const char *text = client_text(response);
    ok(strstr(text, "query=a=b") && strstr(text, "x-mine=passed on") &&
           strstr(text, "via=1.1 weft"),
       "a proxy passes a request on");
    ok(!strstr(text, "\nte="), "but for what belongs to the connection");
    weft_http_response_close(response);
    check_post(client);
    check_write(client);
    check_head(client);
    weft_http_client_free(client);
    wire_stop(&proxy);
    weft_http_client_free(behind);
}

static void check_proxy_failures(void)
{
    struct wire gone;
    struct wire proxy;
    wire_start(&gone, (struct weft_http_options){ 0 });
    wire_stop(&gone);
    struct weft_http_client *behind =
        client_make(gone.port, (struct weft_http_client_options){ .retries = -1 });
    wire_start(&proxy, (struct weft_http_options){ .handler = weft_http_client_handler(behind) });
    struct weft_http_client *client =
        client_make(proxy.port, (struct weft_http_client_options){ 0 });
    struct weft_http_response *response = weft_http_client_get(client, "/", NULL);
    is_int(response ? response->status : 0, 502, "a proxy without an origin answers 502");
    weft_http_response_close(response);
    weft_http_client_free(client);
    wire_stop(&proxy);
    weft_http_client_free(behind);
}

/* --- a server without a port */

/* The resolver may put ::1 first, where nobody listens. */
static int check_addresses(void *argument)
{
    (void)argument;
    char url[64];
    snprintf(url, sizeof(url), "http://localhost:%d", server.port);
    struct weft_http_client *client =
        weft_http_client_new(&(struct weft_http_client_options){ .url = url });
    must(client, "a client");
    check_get(client);
    weft_http_client_free(client);
    return 0;
}

/* A Unix socket: `context` is its path. */
static int check_local(void *argument)
{
    const char *path = argument;
    struct weft_http_client_options options = { .url = "http://api.example", .socket_path = path };
    struct weft_http_client *client = weft_http_client_new(&options);
    must(client, "a client of a Unix socket");
    check_get(client);
    check_reuse(client);
    weft_http_client_free(client);
    options.socket_path = "/nowhere/at/all";
    options.retries = -1;
    client = weft_http_client_new(&options);
    must(client, "a client of no socket");
    ok(!weft_http_client_get(client, "/show", NULL) && errno == ENOENT,
       "a socket that is not there: %s", weft_error() ? weft_error()->message : "");
    weft_http_client_free(client);
    return 0;
}

static void check_locally(void)
{
    char path[64];
    char address[80];
    struct wire local;
    snprintf(path, sizeof(path), "/tmp/weft-client-%d", (int)getpid());
    snprintf(address, sizeof(address), "unix:%s", path);
    wire_start(&local, (struct weft_http_options){ .address = address });
    must(weft_run(check_local, path) == 0, "a Unix socket, in a fiber");
    check_local(path);
    wire_stop(&local);
    unlink(path);
}

static int adopt(void *context)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return -1;
    }
    if (weft_http_server_adopt(context, pair[0]) < 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    return pair[1];
}

static int serve(void *argument)
{
    return weft_http_server_run(*(struct weft_http_server **)argument);
}

static int mock(void *argument)
{
    (void)argument;
    struct weft_http_options options = { .handler = app_make(), .address = "127.0.0.1:0" };
    struct weft_http_server *mocked = weft_http_server_new(&options);
    must(mocked, "a server");
    is_int(weft_http_server_adopt(mocked, -1), -1, "a server that does not run adopts nothing");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "mock" };
    weft_go(&scope, serve, (struct weft_http_server *){ mocked });
    struct weft_http_client_options by_pair = { .url = "http://api.example",
                                                .connect = adopt,
                                                .connect_context = mocked };
    struct weft_http_client *client = weft_http_client_new(&by_pair);
    must(client, "a client");
    struct weft_http_response *response = weft_http_client_get(client, "/show", NULL);
    must(response, "an answer: %s", weft_error() ? weft_error()->message : "");
    ok(strstr(client_text(response), "authority=api.example"), "a server behind a pair of sockets");
    weft_http_response_close(response);
    check_reuse(client);
    weft_http_client_free(client);
    weft_http_server_stop(mocked);
    is_int(weft_scope_wait(&scope), 0, "ends as ever");
    weft_http_server_free(mocked);
    return 0;
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    wire_start(&server, (struct weft_http_options){ 0 });
    must(weft_run(everything, NULL) == 0, "in a fiber");
    everything(NULL);
    must(weft_run(crowd, NULL) == 0, "a crowd");
    check_proxy();
    check_proxy_failures();
    must(weft_run(mock, NULL) == 0, "a mock");
    must(weft_run(check_addresses, NULL) == 0, "several addresses, in a fiber");
    check_addresses(NULL);
    check_locally();
    wire_stop(&server);
    return done_testing();
}
