/* Requests byte by byte: what is answered, what is refused, and with which status. */
#include "wire.h"

#define HOST "Host: a\r\n"

/* What must be understood: the answer to a GET of /show begins with `expected`. */
static const struct {
    const char *what;
    const char *bytes;
    const char *expected;
} UNDERSTOOD[] = {
    { "an ordinary request", "GET /show HTTP/1.1\r\n" HOST "\r\n",
      "GET /show 11 path=/show query=(none) authority=a\nHost=a\n" },
    { "a query", "GET /show?a=1&b=2 HTTP/1.1\r\n" HOST "\r\n",
      "GET /show?a=1&b=2 11 path=/show query=a=1&b=2 authority=a\n" },
    { "an empty query", "GET /show? HTTP/1.1\r\n" HOST "\r\n",
      "GET /show? 11 path=/show query= authority=a\n" },
    { "the absolute form", "GET http://b:81/show?x HTTP/1.1\r\nHost: b:81\r\n\r\n",
      "GET http://b:81/show?x 11 path=/show query=x authority=b:81\n" },
    { "a method nobody has heard of", "BREW /show HTTP/1.1\r\n" HOST "\r\n", "BREW /show 11" },
    { "QUERY", "QUERY /show HTTP/1.1\r\n" HOST "\r\n", "QUERY /show 11" },
    { "HTTP/1.0 without a host", "GET /show HTTP/1.0\r\n\r\n",
      "GET /show 10 path=/show query=(none) authority=(none)\n" },
    { "an empty line before", "\r\nGET /show HTTP/1.1\r\n" HOST "\r\n", "GET /show 11" },
    { "blanks around a value", "GET /show HTTP/1.1\r\n" HOST "X:  \t a b\t \r\n\r\n",
      "GET /show 11 path=/show query=(none) authority=a\nHost=a\nX=a b\n" },
    { "an empty value", "GET /show HTTP/1.1\r\n" HOST "X:\r\n\r\n",
      "GET /show 11 path=/show query=(none) authority=a\nHost=a\nX=\n" },
    { "the rest of a path", "GET /show/a/b HTTP/1.1\r\n" HOST "\r\n", "GET /show/a/b 11" },
};

