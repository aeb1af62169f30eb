/*
 * The frame reader.
 *
 *      head (2 to 14 bytes, gathered) --> payload --> head ...
 *
 * What is wrong is told at the byte that makes it so: the first two bytes of a head are judged as
 * they come, its length when it is complete, text piece by piece. A control frame is gathered in
 * the reader, since it may come in the middle of a message.
 */
#include "proto/websocket.h"

#include <string.h>

enum {
    FINAL = 0x80,
    COMPRESSED = 0x40,
    RESERVED = 0x30,
    OPCODE = 0x0f,
    CONTROL = 0x08,
    MASKED = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
};

void weft__websocket_reader_init(struct weft__websocket_reader *reader,
                                 const struct weft__websocket_limits *limits)
{
    memset(reader, 0, sizeof(*reader));
    reader->limits = *limits;
}

/* The first reason stays. */
static enum weft__websocket_event refuse(struct weft__websocket_reader *reader, unsigned code,
                                         const char *reason)
{
    reader->code = (uint16_t)code;
    reader->reason = reason;
    reader->data = weft__slice(NULL, 0);
    return WEFT__WEBSOCKET_ERROR;
}

static enum weft__websocket_event break_rule(struct weft__websocket_reader *reader,
                                             const char *reason)
{
    return refuse(reader, WEFT__WEBSOCKET_PROTOCOL_ERROR, reason);
}

static bool is_control(const struct weft__websocket_reader *reader)
{
    return (reader->frame_opcode & CONTROL) != 0;
}

static enum weft__websocket_event check_opcode(struct weft__websocket_reader *reader)
{
    switch (reader->frame_opcode) {
    case WEFT__WEBSOCKET_CONTINUATION:
        return reader->begun ? WEFT__WEBSOCKET_MORE
                             : break_rule(reader, "a continuation without a message");
    case WEFT__WEBSOCKET_TEXT:
    case WEFT__WEBSOCKET_BINARY:
        return reader->begun ? break_rule(reader, "a new message inside a message")
                             : WEFT__WEBSOCKET_MORE;
    case WEFT__WEBSOCKET_CLOSE:
    case WEFT__WEBSOCKET_PING:
    case WEFT__WEBSOCKET_PONG:
        return reader->final ? WEFT__WEBSOCKET_MORE
                             : break_rule(reader, "a control frame in fragments");
    default:
        return break_rule(reader, "an unknown opcode");
    }
}

static enum weft__websocket_event check_first(struct weft__websocket_reader *reader)
{
    uint8_t byte = reader->head[0];
    reader->final = byte & FINAL;
    reader->frame_opcode = byte & OPCODE;
    bool may_compress = reader->limits.deflate && (reader->frame_opcode == WEFT__WEBSOCKET_TEXT ||
                                                   reader->frame_opcode == WEFT__WEBSOCKET_BINARY);
    if (byte & RESERVED || (byte & COMPRESSED && !may_compress)) {
        return break_rule(reader, "a reserved bit is set");
    }
    return check_opcode(reader);
}

static enum weft__websocket_event check_second(struct weft__websocket_reader *reader)
{
    uint8_t byte = reader->head[1];
    bool masked = byte & MASKED;
    if (masked != reader->limits.masked) {
        return break_rule(reader,
                          masked ? "a masked frame from a server" : "a frame that is not masked");
    }
    if (is_control(reader) && (byte & LENGTH) > WEFT__WEBSOCKET_CONTROL_MAX) {
        return break_rule(reader, "a control frame above 125 bytes");
    }
    return WEFT__WEBSOCKET_MORE;
}

static size_t length_bytes(const struct weft__websocket_reader *reader)
{
    switch (reader->head[1] & LENGTH) {
    case LENGTH_16:
        return 2;
    case LENGTH_64:
        return 8;
    default:
        return 0;
    }
}

static size_t head_size(const struct weft__websocket_reader *reader)
{
    return reader->head_length < 2 ? 2 : 2 + length_bytes(reader) + (reader->limits.masked ? 4 : 0);
}

