#include "proto/sse.h"

#include "tap.h"
#include "unit/proto/sse_transcript.h"

struct sample {
    const char *name;
    struct weft__slice bytes;
    const char *expected;
};

#define END " retry -1 id "

static const struct sample samples[] = {
    { "one event", WEFT__SLICE("data: a\n\n"), "[message|a|]" END },
    { "no space", WEFT__SLICE("data:a\n\n"), "[message|a|]" END },
    { "two spaces", WEFT__SLICE("data:  a\n\n"), "[message| a|]" END },
    { "lines joined", WEFT__SLICE("data: a\ndata:\ndata: b\n\n"), "[message|a\n\nb|]" END },
    { "CR LF", WEFT__SLICE("data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n"),
      "[message|a\nb|][message|c|]" END },
    { "CR", WEFT__SLICE("data: a\rdata: b\r\rdata: c\r\r"), "[message|a\nb|][message|c|]" END },
    { "mixed line ends", WEFT__SLICE("data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\r"),
      "[message|a\nb\nc|][message|d|]" END },
    { "LF CR is two ends", WEFT__SLICE("data: a\n\rdata: b\n\n"), "[message|a|][message|b|]" END },
    { "an empty data line is an event", WEFT__SLICE("data\n\ndata\ndata\n\ndata:"),
      "[message||][message|\n|]" END " unfinished" },
    { "a type", WEFT__SLICE("event: add\ndata: 1\n\ndata: 2\n\n"), "[add|1|][message|2|]" END },
    { "the last type counts", WEFT__SLICE("event: a\nevent: b\ndata: 1\n\n"), "[b|1|]" END },
    { "an empty type is message", WEFT__SLICE("event: a\nevent:\ndata: 1\n\n"),
      "[message|1|]" END },
    { "no data, no event, and the type is forgotten", WEFT__SLICE("event: a\n\ndata: 1\n\n"),
      "[message|1|]" END },
    { "an id stays", WEFT__SLICE("id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
      "[message|a|7][message|b|7][message|c|]" END },
    { "an id without data counts", WEFT__SLICE("id: 7\n\ndata: b\n\n"), "[message|b|7]" END "7" },
    { "an id that is cut off does not", WEFT__SLICE("id: 7\ndata: a\n"), END " unfinished" },
    { "an id with NUL is ignored", WEFT__SLICE("id: 1\nid: 2\0\ndata: a\n\n"),
      "[message|a|1]" END "1" },
    { "NUL in data is data", WEFT__SLICE("data: a\0"), END " unfinished" },
    { "retry", WEFT__SLICE("retry: 1500\n\n"), " retry 1500 id " },
    { "retry takes effect at once", WEFT__SLICE("retry:10\n"), " retry 10 id " },
    { "retry of digits only", WEFT__SLICE("retry: 5x\nretry: -1\nretry: +2\nretry:  3\nretry\n"),
      END },
    { "retry too large", WEFT__SLICE("retry: 99999999999999999999\n"), END },
    { "comments", WEFT__SLICE(": hi\n:\n:data: x\ndata: a\n: mid\ndata: b\n\n"),
      "[message|a\nb|]" END },
    { "unknown fields and other case", WEFT__SLICE("Data: x\nfoo: y\n data: z\ndata : w\n\n"),
      END },
    { "a colon in the value", WEFT__SLICE("data: a: b\n\n"), "[message|a: b|]" END },
    { "byte order mark",
      WEFT__SLICE("\xef\xbb\xbf"
                  "data: a\n\n"),
      "[message|a|]" END },
    { "only one",
      WEFT__SLICE("\xef\xbb\xbf\xef\xbb\xbf"
                  "data: a\n\ndata: b\n\n"),
      "[message|b|]" END },
    { "part of one",
      WEFT__SLICE("\xef\xbb"
                  "data: a\ndata: b\n\n"),
      "[message|b|]" END },
    { "part of one, then the end of a line", WEFT__SLICE("\xef\ndata: b\n\n"), "[message|b|]" END },
    { "nothing but part of one", WEFT__SLICE("\xef\xbb"), END " unfinished" },
    { "one in the middle is text", WEFT__SLICE("data: \xef\xbb\xbf\n\n"),
      "[message|\xef\xbb\xbf|]" END },
    { "empty lines alone", WEFT__SLICE("\n\r\n\r\r\n\n"), END },
    { "cut off", WEFT__SLICE("data: a\n\ndata: b\n"), "[message|a|]" END " unfinished" },
    { "cut off in a line", WEFT__SLICE("data: a\n\nda"), "[message|a|]" END " unfinished" },
    { "cut off in a comment", WEFT__SLICE("data: a\n\n:"), "[message|a|]" END " unfinished" },
    { "UTF-8", WEFT__SLICE("data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n"),
      "[message|\xe2\x82\xac\xf0\x9f\x98\x80|]" END },
    { "nothing", WEFT__SLICE(""), END },
};

static void test_samples(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char *text = sse_transcript(samples[i].bytes, 1000, 0, 0);
        is_str(text, samples[i].expected, "%s", samples[i].name);
        is_int(sse_splits(samples[i].bytes, 1000), -1, "%s, however it is cut", samples[i].name);
        free(text);
    }
}

