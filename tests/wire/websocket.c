/* WebSockets as an application has them: the handshake, limits, slow clients, the end. */
#include <malloc.h>
#include <sys/resource.h>

#include "frames.h"

enum {
    IDLE = 1000,
    IDLE_MOST = 1024, /* bytes that an idle socket may take */
};

static char answer[WIRE_ANSWER];

static void expect_status(const struct wire *wire, const char *path, const char *fields, int status,
                          const char *name)
{
    int fd = frame_request(wire, path, fields, answer, sizeof(answer));
    is_int(wire_status(answer), status, "%s: %d", name, status);
    close(fd);
}

#define UPGRADE "Host: a\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static void check_handshake(const struct wire *wire)
{
    expect_status(wire, "/echo", "Host: a\r\n", 426, "an ordinary request");
    ok(strstr(answer, "upgrade: websocket\r\n"), "which says what is spoken here");
    expect_status(wire, "/both", "Host: a\r\n", 200, "a page on the same path");
    expect_status(wire, "/both", HANDSHAKE, 101, "and a socket");
    expect_status(wire, "/echo", UPGRADE KEY VERSION, 101, "in other letters");
    ok(strstr(answer, "\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") &&
           strstr(answer, "\r\nupgrade: websocket\r\n") &&
           strstr(answer, "\r\nconnection: Upgrade\r\n") && !strstr(answer, "content-length") &&
           !strstr(answer, "sec-websocket-extensions") && strstr(answer, "x-served-by: weft"),
       "the answer's fields");
    expect_status(wire, "/echo", UPGRADE VERSION, 400, "no key");
    expect_status(wire, "/echo", UPGRADE "Sec-WebSocket-Key: short==\r\n" VERSION, 400,
                  "a short key");
    expect_status(wire, "/echo", UPGRADE KEY "Sec-WebSocket-Version: 8\r\n", 426, "an old version");
    ok(strstr(answer, "sec-websocket-version: 13\r\n"), "which says the version");
    expect_status(wire, "/echo", UPGRADE KEY, 426, "no version");
    expect_status(wire, "/echo", "Host: a\r\nUpgrade: websocket\r\n" KEY VERSION, 400,
                  "no connection field");
    expect_status(wire, "/echo", UPGRADE KEY VERSION "Content-Length: 3\r\n\r\nabc", 400, "a body");
    expect_status(wire, "/wrong", HANDSHAKE, 500, "options without a function");

    expect_status(wire, "/plain", HANDSHAKE "Origin: http://a\r\n", 101, "its own origin");
    expect_status(wire, "/plain", HANDSHAKE "Origin: http://b\r\n", 403, "a foreign origin");
    expect_status(wire, "/plain", HANDSHAKE "Origin: null\r\n", 403, "no real origin");
    expect_status(wire, "/origin", HANDSHAKE "Origin: https://weft.example\r\n", 101,
                  "a listed origin");
    expect_status(wire, "/origin", HANDSHAKE "Origin: http://a\r\n", 403, "one that is not listed");
    expect_status(wire, "/echo", HANDSHAKE "Origin: https://any.example\r\n", 101,
                  "any, where all are allowed");
}

/* Frames right behind the request, before the answer. */
static void check_eager(const struct wire *wire)
{
    int fd = wire_connect(wire);
    size_t size;
    char *frame = frame_make(0x81, "early", 5, &size);
    char bytes[512];
    int length = snprintf(bytes, sizeof(bytes), "GET /run HTTP/1.1\r\n%s\r\n", HANDSHAKE);
    memcpy(bytes + length, frame, size);
    wire_send(fd, bytes, (size_t)length + size);
    free(frame);
    ok(wire_receive_until(fd, answer, sizeof(answer),
                          "\x81\x05"
                          "early",
                          1),
       "a message sent along with the request");
    close(fd);
}

