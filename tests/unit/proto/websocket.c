/* Frames: every split of the bytes gives the same events, every refusal its code. */
#include "unit/proto/websocket_transcript.h"

#include "tap.h"

static const struct weft__websocket_limits usual = { .message = 1 << 20,
                                                     .fragments = 100,
                                                     .masked = true };

static struct weft__buffer made;

static void make(uint8_t first, const void *data, size_t length)
{
    static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
    uint8_t head[WEFT__WEBSOCKET_HEAD_MAX];
    const struct weft__websocket_head frame = { .length = length, .opcode = 0, .mask = mask };
    size_t used = weft__websocket_head_write(head, &frame);
    head[0] = first;
    must(weft__buffer_append(&made, head, used) == 0, "memory");
    char *room = weft__buffer_reserve(&made, length ? length : 1);
    must(room, "memory");
    if (length) {
        memcpy(room, data, length);
    }
    weft__websocket_mask(room, length, mask, 0);
    weft__buffer_added(&made, length);
}

#define MAKE(first, literal) make(first, literal, sizeof(literal) - 1)

/* The transcript of what was made, the same however it is cut. */
static void expect(const struct weft__websocket_limits *limits, const char *expected,
                   const char *name)
{
    struct weft__slice bytes = weft__buffer_slice(&made);
    char *whole = websocket_transcript(bytes, limits, 0, 0);
    bool same = true;
    for (size_t first = 1; first < bytes.length && first < 400; first++) {
        char *cut = websocket_transcript(bytes, limits, first, 0);
        same = same && strcmp(cut, whole) == 0;
        free(cut);
    }
    for (size_t step = 1; step < 6; step++) {
        char *cut = websocket_transcript(bytes, limits, 0, step);
        same = same && strcmp(cut, whole) == 0;
        free(cut);
    }
    if (expected) {
        is_str(whole, expected, "%s", name);
    }
    ok(same, "%s: the same in every split", name);
    free(whole);
    weft__buffer_clear(&made);
}

static void raw(const struct weft__websocket_limits *limits, const char *bytes, size_t length,
                const char *expected, const char *name)
{
    must(weft__buffer_append(&made, bytes, length) == 0, "memory");
    expect(limits, expected, name);
}

#define RAW(literal, expected, name) raw(&usual, literal, sizeof(literal) - 1, expected, name)

static void check_messages(void)
{
    MAKE(0x81, "Hello");
    expect(&usual, "[1|Hello]", "a text");
    MAKE(0x81, "");
    MAKE(0x82, "");
    expect(&usual, "[1|][2|]", "empty messages");
    MAKE(0x01, "Hel");
    MAKE(0x89, "ping");
    MAKE(0x80, "lo");
    expect(&usual, "<9|ping>[1|Hello]", "a ping between two fragments");
    MAKE(0x02, "");
    MAKE(0x00, "");
    MAKE(0x00, "a");
    MAKE(0x80, "");
    expect(&usual, "[2|a]", "empty fragments");
    MAKE(0x8a, "pong");
    MAKE(0x88, "\x03\xe8ready");
    MAKE(0x81, "unheard");
    expect(&usual, "<10|pong><8|\x03\xe8ready|1000>", "nothing counts behind a close frame");
    MAKE(0x88, "");
    expect(&usual, "<8||1005>", "a close frame without a code");
    MAKE(0x01, "\xce");
    MAKE(0x00, "\xba\xe1");
    MAKE(0x00, "\xbd\xb9");
    MAKE(0x80, "\xcf\x83");
    expect(&usual, "[1|\xce\xba\xe1\xbd\xb9\xcf\x83]", "characters cut by fragments");
    MAKE(0x01, "Hel");
    expect(&usual, " cut", "the end inside a message");
    RAW("\x81", " cut", "the end inside a head");
}

