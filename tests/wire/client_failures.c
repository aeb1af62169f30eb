/* The client against a server that does everything wrong, one thing at a time. */
#include "client_test.h"

#define OK(body) "HTTP/1.1 200 OK\r\ncontent-length: " #body "\r\n\r\n"

static char incoming[4096];
static char seen[4096]; /* the last request that came whole */

/* What the next request is answered with; NULL: nothing, the connection is closed. */
static const char *script[16];
static atomic_int script_at;
static atomic_bool script_closes; /* close after the script's answer */
static atomic_bool script_waits;  /* do not close after the script's answer */

static void play(struct scripted *server, int fd)
{
    while (scripted_request(fd, incoming, sizeof(incoming))) {
        memcpy(seen, incoming, sizeof(seen));
        server->requests++;
        const char *answer = script[script_at++];
        if (!answer) {
            break;
        }
        scripted_answer(fd, answer);
        if (script_closes) {
            break;
        }
        if (script_waits) {
            wire_receive(fd, incoming, sizeof(incoming), 2000); /* until the client goes */
            break;
        }
    }
    close(fd);
}

static struct scripted server;

static void set_script(const char *const *answers, size_t count)
{
    memset(script, 0, sizeof(script));
    for (size_t i = 0; i < count; i++) {
        script[i] = answers[i];
    }
    script_at = 0;
    server.requests = 0;
}