static void expect_text(int fd, const char *text, const char *name)
{
    struct frame frame;
    ok(frame_read(fd, &frame) && strcmp(frame.data, text) == 0, "%s", name);
    free(frame.data);
}

static void expect_story(int fd, const char *story, const char *name)
{
    char *told = frame_story(fd);
    is_str(told, story, "%s", name);
    free(told);
    close(fd);
}

static void check_state(const struct wire *wire)
{
    int one = frame_open(wire, "/state", "Sec-WebSocket-Protocol: v0.weft, v1.weft\r\n");
    int two = frame_open(wire, "/state",
                         "Sec-WebSocket-Protocol: v1.weft\r\nSec-WebSocket-Protocol: v2.weft\r\n");
    int three = frame_open(wire, "/state", "Sec-WebSocket-Protocol: v3.weft\r\n");
    expect_text(one, "protocol v1.weft", "the subprotocol that both know");
    expect_text(two, "protocol v2.weft", "the one that the server prefers");
    expect_text(three, "protocol none", "none");
    FRAME(one, 0x81, "x");
    FRAME(one, 0x81, "x");
    FRAME(two, 0x81, "x");
    expect_text(one, "message 1", "a socket's own copy of the context");
    expect_text(one, "message 2", "which it may change");
    expect_text(two, "message 1", "without the others' noticing");
    close(one);
    close(two);
    close(three);
}

static void check_limits(const struct wire *wire)
{
    static char bytes[2000];
    memset(bytes, 'x', sizeof(bytes));
    int fd = frame_open(wire, "/small", "");
    frame_send(fd, 0x81, bytes, 1000);
    for (int i = 0; i < 3; i++) {
        frame_send(fd, i == 0 ? 0x01 : i == 1 ? 0x00 : 0x80, "y", 1);
    }
    frame_send(fd, 0x81, bytes, 1001);
    expect_story(fd, "t#1000 t:yyy c1009", "a message at the limit, and one above it");
    fd = frame_open(wire, "/small", "");
    for (int i = 0; i < 4; i++) {
        frame_send(fd, i == 0 ? 0x01 : i == 3 ? 0x80 : 0x00, "y", 1);
    }
    expect_story(fd, "c1008", "a fragment too many");

    fd = frame_open(wire, "/small", "");
    for (int i = 0; i < 5; i++) {
        FRAME(fd, 0x89, "a");
    }
    FRAME(fd, 0x88, "\x03\xe8");
    expect_story(fd, "p:a p:a p:a p:a p:a c1000", "as many pings as allowed");
    fd = frame_open(wire, "/small", "");
    for (int i = 0; i < 500; i++) {
        FRAME(fd, 0x89, "a");
    }
    char *story = frame_story(fd);
    ok(strstr(story, "p:a p:a p:a p:a p:a") == story && strstr(story, " c1008"),
       "more control frames than allowed");
    free(story);
    close(fd);
}

static void check_run(const struct wire *wire)
{
    int fd = frame_open(wire, "/run", "");
    FRAME(fd, 0x81, "fail");
    struct frame frame;
    ok(frame_read(fd, &frame) && frame.first == 0x88 && memcmp(frame.data, "\x03\xf3", 2) == 0,
       "a function that fails closes with 1011");
    free(frame.data);
    close(fd);
    fd = frame_open(wire, "/run", "");
    FRAME(fd, 0x81, "leave");
    FRAME(fd, 0x81, "unheard");
    FRAME(fd, 0x88, "\x03\xe8");
    expect_story(fd, "c1000", "one that returns closes with 1000");

    sockets_closed = 0;
    fd = frame_open(wire, "/run", "");
    close(fd);
    ok(wire_reaches(&sockets_closed, 1), "a client that vanishes ends the function");
    is_int(sockets_error, ECONNRESET, "whose read fails with ECONNRESET");
    is_int(sockets_code, 1006, "and code 1006");

    fd = frame_open(wire, "/impatient", "");
    FRAME(fd, 0x81, "leave");
    expect_story(fd, "c1000", "a client that does not answer a close is dropped");
}

