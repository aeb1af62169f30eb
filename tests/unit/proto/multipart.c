#include "tap.h"
#include "unit/proto/form_transcript.h"

#define FIELD(rest) "--b\r\nContent-Disposition: form-data; name=" rest "\r\n\r\n"

static const struct {
    const char *what;
    struct weft__slice bytes;
    const char *expected;
} samples[] = {
    { "a field", WEFT__SLICE(FIELD("\"a\"") "x\r\n--b--\r\n"), "[a|(none)|(none)=x]end" },
    { "two fields", WEFT__SLICE(FIELD("\"a\"") "x\r\n" FIELD("\"b\"") "y\r\n--b--"),
      "[a|(none)|(none)=x][b|(none)|(none)=y]end" },
    { "a file",
      WEFT__SLICE(FIELD("\"a\"; filename=\"f.txt\"\r\nContent-Type: text/plain") "x\r\n--b--"),
      "[a|f.txt|text/plain=x]end" },
    { "an empty field", WEFT__SLICE(FIELD("a") "\r\n--b--"), "[a|(none)|(none)]end" },
    { "an empty field without a line end of its own", WEFT__SLICE(FIELD("a") "--b--"),
      "[a|(none)|(none)]end" },
    { "an empty file name", WEFT__SLICE(FIELD("a; filename=\"\"") "\r\n--b--"), "[a||(none)]end" },
    { "a preamble and an epilogue",
      WEFT__SLICE("hello\r\n--c\r\n" FIELD("a") "x\r\n--b--\r\nbye\r\n--b\r\n"),
      "[a|(none)|(none)=x]end" },
    { "no part at all", WEFT__SLICE("--b--\r\n"), "end" },
    { "content like a delimiter", WEFT__SLICE(FIELD("a") "--x\r\n--\r\n-\r\r\n--a\r\n--b--"),
      "[a|(none)|(none)=--x\r\n--\r\n-\r\r\n--a]end" },
    { "content that begins with a line end", WEFT__SLICE(FIELD("a") "\r\nx\r\n--b--"),
      "[a|(none)|(none)=\r\nx]end" },
    { "blanks behind a delimiter",
      WEFT__SLICE("--b \t\r\n"
                  "Content-Disposition: form-data; name=a\r\n\r\nx\r\n--b--"),
      "[a|(none)|(none)=x]end" },
    { "a quote in a name", WEFT__SLICE(FIELD("\"a\\\"b\\c\"") "x\r\n--b--"),
      "[a\"b\\c|(none)|(none)=x]end" },
    { "a semicolon in a name", WEFT__SLICE(FIELD("\"a; filename=x\"") "x\r\n--b--"),
      "[a; filename=x|(none)|(none)=x]end" },
    { "fields without case",
      WEFT__SLICE("--b\r\ncontent-DISPOSITION: FORM-data; NAME=a\r\n\r\nx\r\n--b--"),
      "[a|(none)|(none)=x]end" },
    { "other fields and an encoding that changes nothing",
      WEFT__SLICE(FIELD("a\r\nX-Y: z\r\nContent-Transfer-Encoding: binary") "x\r\n--b--"),
      "[a|(none)|(none)=x]end" },
    { "cut short in content", WEFT__SLICE(FIELD("a") "x"), "[a|(none)|(none)=x..." },
    { "cut short in a delimiter", WEFT__SLICE(FIELD("a") "x\r\n--"), "[a|(none)|(none)=x..." },
    { "cut short behind a delimiter", WEFT__SLICE(FIELD("a") "x\r\n--b-"),
      "[a|(none)|(none)=x]..." },
    { "nothing", WEFT__SLICE("x"), "..." },
    { "a delimiter that goes on", WEFT__SLICE("--bc\r\n"), "!" },
    { "one dash", WEFT__SLICE("--b-\r\n"), "!" },
    { "bare LF behind a delimiter", WEFT__SLICE("--b\nContent-Disposition: form-data; name=a\n\nx"),
      "!" },
    { "bare LF behind a field",
      WEFT__SLICE("--b\r\nContent-Disposition: form-data; name=a\n\r\n\r\nx"), "!" },
    { "no disposition", WEFT__SLICE("--b\r\n\r\nx\r\n--b--"), "!" },
    { "another disposition", WEFT__SLICE("--b\r\nContent-Disposition: attachment; name=a\r\n\r\n"),
      "!" },
    { "no name", WEFT__SLICE("--b\r\nContent-Disposition: form-data; filename=a\r\n\r\n"), "!" },
    { "two names", WEFT__SLICE(FIELD("a; name=b") "x"), "!" },
    { "two file names", WEFT__SLICE(FIELD("a; filename=b; filename=c") "x"), "!" },
    { "two dispositions", WEFT__SLICE(FIELD("a\r\nContent-Disposition: form-data; name=b") "x"),
      "!" },
    { "an open quote", WEFT__SLICE(FIELD("\"a") "x"), "!" },
    { "a folded field", WEFT__SLICE(FIELD("a;\r\n filename=b") "x"), "!" },
    { "base64", WEFT__SLICE(FIELD("a\r\nContent-Transfer-Encoding: base64") "x"), "!" },
    { "a NUL in a name", WEFT__SLICE(FIELD("\"a\0b\"") "x"), "!" },
};