#define SCRIPT(...)                                                                                \
    set_script((const char *const[]){ __VA_ARGS__ },                                               \
               sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static struct weft_http_client *quick(void)
{
    return client_make(server.port, (struct weft_http_client_options){
                                        .retry_delay = WEFT_MILLISECOND, .retry_statuses = true });
}

static int status_of(struct weft_http_response *response)
{
    int status = response ? response->status : -client_error();
    int error = errno;
    if (!response) {
        diag("%s", weft_error()->message);
    }
    weft_http_response_close(response);
    errno = error;
    return status;
}

static void check_retries(void)
{
    struct weft_http_client *client = quick();
    SCRIPT(NULL, NULL, OK(0));
    is_int(status_of(weft_http_client_get(client, "/", NULL)), 200, "a GET is tried again, twice");
    is_int(server.requests, 3, "so that the server saw it three times");
    SCRIPT(NULL, NULL, NULL, OK(0));
    is_int(status_of(weft_http_client_get(client, "/", NULL)), -WEFT_HTTP_ERROR_CLOSED,
           "but not three times");
    SCRIPT(NULL, OK(0));
    const struct weft_http_request_options body = { .data = "x" };
    is_int(status_of(weft_http_client_post(client, "/", &body)), -WEFT_HTTP_ERROR_CLOSED,
           "a POST that was sent never");
    is_int(server.requests, 1, "so that the server saw it once");
    SCRIPT(NULL, OK(0));
    const struct weft_http_request_options known = { .data = "x", .idempotent = true };
    is_int(status_of(weft_http_client_post(client, "/", &known)), 200,
           "unless it may happen twice");
    SCRIPT(NULL, OK(0));
    is_int(status_of(weft_http_client_put(client, "/", &body)), 200, "a PUT is tried again");
    ok(strstr(seen, "\r\n\r\nx"), "with its body");
    weft_http_client_free(client);
}

static void check_statuses(void)
{
    struct weft_http_client *client = quick();
    const struct weft_http_request_options body = { .data = "x" };
    SCRIPT("HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n", OK(0));
    is_int(status_of(weft_http_client_get(client, "/", NULL)), 200, "a GET waits out a 503");
    SCRIPT("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", OK(0));
    is_int(status_of(weft_http_client_post(client, "/", &body)), 503, "a POST does not");
    SCRIPT("HTTP/1.1 429 Slow\r\nretry-after: 0\r\ncontent-length: 2\r\n\r\nno", OK(0));
    is_int(status_of(weft_http_client_post(client, "/", &body)), 200, "but a 429, which is none");
    SCRIPT("HTTP/1.1 429 Slow\r\nretry-after: 31\r\ncontent-length: 0\r\n\r\n", OK(0));
    is_int(status_of(weft_http_client_get(client, "/", NULL)), 429,
           "a retry-after above retry_delay_max is handed on");
    weft_http_client_free(client);
}

static void check_budget(void)
{
    struct weft_http_client *client = client_make(
        server.port,
        (struct weft_http_client_options){ .retry_delay = 1, .retry_budget = 3, .retries = 10 });
    SCRIPT(NULL, NULL, NULL, NULL, NULL, OK(0));
    is_int(status_of(weft_http_client_get(client, "/", NULL)), -WEFT_HTTP_ERROR_CLOSED,
           "retries end with their budget");
    is_int(server.requests, 4, "after three");
    weft_http_client_free(client);
}

static void check_refused(void)
{
    struct scripted gone;
    scripted_start(&gone, play);
    scripted_stop(&gone);
    struct weft_http_client_stats stats;
    struct weft_http_client *client = client_make(
        gone.port, (struct weft_http_client_options){ .retry_delay = WEFT_MILLISECOND });
    const struct weft_http_request_options body = { .data = "x" };
    int status = status_of(weft_http_client_post(client, "/", &body));
    ok(status == -WEFT_HTTP_ERROR_CONNECT && errno == ECONNREFUSED, "nobody there: ECONNREFUSED");
    weft_http_client_stats(client, &stats);
    is_int(stats.retries, 2, "after two more tries, for a POST too");
    weft_http_client_free(client);
}

static int status_with(const char *answer, struct weft_http_client_options options,
                       const struct weft_http_request_options *request)
{
    options.retries = -1;
    struct weft_http_client *client = client_make(server.port, options);
    SCRIPT(answer);
    int status = status_of(weft_http_client_get(client, "/", request));
    int error = errno;
    weft_http_client_free(client);
    errno = error;
    return status;
}

static int body_with(const char *answer, struct weft_http_client_options options)
{
    struct weft_http_client *client = client_make(server.port, options);
    SCRIPT(answer);
    struct weft_http_response *response = weft_http_client_get(client, "/", NULL);
    must(response, "a response: %s", weft_error() ? weft_error()->message : "");
    weft_error_clear();
    char *text = weft_http_response_read(response, 100, NULL);
    int result = text ? 0 : -client_error();
    if (!text) {
        diag("%s", weft_error() ? weft_error()->message : "?");
    }
    weft_http_response_close(response);
    weft_http_client_free(client);
    return result;
}

static void check_deadlines(void)
{
    const int64_t soon = 30 * WEFT_MILLISECOND;
    script_waits = true;
    ok(status_with("", (struct weft_http_client_options){ .response_timeout = soon }, NULL) ==
               -WEFT_HTTP_ERROR_RESPONSE_TIMEOUT &&
           errno == ETIMEDOUT,
       "response_timeout");
    is_int(status_with("HTTP/1.1 2", (struct weft_http_client_options){ .timeout = soon }, NULL),
           -WEFT_HTTP_ERROR_TIMEOUT, "timeout of the whole call, in a head that has begun");
    is_int(status_with("", (struct weft_http_client_options){ 0 },
                       &(struct weft_http_request_options){ .timeout = soon }),
           -WEFT_HTTP_ERROR_TIMEOUT, "of one request");
    is_int(body_with(OK(5) "ab", (struct weft_http_client_options){ .stall_timeout = soon }),
           -WEFT_HTTP_ERROR_STALL_TIMEOUT, "stall_timeout, in a body");
    is_int(body_with(OK(5) "ab", (struct weft_http_client_options){ .timeout = soon }),
           -WEFT_HTTP_ERROR_TIMEOUT, "timeout, in a body");
    script_waits = false;
}

static void check_malformed(void)
{
    const struct weft_http_client_options none = { 0 };
    script_closes = true;
    is_int(status_with("SSH-2.0-OpenSSH\r\n\r\n", none, NULL), -WEFT_HTTP_ERROR_MALFORMED,
           "what is no HTTP");
    is_int(status_with("HTTP/1.1 200 OK\r\ncontent-le", none, NULL), -WEFT_HTTP_ERROR_CLOSED,
           "half a head");
    is_int(body_with(OK(5) "ab", none), -WEFT_HTTP_ERROR_TRUNCATED, "half a body");
    is_int(body_with("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", none),
           -WEFT_HTTP_ERROR_MALFORMED, "a chunk that is none");
    is_int(body_with("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n", none),
           -WEFT_HTTP_ERROR_TRUNCATED, "chunks without an end");
    is_int(body_with("HTTP/1.1 200 OK\r\n\r\nto the end", none), 0,
           "a body up to the connection's end");
    is_int(body_with(OK(101) "x", none), -WEFT_HTTP_ERROR_TOO_LARGE, "more than the reader takes");
    script_closes = false;
}

static void check_limits(void)
{
    char answer[2048];
    char padding[1025];
    memset(padding, 'p', sizeof(padding) - 1);
    padding[sizeof(padding) - 1] = '\0';
    int length = snprintf(answer, sizeof(answer),
                          "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-pad: %s\r\n\r\n", padding);
    struct weft_http_client_options options = { .max_head = (size_t)length };
    is_int(status_with(answer, options, NULL), 200, "a head of max_head bytes");
    options.max_head--;
    ok(status_with(answer, options, NULL) == -WEFT_HTTP_ERROR_TOO_LARGE && errno == EMSGSIZE,
       "and one byte more");
    options = (struct weft_http_client_options){ .max_fields = 2 };
    is_int(status_with("HTTP/1.1 200 OK\r\ncontent-length: 0\r\na: b\r\n\r\n", options, NULL), 200,
           "max_fields");
    is_int(
        status_with("HTTP/1.1 200 OK\r\ncontent-length: 0\r\na: b\r\nc: d\r\n\r\n", options, NULL),
        -WEFT_HTTP_ERROR_TOO_LARGE, "and one more");
}

static void check_stale(void)
{
    struct weft_http_client_stats stats;
    struct weft_http_client *client = quick();
    SCRIPT(OK(0), NULL, OK(0), OK(0));
    is_int(status_of(weft_http_client_get(client, "/", NULL)), 200, "an answer");
    is_int(status_of(weft_http_client_get(client, "/", NULL)), 200,
           "a kept connection that ends when it is used again is no failure");
    weft_http_client_stats(client, &stats);
    ok(stats.retries == 1 && stats.opened == 2, "but a second connection");
    weft_http_client_free(client);

    client = quick();
    SCRIPT(OK(0) "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison", OK(2) "ok");
    is_int(status_of(weft_http_client_get(client, "/", NULL)), 200, "an answer, and one unasked");
    struct weft_http_response *response = weft_http_client_get(client, "/", NULL);
    must(response, "the next");
    is_str(client_text(response), "ok", "which answers nothing");
    weft_http_response_close(response);
    weft_http_client_free(client);
}

static void check_early(void)
{
    struct weft_http_client *client = quick();
    struct weft_http_response *response;
    SCRIPT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" OK(2) "ok");
    response = weft_http_client_get(client, "/", NULL);
    must(response, "an answer behind interim ones");
    ok(response->status == 200 && !weft_http_headers_get(&response->headers, "link") &&
           strcmp(client_text(response), "ok") == 0,
       "interim answers are passed over");
    weft_http_response_close(response);
    SCRIPT("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n");
    response = weft_http_client_get(client, "/", NULL);
    must(response, "an answer with trailers");
    ok(!response->trailers, "no trailers before the end");
    is_str(client_text(response), "ok", "the body");
    is_str(response->trailers ? weft_http_headers_get(response->trailers, "x-sum") : NULL, "7",
           "and behind it the trailers");
    weft_http_response_close(response);
    weft_http_client_free(client);
}

/* Answers 413 as soon as the head is there, and reads no body. */
static void refuse_upload(struct scripted *refuser, int fd)
{
    char text[4096];
    wire_receive(fd, text, sizeof(text), WIRE_PATIENCE);
    refuser->requests++;
    scripted_answer(fd, "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    usleep(50000);
    close(fd);
}

static int write_forever(struct weft_http_stream *stream, void *context)
{
    static const char ZEROS[16384];
    int *failed = context;
    while (weft_http_stream_write(stream, ZEROS, sizeof(ZEROS)) == 0) {
    }
    (*failed)++;
    return -1;
}

static void check_refused_upload(void)
{
    struct scripted refuser;
    size_t size = (size_t)64 << 20;
    char *large = calloc(1, size);
    must(large, "memory");
    scripted_start(&refuser, refuse_upload);
    struct weft_http_client *client =
        client_make(refuser.port, (struct weft_http_client_options){ .retries = -1 });
    const struct weft_http_request_options body = { .data = large, .length = size };
    is_int(status_of(weft_http_client_post(client, "/", &body)), 413,
           "a refusal ends an upload, and is told");
    int failed = 0;
    const struct weft_http_request_options written = { .write = write_forever, .context = &failed };
    is_int(status_of(weft_http_client_post(client, "/", &written)), 413,
           "also one that is written");
    is_int(failed, 1, "whose writer is told");
    weft_http_client_free(client);
    scripted_stop(&refuser);
    free(large);
}

static int fail_to_write(struct weft_http_stream *stream, void *context)
{
    (void)stream, (void)context;
    errno = EIO;
    return -1;
}

static void check_own_failures(void)
{
    struct weft_http_client *client = quick();
    const struct weft_http_request_options written = { .write = fail_to_write };
    SCRIPT(OK(0));
    ok(status_of(weft_http_client_post(client, "/", &written)) == -WEFT_HTTP_ERROR_BODY &&
           errno == EIO,
       "a writer's failure is the call's");
    weft_http_client_free(client);
}

static int get_forever(void *argument)
{
    struct weft_http_client *client = *(struct weft_http_client **)argument;
    struct weft_http_response *response = weft_http_client_get(client, "/", NULL);
    int code = response ? 0 : client_error();
    int error = errno;
    weft_http_response_close(response);
    is_int(code, WEFT_HTTP_ERROR_STOPPED, "a cancelled call says so");
    errno = error;
    return -1;
}

static void check_cancel(void)
{
    struct weft_http_client_stats stats;
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .max_connections = 1 });
    script_waits = true;
    SCRIPT("", "");
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        struct weft_task *task =
            weft_go(&scope, get_forever, (struct weft_http_client *){ client });
        struct weft_task *queued =
            weft_go(&scope, get_forever, (struct weft_http_client *){ client });
        weft_http_client_stats(client, &stats);
        ok(stats.busy + stats.waiting == 2 || stats.waiting == 1, "one waits for its turn");
        weft_cancel(queued);
        weft_join(queued, NULL);
        weft_cancel(task);
        struct weft_result result;
        must(weft_join(task, &result) == 0, "joining");
        is_int(result.error, ECANCELED, "with ECANCELED");
    }
    weft_http_client_stats(client, &stats);
    ok(stats.busy == 0 && stats.idle == 0 && stats.waiting == 0, "and its connection is closed");
    {
        WEFT_TIMEOUT(20 * WEFT_MILLISECOND);
        is_int(status_of(weft_http_client_get(client, "/", NULL)), -WEFT_HTTP_ERROR_STOPPED,
               "a deadline around the call ends it");
    }
    script_waits = false;
    weft_http_client_free(client);
}

static void check_pool_outside(void)
{
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .max_connections = 1 });
    SCRIPT(OK(2) "ok", OK(0));
    struct weft_http_response *first = weft_http_client_get(client, "/", NULL);
    must(first, "a response");
    ok(status_of(weft_http_client_get(client, "/", NULL)) == -WEFT_HTTP_ERROR_POOL &&
           errno == EAGAIN,
       "without a runtime a call beyond max_connections fails at once");
    weft_http_response_close(first);
    is_int(status_of(weft_http_client_get(client, "/", NULL)), 200, "and works after a close");
    weft_http_client_free(client);
}

static int everything(void *argument)
{
    (void)argument;
    check_retries();
    check_statuses();
    check_budget();
    check_refused();
    check_deadlines();
    check_malformed();
    check_limits();
    check_stale();
    check_early();
    check_refused_upload();
    check_own_failures();
    if (weft_self()) {
        check_cancel();
    }
    return 0;
}

int main(void)
{
    alarm(120);
    signal(SIGPIPE, SIG_DFL);
    scripted_start(&server, play);
    must(weft_run(everything, NULL) == 0, "in a fiber");
    everything(NULL);
    check_pool_outside();
    scripted_stop(&server);
    return done_testing();
}
