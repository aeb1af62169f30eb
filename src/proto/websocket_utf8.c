/*
 * UTF-8 as a text comes (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * A finite automaton: each byte falls into a class, and state and class give the next state. Runs
 * of ASCII, which most text is, are passed over 32 bytes at a time.
 */
#include <string.h>

#include "proto/websocket.h"

/* What may follow. */
enum {
    START,
    TAIL1, /* any tail byte, then the character is complete */
    TAIL2,
    TAIL3,
    AFTER_E0, /* not overlong */
    AFTER_ED, /* no surrogate */
    AFTER_F0, /* not overlong */
    AFTER_F4, /* not above U+10FFFF */
    BAD,
    STATES,
};

enum {
    ASCII,
    TAIL_8, /* 80..8f */
    TAIL_9, /* 90..9f */
    TAIL_A, /* a0..bf */
    LEAD_2, /* c2..df */
    LEAD_E0,
    LEAD_3, /* e1..ec, ee, ef */
    LEAD_ED,
    LEAD_F0,
    LEAD_4, /* f1..f3 */
    LEAD_F4,
    NEVER, /* c0, c1, f5..ff */
    CLASSES,
};

static const uint8_t classes[256] = {
    [0x00 ... 0x7f] = ASCII,  [0x80 ... 0x8f] = TAIL_8, [0x90 ... 0x9f] = TAIL_9,
    [0xa0 ... 0xbf] = TAIL_A, [0xc0 ... 0xc1] = NEVER,  [0xc2 ... 0xdf] = LEAD_2,
    [0xe0] = LEAD_E0,         [0xe1 ... 0xec] = LEAD_3, [0xed] = LEAD_ED,
    [0xee ... 0xef] = LEAD_3, [0xf0] = LEAD_F0,         [0xf1 ... 0xf3] = LEAD_4,
    [0xf4] = LEAD_F4,         [0xf5 ... 0xff] = NEVER,
};

#define ALL_BAD [0 ... CLASSES - 1] = BAD

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* a row begins as BAD throughout */
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
static const uint8_t next_state[STATES][CLASSES] = {
    [START] = { ALL_BAD, [ASCII] = START, [LEAD_2] = TAIL1, [LEAD_E0] = AFTER_E0, [LEAD_3] = TAIL2,
                [LEAD_ED] = AFTER_ED, [LEAD_F0] = AFTER_F0, [LEAD_4] = TAIL3,
                [LEAD_F4] = AFTER_F4 },
    [TAIL1] = { ALL_BAD, [TAIL_8] = START, [TAIL_9] = START, [TAIL_A] = START },
    [TAIL2] = { ALL_BAD, [TAIL_8] = TAIL1, [TAIL_9] = TAIL1, [TAIL_A] = TAIL1 },
    [TAIL3] = { ALL_BAD, [TAIL_8] = TAIL2, [TAIL_9] = TAIL2, [TAIL_A] = TAIL2 },
    [AFTER_E0] = { ALL_BAD, [TAIL_A] = TAIL1 },
    [AFTER_ED] = { ALL_BAD, [TAIL_8] = TAIL1, [TAIL_9] = TAIL1 },
    [AFTER_F0] = { ALL_BAD, [TAIL_9] = TAIL2, [TAIL_A] = TAIL2 },
    [AFTER_F4] = { ALL_BAD, [TAIL_8] = TAIL2 },
    [BAD] = { ALL_BAD },
};
#pragma GCC diagnostic pop

enum {
    STRIDE = 32
};

/* Bytes of ASCII at the front, in whole strides. */
static size_t ascii_run(const char *data, size_t length)
{
    size_t at = 0;
    for (; at + STRIDE <= length; at += STRIDE) {
        uint64_t words[STRIDE / 8];
        memcpy(words, data + at, STRIDE);
        if ((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080)) {
            break;
        }
    }
    return at;
}

bool weft__utf8_check(struct weft__utf8 *utf8, const char *data, size_t length)
{
    uint8_t state = utf8->state;
    size_t at = 0;
    while (at < length && state != BAD) {
        if (state == START) {
            at += ascii_run(data + at, length - at);
        }
        size_t end = length - at < STRIDE ? length : at + STRIDE;
        for (; at < end; at++) {
            state = next_state[state][classes[(uint8_t)data[at]]];
        }
    }
    utf8->state = state;
    return state != BAD;
}

bool weft__utf8_valid(const char *data, size_t length)
{
    struct weft__utf8 utf8 = { 0 };
    return weft__utf8_check(&utf8, data, length) && weft__utf8_complete(&utf8);
}
