/* Every limit at its edge: a message exactly at it is accepted, one more is refused. */
#include "tap.h"
#include "unit/proto/transcript.h"

static const struct weft__http1_limits small = {
    .line = 40,
    .field = 30,
    .head = 120,
    .fields = 4,
    .chunk_line = 10,
    .chunk_extensions = 12,
};

static const struct connection server = { .kind = WEFT__HTTP1_REQUEST, .limits = &small };

/* The name of the error that ends the transcript; "none" when there is none. */
static const char *outcome(struct connection connection, const char *bytes, size_t length)
{
    static char name[64];
    struct weft__slice slice = weft__slice(bytes, length);
    char *text = transcript(connection, slice, (struct arrival){ 0, 0 });
    const char *error = strstr(text, "error ");

    snprintf(name, sizeof name, "%s", error ? error + 6 : "none\n");
    name[strcspn(name, "\n")] = 0;
    free(text);
    if (transcript_splits(connection, slice) != SIZE_MAX)
        return "depends on the cut";
    return name;
}

static const char *outcome_of(struct connection connection, const char *bytes)
{
    return outcome(connection, bytes, strlen(bytes));
}

static void fill(char *out, char byte, size_t count)
{
    memset(out, byte, count);
    out[count] = 0;
}

static void test_lines(void)
{
    char filler[64], bytes[256];

    fill(filler, 'a', 26); /* "GET /" filler " HTTP/1.1" */
    snprintf(bytes, sizeof bytes, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", filler);
    is_str(outcome_of(server, bytes), "none", "a request line of 40 bytes");
    fill(filler, 'a', 27);
    snprintf(bytes, sizeof bytes, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", filler);
    is_str(outcome_of(server, bytes), "request-line-too-long", "one of 41");
    snprintf(bytes, sizeof bytes, "GET /%s%s", filler, filler);
    is_str(outcome_of(server, bytes), "request-line-too-long", "one without an end");
    fill(filler, 'a', 36);
    snprintf(bytes, sizeof bytes, "GET /%s\x01", filler);
    is_str(outcome_of(server, bytes), "request-line-too-long", "a fault behind the limit");
    fill(filler, 'a', 35);
    snprintf(bytes, sizeof bytes, "GET /%s\x01", filler);
    is_str(outcome_of(server, bytes), "control-byte", "a fault at the limit");

    fill(filler, 'v', 27);
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n", filler);
    is_str(outcome_of(server, bytes), "none", "a field line of 30 bytes");
    fill(filler, 'v', 28);
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n", filler);
    is_str(outcome_of(server, bytes), "field-too-large", "one of 31");
    fill(filler, 'n', 31);
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\n%s", filler);
    is_str(outcome_of(server, bytes), "field-too-large", "a name that does not end");

    struct connection client = { .kind = WEFT__HTTP1_RESPONSE, .limits = &small };
    fill(filler, 'r', 27);
    snprintf(bytes, sizeof bytes, "HTTP/1.1 200 %s\r\nContent-Length: 0\r\n\r\n", filler);
    is_str(outcome_of(client, bytes), "none", "a status line of 40 bytes");
    fill(filler, 'r', 28);
    snprintf(bytes, sizeof bytes, "HTTP/1.1 200 %s\r\nContent-Length: 0\r\n\r\n", filler);
    is_str(outcome_of(client, bytes), "status-line-too-long", "one of 41");
}

static void test_head(void)
{
    char a[64], b[64], bytes[512];

    /* 16 + 9 + 32 + 32 + 29 + 2 = 120 with line ends */
    fill(a, 'a', 27);
    fill(b, 'b', 24);
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\nB: %s\r\nC: %s\r\n\r\n", a,
             a, b);
    is_int(strlen(bytes), 120, "a head of 120 bytes");
    is_str(outcome_of(server, bytes), "none", "is accepted");
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\nB: %s\r\nC: %sb\r\n\r\n",
             a, a, b);
    is_str(outcome_of(server, bytes), "head-too-large", "one of 121 is not");
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: xyz\r\nA: %s\r\nB: %s\r\nC: %sbbb", a, a,
             b);
    is_str(outcome_of(server, bytes), "head-too-large", "nor one that does not end");
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\nB: %s\r\nC:\r\nD: %s%s", a,
             a, a, a);
    is_str(outcome_of(server, bytes), "head-too-large", "of two limits the one met first counts");
    snprintf(bytes, sizeof bytes,
             "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB:\r\nC:\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nA: "
             "%s\r\nB: %s\r\nC: %s\r\n\r\n",
             a, a, b);
    is_str(outcome_of(server, bytes), "none", "the next head is counted from zero");
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n");
    is_str(outcome_of(server, bytes), "too-many-fields", "five fields where four are allowed");
}

