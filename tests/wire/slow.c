/* Clients that are slow on purpose: each is ended by its limit, and nobody else notices. */
#include "wire.h"

#define HOST "Host: a\r\n"

static char answer[WIRE_ANSWER];

/* Another client's request is answered at once. */
static bool bystander(const struct wire *wire)
{
    static char other[WIRE_ANSWER];
    static const char GET[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    wire_exchange(wire, GET, sizeof(GET) - 1, other, sizeof(other));
    return wire_status(other) == 200;
}

static void check_head(struct wire *wire)
{
    static const char HEAD[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ";
    int fd = wire_connect(wire);
    int64_t begun = wire_ms();
    wire_send(fd, HEAD, sizeof(HEAD) - 1);
    bool served = true;
    for (int i = 0; i < 20; i++) {
        wire_send(fd, "x", 1); /* a byte now and then does not start the time anew */
        served = served && bystander(wire);
        usleep(20000);
    }
    wire_receive_all(fd, answer, sizeof(answer));
    int64_t took = wire_ms() - begun;
    ok(wire_status(answer) == 408 && took >= 190 && took < 5000,
       "a head that takes too long: 408 after %lld ms", (long long)took);
    ok(served, "others are served meanwhile");
    close(fd);
}

/* The line end that some clients send behind a body begins no request. */
static void check_blank(struct wire *wire)
{
    static const char POST[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi\r\n";
    int fd = wire_connect(wire);
    wire_send(fd, POST, sizeof(POST) - 1);
    wire_receive_all(fd, answer, sizeof(answer));
    is_str(wire_body(answer), "hi",
           "a line end behind a body is no request, and times out silently");
    close(fd);
}

static void check_idle(struct wire *wire)
{
    int fd = wire_connect(wire);
    int64_t begun = wire_ms();
    is_int(wire_receive_all(fd, answer, sizeof(answer)), 0,
           "a connection without a request is closed without a word");
    ok(wire_ms() - begun >= 290, "but not before its time");
    close(fd);

    fd = wire_connect(wire);
    static const char GET[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    bool good = true;
    for (int i = 0; i < 4; i++) {
        wire_send(fd, GET, sizeof(GET) - 1);
        good = good && wire_receive_until(fd, answer, sizeof(answer), "Hello, world!\n", 1);
        usleep(150000); /* less than the idle time: each request starts it anew */
    }
    ok(good, "a connection that is used now and then lives on");
    is_int(wire_receive_all(fd, answer, sizeof(answer)), 0, "until it is not any more");
    close(fd);
}

static void check_body(struct wire *wire)
{
    static const char HEAD[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc";
    int fd = wire_connect(wire);
    int64_t begun = wire_ms();
    wire_send(fd, HEAD, sizeof(HEAD) - 1);
    for (int i = 0; i < 10; i++) {
        wire_send(fd, "x", 1);
        usleep(20000);
    }
    wire_receive_all(fd, answer, sizeof(answer));
    int64_t took = wire_ms() - begun;
    ok(wire_status(answer) == 408 && took >= 200 && took < 5000,
       "a body that comes too slowly: 408 after %lld ms", (long long)took);
    close(fd);
}

static void check_write(struct wire *wire)
{
    static const char GET[] = "GET /big?size=16000000 HTTP/1.1\r\n" HOST "\r\n";
    int fd = wire_connect(wire);
    wire_send(fd, GET, sizeof(GET) - 1);
    usleep(100000);
    is_int(wire_stats(wire).active, 1, "a client that reads nothing keeps its answer waiting");
    ok(bystander(wire), "others are served meanwhile");
    int64_t begun = wire_ms();
    while (wire_stats(wire).active > 0 && wire_ms() - begun < 5000) {
        usleep(20000);
    }
    is_int(wire_stats(wire).active, 0, "until the write timeout");
    close(fd);
}

/* A client that reads slowly, but does read, gets all of it. */
static void check_slow_reader(struct wire *wire)
{
    static const char GET[] = "GET /big?size=8000000 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    static char piece[1 << 17];
    int fd = wire_connect(wire);
    wire_send(fd, GET, sizeof(GET) - 1);
    size_t total = 0;
    ssize_t got;
    int64_t begun = wire_ms();
    while ((got = wire_receive(fd, piece, sizeof(piece), WIRE_PATIENCE)) > 0) {
        total += (size_t)got;
        usleep(10000);
    }
    ok(total > 8000000 && wire_ms() - begun > 300,
       "a client slower than the write timeout in all, but never that long without a byte");
    close(fd);
}

int main(void)
{
    struct wire wire;
    struct weft_http_options options = {
        .head_timeout = 200 * WEFT_MILLISECOND,
        .idle_timeout = 300 * WEFT_MILLISECOND,
        .body_timeout = 200 * WEFT_MILLISECOND,
        .write_timeout = 300 * WEFT_MILLISECOND,
    };
    wire_start(&wire, options);
    check_head(&wire);
    check_blank(&wire);
    check_idle(&wire);
    check_body(&wire);
    check_write(&wire);
    check_slow_reader(&wire);
    wire_stop(&wire);
    return done_testing();
}
