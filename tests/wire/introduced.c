/* Who the client is: PROXY headers, Forwarded, connections of one address. */
#include "chain.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static int show_peer(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    const char *peer = weft_http_request_peer(request);
    const char *told = weft_http_headers_get(&request->headers, "x-forwarded-for");
    return weft_http_response_text(response, 200, "%s %s %s", peer ? peer : "(gone)",
                                   request->scheme, told ? told : "-");
}

static struct weft_http_handler peer_handler = { .call = show_peer };

static const struct {
    const char *what;
    const char *bytes;
    size_t length;
    const char *expected; /* NULL: closed without an answer */
} INTRODUCED[] = {
#define CASE(what, bytes, expected)                                                                \
    {                                                                                              \
        what, bytes GET, sizeof(bytes GET) - 1, expected                                           \
    }
    CASE("version 1", "PROXY TCP4 192.0.2.1 10.0.0.1 5555 80\r\n", "192.0.2.1:5555 http -"),
    CASE("version 1, IPv6", "PROXY TCP6 2001:db8::1 ::1 5555 80\r\n", "[2001:db8::1]:5555 http -"),
    CASE("version 2", SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7\5\6\7\x08\x10\0\0\x50",
         "192.0.2.7:4096 http -"),
    CASE("no header", "", NULL),
    CASE("a malformed one", "PROXY TCP4 192.0.2.1 10.0.0.1 5555\r\n", NULL),
};

static void check_introduced(const struct wire *wire)
{
    for (size_t i = 0; i < sizeof(INTRODUCED) / sizeof(*INTRODUCED); i++) {
        const char *expected = INTRODUCED[i].expected;
        wire_exchange(wire, INTRODUCED[i].bytes, INTRODUCED[i].length, chain_answer,
                      sizeof(chain_answer));
        ok(expected ? strcmp(wire_body(chain_answer), expected) == 0 : chain_answer[0] == '\0',
           "PROXY: %s: %.60s", INTRODUCED[i].what, wire_body(chain_answer));
        if (!expected) {
            continue;
        }
        int fd = wire_connect(wire);
        for (size_t at = 0; at < INTRODUCED[i].length; at++) {
            wire_send(fd, INTRODUCED[i].bytes + at, 1);
        }
        wire_receive_all(fd, chain_answer, sizeof(chain_answer));
        close(fd);
        is_str(wire_body(chain_answer), expected, "PROXY: the same byte by byte");
    }
}

static void check_proxies(void)
{
    static const char *const HERE[] = { "127.0.0.0/8" };
    static const char *const ELSEWHERE[] = { "10.0.0.0/8", "::1", "unix" };
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ .handler = &peer_handler,
                                                  .proxies = HERE,
                                                  .proxy_count = 1,
                                                  .head_timeout = 300 * WEFT_MILLISECOND });
    check_introduced(&wire);
    static const char LOCAL[] = SIGNATURE "\x20\0\0\0" GET;
    wire_exchange(&wire, LOCAL, sizeof(LOCAL) - 1, chain_answer, sizeof(chain_answer));
    ok(strncmp(wire_body(chain_answer), "127.0.0.1:", 10) == 0, "PROXY: a proxy's own connection");
    int fd = wire_connect(&wire);
    wire_send(fd, "PROXY TCP4", 10);
    is_int(wire_receive_all(fd, chain_answer, sizeof(chain_answer)), 0,
           "PROXY: a header that does not end in time closes the connection");
    close(fd);
    wire_stop(&wire);

    wire_start(&wire, (struct weft_http_options){
                          .handler = &peer_handler, .proxies = ELSEWHERE, .proxy_count = 3 });
    wire_exchange(&wire, GET, sizeof(GET) - 1, chain_answer, sizeof(chain_answer));
    ok(strncmp(wire_body(chain_answer), "127.0.0.1:", 10) == 0, "others come without a header");
    wire_exchange(&wire, INTRODUCED[0].bytes, INTRODUCED[0].length, chain_answer,
                  sizeof(chain_answer));
    is_int(wire_status(chain_answer), 400, "and may not send one");
    wire_stop(&wire);

    static const char *const BAD[] = { "10.0.0.0/33" };
    const struct weft_http_options bad = {
        .handler = &peer_handler, .proxies = BAD, .proxy_count = 1, .address = "127.0.0.1:0"
    };
    ok(!weft_http_server_new(&bad) && errno == EINVAL &&
           strstr(weft_error()->message, "10.0.0.0/33"),
       "a list that makes no sense is refused");
}

