/* Keep-alive, pipelining, bodies in both directions, and what a handler may do with them. */
#include "wire.h"

#define HOST "Host: a\r\n"

static char answer[1 << 21];

static size_t exchange(const struct wire *wire, const char *text)
{
    return wire_exchange(wire, text, strlen(text), answer, sizeof(answer));
}

static int count_of(const char *text)
{
    int count = 0;
    for (const char *at = answer; (at = strstr(at, text)); at += strlen(text)) {
        count++;
    }
    return count;
}

static void check_keep_alive(struct wire *wire)
{
    int fd = wire_connect(wire);
    static const char GET[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    bool good = true;
    for (int i = 0; i < 20; i++) {
        wire_send(fd, GET, sizeof(GET) - 1);
        good = good && wire_receive_until(fd, answer, sizeof(answer), "Hello, world!\n", 1);
        good = good && !strstr(answer, "connection:");
    }
    ok(good, "20 requests on one connection");
    close(fd);

    char many[100 * 64];
    size_t used = 0;
    for (int i = 0; i < 100; i++) {
        used += (size_t)sprintf(many + used, "GET /?name=%d HTTP/1.1\r\n" HOST "\r\n", i);
    }
    fd = wire_connect(wire);
    wire_send(fd, many, used);
    ok(wire_receive_until(fd, answer, sizeof(answer), "Hello, ", 100),
       "100 pipelined requests, 100 answers");
    close(fd);

    exchange(wire, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    ok(count_of("HTTP/1.1 200 OK") == 2 && count_of("connection: keep-alive") == 1 &&
           count_of("connection: close") == 1,
       "HTTP/1.0: the connection lives on if it is asked to");
    exchange(wire,
             "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    is_int(count_of("HTTP/1.1 200 OK"), 1, "connection: close ends it");
}

static void check_framing(struct wire *wire)
{
    exchange(wire, "GET /count?n=3 HTTP/1.1\r\n" HOST "\r\n");
    ok(count_of("transfer-encoding: chunked") == 1 &&
           strcmp(wire_body(answer), "2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n") == 0,
       "a streamed body is chunked");
    exchange(wire, "GET /count?n=3 HTTP/1.0\r\n\r\n");
    ok(count_of("transfer-encoding") == 0 && count_of("connection: close") == 1 &&
           strcmp(wire_body(answer), "0\n1\n2\n") == 0,
       "for HTTP/1.0 the connection's end ends it");
    exchange(wire, "HEAD / HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    ok(count_of("content-length: 14") == 2 && count_of("Hello, world!") == 1,
       "HEAD tells the length and sends no body");
    exchange(wire, "HEAD /count HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    ok(count_of("HTTP/1.1 200 OK") == 2 && count_of("0\r\n\r\n") == 0,
       "HEAD of a streamed body sends no chunk");
    exchange(wire, "GET /cut HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    ok(strcmp(wire_body(answer), "4\r\nhalf\r\n") == 0,
       "a body that its handler cuts short has no last chunk, and nothing follows");
    exchange(wire, "GET /fail HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    ok(wire_status(answer) == 500 && count_of("x-half-done") == 0 && count_of("Hello") == 1,
       "a handler that fails gives 500, and the connection lives on");
}

static void check_router(struct wire *wire)
{
    exchange(wire, "GET /nowhere HTTP/1.1\r\n" HOST "\r\n");
    is_int(wire_status(answer), 404, "an unknown path");
    exchange(wire, "DELETE /echo HTTP/1.1\r\n" HOST "\r\n");
    ok(wire_status(answer) == 405 && strstr(answer, "allow: POST\r\n"), "an unknown method");
    exchange(wire, "OPTIONS /events HTTP/1.1\r\n" HOST "\r\n");
    ok(wire_status(answer) == 204 && strstr(answer, "allow: GET, HEAD\r\n") &&
           !strstr(answer, "content-length"),
       "OPTIONS");
    exchange(wire, "GET /shelves/b%20c/items/7 HTTP/1.1\r\n" HOST "\r\n");
    is_str(wire_body(answer), "item 7 of b c\n", "parameters of a path are decoded");
    exchange(wire, "GET /shelves//items/7 HTTP/1.1\r\n" HOST "\r\n");
    is_int(wire_status(answer), 404, "a parameter is never empty");
    exchange(wire, "GET /shelves/%zz/items/7 HTTP/1.1\r\n" HOST "\r\n");
    is_int(wire_status(answer), 400, "a broken percent code");
    exchange(wire, "GET /?x=1&name=a+b%21&name=c HTTP/1.1\r\n" HOST "\r\n");
    is_str(wire_body(answer), "Hello, a b!!\n", "a parameter of the query");
    exchange(wire, "GET /style.css HTTP/1.1\r\n" HOST "\r\n");
    ok(strstr(answer, "etag: \"v1\"") && strcmp(wire_body(answer), "body{}") == 0, "an asset");
    exchange(wire, "GET /style.css HTTP/1.1\r\n" HOST "If-None-Match: \"v0\", W/\"v1\"\r\n\r\n");
    ok(wire_status(answer) == 304 && *wire_body(answer) == '\0', "that the client has already");
}

static void check_interim(struct wire *wire)
{
    exchange(wire, "GET /hints HTTP/1.1\r\n" HOST "\r\n");
    const char hints[] = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
                         "HTTP/1.1 199 \r\n\r\nHTTP/1.1 200 OK\r\n";
    ok(strncmp(answer, hints, strlen(hints)) == 0 && strstr(answer, "\r\n\r\nhinted\n"),
       "interim responses before the answer");
    exchange(wire, "GET /hints HTTP/1.0\r\n\r\n");
    is_int(wire_status(answer), 200, "a client of HTTP/1.0 gets none");
}

static void check_expect(struct wire *wire)
{
    int fd = wire_connect(wire);
    static const char HEAD[] =
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    wire_send(fd, HEAD, sizeof(HEAD) - 1);
    ok(wire_receive_until(fd, answer, sizeof(answer), "\r\n\r\n", 1) &&
           strcmp(answer, "HTTP/1.1 100 Continue\r\n\r\n") == 0,
       "100 Continue once the handler reads");
    wire_send(fd, "abc", 3);
    ok(wire_receive_until(fd, answer, sizeof(answer), "abc", 1) && wire_status(answer) == 200,
       "then the answer");
    close(fd);

    fd = wire_connect(wire);
    wire_send(fd,
              "POST /ignore HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n",
              strlen("POST /ignore HTTP/1.1\r\n" HOST
                     "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    wire_receive_all(fd, answer, sizeof(answer));
    ok(wire_status(answer) == 200 && !strstr(answer, "100 Continue") &&
           strstr(answer, "connection: close"),
       "a handler that does not read invites nothing, and the connection ends");
    close(fd);

    fd = wire_connect(wire);
    wire_send(fd,
              "POST /echo HTTP/1.1\r\n" HOST
              "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n",
              strlen("POST /echo HTTP/1.1\r\n" HOST
                     "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n"));
    wire_receive_all(fd, answer, sizeof(answer));
    is_int(wire_status(answer), 413, "a body that is too large is not invited");
    close(fd);
}

static void check_unread(struct wire *wire)
{
    exchange(wire, "POST /ignore HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                   "GET /show HTTP/1.1\r\n" HOST "\r\n");
    ok(count_of("HTTP/1.1 200 OK") == 2 && strstr(answer, "GET /show 11"),
       "an unread body is dropped, and the next request is found behind it");
    exchange(wire, "POST /ignore HTTP/1.1\r\n" HOST
                   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                   "GET /show HTTP/1.1\r\n" HOST "\r\n");
    ok(count_of("HTTP/1.1 200 OK") == 2 && strstr(answer, "GET /show 11"), "a chunked one too");

    /* A large one is not worth it: the answer arrives although the client is still sending. */
    static char large[1 << 20];
    memset(large, 'x', sizeof(large));
    int fd = wire_connect(wire);
    char head[128];
    int used =
        snprintf(head, sizeof(head), "POST /ignore HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                 sizeof(large));
    wire_send(fd, head, (size_t)used);
    wire_send(fd, large, sizeof(large));
    wire_receive_all(fd, answer, sizeof(answer));
    ok(wire_status(answer) == 200 && strstr(answer, "connection: close"),
       "an answer arrives before a large body is sent, and ends the connection");
    close(fd);
}

/* A megabyte there and back, in chunks, read while it is sent. */
static void *send_pieces(void *argument)
{
    int fd = *(int *)argument;
    static const char HEAD[] =
        "POST /pieces HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    wire_send(fd, HEAD, sizeof(HEAD) - 1);
    char chunk[1024 + 16];
    for (int i = 0; i < 1024; i++) {
        int used = sprintf(chunk, "400\r\n");
        memset(chunk + used, 'a' + i % 26, 1024);
        memcpy(chunk + used + 1024, "\r\n", 2);
        wire_send(fd, chunk, (size_t)used + 1026);
    }
    wire_send(fd, "0\r\n\r\n", 5);
    return NULL;
}

static void check_both_ways(struct wire *wire)
{
    int fd = wire_connect(wire);
    pthread_t sender;
    must(pthread_create(&sender, NULL, send_pieces, &fd) == 0, "a sender");
    size_t got = wire_receive_all(fd, answer, sizeof(answer));
    pthread_join(sender, NULL);
    close(fd);
    size_t letters = 0;
    bool ordered = true;
    char last = 'a';
    for (const char *c = wire_body(answer); c < answer + got; c++) {
        if (*c == '\n' || *c == '\r') {
            continue;
        }
        /* chunk sizes are lines of their own: skip them */
        if (c[-1] == '\n') {
            char *end;
            size_t size = strtoul(c, &end, 16);
            for (const char *p = end + 2; p < end + 2 + size && p < answer + got; p++) {
                ordered = ordered && (*p == last || *p == (last == 'z' ? 'a' : last + 1));
                last = *p;
                letters++;
            }
            c = end + 2 + size;
        }
    }
    ok(wire_status(answer) == 200 && letters == 1 << 20 && ordered,
       "a megabyte echoed while it is sent: %zu bytes", letters);
}

static void check_flush(struct wire *wire)
{
    int fd = wire_connect(wire);
    static const char GET[] = "GET /count?n=3&pause=300 HTTP/1.1\r\n" HOST "\r\n";
    int64_t begun = wire_ms();
    wire_send(fd, GET, sizeof(GET) - 1);
    ssize_t got = wire_receive(fd, answer, sizeof(answer) - 1, WIRE_PATIENCE);
    answer[got > 0 ? got : 0] = '\0';
    ok(got > 0 && strstr(answer, "HTTP/1.1 200 OK") && strstr(answer, "2\r\n0\n\r\n") &&
           wire_ms() - begun < 300,
       "the head and the first piece leave together, at once");
    got = wire_receive(fd, answer, sizeof(answer) - 1, WIRE_PATIENCE);
    answer[got > 0 ? got : 0] = '\0';
    is_str(answer, "2\r\n1\n\r\n", "the second piece alone");
    close(fd);

    fd = wire_connect(wire);
    static const char CORKED[] = "GET /count?n=50&corked=1 HTTP/1.1\r\n" HOST "\r\n";
    wire_send(fd, CORKED, sizeof(CORKED) - 1);
    usleep(100000);
    got = wire_receive(fd, answer, sizeof(answer) - 1, WIRE_PATIENCE);
    answer[got > 0 ? got : 0] = '\0';
    ok(got > 0 && strstr(answer, "49\n\r\n0\r\n\r\n"), "a corked body leaves in one piece");
    close(fd);
}

static void check_large(struct wire *wire)
{
    size_t got = exchange(wire, "GET /big?size=1000000 HTTP/1.1\r\n" HOST "\r\n");
    const char *body = wire_body(answer);
    bool same = strlen(body) == 1000000;
    for (size_t i = 0; same && i < 1000000; i++) {
        same = body[i] == (char)('a' + i % 26);
    }
    ok(same, "a megabyte in one body: %zu bytes", got);
}

int main(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ 0 });
    check_keep_alive(&wire);
    check_framing(&wire);
    check_router(&wire);
    check_expect(&wire);
    check_interim(&wire);
    check_unread(&wire);
    check_both_ways(&wire);
    check_flush(&wire);
    check_large(&wire);
    wire_stop(&wire);
    return done_testing();
}
