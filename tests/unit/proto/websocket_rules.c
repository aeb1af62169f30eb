/* Masks, heads, close frames, keys, and what becomes of offers to compress. */
#include "proto/websocket.h"
#include "tap.h"

static void check_mask(void)
{
    static const uint8_t key[4] = { 1, 2, 4, 8 };
    uint8_t bytes[160];
    size_t wrong = 0;
    for (size_t start = 0; start < 32; start++) {
        for (size_t length = 0; length < 100; length++) {
            for (size_t offset = 0; offset < 5; offset++) {
                for (size_t i = 0; i < sizeof(bytes); i++) {
                    bytes[i] = (uint8_t)(i * 7);
                }
                weft__websocket_mask(bytes + start, length, key, offset);
                for (size_t i = 0; i < sizeof(bytes); i++) {
                    bool inside = i >= start && i < start + length;
                    uint8_t mask = inside ? key[(offset + i - start) % 4] : 0;
                    wrong += bytes[i] != (uint8_t)((i * 7) ^ mask);
                }
            }
        }
    }
    is_int(wrong, 0, "masks of every length, place and offset");
}

static void check_head(uint64_t length, const char *expected, size_t size, const uint8_t *mask)
{
    uint8_t out[WEFT__WEBSOCKET_HEAD_MAX];
    const struct weft__websocket_head head = { .length = length,
                                               .opcode = WEFT__WEBSOCKET_BINARY,
                                               .mask = mask };
    size_t used = weft__websocket_head_write(out, &head);
    ok(used == size && memcmp(out, expected, size) == 0, "the head of %llu bytes",
       (unsigned long long)length);
}

static void check_heads(void)
{
    static const uint8_t mask[4] = { 'm', 'a', 's', 'k' };
    uint8_t out[WEFT__WEBSOCKET_HEAD_MAX];
    check_head(0, "\x82\x00", 2, NULL);
    check_head(125, "\x82\x7d", 2, NULL);
    check_head(126, "\x82\x7e\x00\x7e", 4, NULL);
    check_head(65535, "\x82\x7e\xff\xff", 4, NULL);
    check_head(65536, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10, NULL);
    check_head(5, "\x82\x85mask", 6, mask);
    check_head(65536, "\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00mask", 14, mask);
    const struct weft__websocket_head part = { .opcode = WEFT__WEBSOCKET_TEXT,
                                               .more = true,
                                               .compressed = true };
    ok(weft__websocket_head_write(out, &part) == 2 && out[0] == 0x41, "a compressed beginning");
}

static void check_close(void)
{
    uint8_t out[WEFT__WEBSOCKET_CONTROL_MAX];
    char longest[124];
    memset(longest, 'x', sizeof(longest));
    is_int(weft__websocket_close_write(out, 0, weft__slice("", 0)), 0, "an empty close frame");
    ok(weft__websocket_close_write(out, 1000, WEFT__SLICE("bye")) == 5 && memcmp(out,
                                                                                 "\x03\xe8"
                                                                                 "bye",
                                                                                 5) == 0,
       "a code and a reason");
    is_int(weft__websocket_close_write(out, 1000, weft__slice(longest, 123)), 125,
           "the longest reason");
    ok(weft__websocket_close_write(out, 1000, weft__slice(longest, 124)) < 0 && errno == EMSGSIZE,
       "a longer one");
    ok(weft__websocket_close_write(out, 1005, weft__slice("", 0)) < 0 && errno == EINVAL,
       "a code that can't be sent");
    ok(weft__websocket_close_write(out, 1000, WEFT__SLICE("\xff")) < 0 && errno == EILSEQ,
       "a reason that is not UTF-8");
}

