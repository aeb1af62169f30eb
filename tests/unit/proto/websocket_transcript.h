/* What a reader of frames gets to see, as text; see transcript.h. */
#ifndef TESTS_UNIT_PROTO_WEBSOCKET_TRANSCRIPT_H
#define TESTS_UNIT_PROTO_WEBSOCKET_TRANSCRIPT_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/websocket.h"

/* A message is noted when it is complete: how its data is cut is not to be seen. */
struct websocket_notes {
    struct weft__buffer text;
    struct weft__buffer message;
};

static inline void websocket_append(struct weft__buffer *out, struct weft__slice data)
{
    if (weft__buffer_append_slice(out, data) < 0)
        abort();
}

static inline void websocket_note(struct websocket_notes *notes,
                                  const struct weft__websocket_reader *reader,
                                  enum weft__websocket_event event)
{
    int result = 0;
    if (event == WEFT__WEBSOCKET_CONTROL) {
        result = weft__buffer_appendf(&notes->text, "<%u|", (unsigned)reader->frame_opcode);
        websocket_append(&notes->text, reader->data);
        if (reader->frame_opcode == WEFT__WEBSOCKET_CLOSE)
            result |= weft__buffer_appendf(&notes->text, "|%u", (unsigned)reader->code);
        result |= weft__buffer_append(&notes->text, ">", 1);
    } else if (event == WEFT__WEBSOCKET_DATA) {
        if (reader->first != (notes->message.limit == 1))
            abort(); /* the beginning is told once */
        if (reader->first)
            weft__buffer_init(&notes->message, 1 << 26);
        websocket_append(&notes->message, reader->data);
        if (!reader->last)
            return;
        result = weft__buffer_appendf(&notes->text, "[%u%s|", (unsigned)reader->opcode,
                                      reader->compressed ? "z" : "");
        websocket_append(&notes->text, weft__buffer_slice(&notes->message));
        result |= weft__buffer_append(&notes->text, "]", 1);
        weft__buffer_fini(&notes->message);
        notes->message.limit = 1;
    } else {
        result =
            weft__buffer_appendf(&notes->text, " %u %s", (unsigned)reader->code, reader->reason);
    }
    if (result < 0)
        abort();
}

/* Feed a piece from a block of its own size; false when the reader refuses. */
static inline bool websocket_feed(struct weft__websocket_reader *reader, struct weft__slice piece,
                                  struct websocket_notes *notes)
{
    char *block = malloc(piece.length ? piece.length : 1);
    size_t at = 0, used;
    enum weft__websocket_event event;

    if (!block)
        abort();
    if (piece.length)
        memcpy(block, piece.data, piece.length);
    while ((event = weft__websocket_read(reader, block + at, piece.length - at, &used)) > 0) {
        websocket_note(notes, reader, event);
        at += used;
    }
    free(block);
    if (event < 0)
        websocket_note(notes, reader, event);
    else if (at + used != piece.length)
        abort(); /* it stopped without a reason */
    return event >= 0;
}

/* All events, then the refusal, or whether something was cut off. To be freed. */
static inline char *websocket_transcript(struct weft__slice bytes,
                                         const struct weft__websocket_limits *limits, size_t first,
                                         size_t step)
{
    struct weft__websocket_reader reader;
    struct websocket_notes notes = { 0 };
    size_t at = 0;
    bool going = true;

    weft__websocket_reader_init(&reader, limits);
    weft__buffer_init(&notes.text, 1 << 26);
    notes.message.limit = 1;
    while (going && at < bytes.length) {
        size_t count = at == 0 && first ? first : step;
        if (count == 0 || count > bytes.length - at)
            count = bytes.length - at;
        going = websocket_feed(&reader, weft__slice(bytes.data + at, count), &notes);
        at += count;
    }
    if (going && weft__websocket_unfinished(&reader) &&
        weft__buffer_append(&notes.text, " cut", 4) < 0)
        abort();
    weft__buffer_fini(&notes.message);
    char *text = weft__buffer_take(&notes.text, NULL);
    if (!text)
        abort();
    return text;
}

#endif
