/* Limits around handlers, each at its edge. */
#include "chain.h"

static const char *key_of(struct weft_http_request *request, void *context)
{
    return weft_http_headers_get(&request->headers, context);
}

static void check_rate(void)
{
    struct wire wire;
    const struct weft_http_rate_limit_options by_address = { .requests = 2,
                                                             .period = 3600 * WEFT_SECOND };
    struct weft_http_handler *chain = weft_http_rate_limit_new(&by_address, app_make());
    chain_start(&wire, chain);
    is_int(wire_status(ask(&wire, "GET", "/", "%s", "")), 200, "rate: the first");
    is_int(wire_status(ask(&wire, "GET", "/", "%s", "")), 200, "rate: the second");
    const char *answer = ask(&wire, "GET", "/", "%s", "");
    ok(wire_status(answer) == 429 &&
           (has(answer, "retry-after: 1800") || has(answer, "retry-after: 1799")),
       "rate: the third is told when to come back");
    chain_stop(&wire, chain);

    const struct weft_http_rate_limit_options by_key = { .requests = 1,
                                                         .period = 3600 * WEFT_SECOND,
                                                         .burst = 2,
                                                         .key = key_of,
                                                         .context = (void *)(uintptr_t) "x-key" };
    chain = weft_http_rate_limit_new(&by_key, app_make());
    chain_start(&wire, chain);
    int got[7];
    for (int i = 0; i < 6; i++) {
        got[i] = wire_status(ask(&wire, "GET", "/", "X-Key: %d\r\n", i / 3));
    }
    got[6] = wire_status(ask(&wire, "GET", "/", "%s", ""));
    ok(got[0] == 200 && got[1] == 200 && got[2] == 429 && got[3] == 200 && got[4] == 200 &&
           got[5] == 429 && got[6] == 200,
       "rate: each key has its own burst, and none is no key");
    chain_stop(&wire, chain);

    const struct weft_http_rate_limit_options none = { .requests = 0 };
    ok(!weft_http_rate_limit_new(&none, app_make()) && errno == EINVAL, "rate: 0 is no rate");
}

/* Three keys share a table of one set; a client that is at its limit is not forgotten for them. */
static void check_rate_table(void)
{
    struct wire wire;
    const struct weft_http_rate_limit_options options = { .requests = 1,
                                                          .period = 3600 * WEFT_SECOND,
                                                          .burst = 3,
                                                          .keys = 4,
                                                          .key = key_of,
                                                          .context = (void *)(uintptr_t) "x-key" };
    struct weft_http_handler *chain = weft_http_rate_limit_new(&options, app_make());
    chain_start(&wire, chain);
    for (int i = 0; i < 3; i++) {
        ask(&wire, "GET", "/", "X-Key: greedy\r\n");
    }
    for (int i = 0; i < 20; i++) {
        ask(&wire, "GET", "/", "X-Key: %d\r\n", i);
    }
    is_int(wire_status(ask(&wire, "GET", "/", "X-Key: greedy\r\n")), 429,
           "rate: a full table forgets others than the one at its limit");
    chain_stop(&wire, chain);
}

static bool is_active(struct wire *wire, size_t count)
{
    for (int i = 0; i < WIRE_PATIENCE / 5; i++) {
        if (wire_stats(wire).active == count) {
            return true;
        }
        usleep(5000);
    }
    return false;
}

static void check_concurrency(void)
{
    struct wire wire;
    struct weft_http_handler *chain = weft_http_concurrency_limit_new(1, app_make());
    chain_start(&wire, chain);
    static const char WAIT[] = "GET /wait?ms=60000&gone=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    int first = wire_connect(&wire);
    wire_send(first, WAIT, sizeof(WAIT) - 1);
    must(is_active(&wire, 1), "one is under way");
    const char *answer = ask(&wire, "GET", "/", "%s", "");
    ok(wire_status(answer) == 503 && has(answer, "retry-after: 1"), "a second at once gets 503");
    close(first);
    must(is_active(&wire, 0), "it is over");
    is_int(wire_status(ask(&wire, "GET", "/", "%s", "")), 200, "then the next is served");
    chain_stop(&wire, chain);
    ok(!weft_http_concurrency_limit_new(0, app_make()) && errno == EINVAL, "0 is no limit");
}

static void check_timeout(void)
{
    struct wire wire;
    struct weft_http_handler *chain = weft_http_timeout_new(100 * WEFT_MILLISECOND, app_make());
    chain_start(&wire, chain);
    is_int(wire_status(ask(&wire, "GET", "/wait?ms=60000", "%s", "")), 503,
           "a handler that takes too long gives 503");
    const char *answer = ask(&wire, "GET", "/count?n=100000&pause=20", "%s", "");
    ok(wire_status(answer) == 200 && strstr(answer, "0\n") && !strstr(answer, "\r\n0\r\n\r\n"),
       "a body that takes too long is cut");
    is_int(wire_status(ask(&wire, "GET", "/", "%s", "")), 200, "a quick one is served");
    chain_stop(&wire, chain);
    ok(!weft_http_timeout_new(0, app_make()) && errno == EINVAL, "0 is no time");
}

static int post(const struct wire *wire, const char *framing, const char *body)
{
    char bytes[512];
    int length = snprintf(bytes, sizeof(bytes),
                          "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n\r\n%s",
                          framing, body);
    wire_exchange(wire, bytes, (size_t)length, chain_answer, sizeof(chain_answer));
    return wire_status(chain_answer);
}

static void check_body(void)
{
    struct wire wire;
    struct weft_http_handler *chain = weft_http_body_limit_new(5, app_make());
    chain_start(&wire, chain);
    is_int(post(&wire, "Content-Length: 5", "12345"), 200, "as large as may be");
    is_int(post(&wire, "Content-Length: 6", "123456"), 413, "larger");
    is_int(post(&wire, "Transfer-Encoding: chunked", "5\r\n12345\r\n0\r\n\r\n"), 200,
           "chunked, as large as may be");
    is_int(post(&wire, "Transfer-Encoding: chunked", "6\r\n123456\r\n0\r\n\r\n"), 413,
           "chunked, larger");
    chain_stop(&wire, chain);
}

int main(void)
{
    check_rate();
    check_rate_table();
    check_concurrency();
    check_timeout();
    check_body();
    return done_testing();
}
