/* What a reader of an event stream gets to see, as text; see transcript.h. */
#ifndef TESTS_UNIT_PROTO_SSE_TRANSCRIPT_H
#define TESTS_UNIT_PROTO_SSE_TRANSCRIPT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/sse.h"

static inline void sse_note(struct weft__buffer *out, const struct weft__sse_event *event)
{
    if (weft__buffer_appendf(out, "[%.*s|", WEFT__PRINT(event->type)) < 0 ||
        weft__buffer_append_slice(out, event->data) < 0 ||
        weft__buffer_appendf(out, "|%.*s]", WEFT__PRINT(event->id)) < 0)
        abort();
}

/* Feed a piece from a block of its own size; 0, or -1 when the parser refuses. */
static inline int sse_feed(struct weft__sse *parser, struct weft__slice piece,
                           struct weft__buffer *out)
{
    char *block = malloc(piece.length ? piece.length : 1);
    struct weft__sse_event event;
    int result;

    if (!block)
        abort();
    if (piece.length)
        memcpy(block, piece.data, piece.length);
    struct weft__slice rest = weft__slice(block, piece.length);
    while ((result = weft__sse_next(parser, &rest, &event)) > 0)
        sse_note(out, &event);
    free(block);
    return result;
}

/* All events, then the retry time, the last id, and whether an event was cut off. To be freed. */
static inline char *sse_transcript(struct weft__slice bytes, size_t limit, size_t first,
                                   size_t step)
{
    struct weft__sse parser;
    struct weft__buffer out;
    size_t at = 0;
    int result = 0;

    weft__sse_init(&parser, limit);
    weft__buffer_init(&out, 1 << 26);
    while (result == 0 && at < bytes.length) {
        size_t count = at == 0 && first ? first : step;
        if (count == 0 || count > bytes.length - at)
            count = bytes.length - at;
        result = sse_feed(&parser, weft__slice(bytes.data + at, count), &out);
        at += count;
    }
    if (result < 0)
        result = weft__buffer_appendf(&out, " errno %d", errno);
    else
        result = weft__buffer_appendf(&out, " retry %lld id %.*s%s", (long long)parser.retry,
                                      WEFT__PRINT(weft__sse_last_id(&parser)),
                                      weft__sse_unfinished(&parser) ? " unfinished" : "");
    if (result < 0)
        abort();
    weft__sse_fini(&parser);
    char *text = weft__buffer_take(&out, NULL);
    if (!text)
        abort();
    return text;
}

/* The first cut that gives other events; SIZE_MAX when there is none. */
static inline size_t sse_splits(struct weft__slice bytes, size_t limit)
{
    char *whole = sse_transcript(bytes, limit, 0, 0);
    size_t bad = SIZE_MAX;

    for (size_t cut = 0; cut <= bytes.length && bad == SIZE_MAX; cut++) {
        char *other = sse_transcript(bytes, limit, cut, cut ? 0 : 1);
        if (strcmp(whole, other) != 0) {
            fprintf(stderr, "# whole: %s\n# cut at %zu: %s\n", whole, cut, other);
            bad = cut;
        }
        free(other);
    }
    free(whole);
    return bad;
}

#endif