static void test_capacity(void)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
    struct weft__http1_field fields[2];
    struct weft__http1_head head;

    weft__http1_request_init(&head, NULL, fields, 2);
    is_int(weft__http1_head_parse(&head, bytes, sizeof bytes - 1), WEFT__HTTP1_DONE,
           "as many fields as there is room for");
    weft__http1_request_init(&head, NULL, fields, 1);
    is_int(weft__http1_head_parse(&head, bytes, sizeof bytes - 1), WEFT__HTTP1_ERROR,
           "one more than there is room for");
    is_int(head.error, WEFT__HTTP1_TOO_MANY_FIELDS, "is too many");
    is_int(weft__http1_head_parse(&head, bytes, sizeof bytes - 1), WEFT__HTTP1_ERROR,
           "and stays refused");
}

/* MORE never comes with limits.head + 2 bytes: a buffer of that size cannot be stuck. */
static void test_no_starvation(void)
{
    struct weft__http1_field fields[4];
    struct weft__http1_head head;
    char bytes[128];
    int stuck = 0;

    for (size_t cr = 0; cr <= 121; cr++) {
        memset(bytes, 'a', sizeof bytes);
        memcpy(bytes, "GET / HTTP/1.1\r\nHost: x\r\n", 25);
        if (cr > 25)
            bytes[cr] = '\r';
        struct weft__http1_limits limits = small;
        limits.field = 1000;
        weft__http1_request_init(&head, &limits, fields, 4);
        stuck += weft__http1_head_parse(&head, bytes, small.head + 2) == WEFT__HTTP1_MORE;
    }
    is_int(stuck, 0, "limits.head + 2 bytes are always enough");
}

static void test_defaults(void)
{
    struct connection plain = { .kind = WEFT__HTTP1_REQUEST };
    const struct weft__http1_limits *limits = &weft__http1_default_limits;
    char *bytes = malloc(limits->head + 64);

    must(bytes, "memory");
    is_int(limits->line, 8192, "8 KiB of request line");
    is_int(limits->field, 8192, "8 KiB of field");
    is_int(limits->head, 32768, "32 KiB of head");
    is_int(limits->fields, 100, "100 fields");
    for (size_t extra = 0; extra < 2; extra++) {
        size_t length = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (size_t i = 1; i < limits->fields + extra; i++)
            length += (size_t)sprintf(bytes + length, "F: %zu\r\n", i);
        strcpy(bytes + length, "\r\n");
        char *text = transcript(plain, weft__slice_string(bytes), (struct arrival){ 0, 0 });
        ok((strstr(text, "error too-many-fields") != NULL) == (extra == 1), "%zu fields",
           limits->fields + extra);
        free(text);
    }
    free(bytes);
}

#define CHUNKED "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static void test_chunks(void)
{
    is_str(outcome_of(server, CHUNKED "3;45678910\r\nabc\r\n0\r\n\r\n"), "none",
           "a chunk line of 10 bytes");
    is_str(outcome_of(server, CHUNKED "3;456789101\r\nabc\r\n0\r\n\r\n"), "chunk-line-too-long",
           "one of 11");
    is_str(outcome_of(server, CHUNKED "00000000003\r\nabc\r\n0\r\n\r\n"), "chunk-line-too-long",
           "zeros count");
    is_str(outcome_of(server, CHUNKED "1;2345\r\na\r\n1;2345\r\na\r\n0;a\r\n\r\n"), "none",
           "12 bytes of extensions in three chunks");
    is_str(outcome_of(server, CHUNKED "1;2345\r\na\r\n1;2345\r\na\r\n0;ab\r\n\r\n"),
           "chunk-extensions-too-large", "13 bytes");
    struct connection plain = { .kind = WEFT__HTTP1_REQUEST };
    is_str(outcome_of(plain, CHUNKED "0000000000000001\r\na\r\n0\r\n\r\n"), "none", "16 digits");
    is_str(outcome_of(plain, CHUNKED "00000000000000001\r\na\r\n0\r\n\r\n"), "chunk-overflow",
           "17 digits");
    is_str(outcome_of(plain, CHUNKED "7fffffffffffffff\r\na"), "truncated", "63 bits");
    is_str(outcome_of(plain, CHUNKED "8000000000000000\r\na"), "chunk-overflow", "64 bits");
}

