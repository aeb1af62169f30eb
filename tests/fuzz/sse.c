#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "unit/proto/sse_transcript.h"

static void cuts(struct weft__slice bytes, size_t limit)
{
    char *whole = sse_transcript(bytes, limit, 0, 0);
    char *single = sse_transcript(bytes, limit, 1, 1);
    char *pieces = sse_transcript(bytes, limit, bytes.length / 2, 7);

    weft_assert(strcmp(whole, single) == 0);
    weft_assert(strcmp(whole, pieces) == 0);
    free(whole);
    free(single);
    free(pieces);
}

/* Any text sent as data comes back, its line breaks as LF. */
static void round_trip(struct weft__slice bytes)
{
    struct weft__sse_message message = { .data = bytes };
    struct weft__sse_event event;
    struct weft__sse parser;
    struct weft__buffer out;

    if (!bytes.data)
        return;
    weft__buffer_init(&out, 1 << 22);
    weft_assert(weft__sse_write(&out, &message) == 0);
    struct weft__slice rest = weft__buffer_slice(&out);
    weft__sse_init(&parser, 1 << 22);
    weft_assert(weft__sse_next(&parser, &rest, &event) == 1 && rest.length == 0);
    size_t at = 0;
    for (size_t i = 0; i < event.data.length; i++, at++) {
        char byte = bytes.data[at];
        weft_assert(event.data.data[i] == (byte == '\r' ? '\n' : byte));
        at += byte == '\r' && at + 1 < bytes.length && bytes.data[at + 1] == '\n';
    }
    weft_assert(at == bytes.length);
    weft__sse_fini(&parser);
    weft__buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weft__slice bytes = weft__slice((const char *)data, size);

    cuts(bytes, 1 << 20);
    cuts(bytes, 24);
    round_trip(bytes);
    return 0;
}