static void check_lengths(void)
{
    static const size_t lengths[] = { 125, 126, 127, 65535, 65536, 70000 };
    static char bytes[70000];
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char expected[sizeof(bytes) + 8];
        make(0x82, bytes, lengths[i]);
        int length = snprintf(expected, sizeof(expected), "[2|%.*s]", (int)lengths[i], bytes);
        must(length > 0, "a text");
        struct weft__slice all = weft__buffer_slice(&made);
        char *text = websocket_transcript(all, &usual, 3, 1000);
        ok(strcmp(text, expected) == 0, "a payload of %zu bytes", lengths[i]);
        free(text);
        weft__buffer_clear(&made);
    }
}

static void check_refusals(void)
{
    RAW("\xa1\x80", " 1002 a reserved bit is set", "RSV2");
    RAW("\x91\x80", " 1002 a reserved bit is set", "RSV3");
    RAW("\xc1\x80", " 1002 a reserved bit is set", "RSV1 without compression");
    for (unsigned opcode = 3; opcode < 16; opcode++) {
        if (opcode >= 8 && opcode <= 10) {
            continue;
        }
        const char frame[] = { (char)(0x80 | opcode), (char)0x80 };
        raw(&usual, frame, 2, " 1002 an unknown opcode", "a reserved opcode");
    }
    RAW("\x81\x05Hello", " 1002 a frame that is not masked", "not masked");
    RAW("\x09\x80", " 1002 a control frame in fragments", "a ping in fragments");
    RAW("\x08\x80", " 1002 a control frame in fragments", "a close in fragments");
    RAW("\x89\xfe", " 1002 a control frame above 125 bytes", "a ping of 126 bytes");
    RAW("\x88\xff", " 1002 a control frame above 125 bytes", "a long close");
    RAW("\x80\x80", " 1002 a continuation without a message", "a continuation first");
    RAW("\x82\xfe\x00\x7d....", " 1002 a length that is not in its shortest form",
        "125 in 16 bits");
    RAW("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff....",
        " 1002 a length that is not in its shortest form", "65535 in 64 bits");
    RAW("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00....", " 1002 a length above 63 bits",
        "the highest bit of a length");
    MAKE(0x01, "Hel");
    MAKE(0x81, "lo");
    expect(&usual, " 1002 a new message inside a message", "interleaved messages");
    MAKE(0x01, "Hel");
    MAKE(0x80, "lo");
    MAKE(0x80, "!");
    expect(&usual, "[1|Hello] 1002 a continuation without a message", "a continuation too many");
}

static void check_closes(void)
{
    static const unsigned good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                                     1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 };
    static const unsigned bad[] = { 0,    999,  1004, 1005, 1006, 1015,
                                    1016, 1100, 2000, 2999, 5000, 65535 };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char payload[] = { (char)(good[i] >> 8), (char)good[i], 'x' };
        char *text;
        make(0x88, payload, 3);
        text = websocket_transcript(weft__buffer_slice(&made), &usual, 0, 0);
        ok(text[0] == '<' && weft__websocket_code_valid(good[i]), "close code %u", good[i]);
        free(text);
        weft__buffer_clear(&made);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char payload[] = { (char)(bad[i] >> 8), (char)bad[i] };
        make(0x88, payload, 2);
        expect(&usual, " 1002 a close code that must not be sent", "a bad close code");
    }
    MAKE(0x88, "\x03");
    expect(&usual, " 1002 a close frame of one byte", "half a close code");
    MAKE(0x88, "\x03\xe8\xce\xba\xe1\xbd");
    expect(&usual, " 1007 a close reason that is not UTF-8", "a cut close reason");
}