static void test_trailers(void)
{
    char a[64], b[64], bytes[512];

    is_str(outcome_of(server, CHUNKED "0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n"), "none",
           "four trailers");
    is_str(outcome_of(server, CHUNKED "0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n"), "too-many-fields",
           "five trailers");
    struct connection narrow = server;
    narrow.trailer_capacity = 2;
    is_str(outcome_of(narrow, CHUNKED "0\r\nA:\r\nB:\r\n\r\n"), "none", "room for two trailers");
    is_str(outcome_of(narrow, CHUNKED "0\r\nA:\r\nB:\r\nC:\r\n\r\n"), "too-many-fields",
           "but not for three");
    fill(a, 'a', 27);
    snprintf(bytes, sizeof bytes, CHUNKED "0\r\nA: %s\r\n\r\n", a);
    is_str(outcome_of(server, bytes), "none", "a trailer of 30 bytes");
    snprintf(bytes, sizeof bytes, CHUNKED "0\r\nA: %sa\r\n\r\n", a);
    is_str(outcome_of(server, bytes), "field-too-large", "a trailer of 31");
    fill(b, 'b', 17); /* 32 + 32 + 32 + 22 + 2 = 120 */
    snprintf(bytes, sizeof bytes, CHUNKED "0\r\nA: %s\r\nA: %s\r\nA: %s\r\nB: %s\r\n\r\n", a, a, a,
             b);
    is_str(outcome_of(server, bytes), "none", "a trailer section of 120 bytes");
    snprintf(bytes, sizeof bytes, CHUNKED "0\r\nA: %s\r\nA: %s\r\nA: %s\r\nB: %sb\r\n\r\n", a, a, a,
             b);
    is_str(outcome_of(server, bytes), "head-too-large", "one of 121");
}

static void test_dropped_trailers(void)
{
    static const char head_bytes[] = CHUNKED;
    static const char bytes[] = "0\r\nA: b\r\n\r\n";
    struct weft__http1_field fields[4];
    struct weft__http1_head head;
    struct weft__http1_body body;
    struct weft__slice chunk;
    size_t used;

    weft__http1_request_init(&head, &small, fields, 4);
    must(weft__http1_head_parse(&head, head_bytes, sizeof head_bytes - 1) == WEFT__HTTP1_DONE,
         "head");
    must(weft__http1_body_init(&body, &head, NULL, 0, UINT64_MAX) == 0, "body");
    is_int(weft__http1_body_next(&body, bytes, sizeof bytes - 1, &used, &chunk), WEFT__HTTP1_DONE,
           "trailers without a place are dropped");
    is_int(used, sizeof bytes - 1, "and used up");
    is_int(weft__http1_body_next(&body, bytes, 0, &used, &chunk), WEFT__HTTP1_DONE,
           "a finished body stays finished");
    is_int(used, 0, "and takes nothing of the next message");
}

static void test_body_limit(void)
{
    struct connection limited = { .kind = WEFT__HTTP1_REQUEST, .body_limit = 5 };
    struct connection client = { .kind = WEFT__HTTP1_RESPONSE, .body_limit = 5 };

    is_str(outcome_of(limited, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"),
           "none", "a counted body at the limit");
    is_str(outcome_of(limited, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabcdef"),
           "body-too-large", "one above");
    is_str(outcome_of(limited, CHUNKED "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"), "none",
           "a chunked body at the limit");
    is_str(outcome_of(limited, CHUNKED "2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n"), "body-too-large",
           "one above");
    is_str(outcome_of(limited, CHUNKED "7fffffffffffffff\r\n"), "body-too-large", "far above");
    is_str(outcome_of(client, "HTTP/1.1 200 OK\r\n\r\nabcde"), "none",
           "a body up to the end, at the limit");
    is_str(outcome_of(client, "HTTP/1.1 200 OK\r\n\r\nabcdef"), "body-too-large", "one above");
}

int main(void)
{
    test_lines();
    test_head();
    test_capacity();
    test_no_starvation();
    test_defaults();
    test_chunks();
    test_trailers();
    test_dropped_trailers();
    test_body_limit();
    return done_testing();
}