/* A compressed message may take a little more than its content where nothing can be saved. */
static uint64_t most(const struct weft__websocket_reader *reader)
{
    uint64_t most = reader->limits.message;
    uint64_t slack = (most >> 8) + 64;
    return !reader->compressed || most > UINT64_MAX - slack ? most : most + slack;
}

static enum weft__websocket_event begin_data(struct weft__websocket_reader *reader)
{
    if (!reader->begun) {
        reader->begun = true;
        reader->told = false;
        reader->opcode = reader->frame_opcode;
        reader->compressed = reader->head[0] & COMPRESSED;
        reader->message = 0;
        reader->fragments = 0;
        reader->utf8 = (struct weft__utf8){ 0 };
    }
    if (reader->fragments >= reader->limits.fragments) {
        return refuse(reader, WEFT__WEBSOCKET_POLICY, "a message of too many fragments");
    }
    reader->fragments++;
    if (reader->length > most(reader) - reader->message) {
        return refuse(reader, WEFT__WEBSOCKET_TOO_LARGE, "a message above the limit");
    }
    return WEFT__WEBSOCKET_MORE;
}

/* The head is complete. */
static enum weft__websocket_event begin_frame(struct weft__websocket_reader *reader)
{
    size_t extra = length_bytes(reader);
    uint64_t length = extra ? 0 : reader->head[1] & LENGTH;
    for (size_t i = 0; i < extra; i++) {
        length = length << 8 | reader->head[2 + i];
    }
    if ((extra == 2 && length < LENGTH_16) || (extra == 8 && length <= UINT16_MAX)) {
        return break_rule(reader, "a length that is not in its shortest form");
    }
    if (length > INT64_MAX) {
        return break_rule(reader, "a length above 63 bits");
    }
    if (reader->limits.masked) {
        memcpy(reader->mask, reader->head + 2 + extra, sizeof(reader->mask));
    }
    reader->length = length;
    reader->offset = 0;
    reader->head_length = 0;
    reader->open = true;
    return is_control(reader) ? WEFT__WEBSOCKET_MORE : begin_data(reader);
}

/* Gather a head. MORE with `open` set once it is complete. */
static enum weft__websocket_event read_head(struct weft__websocket_reader *reader,
                                            const char *bytes, size_t length, size_t *used)
{
    while (*used < length) {
        reader->head[reader->head_length++] = (uint8_t)bytes[(*used)++];
        enum weft__websocket_event event = WEFT__WEBSOCKET_MORE;
        if (reader->head_length == 1) {
            event = check_first(reader);
        } else if (reader->head_length == 2) {
            event = check_second(reader);
        }
        if (event == WEFT__WEBSOCKET_MORE && reader->head_length == head_size(reader)) {
            event = begin_frame(reader);
        }
        if (event != WEFT__WEBSOCKET_MORE || reader->open) {
            return event;
        }
    }
    return WEFT__WEBSOCKET_MORE;
}

/* What is there of the payload, unmasked. */
static struct weft__slice take_payload(struct weft__websocket_reader *reader, char *bytes,
                                       size_t length, size_t *used)
{
    uint64_t left = reader->length - reader->offset;
    size_t count = length - *used < left ? length - *used : (size_t)left;
    char *piece = bytes + *used;
    if (reader->limits.masked) {
        weft__websocket_mask(piece, count, reader->mask, reader->offset);
    }
    reader->offset += count;
    *used += count;
    return weft__slice(piece, count);
}

static bool frame_done(const struct weft__websocket_reader *reader)
{
    return reader->offset == reader->length;
}

static bool text_is_bad(struct weft__websocket_reader *reader, struct weft__slice piece)
{
    if (reader->opcode != WEFT__WEBSOCKET_TEXT || reader->compressed) {
        return false;
    }
    return !weft__utf8_check(&reader->utf8, piece.data, piece.length) ||
           (reader->last && !weft__utf8_complete(&reader->utf8));
}