static void test_limit(void)
{
    static const struct {
        struct weft__slice bytes;
        bool fits; /* in 20 bytes */
    } cases[] = {
        { WEFT__SLICE("data: 78901234567890\n\n"), true },
        { WEFT__SLICE("data: 789012345678901\n\n"), false },
        { WEFT__SLICE("data: 78901234567890123456"), false },
        { WEFT__SLICE(": 345678901234567890\n"), true },
        { WEFT__SLICE(": 3456789012345678901\n"), false },
        { WEFT__SLICE("data: 7890\ndata: 7890123456\n\n"), true },
        { WEFT__SLICE("data: 7890\ndata: 78901234567\n\n"), false },
        { WEFT__SLICE("event: 8901\ndata: 7890123456\n\n"), true },
        { WEFT__SLICE("event: 8901\ndata: 78901234567\n\n"), false },
        { WEFT__SLICE("id: 5678\ndata: 7890123456\n\n"), true },
        { WEFT__SLICE("id: 5678\ndata: 78901234567\n\n"), false },
        { WEFT__SLICE("id: 5678\n\ndata: 78901234567890\n\n"), true },
        { WEFT__SLICE("data: 7890123456\n\ndata: 78901234567890\n\n"), true },
    };
    char refused[32];

    snprintf(refused, sizeof refused, " errno %d", EMSGSIZE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = sse_transcript(cases[i].bytes, 20, 0, 0);
        ok((strstr(text, refused) == NULL) == cases[i].fits, "limit, case %zu", i);
        is_int(sse_splits(cases[i].bytes, 20), -1, "limit, case %zu, however it is cut", i);
        free(text);
    }
}

static void test_refusal_and_restart(void)
{
    struct weft__sse parser;
    struct weft__sse_event event;
    struct weft__slice bytes = WEFT__SLICE("id: 1\nretry: 9\ndata: a\n\ndata: 789012345678901\n");

    weft__sse_init(&parser, 20);
    is_int(weft__sse_next(&parser, &bytes, &event), 1, "an event");
    is_int(weft__sse_next(&parser, &bytes, &event), -1, "then a line that is too long");
    bytes = WEFT__SLICE("\n\ndata: b\n\n");
    errno = 0;
    ok(weft__sse_next(&parser, &bytes, &event) == -1 && errno == EMSGSIZE, "it stays refused");
    weft__sse_restart(&parser);
    bytes = WEFT__SLICE("\xef\xbb\xbf"
                        "data: b\n\n");
    is_int(weft__sse_next(&parser, &bytes, &event), 1, "until the stream begins anew");
    ok(weft__slice_is(event.data, "b") && weft__slice_is(event.id, "1"), "the id is kept");
    is_int(parser.retry, 9, "so is the retry time");
    weft__sse_fini(&parser);
}