static void check_boundaries(void)
{
    struct weft__multipart parser;
    struct weft__slice found;
    char text[WEFT__MULTIPART_BOUNDARY_MAX + 1];
    memset(text, 'x', sizeof(text));
    is_int(weft__multipart_init(&parser, weft__slice(text, sizeof(text) - 1)), 0, "70 bytes");
    is_int(weft__multipart_init(&parser, weft__slice(text, sizeof(text))), -1, "71 bytes");
    is_int(weft__multipart_init(&parser, weft__slice("", 0)), -1, "none");
    is_int(weft__multipart_init(&parser, weft__slice("a ", 2)), -1, "a blank at the end");
    is_int(weft__multipart_init(&parser, weft__slice("a\r\n", 3)), -1, "a line end");
    ok(weft__multipart_boundary(WEFT__SLICE("Multipart/Form-Data; x=y; boundary=\"a b\""),
                                &found) == 0 &&
           weft__slice_is(found, "a b"),
       "a quoted boundary is found");
    is_int(weft__multipart_boundary(WEFT__SLICE("multipart/form-data"), &found), -1,
           "it is missing");
    is_int(weft__multipart_boundary(WEFT__SLICE("multipart/mixed; boundary=a"), &found), -1,
           "another type");
    is_int(weft__multipart_boundary(WEFT__SLICE("multipart/form-data; boundary=a; boundary=b"),
                                    &found),
           -1, "two boundaries");
}

static void check_head_limit(void)
{
    static const char START[] = FIELD("a\r\nX: ");
    size_t fixed = sizeof(START) - 1 - 5; /* the delimiter and its line end are no field */
    for (size_t over = 0; over < 2; over++) {
        char bytes[WEFT__MULTIPART_HEAD_MAX + 64];
        memcpy(bytes, START, sizeof(START) - 5);
        size_t length = sizeof(START) - 5;
        size_t fill = WEFT__MULTIPART_HEAD_MAX - fixed + over;
        memset(bytes + length, 'x', fill);
        memcpy(bytes + length + fill, "\r\n\r\nx\r\n--b--", 12);
        char *got = multipart_transcript(weft__slice(bytes, length + fill + 12), "b", 0, 0);
        is_str(got, over ? "!large" : "[a|(none)|(none)=x]end", "a head of 8192 bytes and %zu",
               over);
        free(got);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        char *whole = multipart_transcript(samples[i].bytes, "b", 0, 0);
        is_str(whole, samples[i].expected, "%s", samples[i].what);
        size_t wrong = 0;
        for (size_t cut = 1; cut < samples[i].bytes.length; cut++) {
            char *pieces = multipart_transcript(samples[i].bytes, "b", cut, 0);
            wrong += strcmp(pieces, whole) != 0;
            free(pieces);
        }
        char *single = multipart_transcript(samples[i].bytes, "b", 1, 1);
        ok(wrong == 0 && strcmp(single, whole) == 0, "the same in pieces: %s", samples[i].what);
        free(single);
        free(whole);
    }
    check_boundaries();
    check_head_limit();
    return done_testing();
}
