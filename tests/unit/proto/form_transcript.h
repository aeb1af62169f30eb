/* What the parsers of forms make of bytes that come in pieces, as text. */
#ifndef TESTS_UNIT_PROTO_FORM_TRANSCRIPT_H
#define TESTS_UNIT_PROTO_FORM_TRANSCRIPT_H

#include <errno.h>
#include <stdlib.h>

#include "proto/form.h"
#include "proto/multipart.h"

static void note(struct weft__buffer *out, const char *before, struct weft__slice text)
{
    weft__buffer_append(out, before, strlen(before));
    weft__buffer_append(out, text.data ? text.data : "(none)", text.data ? text.length : 6);
}

static void note_event(struct weft__buffer *out, const struct weft__multipart_event *event,
                       bool *data)
{
    if (event->kind == WEFT__MULTIPART_DATA) {
        note(out, *data ? "" : "=", event->data);
        *data = true;
        return;
    }
    *data = false;
    if (event->kind == WEFT__MULTIPART_PART) {
        note(out, "[", event->name);
        note(out, "|", event->filename);
        note(out, "|", event->type);
    } else {
        note(out, event->kind == WEFT__MULTIPART_END ? "end" : "]", weft__slice("", 0));
    }
}

/* The first piece has `first` bytes, all others `rest` (0: one piece). To be freed. */
__attribute__((unused)) static char *
multipart_transcript(struct weft__slice bytes, const char *boundary, size_t first, size_t rest)
{
    struct weft__multipart parser;
    struct weft__multipart_event event;
    struct weft__buffer out;
    bool data = false;
    int got = 0;
    weft__buffer_init(&out, 1 << 24);
    if (weft__multipart_init(&parser, weft__slice_string(boundary)) < 0) {
        return strdup("no boundary");
    }
    size_t size = first;
    for (size_t at = 0; at < bytes.length && got >= 0; at += size, size = rest) {
        if (size == 0 || size > bytes.length - at) {
            size = bytes.length - at;
        }
        struct weft__slice piece = weft__slice(bytes.data + at, size);
        while ((got = weft__multipart_next(&parser, &piece, &event)) > 0) {
            note_event(&out, &event, &data);
        }
    }
    if (got < 0) {
        note(&out, errno == EMSGSIZE ? "!large" : "!", weft__slice("", 0));
    } else if (!weft__multipart_ended(&parser)) {
        note(&out, "...", weft__slice("", 0));
    }
    weft__multipart_fini(&parser);
    return weft__buffer_take(&out, NULL);
}

__attribute__((unused)) static char *form_transcript(struct weft__slice bytes, size_t limit,
                                                     size_t first, size_t rest)
{
    struct weft__form form;
    struct weft__slice name;
    struct weft__slice value;
    struct weft__buffer out;
    int got = 0;
    weft__buffer_init(&out, 1 << 24);
    weft__form_init(&form, limit);
    size_t size = first;
    size_t at = 0;
    do {
        if (size == 0 || size > bytes.length - at) {
            size = bytes.length - at;
        }
        struct weft__slice piece = weft__slice(bytes.data + at, size);
        at += size;
        while ((got = weft__form_next(&form, &piece, at == bytes.length, &name, &value)) > 0) {
            note(&out, "[", name);
            note(&out, "=", value);
            note(&out, "]", weft__slice("", 0));
        }
        size = rest;
    } while (at < bytes.length && got == 0);
    if (got < 0) {
        note(&out, errno == EMSGSIZE ? "!large" : "!", weft__slice("", 0));
    }
    weft__form_fini(&form);
    return weft__buffer_take(&out, NULL);
}

#endif