static enum weft__websocket_event read_data(struct weft__websocket_reader *reader, char *bytes,
                                            size_t length, size_t *used)
{
    struct weft__slice piece = take_payload(reader, bytes, length, used);
    bool done = frame_done(reader);
    reader->last = done && reader->final;
    if (text_is_bad(reader, piece)) {
        return refuse(reader, WEFT__WEBSOCKET_BAD_DATA, "text that is not UTF-8");
    }
    if (done) {
        reader->message += reader->length;
        reader->open = false;
        reader->begun = !reader->final;
    }
    if (piece.length == 0 && !reader->last) {
        return WEFT__WEBSOCKET_MORE;
    }
    reader->data = piece;
    reader->first = !reader->told;
    reader->told = true;
    return WEFT__WEBSOCKET_DATA;
}

static enum weft__websocket_event end_close(struct weft__websocket_reader *reader)
{
    const uint8_t *payload = reader->control;
    if (reader->length == 1) {
        return break_rule(reader, "a close frame of one byte");
    }
    unsigned code = WEFT__WEBSOCKET_NO_CODE;
    if (reader->length >= 2) {
        code = (unsigned)payload[0] << 8 | payload[1];
        if (!weft__websocket_code_valid(code)) {
            return break_rule(reader, "a close code that must not be sent");
        }
        struct weft__slice reason = weft__websocket_close_reason(reader);
        if (!weft__utf8_valid(reason.data, reason.length)) {
            return refuse(reader, WEFT__WEBSOCKET_BAD_DATA, "a close reason that is not UTF-8");
        }
    }
    reader->code = (uint16_t)code;
    reader->closed = true;
    return WEFT__WEBSOCKET_CONTROL;
}

static enum weft__websocket_event read_control(struct weft__websocket_reader *reader, char *bytes,
                                               size_t length, size_t *used)
{
    uint8_t *room = reader->control + reader->offset;
    struct weft__slice piece = take_payload(reader, bytes, length, used);
    if (piece.length) {
        memcpy(room, piece.data, piece.length);
    }
    if (!frame_done(reader)) {
        return WEFT__WEBSOCKET_MORE;
    }
    reader->open = false;
    reader->data = weft__slice((const char *)reader->control, (size_t)reader->length);
    return reader->frame_opcode == WEFT__WEBSOCKET_CLOSE ? end_close(reader)
                                                         : WEFT__WEBSOCKET_CONTROL;
}

static enum weft__websocket_event step(struct weft__websocket_reader *reader, char *bytes,
                                       size_t length, size_t *used)
{
    if (!reader->open) {
        enum weft__websocket_event event = read_head(reader, bytes, length, used);
        if (event != WEFT__WEBSOCKET_MORE || !reader->open) {
            return event;
        }
    }
    return is_control(reader) ? read_control(reader, bytes, length, used)
                              : read_data(reader, bytes, length, used);
}

enum weft__websocket_event weft__websocket_read(struct weft__websocket_reader *reader, char *bytes,
                                                size_t length, size_t *used)
{
    *used = 0;
    if (reader->reason) {
        return WEFT__WEBSOCKET_ERROR;
    }
    if (reader->closed) {
        *used = length;
        return WEFT__WEBSOCKET_MORE;
    }
    enum weft__websocket_event event = WEFT__WEBSOCKET_MORE;
    while (event == WEFT__WEBSOCKET_MORE && *used < length) {
        event = step(reader, bytes, length, used);
    }
    return event;
}

bool weft__websocket_unfinished(const struct weft__websocket_reader *reader)
{
    return !reader->closed && (reader->begun || reader->open || reader->head_length > 0);
}

struct weft__slice weft__websocket_close_reason(const struct weft__websocket_reader *reader)
{
    return reader->length > 2
               ? weft__slice((const char *)reader->control + 2, (size_t)reader->length - 2)
               : weft__slice("", 0);
}
