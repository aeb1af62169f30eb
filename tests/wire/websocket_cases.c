/*
 * The protocol's rules, case by case, in the groups of the Autobahn test suite: each case is bytes
 * that a client sends, and all that the server answers up to the end of the connection.
 */
#include "frames.h"

/* A frame of a case. Without `data`, `length` bytes of 'x'. */
struct part {
    uint8_t first;
    const char *data;
    size_t length;
};

struct test_case {
    const char *name;
    struct part parts[8];
    const char *story;
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        0x81, literal, sizeof(literal) - 1                                                         \
    }
#define PART(first, literal)                                                                       \
    {                                                                                              \
        first, literal, sizeof(literal) - 1                                                        \
    }
#define FILL(first, length)                                                                        \
    {                                                                                              \
        first, NULL, length                                                                        \
    }
#define BYE PART(0x88, "\x03\xe8")

/* Table, not logic. */
static const struct test_case cases[] = {
    /* 1: framing */
    { "1.1.1 an empty text", { TEXT(""), BYE }, "t: c1000" },
    { "1.1.2 a text of 125 bytes", { FILL(0x81, 125), BYE }, "t#125 c1000" },
    { "1.1.3 a text of 126 bytes", { FILL(0x81, 126), BYE }, "t#126 c1000" },
    { "1.1.4 a text of 127 bytes", { FILL(0x81, 127), BYE }, "t#127 c1000" },
    { "1.1.5 a text of 128 bytes", { FILL(0x81, 128), BYE }, "t#128 c1000" },
    { "1.1.6 a text of 65535 bytes", { FILL(0x81, 65535), BYE }, "t#65535 c1000" },
    { "1.1.7 a text of 65536 bytes", { FILL(0x81, 65536), BYE }, "t#65536 c1000" },
    { "1.2.1 an empty binary", { PART(0x82, ""), BYE }, "b: c1000" },
    { "1.2.2 a binary of 125 bytes", { FILL(0x82, 125), BYE }, "b#125 c1000" },
    { "1.2.3 a binary of 126 bytes", { FILL(0x82, 126), BYE }, "b#126 c1000" },
    { "1.2.6 a binary of 65535 bytes", { FILL(0x82, 65535), BYE }, "b#65535 c1000" },
    { "1.2.7 a binary of 65536 bytes", { FILL(0x82, 65536), BYE }, "b#65536 c1000" },
    /* 2: pings and pongs */
    { "2.1 a ping without payload", { PART(0x89, ""), BYE }, "p: c1000" },
    { "2.2 a ping with payload", { PART(0x89, "Hello"), BYE }, "p:Hello c1000" },
    { "2.3 a ping of other bytes", { PART(0x89, "\xff\xfe"), BYE }, "p:\xff\xfe c1000" },
    { "2.4 a ping of 125 bytes", { FILL(0x89, 125), BYE }, "p#125 c1000" },
    { "2.5 a ping of 126 bytes", { FILL(0x89, 126), BYE }, "c1002" },
    { "2.7 a pong nobody asked for", { PART(0x8a, ""), BYE }, "c1000" },
    { "2.8 with payload", { PART(0x8a, "Hello"), BYE }, "c1000" },
    { "2.9 a pong, then a ping", { PART(0x8a, "a"), PART(0x89, "b"), BYE }, "p:b c1000" },
    { "2.10 several pings",
      { PART(0x89, "1"), PART(0x89, "2"), PART(0x89, "3"), PART(0x89, "4"), BYE },
      "p:1 p:2 p:3 p:4 c1000" },
    /* 3: reserved bits */
    { "3.1 RSV3", { PART(0x91, "Hello"), BYE }, "c1002" },
    { "3.2 a text, then RSV2", { TEXT("Hello"), PART(0xa1, "x"), BYE }, "t:Hello c1002" },
    { "3.4 RSV1 without compression", { PART(0xc1, "x"), BYE }, "c1002" },
    { "3.5 RSV1 in a binary", { PART(0xc2, "x"), BYE }, "c1002" },
    { "3.6 all in a ping", { PART(0xf9, "x"), BYE }, "c1002" },
    { "3.7 all in a close", { PART(0xf8, "\x03\xe8") }, "c1002" },
    /* 4: opcodes */
    { "4.1.1 opcode 3", { PART(0x83, ""), BYE }, "c1002" },
    { "4.1.2 opcode 4", { PART(0x84, "x"), BYE }, "c1002" },
    { "4.1.3 a text, then opcode 5",
      { TEXT("a"), PART(0x85, ""), PART(0x89, ""), BYE },
      "t:a c1002" },
    { "4.1.5 opcode 7", { PART(0x87, "x"), BYE }, "c1002" },
    { "4.2.1 opcode 11", { PART(0x8b, ""), BYE }, "c1002" },
    { "4.2.3 a text, then opcode 13", { TEXT("a"), PART(0x8d, ""), BYE }, "t:a c1002" },
    { "4.2.5 opcode 15", { PART(0x8f, "x"), BYE }, "c1002" },
    /* 5: fragments */
    { "5.1 a ping in fragments", { PART(0x09, "a"), PART(0x80, "b") }, "c1002" },
    { "5.2 a pong in fragments", { PART(0x0a, "a"), PART(0x80, "b") }, "c1002" },
    { "5.3 a text in two fragments",
      { PART(0x01, "He"), PART(0x80, "llo"), BYE },
      "t:Hello c1000" },
    { "5.6 a ping in between",
      { PART(0x01, "He"), PART(0x89, "p"), PART(0x80, "llo"), BYE },
      "p:p t:Hello c1000" },
    { "5.9 a continuation without a beginning", { PART(0x80, "x"), TEXT("Hello"), BYE }, "c1002" },
    { "5.12 one that goes on", { PART(0x00, "x"), TEXT("Hello"), BYE }, "c1002" },
    { "5.15 a continuation too many",
      { PART(0x01, "a"), PART(0x80, "b"), PART(0x00, "c"), TEXT("d"), BYE },
      "t:ab c1002" },
    { "5.18 two beginnings", { PART(0x01, "a"), PART(0x81, "b") }, "c1002" },
    { "5.19 pings between six fragments",
      { PART(0x01, "1"), PART(0x00, "2"), PART(0x89, "x"), PART(0x00, "3"), PART(0x00, "4"),
        PART(0x89, "y"), PART(0x80, "5"), BYE },
      "p:x p:y t:12345 c1000" },
    { "5.20 empty fragments", { PART(0x02, ""), PART(0x00, ""), PART(0x80, ""), BYE }, "b: c1000" },
    /* 6: UTF-8 */
    { "6.1.1 an empty text", { TEXT(""), BYE }, "t: c1000" },
    { "6.1.2 of empty fragments",
      { PART(0x01, ""), PART(0x00, ""), PART(0x80, ""), BYE },
      "t: c1000" },
    { "6.2.1 valid text",
      { TEXT("Hello-\xc2\xb5@\xc3\x9f\xc3\xb6"), BYE },
      "t:Hello-\xc2\xb5@\xc3\x9f\xc3\xb6 c1000" },
    { "6.2.3 cut inside characters",
      { PART(0x01, "\xce"), PART(0x00, "\xba\xe1"), PART(0x00, "\xbd"), PART(0x80, "\xb9"), BYE },
      "t:\xce\xba\xe1\xbd\xb9 c1000" },
    { "6.3.1 a surrogate",
      { TEXT("\xce\xba\xed\xa0\x80"
             "edited"),
        BYE },
      "c1007" },
    { "6.4.1 wrong in the second fragment",
      { PART(0x01, "\xce\xba"), PART(0x00, "\xf4\x90\x80\x80"), PART(0x80, "x") },
      "c1007" },
    { "6.4.2 wrong before the message ends",
      { PART(0x01, "ok"), PART(0x00, "\xf4\x90") },
      "c1007" },
    { "6.5.1 text that ends inside a character", { TEXT("\xce\xba\xe1\xbd"), BYE }, "c1007" },
    { "6.7.1 NUL", { PART(0x81, "\0"), BYE }, "t: c1000" },
    { "6.8.1 five bytes", { TEXT("\xf8\x88\x80\x80\x80"), BYE }, "c1007" },
    { "6.9.4 the highest character",
      { TEXT("\xf4\x8f\xbf\xbf"), BYE },
      "t:\xf4\x8f\xbf\xbf c1000" },
    { "6.10.1 above it", { TEXT("\xf4\x90\x80\x80"), BYE }, "c1007" },
    { "6.12.1 a lone tail", { TEXT("\x80"), BYE }, "c1007" },
    { "6.13.1 heads only", { TEXT("\xc0 \xc1 "), BYE }, "c1007" },
    { "6.14.1 cut at the end", { TEXT("\xdf"), BYE }, "c1007" },
    { "6.16.1 0xfe", { TEXT("\xfe"), BYE }, "c1007" },
    { "6.17.1 overlong", { TEXT("\xc0\xaf"), BYE }, "c1007" },
    { "6.18.1 overlong in three", { TEXT("\xe0\x9f\xbf"), BYE }, "c1007" },
    { "6.20.1 the first surrogate", { TEXT("\xed\xa0\x80"), BYE }, "c1007" },
    { "6.21.1 a pair of them", { TEXT("\xed\xa0\x80\xed\xb0\x80"), BYE }, "c1007" },
    { "6.22.1 a noncharacter", { TEXT("\xef\xbf\xbe"), BYE }, "t:\xef\xbf\xbe c1000" },
    /* 7: closing */
    { "7.1.1 a message, then a close", { TEXT("Hello"), BYE }, "t:Hello c1000" },
    { "7.1.2 two closes", { BYE, BYE }, "c1000" },
    { "7.1.3 a ping behind the close", { BYE, PART(0x89, "x") }, "c1000" },
    { "7.1.4 a text behind it", { BYE, TEXT("x") }, "c1000" },
    { "7.1.5 a close inside a message", { PART(0x01, "a"), BYE, PART(0x80, "b") }, "c1000" },
    { "7.3.1 a close without payload", { PART(0x88, "") }, "c0" },
    { "7.3.2 of one byte", { PART(0x88, "a") }, "c1002" },
    { "7.3.3 with a code", { BYE }, "c1000" },
    { "7.3.4 with a reason",
      { PART(0x88, "\x03\xe8"
                   "bye") },
      "c1000" },
    { "7.3.5 with the longest", { FILL(0x88, 125) }, "c1002" }, /* "xx" is no code */
    { "7.3.6 with a longer one", { FILL(0x88, 126) }, "c1002" },
    { "7.5.1 a reason that is not UTF-8", { PART(0x88, "\x03\xe8\xce\xba\xed") }, "c1007" },
    { "7.7.1 1000", { PART(0x88, "\x03\xe8") }, "c1000" },
    { "7.7.2 1001", { PART(0x88, "\x03\xe9") }, "c1001" },
    { "7.7.3 1002", { PART(0x88, "\x03\xea") }, "c1002" },
    { "7.7.4 1003", { PART(0x88, "\x03\xeb") }, "c1003" },
    { "7.7.5 1007", { PART(0x88, "\x03\xef") }, "c1007" },
    { "7.7.8 1010", { PART(0x88, "\x03\xf2") }, "c1010" },
    { "7.7.9 1011", { PART(0x88, "\x03\xf3") }, "c1011" },
    { "7.7.10 3000", { PART(0x88, "\x0b\xb8") }, "c3000" },
    { "7.7.13 4999", { PART(0x88, "\x13\x87") }, "c4999" },
    { "7.9.1 0", { PART(0x88, "\0\0") }, "c1002" },
    { "7.9.2 999", { PART(0x88, "\x03\xe7") }, "c1002" },
    { "7.9.3 1004", { PART(0x88, "\x03\xec") }, "c1002" },
    { "7.9.4 1005", { PART(0x88, "\x03\xed") }, "c1002" },
    { "7.9.5 1006", { PART(0x88, "\x03\xee") }, "c1002" },
    { "7.9.6 1016", { PART(0x88, "\x03\xf8") }, "c1002" },
    { "7.9.8 2000", { PART(0x88, "\x07\xd0") }, "c1002" },
    { "7.13.1 5000", { PART(0x88, "\x13\x88") }, "c1002" },
};