/* What must be refused, with the connection closed after the answer. */
static const struct {
    const char *what;
    int status;
    const char *bytes;
} REFUSED[] = {
    { "a bare LF in the request line", 400, "GET / HTTP/1.1\n" HOST "\r\n" },
    { "a bare LF behind a field", 400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" },
    { "a bare CR in a value", 400, "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n" },
    { "a space before the colon", 400, "GET / HTTP/1.1\r\n" HOST "X : y\r\n\r\n" },
    { "a folded line", 400, "GET / HTTP/1.1\r\n" HOST "X: y\r\n z\r\n\r\n" },
    { "a line without a colon", 400, "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n" },
    { "no host", 400, "GET / HTTP/1.1\r\n\r\n" },
    { "two hosts", 400, "GET / HTTP/1.1\r\n" HOST "Host: b\r\n\r\n" },
    { "two spaces", 400, "GET  / HTTP/1.1\r\n" HOST "\r\n" },
    { "no version", 400, "GET /\r\n" HOST "\r\n" },
    { "HTTP/2.0", 505, "GET / HTTP/2.0\r\n" HOST "\r\n" },
    { "HTTP/0.9", 505, "GET / HTTP/0.9\r\n" HOST "\r\n" },
    { "a version in lower case", 400, "GET / http/1.1\r\n" HOST "\r\n" },
    { "a method that is no token", 400, "G(T / HTTP/1.1\r\n" HOST "\r\n" },
    { "a target with a control", 400, "GET /\x01 HTTP/1.1\r\n" HOST "\r\n" },
    { "a target without a slash", 400, "GET x HTTP/1.1\r\n" HOST "\r\n" },
    { "length and chunked", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { "two lengths", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\na" },
    { "a signed length", 400, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na" },
    { "a length that overflows", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\na" },
    { "a coding that is not chunked in the end", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n" },
    { "an unknown coding", 501,
      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n" },
    { "chunked in HTTP/1.0", 400,
      "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { "a chunk size that is no number", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n" },
    { "a chunk size with 0x", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" },
    { "a bare LF behind a chunk size", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n" },
    { "no line end behind a chunk", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" },
    { "another expectation", 417, "GET / HTTP/1.1\r\n" HOST "Expect: coffee\r\n\r\n" },
    { "CONNECT", 501, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" },
    { "a body that is cut short", 400,
      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab" },
    { "a head that is cut short", 400, "GET / HTTP/1.1\r\nHos" },
};

static void check_understood(const struct wire *wire)
{
    static char answer[WIRE_ANSWER];
    for (size_t i = 0; i < sizeof(UNDERSTOOD) / sizeof(UNDERSTOOD[0]); i++) {
        const char *bytes = UNDERSTOOD[i].bytes;
        wire_exchange(wire, bytes, strlen(bytes), answer, sizeof(answer));
        const char *expected = UNDERSTOOD[i].expected;
        ok(wire_status(answer) == 200 &&
               strncmp(wire_body(answer), expected, strlen(expected)) == 0,
           "understood: %s", UNDERSTOOD[i].what);
    }
}

static void check_refused(const struct wire *wire)
{
    static char answer[WIRE_ANSWER];
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        char bytes[1024];
        /* A request behind it: nothing of it may be answered. */
        snprintf(bytes, sizeof(bytes), "%s%s", REFUSED[i].bytes,
                 strstr(REFUSED[i].what, "cut short") ? "" : "GET /show HTTP/1.1\r\n" HOST "\r\n");
        wire_exchange(wire, bytes, strlen(bytes), answer, sizeof(answer));
        bool once = wire_status(answer) > 0 && !strstr(wire_body(answer), "HTTP/1.1 2");
        ok(wire_status(answer) == REFUSED[i].status && once &&
               strstr(answer, "\r\nconnection: close\r\n") && strstr(answer, "\r\ndate: ") &&
               strlen(wire_body(answer)) > 5,
           "%d for %s: %.60s", REFUSED[i].status, REFUSED[i].what, wire_body(answer));
    }
}

/* The same answer wherever a read ends: two pieces, for each place to cut. */
static void check_cuts(const struct wire *wire)
{
    static const char BYTES[] = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                                "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n"
                                "GET /show HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    static char answer[WIRE_ANSWER];
    size_t good = 0;
    for (size_t cut = 1; cut < sizeof(BYTES) - 1; cut++) {
        int fd = wire_connect(wire);
        wire_send(fd, BYTES, cut);
        usleep(300);
        wire_send(fd, BYTES + cut, sizeof(BYTES) - 1 - cut);
        wire_receive_all(fd, answer, sizeof(answer));
        close(fd);
        const char *second = strstr(answer, "hello worldHTTP/1.1 200 OK\r\n");
        good += wire_status(answer) == 200 && second && strstr(second, "GET /show 11");
    }
    is_int(good, sizeof(BYTES) - 2, "a body and a request behind it, cut at each byte");
}

static void check_byte_by_byte(const struct wire *wire)
{
    static const char BYTES[] =
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nConnection: close\r\n\r\nhello";
    static char answer[WIRE_ANSWER];
    int fd = wire_connect(wire);
    for (size_t i = 0; i < sizeof(BYTES) - 1; i++) {
        wire_send(fd, BYTES + i, 1);
        usleep(200);
    }
    wire_receive_all(fd, answer, sizeof(answer));
    close(fd);
    is_str(wire_body(answer), "hello", "a request that comes byte by byte");
}

/* A request with a field of `length` bytes in all, name and colon included. */
static size_t with_field(char *bytes, size_t length)
{
    size_t used = (size_t)sprintf(bytes, "GET /show HTTP/1.1\r\n" HOST);
    memcpy(bytes + used, "X: ", 3);
    memset(bytes + used + 3, 'v', length - 3);
    used += length;
    return used + (size_t)sprintf(bytes + used, "\r\n\r\n");
}

static int status_of(const struct wire *wire, const char *bytes, size_t length)
{
    static char answer[WIRE_ANSWER];
    wire_exchange(wire, bytes, length, answer, sizeof(answer));
    return wire_status(answer);
}

static void check_limits(const struct wire *wire)
{
    static char bytes[1 << 17];
    is_int(status_of(wire, bytes, with_field(bytes, 256)), 200, "a field as long as is allowed");
    is_int(status_of(wire, bytes, with_field(bytes, 257)), 431, "a byte more");

    for (int more = 0; more < 2; more++) {
        size_t used = (size_t)sprintf(bytes, "GET /show?");
        size_t query = 512 - used - strlen(" HTTP/1.1") + (size_t)more;
        memset(bytes + used, 'q', query);
        used += query;
        used += (size_t)sprintf(bytes + used, " HTTP/1.1\r\n" HOST "\r\n");
        is_int(status_of(wire, bytes, used), more ? 414 : 200, "a request line of %d bytes",
               512 + more);
    }
    for (int more = 0; more < 2; more++) {
        size_t used = (size_t)sprintf(bytes, "GET /show HTTP/1.1\r\n" HOST);
        for (int i = 0; i < 19 + more; i++) {
            used += (size_t)sprintf(bytes + used, "X-%d: y\r\n", i);
        }
        used += (size_t)sprintf(bytes + used, "\r\n");
        is_int(status_of(wire, bytes, used), more ? 431 : 200, "%d fields", 20 + more);
    }
    for (int more = 0; more < 2; more++) {
        size_t used = (size_t)sprintf(bytes, "GET /show HTTP/1.1\r\n" HOST);
        while (used < 2048 - 4 - 200) {
            used += (size_t)sprintf(bytes + used, "Y: %0194d\r\n", 0);
        }
        size_t last = 2048 - 4 - used + (size_t)more;
        used += (size_t)sprintf(bytes + used, "Z: %0*d\r\n\r\n", (int)last - 3, 0);
        is_int(status_of(wire, bytes, used), more ? 431 : 200, "a head of %zu bytes", used);
    }
    for (int more = 0; more < 2; more++) {
        size_t used = (size_t)sprintf(
            bytes, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", 1000 + more);
        memset(bytes + used, 'b', 1000 + (size_t)more);
        is_int(status_of(wire, bytes, used + 1000 + (size_t)more), more ? 413 : 200,
               "a body of %d bytes", 1000 + more);
    }
    for (int more = 0; more < 2; more++) {
        size_t used = (size_t)sprintf(bytes, "POST /echo HTTP/1.1\r\n" HOST
                                             "Transfer-Encoding: chunked\r\n\r\n1f4\r\n");
        memset(bytes + used, 'b', 500);
        used += 500;
        used += (size_t)sprintf(bytes + used, "\r\n%x\r\n", 500 + (unsigned)more);
        memset(bytes + used, 'c', 500 + (size_t)more);
        used += 500 + (size_t)more;
        used += (size_t)sprintf(bytes + used, "\r\n0\r\n\r\n");
        is_int(status_of(wire, bytes, used), more ? 413 : 200, "a chunked body of %d bytes",
               1000 + more);
    }
}

int main(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ 0 });
    check_understood(&wire);
    check_refused(&wire);
    check_cuts(&wire);
    check_byte_by_byte(&wire);
    wire_stop(&wire);
    is_int(wire.result, 0, "the server ended as it was told");

    struct weft_http_options small = {
        .max_target = 512,
        .max_field = 256,
        .max_head = 2048,
        .max_fields = 20,
        .max_body = 1000,
    };
    wire_start(&wire, small);
    check_limits(&wire);
    wire_stop(&wire);
    return done_testing();
}