static void check_bodies(const struct wire *wire)
{
    static char bytes[100000];
    memset(bytes, 'x', sizeof(bytes));
    int fd = frame_open(wire, "/count", "");
    for (int i = 0; i < 50; i++) {
        frame_send(fd, i == 0 ? 0x02 : i == 49 ? 0x80 : 0x00, bytes, sizeof(bytes));
    }
    expect_text(fd, "binary 5000000", "a message read piece by piece");
    FRAME(fd, 0x81, "");
    expect_text(fd, "text 0", "an empty one");
    bytes[0] = 's';
    frame_send(fd, 0x82, bytes, sizeof(bytes));
    struct frame frame;
    ok(frame_read(fd, &frame) && strncmp(frame.data, "binary ", 7) == 0,
       "one that is not read to its end");
    free(frame.data);
    FRAME(fd, 0x01, "a");
    FRAME(fd, 0x80, "bc");
    expect_text(fd, "text 3", "what follows it");
    FRAME(fd, 0x01, "a");
    FRAME(fd, 0x88, "\x03\xe8");
    expect_story(fd, "c1000", "a close inside a body");
    is_int(sockets_error, ECONNRESET, "whose reader learns that it is cut");
    bytes[0] = 'x';
    fd = frame_open(wire, "/count", "");
    for (int i = 0; i < 84; i++) {
        frame_send(fd, i == 0 ? 0x02 : 0x00, bytes, sizeof(bytes));
    }
    expect_story(fd, "c1009", "a body above the limit");
    is_int(sockets_error, EMSGSIZE, "fails with EMSGSIZE");
}

static void check_crowd(const struct wire *wire)
{
    int fd = frame_open(wire, "/crowd", "");
    struct frame frame;
    bool whole = true;
    int count = 0;
    while (frame_read(fd, &frame) && frame.first == 0x81) {
        for (size_t i = 1; i < frame.length; i++) {
            whole = whole && frame.data[i] == frame.data[0];
        }
        count++;
        free(frame.data);
    }
    free(frame.data);
    ok(whole, "ten fibers write at once, and no message is torn");
    is_int(count, 50, "all of them arrive");
    close(fd);
}

static void check_silence(const struct wire *wire)
{
    struct frame frame;
    int fd = frame_open(wire, "/pings", "");
    for (int i = 0; i < 3; i++) {
        must(frame_read(fd, &frame), "a frame");
        ok(frame.first == 0x89, "a quiet client is sent a ping");
        frame_send(fd, 0x8a, frame.data, frame.length);
        free(frame.data);
    }
    FRAME(fd, 0x81, "there");
    do {
        must(frame_read(fd, &frame), "a frame");
        free(frame.data);
    } while (frame.first == 0x89);
    ok(frame.first == 0x81, "one that answers stays");
    close(fd);
    sockets_code = 0;
    fd = frame_open(wire, "/deaf", "");
    expect_story(fd, "P:", "one that does not is dropped");
    ok(wire_reaches(&sockets_code, 1006), "with code 1006");
    fd = frame_open(wire, "/idle", "");
    must(frame_read(fd, &frame), "a frame");
    ok(frame.first == 0x88 && memcmp(frame.data, "\x03\xe8", 2) == 0,
       "a client that says nothing for too long is closed");
    free(frame.data);
    close(fd);
}

