/* What is written can be read back, and nothing can be smuggled through a value. */
#include "tap.h"
#include "unit/proto/transcript.h"

static struct weft__buffer out;

static void is_written(const char *expected, const char *name)
{
    char *text = weft__buffer_take(&out, NULL);
    is_str(text, expected, "%s", name);
    free(text);
}

static void test_lines(void)
{
    ok(weft__http1_write_request(&out, WEFT__SLICE("GET"), WEFT__SLICE("/a?b")) == 0, "request");
    ok(weft__http1_write_header(&out, "host", "x") == 0, "a field");
    ok(weft__http1_write_header(&out, "empty", "") == 0, "an empty field");
    ok(weft__http1_write_number(&out, "content-length", UINT64_MAX) == 0, "a large number");
    ok(weft__http1_write_number(&out, "age", 0) == 0, "zero");
    ok(weft__http1_write_end(&out) == 0, "the end");
    is_written("GET /a?b HTTP/1.1\r\nhost: x\r\nempty: \r\ncontent-length: 18446744073709551615\r\n"
               "age: 0\r\n\r\n",
               "a request");
    ok(weft__http1_write_status(&out, 404, WEFT__SLICE("")) == 0, "a status");
    ok(weft__http1_write_status(&out, 200, WEFT__SLICE("Fine")) == 0, "with a reason");
    ok(weft__http1_write_status(&out, 599, WEFT__SLICE("")) == 0, "one without a name");
    is_written("HTTP/1.1 404 Not Found\r\nHTTP/1.1 200 Fine\r\nHTTP/1.1 599 \r\n", "statuses");
    is_str(weft__http1_reason(100), "Continue", "the first reason");
    is_str(weft__http1_reason(511), "Network Authentication Required", "the last reason");
    is_str(weft__http1_reason(99), "", "none");
}

static void test_injection(void)
{
    static const struct weft__slice values[] = {
        WEFT__SLICE("a\r\nb: c"), WEFT__SLICE("a\nb"), WEFT__SLICE("a\r"),
        WEFT__SLICE("a\0b"),      WEFT__SLICE("\x1f"), WEFT__SLICE("a\x7f"),
        WEFT__SLICE("\r\n\r\n"),
    };
    static const struct weft__slice names[] = {
        WEFT__SLICE(""),   WEFT__SLICE("a b"), WEFT__SLICE("a:"),   WEFT__SLICE("a\r\n"),
        WEFT__SLICE(" a"), WEFT__SLICE("a\0"), WEFT__SLICE("\xe9"),
    };
    static const struct weft__slice targets[] = {
        WEFT__SLICE(""),    WEFT__SLICE("/ HTTP/1.1\r\n"), WEFT__SLICE("/a b"),
        WEFT__SLICE("/\t"), WEFT__SLICE("/\xc3\xa9"),
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        errno = 0;
        ok(weft__http1_write_field(&out, WEFT__SLICE("a"), values[i]) == -1 && errno == EINVAL,
           "value %zu is refused", i);
        ok(weft__http1_write_status(&out, 200, values[i]) == -1, "reason %zu is refused", i);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        errno = 0;
        ok(weft__http1_write_field(&out, names[i], WEFT__SLICE("a")) == -1 && errno == EINVAL,
           "name %zu is refused", i);
        ok(weft__http1_write_request(&out, names[i], WEFT__SLICE("/")) == -1,
           "method %zu is refused", i);
    }
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        ok(weft__http1_write_request(&out, WEFT__SLICE("GET"), targets[i]) == -1,
           "target %zu is refused", i);
    ok(weft__http1_write_status(&out, 99, WEFT__SLICE("")) == -1, "no status 99");
    ok(weft__http1_write_status(&out, 1000, WEFT__SLICE("")) == -1, "no status 1000");
    is_int(out.length, 0, "a refused call leaves nothing behind");
    ok(weft__http1_write_field(&out, WEFT__SLICE("a"), WEFT__SLICE("x\ty\xff")) == 0,
       "tabs and bytes above ASCII pass");
    is_written("a: x\ty\xff\r\n", "unchanged");
}

static void test_limit(void)
{
    struct weft__buffer small;

    weft__buffer_init(&small, 10);
    ok(weft__http1_write_header(&small, "a", "bcdef") == 0, "exactly fits");
    weft__buffer_clear(&small);
    errno = 0;
    ok(weft__http1_write_header(&small, "a", "bcdefg") == -1 && errno == ENOBUFS, "does not");
    is_int(small.length, 0, "and nothing is left behind");
    weft__buffer_fini(&small);
    weft__buffer_init(&small, 15);
    ok(weft__http1_write_request(&small, WEFT__SLICE("GET"), WEFT__SLICE("/")) == -1,
       "a request line of 16 bytes into 15");
    is_int(small.length, 0, "leaves nothing behind either");
    weft__buffer_fini(&small);
    weft__buffer_init(&small, 4096);
    char method[1000];
    memset(method, 'M', sizeof method);
    ok(weft__http1_write_request(&small, weft__slice(method, 1000), WEFT__SLICE("/")) == 0,
       "a method of any length");
    weft__buffer_fini(&small);
}

static void test_chunks(void)
{
    char head[WEFT__HTTP1_CHUNK_HEAD];

    is_int(weft__http1_chunk_head(head, 1), 3, "a small chunk");
    is_mem(head, "1\r\n", 3, "is one digit");
    is_int(weft__http1_chunk_head(head, 0x1a2b), 6, "a larger one");
    is_mem(head, "1a2b\r\n", 6, "four");
    is_int(weft__http1_chunk_head(head, UINT64_MAX), 18, "the largest");
    is_mem(head, "ffffffffffffffff\r\n", 18, "sixteen");

    weft__http1_write_request(&out, WEFT__SLICE("POST"), WEFT__SLICE("/"));
    weft__http1_write_header(&out, "host", "x");
    weft__http1_write_header(&out, "transfer-encoding", "chunked");
    weft__http1_write_end(&out);
    ok(weft__http1_write_chunk(&out, WEFT__SLICE("hello ")) == 0, "a chunk");
    ok(weft__http1_write_chunk(&out, WEFT__SLICE("")) == 0, "an empty one does not end the body");
    ok(weft__http1_write_chunk(&out, WEFT__SLICE("world, this is")) == 0, "another");
    ok(weft__http1_write_last_chunk(&out) == 0, "the end");
    struct connection connection = { .kind = WEFT__HTTP1_REQUEST };
    char *text = transcript(connection, weft__buffer_slice(&out), (struct arrival){ 0, 0 });
    ok(strstr(text, "\nbody hello world, this is\nend"), "reads back as one body: %s", text);
    free(text);
}

int main(void)
{
    weft__buffer_init(&out, 4096);
    test_lines();
    test_injection();
    test_limit();
    test_chunks();
    weft__buffer_fini(&out);
    return done_testing();
}