static void check_limits(void)
{
    struct weft__websocket_limits small = { .message = 10, .fragments = 3, .masked = true };
    MAKE(0x82, "0123456789");
    expect(&small, "[2|0123456789]", "a message at the limit");
    MAKE(0x82, "0123456789a");
    expect(&small, " 1009 a message above the limit", "a message above the limit");
    MAKE(0x02, "012345");
    MAKE(0x80, "6789");
    expect(&small, "[2|0123456789]", "fragments at the limit");
    MAKE(0x02, "012345");
    MAKE(0x80, "6789a");
    expect(&small, " 1009 a message above the limit", "fragments above the limit");
    MAKE(0x02, "");
    MAKE(0x00, "");
    MAKE(0x80, "a");
    expect(&small, "[2|a]", "as many fragments as allowed");
    MAKE(0x02, "");
    MAKE(0x00, "");
    MAKE(0x00, "");
    MAKE(0x80, "a");
    expect(&small, " 1008 a message of too many fragments", "a fragment more than allowed");
    RAW("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff....", " 1009 a message above the limit",
        "the longest length");
    struct weft__websocket_limits all = { UINT64_MAX, UINT64_MAX, true, true };
    raw(&all, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff....", 14, " cut", "no limit");
}

static void check_compressed(void)
{
    struct weft__websocket_limits deflate = { 100, 10, true, true };
    MAKE(0xc1, "\xff\xfe");
    expect(&deflate, "[1z|\xff\xfe]", "what is compressed is not checked as text");
    MAKE(0x41, "a");
    MAKE(0x80, "b");
    expect(&deflate, "[1z|ab]", "a compressed message in fragments");
    MAKE(0x41, "a");
    MAKE(0xc0, "b");
    expect(&deflate, " 1002 a reserved bit is set", "RSV1 on a continuation");
    MAKE(0xc9, "a");
    expect(&deflate, " 1002 a reserved bit is set", "RSV1 on a ping");
    MAKE(0x41, "a");
    MAKE(0x80, "b");
    MAKE(0x81, "\xff");
    expect(&deflate, "[1z|ab] 1007 text that is not UTF-8", "plain text behind it is checked");
}

static void check_client(void)
{
    struct weft__websocket_limits client = { 100, 10, false, false };
    raw(&client, "\x81\x05Hello", 7, "[1|Hello]", "from a server");
    MAKE(0x81, "Hello");
    expect(&client, " 1002 a masked frame from a server", "masked by a server");
}

/* Every valid and invalid form, judged against an independent reckoning of code points. */
static bool valid_by_value(const uint8_t *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint32_t value = bytes[at];
        size_t tails = value < 0x80   ? 0
                       : value < 0xc0 ? 9
                       : value < 0xe0 ? 1
                       : value < 0xf0 ? 2
                                      : 3;
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        if (tails == 9 || value >= 0xf8 || at + tails >= length) {
            return false;
        }
        value &= tails ? 0x3fu >> tails : 0x7f;
        for (size_t i = 1; i <= tails; i++) {
            if ((bytes[at + i] & 0xc0) != 0x80) {
                return false;
            }
            value = value << 6 | (bytes[at + i] & 0x3f);
        }
        if (value < least[tails] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
            return false;
        }
        at += tails + 1;
    }
    return true;
}

static void check_utf8(void)
{
    static const uint8_t tails[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff };
    size_t wrong = 0;
    for (unsigned lead = 0; lead < 256; lead++) {
        for (unsigned next = 0; next < 256; next++) {
            for (size_t i = 0; i < sizeof(tails) * sizeof(tails); i++) {
                uint8_t bytes[40];
                memset(bytes, 'a', sizeof(bytes));
                const uint8_t some[] = { (uint8_t)lead, (uint8_t)next, tails[i / sizeof(tails)],
                                         tails[i % sizeof(tails)] };
                memcpy(bytes + 34, some, 4);
                for (size_t length = 35; length <= 38; length++) {
                    wrong += weft__utf8_valid((const char *)bytes, length) !=
                             valid_by_value(bytes, length);
                }
            }
        }
    }
    is_int(wrong, 0, "UTF-8 is judged as by its values");
    struct weft__utf8 utf8 = { 0 };
    ok(weft__utf8_check(&utf8, "\xf0\x90", 2) && !weft__utf8_complete(&utf8),
       "half a character is no failure and no end");
    ok(weft__utf8_check(&utf8, "\x80\x80", 2) && weft__utf8_complete(&utf8), "its rest is");
    ok(!weft__utf8_check(&utf8, "\xc0", 1) && !weft__utf8_check(&utf8, "a", 1),
       "what is wrong stays wrong");
}

int main(void)
{
    weft__buffer_init(&made, 1 << 20);
    check_messages();
    check_lengths();
    check_refusals();
    check_closes();
    check_limits();
    check_compressed();
    check_client();
    check_utf8();
    weft__buffer_fini(&made);
    return done_testing();
}