/* A client that reads late misses nothing; the hub's bound was not met. */
static void check_late(const struct wire *wire)
{
    static char bytes[20000];
    int late = frame_open(wire, "/hub", "");
    int writer = frame_open(wire, "/hub", "");
    struct frame frame;
    int sent = 0;
    sockets_queued = 0;
    while (!sockets_queued) {
        snprintf(bytes, sizeof(bytes), "%d", sent++);
        frame_send(writer, 0x82, bytes, sizeof(bytes));
        must(frame_read(writer, &frame), "the writer's own");
        free(frame.data);
    }
    bool ordered = true;
    for (int i = 0; i < sent; i++) {
        must(frame_read(late, &frame), "message %d of %d", i, sent);
        ordered = ordered && frame.length == sizeof(bytes) && atoi(frame.data) == i;
        free(frame.data);
    }
    ok(ordered, "a late reader gets all %d messages in order", sent);
    FRAME(late, 0x88, "\x03\xe8");
    expect_story(late, "c1000", "and a proper close");
    close(writer);
}

/* One client never reads; the others get everything. */
static void check_slow(const struct wire *wire)
{
    static char bytes[60000];
    int fds[20];
    struct frame frame;
    int slow = frame_open(wire, "/hub", "");
    sockets_dropped = 0;
    sockets_most = 0;
    for (int i = 0; i < 20; i++) {
        fds[i] = frame_open(wire, "/hub", "");
    }
    bool ordered = true;
    int sent = 0;
    for (; sent < 2000 && !sockets_dropped; sent++) {
        snprintf(bytes, sizeof(bytes), "%d", sent);
        frame_send(fds[0], 0x82, bytes, sizeof(bytes));
        for (int i = 0; i < 20; i++) {
            must(frame_read(fds[i], &frame), "message %d for client %d", sent, i);
            ordered = ordered && atoi(frame.data) == sent;
            free(frame.data);
        }
    }
    is_int(sockets_dropped, 1, "a client that never reads is dropped, after %d messages", sent);
    ok(sockets_most <= 300000 && sockets_most > 300000 - (int)sizeof(bytes) - 200,
       "what was queued for it stayed below the bound, if by little: %d", sockets_most);
    ok(ordered, "the others got each of them");
    ok(wire_reaches(&sockets_code, 1006), "it is told to the application");
    close(slow);
    for (int i = 0; i < 20; i++) {
        close(fds[i]);
    }
}

static size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void check_idle_memory(const struct wire *wire)
{
    static int fds[IDLE + 64];
    struct frame frame;
    size_t before = 0;
    sockets_opened = 0;
    for (int i = 0; i < IDLE + 64; i++) {
        if (i == 64) {
            before = heap_in_use();
        }
        fds[i] = frame_open(wire, "/plain", "");
        FRAME(fds[i], 0x81, "once");
        must(frame_read(fds[i], &frame), "an echo");
        free(frame.data);
    }
    ok(wire_reaches(&sockets_opened, IDLE + 64), "%d sockets are open", IDLE + 64);
    usleep(50000);
    size_t each = (heap_in_use() - before) / IDLE;
    diag("%zu bytes of heap for each idle socket", each);
    ok(before == 0 || each <= IDLE_MOST, "each idle one takes at most %d bytes", IDLE_MOST);
    sockets_closed = 0;
    for (int i = 0; i < IDLE + 64; i++) {
        close(fds[i]);
    }
    ok(wire_reaches(&sockets_closed, IDLE + 64), "all end when their clients go");
}

static void check_stop(struct wire *wire)
{
    int plain = frame_open(wire, "/plain", "");
    int run = frame_open(wire, "/run", "");
    int half = frame_open(wire, "/plain", "");
    int deaf = frame_open(wire, "/impatient", "");
    FRAME(half, 0x01, "begun");
    FRAME(run, 0x81, "a");
    expect_text(run, "a", "open at the server's end");
    sockets_code = 0;
    wire_tell(wire, 's');
    FRAME(plain, 0x8a, "");
    int fds[] = { plain, run, half };
    for (int i = 0; i < 3; i++) {
        struct frame frame;
        must(frame_read(fds[i], &frame), "a frame");
        ok(frame.first == 0x88 && memcmp(frame.data, "\x03\xe9", 2) == 0,
           "each client is told 1001");
        frame_send(fds[i], 0x88, frame.data, 2);
        free(frame.data);
        ok(!frame_read(fds[i], &frame), "and its connection ends when it has answered");
        close(fds[i]);
    }
    expect_story(deaf, "c1001", "one that does not answer is dropped");
    wire_join(wire);
    is_int(wire->result, 0, "the server has ended gracefully");
}