static char filling[65536 + 1];

static void send_parts(int fd, const struct part *parts, size_t count, size_t step)
{
    for (size_t i = 0; i < count && (parts[i].first || parts[i].data); i++) {
        size_t size;
        const char *data = parts[i].data ? parts[i].data : filling;
        char *bytes = frame_make(parts[i].first, data, parts[i].length, &size);
        for (size_t at = 0; at < size; at += step) {
            wire_send(fd, bytes + at, size - at < step ? size - at : step);
        }
        free(bytes);
    }
}

static void check_case(const struct wire *wire, const struct test_case *test, const char *path,
                       size_t step)
{
    int fd = frame_open(wire, path, "");
    send_parts(fd, test->parts, 8, step);
    char *story = frame_story(fd);
    is_str(story, test->story, "%s%s", test->name,
           step == 1        ? ", byte by byte"
           : path[1] == 'r' ? ", blocking"
                            : "");
    free(story);
    close(fd);
}

/* 9: large messages, in fragments of several sizes. */
static void check_large(const struct wire *wire, uint8_t first, size_t length, size_t fragment)
{
    char *data = malloc(length);
    must(data, "memory");
    for (size_t i = 0; i < length; i++) {
        data[i] = (char)('a' + i % 23);
    }
    int fd = frame_open(wire, "/echo", "");
    for (size_t at = 0; at < length; at += fragment) {
        size_t count = length - at < fragment ? length - at : fragment;
        bool end = at + count == length;
        frame_send(fd, (uint8_t)((at ? 0 : first & 0x0f) | (end ? 0x80 : 0)), data + at, count);
    }
    struct frame frame;
    ok(frame_read(fd, &frame) && frame.first == first && frame.length == length &&
           memcmp(frame.data, data, length) == 0,
       "9 %zu bytes in fragments of %zu", length, fragment);
    free(frame.data);
    free(data);
    close(fd);
}

/* 10: a message whose frame is cut anywhere. */
static void check_chopped(const struct wire *wire)
{
    static const struct test_case chopped = { "10.1.1 65536 bytes in pieces of 1300",
                                              { FILL(0x81, 65536), BYE },
                                              "t#65536 c1000" };
    check_case(wire, &chopped, "/plain", 1300);
}

static void check_all(const struct wire *wire)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(wire, &cases[i], "/plain", SIZE_MAX);
        check_case(wire, &cases[i], "/run", SIZE_MAX);
        if (cases[i].parts[0].length < 200) {
            check_case(wire, &cases[i], "/plain", 1);
        }
    }
}

int main(void)
{
    struct wire wire;
    memset(filling, 'x', sizeof(filling));
    wire_start(&wire, (struct weft_http_options){ .handler = &sockets_handler });
    check_all(&wire);
    check_large(&wire, 0x81, 65536, 64);
    check_large(&wire, 0x82, 1 << 20, 1 << 20);
    check_large(&wire, 0x81, 4 << 20, 4096);
    check_large(&wire, 0x82, 16 << 20, 1 << 20);
    check_chopped(&wire);
    wire_stop(&wire);
    return done_testing();
}
