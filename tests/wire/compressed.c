/* Compressed responses: which, how, and that nothing waits in a compressor. */
#include <zlib.h>

#include "chain.h"

static char text[100000];

/* "/text?type=…&size=…&etag=1&field=name:value" */
static int text_page(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    const char *type = weft_http_request_query(request, "type");
    const char *field = weft_http_request_query(request, "field");
    const char *value = weft_http_request_query(request, "value");
    int status = app_number(request, "status", 200);
    if (field && weft_http_headers_set(&response->headers, field, value) < 0) {
        return -1;
    }
    return weft_http_response_borrow(response, status, type ? type : "text/plain", text,
                                     (size_t)app_number(request, "size", 50000));
}

static atomic_int go_on;

/* A word, and the next when the test says so. */
static int speak(struct weft_http_stream *stream, void *context)
{
    (void)context;
    for (int i = 0; i < 3; i++) {
        if (weft_http_stream_printf(stream, "word %d\n", i) < 0) {
            return -1;
        }
        while (go_on <= i) {
            if (weft_sleep(2 * WEFT_MILLISECOND) < 0) {
                return -1;
            }
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

static struct weft_http_route routes[] = {
    { NULL, "/text", { .call = text_page } },   { "GET", "/words", { .call = words } },
    { "GET", "/quiet", { .call = app_quiet } }, { "GET", "/count", { .call = app_count } },
    { "GET", "/fail", { .call = app_fail } },   { "GET", "/cut", { .call = app_cut } },
};

/* What is chunked in an answer, put together; true if the last chunk is there. */
static bool unchunk(const char *answer, size_t length, unsigned char *out, size_t *size)
{
    const char *at = wire_body(answer);
    *size = 0;
    while (at < answer + length) {
        char *end;
        size_t chunk = strtoul(at, &end, 16);
        if (end + 2 > answer + length || strncmp(end, "\r\n", 2) != 0) {
            return false;
        }
        if (chunk == 0) {
            return true;
        }
        if (end + 2 + chunk > answer + length) {
            return false;
        }
        memcpy(out + *size, end + 2, chunk);
        *size += chunk;
        at = end + 2 + chunk + 2;
    }
    return false;
}

/* Decompress as much as is there. Bytes; -1 malformed. *ended: with the trailer that fits. */
static long gunzip(unsigned char *bytes, size_t size, char *out, size_t room, bool *ended)
{
    z_stream stream = { .next_in = bytes, .avail_in = (uInt)size };
    must(inflateInit2(&stream, 31) == Z_OK, "zlib");
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    int result = inflate(&stream, Z_SYNC_FLUSH);
    *ended = result == Z_STREAM_END;
    long got = (long)(room - stream.avail_out);
    inflateEnd(&stream);
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? got : -1;
}

static const struct {
    const char *method;
    const char *target;
    const char *fields;
    const char *coding; /* NULL: as it is */
    bool vary;
} CHOICES[] = {
    { "GET", "/text", "", NULL, true },
    { "GET", "/text", "Accept-Encoding: gzip\r\n", "gzip", true },
    { "GET", "/text", "Accept-Encoding: GZIP;q=0.1\r\n", "gzip", true },
    { "GET", "/text", "Accept-Encoding: gzip;q=0\r\n", NULL, true },
    { "GET", "/text", "Accept-Encoding: *;q=0.5, gzip;q=1\r\n", "gzip", true },
    { "GET", "/text", "Accept-Encoding: identity, gzip;q=0.5\r\n", NULL, true },
    { "GET", "/text", "Accept-Encoding: deflate\r\nAccept-Encoding: gzip\r\n", "gzip", true },
    { "GET", "/text", "Accept-Encoding: deflate, *;q=0\r\n", NULL, true },
    { "HEAD", "/text", "Accept-Encoding: gzip\r\n", NULL, true },
    { "GET", "/text?size=255", "Accept-Encoding: gzip\r\n", NULL, false },
    { "GET", "/text?size=256", "Accept-Encoding: gzip\r\n", "gzip", true },
    { "GET", "/text?type=image/png", "Accept-Encoding: gzip\r\n", NULL, false },
    { "GET", "/text?type=application/x%2bjson", "Accept-Encoding: gzip\r\n", "gzip", true },
    { "GET", "/text?type=TEXT/html;%20charset=x", "Accept-Encoding: gzip\r\n", "gzip", true },
    { "GET", "/text?field=content-encoding&value=br", "Accept-Encoding: gzip\r\n", NULL, false },
    { "GET", "/text?field=content-range&value=x", "Accept-Encoding: gzip\r\n", NULL, false },
    { "GET", "/text?field=cache-control&value=no-transform", "Accept-Encoding: gzip\r\n", NULL,
      false },
    { "GET", "/text?status=206", "Accept-Encoding: gzip\r\n", NULL, false },
    { "GET", "/text?status=204", "Accept-Encoding: gzip\r\n", NULL, false },
    { "GET", "/text?status=404", "Accept-Encoding: gzip\r\n", "gzip", true },
    { "GET", "/text?field=content-length&value=50000", "Accept-Encoding: gzip\r\n", "gzip", true },
};

static void check_choices(const struct wire *wire)
{
    for (size_t i = 0; i < sizeof(CHOICES) / sizeof(*CHOICES); i++) {
        const char *answer =
            ask(wire, CHOICES[i].method, CHOICES[i].target, "%s", CHOICES[i].fields);
        char line[64];
        snprintf(line, sizeof(line), "content-encoding: %s", CHOICES[i].coding);
        bool chosen = CHOICES[i].coding ? has(answer, line) && !names(answer, "content-length")
                                        : !has(answer, "content-encoding: gzip");
        ok(chosen && has(answer, "vary: accept-encoding") == CHOICES[i].vary, "%s %s, %.50s",
           CHOICES[i].method, CHOICES[i].target, CHOICES[i].fields);
    }
    const char *answer =
        ask(wire, "GET", "/text?field=etag&value=%22a%22", "%s", "Accept-Encoding: gzip\r\n");
    ok(has(answer, "etag: W/\"a\""), "a strong etag becomes a weak one");
    answer = ask(wire, "GET", "/text?field=etag&value=%22a%22", "%s", "");
    ok(has(answer, "etag: \"a\""), "and stays where nothing changes");
    answer = ask(wire, "GET", "/fail", "%s", "Accept-Encoding: gzip\r\n");
    is_int(wire_status(answer), 500, "a handler that fails");
    answer = ask(wire, "GET", "/cut", "%s", "Accept-Encoding: gzip\r\n");
    ok(wire_status(answer) == 200 && !strstr(wire_body(answer), "\r\n0\r\n\r\n"),
       "a body that breaks off stays cut");
}

/* The whole text comes back. */
static void check_content(const struct wire *wire)
{
    static unsigned char packed[WIRE_ANSWER];
    static char plain[sizeof(text)];
    static const char ASK[] =
        "GET /text?size=100000 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n"
        "Connection: close\r\n\r\n";
    size_t size;
    bool ended;
    size_t length = wire_exchange(wire, ASK, sizeof(ASK) - 1, chain_answer, sizeof(chain_answer));
    ok(unchunk(chain_answer, length, packed, &size), "the last chunk is there");
    long got = gunzip(packed, size, plain, sizeof(plain), &ended);
    ok(got == sizeof(text) && ended && memcmp(plain, text, sizeof(text)) == 0,
       "100,000 bytes come back from %zu", size);
}

/* Decompress what has come until it has `wanted` in it, or nothing comes any more. */
static bool receive_plain(int fd, char *bytes, size_t *filled, const char *wanted, int times)
{
    static unsigned char packed[WIRE_ANSWER];
    static char plain[WIRE_ANSWER];
    for (;;) {
        size_t size = 0;
        bool ended;
        unchunk(bytes, *filled, packed, &size);
        long got = gunzip(packed, size, plain, sizeof(plain) - 1, &ended);
        plain[got > 0 ? got : 0] = '\0';
        int seen = 0;
        for (const char *at = plain; (at = strstr(at, wanted)); at += strlen(wanted)) {
            seen++;
        }
        if (seen >= times) {
            return true;
        }
        ssize_t more = wire_receive(fd, bytes + *filled, WIRE_ANSWER - 1 - *filled, WIRE_PATIENCE);
        if (more <= 0) {
            return false;
        }
        *filled += (size_t)more;
        bytes[*filled] = '\0';
    }
}

static void check_flushing(const struct wire *wire)
{
    static const char ASK[] =
        "GET /words HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    size_t filled = 0;
    int fd = wire_connect(wire);
    wire_send(fd, ASK, sizeof(ASK) - 1);
    for (int i = 0; i < 3; i++) {
        char word[16];
        snprintf(word, sizeof(word), "word %d\n", i);
        ok(receive_plain(fd, chain_answer, &filled, word, 1),
           "word %d has come while the next is waited for", i);
        go_on++;
    }
    close(fd);
}

/* Behind each comment the compressor was freed; what comes next still fits. */
static void check_heartbeats(const struct wire *wire)
{
    static const char ASK[] =
        "GET /quiet HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br, zstd\r\n"
        "Connection: close\r\n\r\n";
    size_t filled = 0;
    int fd = wire_connect(wire);
    wire_send(fd, ASK, sizeof(ASK) - 1);
    ok(receive_plain(fd, chain_answer, &filled, ":\n\n", 3),
       "heartbeats come through the compressor");
    ok(has(chain_answer, "content-encoding: gzip"), "event streams prefer gzip");
    close(fd);
}

int main(void)
{
    static struct weft_http_router router;
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('a' + i * i / 7 % 23);
    }
    must(weft_http_router_init(&router, routes, sizeof(routes) / sizeof(*routes)) == 0, "routes");
    const struct weft_http_compress_options gzip = { .codings = WEFT_HTTP_GZIP };
    struct weft_http_handler *chain = weft_http_compress_new(&gzip, &router.handler);
    struct wire wire;
    chain_start(&wire, chain);
    check_choices(&wire);
    check_content(&wire);
    check_flushing(&wire);
    check_heartbeats(&wire);
    chain_stop(&wire, chain);

    const struct weft_http_compress_options little = { .codings = WEFT_HTTP_GZIP, .memory = 1 };
    chain = weft_http_compress_new(&little, &router.handler);
    chain_start(&wire, chain);
    ok(!names(ask(&wire, "GET", "/text", "%s", "Accept-Encoding: gzip\r\n"), "content-encoding"),
       "without room for a compressor it goes as it is");
    chain_stop(&wire, chain);
    return done_testing();
}