/* A function that never reads is cancelled when the grace period is over. */
static void check_grace(void)
{
    struct wire wire;
    sockets_cancelled = 0;
    wire_start(&wire, (struct weft_http_options){ .handler = &sockets_handler,
                                                  .grace = 50 * WEFT_MILLISECOND });
    int fd = frame_open(&wire, "/run", "");
    FRAME(fd, 0x81, "a");
    expect_text(fd, "a", "open at the server's end");
    wire_tell(&wire, 's');
    expect_story(fd, "c1001", "a client that does not answer within the grace period");
    wire_join(&wire);
    is_int(sockets_error, ETIMEDOUT, "its function's read fails when that is over");
}

/* A client that takes nothing holds a writing function for the server's write_timeout only. */
static void check_stuck(void)
{
    struct wire wire;
    sockets_error = 0;
    sockets_code = 0;
    wire_start(&wire, (struct weft_http_options){ .handler = &sockets_handler,
                                                  .write_timeout = 50 * WEFT_MILLISECOND });
    int fd = frame_open(&wire, "/flood", "");
    ok(wire_reaches(&sockets_code, 1006), "a client that takes nothing is dropped");
    is_int(sockets_error, ETIMEDOUT, "and the send fails with ETIMEDOUT");
    close(fd);
    wire_stop(&wire);
}

static void check_cut(const struct wire *wire)
{
    sockets_code = 0;
    int fd = frame_open(wire, "/cut", "");
    ok(wire_reaches(&sockets_code, EPIPE), "nothing can follow a message that was cut");
    is_int(sockets_error, ETIMEDOUT, "by a deadline around its send");
    close(fd);
}

static void check_turns(const struct wire *wire)
{
    char burst[7000];
    struct frame frame;
    int fd = frame_open(wire, "/turns", "");
    for (size_t i = 0; i < sizeof(burst); i += 7) {
        memcpy(burst + i, "\x81\x81\0\0\0\0x", 7);
    }
    wire_send(fd, burst, sizeof(burst));
    must(frame_read(fd, &frame), "a count");
    ok(atoi(frame.data) >= 10, "other fibers run while a client has much to say: %s", frame.data);
    free(frame.data);
    close(fd);
}

static void check_misuse(const struct wire *wire)
{
    struct frame frame;
    sockets_error = -1;
    int fd = frame_open(wire, "/misuse", "");
    ok(frame_read(fd, &frame) && strncmp(frame.data, "0 faults0000", 12) == 0 &&
           frame.length == 1008,
       "wrong uses fail and harm nothing; a long text is formatted");
    free(frame.data);
    FRAME(fd, 0x88, "\x0d\x05");
    expect_story(fd, "c3333", "the first close counts");
    ok(wire_reaches(&sockets_error, 0), "nothing can be sent behind it");
}

int main(void)
{
    struct wire wire;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    wire_start(&wire, (struct weft_http_options){ .handler = &sockets_handler });
    check_handshake(&wire);
    check_eager(&wire);
    check_state(&wire);
    check_limits(&wire);
    check_run(&wire);
    check_bodies(&wire);
    check_crowd(&wire);
    check_misuse(&wire);
    check_cut(&wire);
    check_turns(&wire);
    check_silence(&wire);
    check_late(&wire);
    check_slow(&wire);
    if (limit.rlim_cur > 2 * IDLE + 256) {
        check_idle_memory(&wire);
    }
    check_stop(&wire);
    check_grace();
    check_stuck();
    return done_testing();
}