static void is_written(const struct weft__sse_message *message, const char *expected,
                       const char *name)
{
    struct weft__buffer out;

    weft__buffer_init(&out, 1000);
    is_int(weft__sse_write(&out, message), 0, "write %s", name);
    char *text = weft__buffer_take(&out, NULL);
    is_str(text, expected, "%s", name);
    free(text);
}

static void test_write(void)
{
    is_written(&(struct weft__sse_message){ .data = WEFT__SLICE("a") }, "data: a\n\n", "data");
    is_written(&(struct weft__sse_message){ .data = WEFT__SLICE("") }, "data: \n\n", "empty data");
    is_written(&(struct weft__sse_message){ .data = WEFT__SLICE("a\nb\rc\r\nd\n\r\n") },
               "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: \n\n", "all three line breaks");
    is_written(&(struct weft__sse_message){ .comment = WEFT__SLICE("beat\ndata: x") },
               ": beat\n: data: x\n\n", "a comment cannot become data");
    is_written(&(struct weft__sse_message){ .type = WEFT__SLICE("t"),
                                            .data = WEFT__SLICE("d"),
                                            .id = WEFT__SLICE("5"),
                                            .retry = 250 },
               "event: t\nid: 5\nretry: 250\ndata: d\n\n", "all fields");
    is_written(&(struct weft__sse_message){ .id = WEFT__SLICE("") }, "id: \n\n", "forget the id");

    static const struct weft__sse_message bad[] = {
        { .type = WEFT__SLICE("a\ndata: x") }, { .type = WEFT__SLICE("a\r") },
        { .id = WEFT__SLICE("a\n\n") },        { .id = WEFT__SLICE("\r") },
        { .id = WEFT__SLICE("a\0") },
    };
    struct weft__buffer out;
    weft__buffer_init(&out, 17);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        ok(weft__sse_write(&out, &bad[i]) == -1 && errno == EINVAL, "refused, case %zu", i);
    }
    struct weft__sse_message large = { .data = WEFT__SLICE("a\nbc") };
    is_int(weft__sse_write(&out, &large), -1, "an event of 18 bytes into 17");
    is_int(errno, ENOBUFS, "does not fit");
    is_int(out.length, 0, "and leaves nothing behind");
    large.data = WEFT__SLICE("a\nb");
    is_int(weft__sse_write(&out, &large), 0, "one of 17 fits");
    weft__buffer_fini(&out);
}

/* What is written reads back; every line break comes back as LF. */
static void test_round_trip(void)
{
    struct weft__buffer out;
    char bytes[64];
    int wrong = 0;

    weft__buffer_init(&out, 1000);
    for (unsigned pattern = 0; pattern < 4096; pattern++) {
        char expected[64];
        size_t length = 0, count = 0;
        for (unsigned i = 0; i < 6; i++)
            bytes[length++] = "\r\n: "[pattern >> (2 * i) & 3];
        for (size_t i = 0; i < length; i++) {
            bool pair = bytes[i] == '\r' && i + 1 < length && bytes[i + 1] == '\n';
            i += pair;
            expected[count++] = bytes[i] == '\r' ? '\n' : bytes[i];
        }
        struct weft__sse_message message = { .data = weft__slice(bytes, length),
                                             .comment = weft__slice(bytes, length) };
        weft__buffer_clear(&out);
        must(weft__sse_write(&out, &message) == 0, "write");
        struct weft__sse parser;
        struct weft__sse_event event;
        struct weft__slice rest = weft__buffer_slice(&out);
        weft__sse_init(&parser, 1000);
        bool same = weft__sse_next(&parser, &rest, &event) == 1 && rest.length == 0 &&
                    weft__slice_equal(event.data, weft__slice(expected, count));
        wrong += !same;
        weft__sse_fini(&parser);
    }
    is_int(wrong, 0, "4096 texts of line breaks, colons and spaces");
    weft__buffer_fini(&out);
}

int main(void)
{
    test_samples();
    test_limit();
    test_refusal_and_restart();
    test_write();
    test_round_trip();
    return done_testing();
}