static void check_forwarded(void)
{
    static const char *const PROXIES[] = { "127.0.0.1", "10.0.0.0/8" };
    struct wire wire;
    struct weft_http_forwarded_options options = { .proxies = PROXIES, .proxy_count = 2 };
    struct weft_http_handler *chain = weft_http_forwarded_new(&options, &peer_handler);
    chain_start(&wire, chain);
    static const struct {
        const char *fields;
        const char *expected;
    } ALL[] = {
        { "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1 http 192.0.2.1" },
        { "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1\r\n",
          "192.0.2.1 http 6.6.6.6, 192.0.2.1, 10.1.1.1" },
        { "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1 http 6.6.6.6" },
        { "X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: https\r\n",
          "[2001:db8::1] https 2001:db8::1" },
        { "X-Forwarded-For: 192.0.2.1:77\r\n", "192.0.2.1:77 http 192.0.2.1:77" },
        { "X-Forwarded-For: 192.0.2.1, nonsense, 10.1.1.1\r\n",
          "10.1.1.1 http 192.0.2.1, nonsense, 10.1.1.1" },
        { "X-Forwarded-Proto: http, https\r\nX-Forwarded-For: 192.0.2.1\r\n",
          "192.0.2.1 https 192.0.2.1" },
        { "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1 http 192.0.2.1" },
    };
    for (size_t i = 0; i < sizeof(ALL) / sizeof(*ALL); i++) {
        is_str(wire_body(ask(&wire, "GET", "/", "%s", ALL[i].fields)), ALL[i].expected,
               "forwarded: %.50s", ALL[i].fields);
    }
    chain_stop(&wire, chain);

    options.standard = true;
    chain = weft_http_forwarded_new(&options, &peer_handler);
    chain_start(&wire, chain);
    is_str(wire_body(ask(&wire, "GET", "/", "%s",
                         "Forwarded: for=6.6.6.6, for=\"[2001:db8::2]:5\";proto=https\r\n")),
           "[2001:db8::2]:5 https -", "Forwarded is read");
    ok(strncmp(wire_body(ask(&wire, "GET", "/", "%s", "Forwarded: for=_hidden\r\n")),
               "127.0.0.1:", 10) == 0,
       "a name that hides somebody is nobody");
    chain_stop(&wire, chain);

    options.proxies = PROXIES + 1;
    options.proxy_count = 1;
    chain = weft_http_forwarded_new(&options, &peer_handler);
    chain_start(&wire, chain);
    const char *body = wire_body(
        ask(&wire, "GET", "/", "%s", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"));
    ok(strncmp(body, "127.0.0.1:", 10) == 0 && strstr(body, " http -"),
       "what others say of themselves does not reach a handler: %.60s", body);
    chain_stop(&wire, chain);
}

static void check_per_address(void)
{
    struct wire wire;
    static const char *const HERE[] = { "127.0.0.1" };
    wire_start(&wire, (struct weft_http_options){ .handler = &peer_handler,
                                                  .proxies = HERE,
                                                  .proxy_count = 1,
                                                  .max_connections_per_address = 2 });
#define FROM(address) "PROXY TCP4 " address " 10.0.0.1 5555 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    int fds[2];
    for (size_t i = 0; i < 2; i++) {
        fds[i] = wire_connect(&wire);
        wire_send(fds[i], FROM("192.0.2.1"), sizeof(FROM("192.0.2.1")) - 1);
        must(wire_receive_until(fds[i], chain_answer, sizeof(chain_answer), "http -", 1),
             "connection %zu is served", i);
    }
    wire_exchange(&wire, FROM("192.0.2.1"), sizeof(FROM("192.0.2.1")) - 1, chain_answer,
                  sizeof(chain_answer));
    is_int(wire_status(chain_answer), 503, "a third connection of an address gets 503");
    wire_exchange(&wire, FROM("192.0.2.2"), sizeof(FROM("192.0.2.2")) - 1, chain_answer,
                  sizeof(chain_answer));
    is_int(wire_status(chain_answer), 200, "one of another address is served");
    close(fds[0]);
    int status = 503;
    for (int i = 0; i < WIRE_PATIENCE / 5 && status == 503; i++) {
        usleep(5000);
        wire_exchange(&wire, FROM("192.0.2.1"), sizeof(FROM("192.0.2.1")) - 1, chain_answer,
                      sizeof(chain_answer));
        status = wire_status(chain_answer);
    }
    is_int(status, 200, "once one has gone, the next is served");
    close(fds[1]);
    wire_stop(&wire);
}

int main(void)
{
    check_proxies();
    check_forwarded();
    check_per_address();
    return done_testing();
}
