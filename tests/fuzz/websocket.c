#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "unit/proto/websocket_transcript.h"

static void cuts(struct weft__slice bytes, const struct weft__websocket_limits *limits)
{
    char *whole = websocket_transcript(bytes, limits, 0, 0);
    char *single = websocket_transcript(bytes, limits, 1, 1);
    char *pieces = websocket_transcript(bytes, limits, bytes.length / 2, 7);

    weft_assert(strcmp(whole, single) == 0);
    weft_assert(strcmp(whole, pieces) == 0);
    free(whole);
    free(single);
    free(pieces);
}

/* Any bytes sent as a message come back, in one frame or two. */
static void round_trip(struct weft__slice bytes, size_t cut)
{
    static const uint8_t mask[4] = { 1, 128, 255, 77 };
    const struct weft__websocket_limits limits = { UINT64_MAX, 2, true, false };
    struct weft__buffer out;
    size_t at = 0;

    weft__buffer_init(&out, 1 << 22);
    while (at < bytes.length || at == 0) {
        size_t count = at == 0 && cut ? cut : bytes.length - at;
        uint8_t head[WEFT__WEBSOCKET_HEAD_MAX];
        const struct weft__websocket_head frame = {
            .length = count,
            .opcode = at == 0 ? WEFT__WEBSOCKET_BINARY : WEFT__WEBSOCKET_CONTINUATION,
            .more = at + count < bytes.length,
            .mask = mask,
        };
        weft_assert(weft__buffer_append(&out, head, weft__websocket_head_write(head, &frame)) == 0);
        char *room = weft__buffer_reserve(&out, count + 1);
        weft_assert(room);
        if (count)
            memcpy(room, bytes.data + at, count);
        weft__websocket_mask(room, count, mask, 0);
        weft__buffer_added(&out, count);
        at += count;
        if (at >= bytes.length)
            break;
    }
    char *seen = websocket_transcript(weft__buffer_slice(&out), &limits, 0, 5);
    weft_assert(strncmp(seen, "[2|", 3) == 0);
    weft_assert(bytes.length == 0 || memcmp(seen + 3, bytes.data, bytes.length) == 0);
    weft_assert(strcmp(seen + 3 + bytes.length, "]") == 0);
    free(seen);
    weft__buffer_fini(&out);
}

/* What is agreed on lies within what was offered and wanted. */
static void negotiate(struct weft__slice bytes)
{
    const struct weft__websocket_deflate wanted = { true, true, false, 14, 13 };
    struct weft__websocket_deflate agreed;

    if (weft__websocket_deflate_choose(bytes, &wanted, &agreed)) {
        weft_assert(agreed.server_bits >= 9 && agreed.server_bits <= 14);
        weft_assert(agreed.client_bits >= 8 && agreed.client_bits <= 15);
    }
    weft__websocket_key_valid(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct weft__websocket_limits server = { 1 << 20, 100, true, true };
    const struct weft__websocket_limits client = { 20, 3, false, false };
    struct weft__slice bytes = weft__slice((const char *)data, size);

    cuts(bytes, &server);
    cuts(bytes, &client);
    round_trip(bytes, 0);
    round_trip(bytes, size / 3);
    negotiate(bytes);
    return 0;
}