static void check_keys(void)
{
    ok(weft__websocket_key_valid(WEFT__SLICE("dGhlIHNhbXBsZSBub25jZQ==")), "a key");
    ok(!weft__websocket_key_valid(WEFT__SLICE("dGhlIHNhbXBsZSBub25jZQ=")), "too short");
    ok(!weft__websocket_key_valid(WEFT__SLICE("dGhlIHNhbXBsZSBub25jZQAA")), "too long inside");
    ok(!weft__websocket_key_valid(WEFT__SLICE("dGhlIHNhbXBs*SBub25jZQ==")), "not base64");
    ok(!weft__websocket_key_valid(WEFT__SLICE("")), "empty");
}

/* The answer to an offer; "-" for none. */
static void offered(const char *offer, const struct weft__websocket_deflate *wanted,
                    const char *expected)
{
    struct weft__websocket_deflate agreed;
    struct weft__buffer out;
    weft__buffer_init(&out, 512);
    if (!weft__websocket_deflate_choose(weft__slice_string(offer), wanted, &agreed)) {
        must(weft__buffer_append(&out, "-", 1) == 0, "memory");
    } else {
        must(weft__websocket_deflate_write(&out, &agreed) == 0, "memory");
    }
    char *text = weft__buffer_take(&out, NULL);
    is_str(text, expected, "offer: %s", offer);
    free(text);
}

#define PMD "permessage-deflate"
#define NONE "; server_no_context_takeover; client_no_context_takeover"

static void check_offers(void)
{
    const struct weft__websocket_deflate thrifty = { .server_bits = 15, .client_bits = 15 };
    const struct weft__websocket_deflate keeping = { true, true, false, 15, 15 };
    const struct weft__websocket_deflate small = { true, true, false, 10, 11 };
    offered(PMD, &thrifty, PMD NONE);
    offered(PMD, &keeping, PMD);
    offered("", &keeping, "-");
    offered("x-webkit-deflate-frame, " PMD, &keeping, PMD);
    offered(PMD "; server_no_context_takeover", &keeping, PMD "; server_no_context_takeover");
    offered(PMD "; Client_No_Context_Takeover", &keeping, PMD "; client_no_context_takeover");
    offered(PMD "; client_max_window_bits", &keeping, PMD);
    offered(PMD "; client_max_window_bits", &small,
            PMD "; server_max_window_bits=10; client_max_window_bits=11");
    offered(PMD "; client_max_window_bits=9", &small,
            PMD "; server_max_window_bits=10; client_max_window_bits=9");
    offered(PMD, &small, PMD "; server_max_window_bits=10");
    offered(PMD "; server_max_window_bits=9", &keeping, PMD "; server_max_window_bits=9");
    offered(PMD "; server_max_window_bits=\"12\"", &keeping, PMD "; server_max_window_bits=12");
    offered(PMD "; server_max_window_bits=15", &keeping, PMD "; server_max_window_bits=15");
    offered(PMD "; server_max_window_bits=8", &keeping, "-");
    offered(PMD "; server_max_window_bits=8, " PMD, &keeping, PMD);
    offered(PMD "; client_max_window_bits=8", &keeping, PMD "; client_max_window_bits=8");
    offered(PMD "; server_max_window_bits", &keeping, "-");
    offered(PMD "; server_max_window_bits=16", &keeping, "-");
    offered(PMD "; server_max_window_bits=7", &keeping, "-");
    offered(PMD "; server_max_window_bits=09", &keeping, "-");
    offered(PMD "; client_max_window_bits=", &keeping, "-");
    offered(PMD "; client_max_window_bits=x", &keeping, "-");
    offered(PMD "; client_max_window_bits; client_max_window_bits", &keeping, "-");
    offered(PMD "; server_no_context_takeover=1", &keeping, "-");
    offered(PMD "; server_no_context_takeover; server_no_context_takeover", &keeping, "-");
    offered(PMD "; unknown", &keeping, "-");
    offered(PMD ";", &keeping, "-");
}

int main(void)
{
    check_mask();
    check_heads();
    check_close();
    check_keys();
    check_offers();
    return done_testing();
}
