#ifndef WEFT_PROTO_WEBSOCKET_H
#define WEFT_PROTO_WEBSOCKET_H

/*
 * The WebSocket protocol (RFC 6455): frames read and written, without I/O.
 *
 * The reader is given bytes as they come, unmasks them where they lie, and returns one event at a
 * time. How the bytes were cut changes nothing but how data is cut into events.
 *
 *      while ((event = weft__websocket_read(&reader, bytes, length, &used)) > 0) {
 *          if (event == WEFT__WEBSOCKET_DATA)      reader.data: a piece of a message
 *          if (event == WEFT__WEBSOCKET_CONTROL)   reader.data: the whole payload
 *          bytes += used, length -= used;
 *      }
 *      if (event == WEFT__WEBSOCKET_ERROR)
 *          close with reader.code, telling reader.reason
 *
 * Text is checked to be UTF-8 as it comes, unless it is compressed: that is for whoever inflates.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum {
    WEFT__WEBSOCKET_CONTROL_MAX = 125, /* bytes of a control frame's payload */
    WEFT__WEBSOCKET_HEAD_MAX = 14,     /* bytes in front of a payload */
    WEFT__WEBSOCKET_REASON_MAX = 123,  /* bytes of a close frame's text */
    WEFT__WEBSOCKET_KEY = 24,          /* bytes of a handshake's key */
};

enum weft__websocket_opcode {
    WEFT__WEBSOCKET_CONTINUATION = 0,
    WEFT__WEBSOCKET_TEXT = 1,
    WEFT__WEBSOCKET_BINARY = 2,
    WEFT__WEBSOCKET_CLOSE = 8,
    WEFT__WEBSOCKET_PING = 9,
    WEFT__WEBSOCKET_PONG = 10,
};

/** Close codes that the library gives or treats in a way of their own (RFC 6455, 7.4). */
enum weft__websocket_code {
    WEFT__WEBSOCKET_NORMAL = 1000,
    WEFT__WEBSOCKET_GOING_AWAY = 1001,
    WEFT__WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEFT__WEBSOCKET_NO_CODE = 1005,  /* the close frame was empty; never sent */
    WEFT__WEBSOCKET_ABNORMAL = 1006, /* there was no close frame; never sent */
    WEFT__WEBSOCKET_BAD_DATA = 1007,
    WEFT__WEBSOCKET_POLICY = 1008,
    WEFT__WEBSOCKET_TOO_LARGE = 1009,
    WEFT__WEBSOCKET_FAILURE = 1011,
    WEFT__WEBSOCKET_TRY_LATER = 1013,
};

/** Where a check of UTF-8 stands. Zeroed at first. */
struct weft__utf8 {
    uint8_t state;
};

/** Go on with a text's next bytes. False once no continuation can make them valid. */
bool weft__utf8_check(struct weft__utf8 *utf8, const char *data, size_t length);

/** True if a text may end here: not inside a character. */
static inline bool weft__utf8_complete(const struct weft__utf8 *utf8)
{
    return utf8->state == 0;
}

/** True if a whole text is valid. */
bool weft__utf8_valid(const char *data, size_t length);

/**
 * Mask or unmask bytes where they lie.
 *
 * @param offset   Of the first byte in its frame's payload.
 */
void weft__websocket_mask(void *data, size_t length, const uint8_t key[4], uint64_t offset);

enum weft__websocket_event {
    WEFT__WEBSOCKET_ERROR = -1,
    WEFT__WEBSOCKET_MORE = 0, /* all bytes used */
    WEFT__WEBSOCKET_DATA = 1,
    WEFT__WEBSOCKET_CONTROL = 2,
};

/** What a reader takes. */
struct weft__websocket_limits {
    uint64_t message;   /* bytes of a message */
    uint64_t fragments; /* frames of a message */
    bool masked;        /* the frames have to be masked: they come from a client */
    bool deflate;       /* messages may be compressed */
};

/** The receiving side of a connection. */
struct weft__websocket_reader {
    /* Of the event. */
    struct weft__slice data; /* in the bytes given, or in the reader */
    uint8_t opcode;          /* TEXT or BINARY of the message, or the control frame's */
    bool compressed;         /* of the message: to be inflated */
    bool first;              /* DATA: the message begins */
    bool last;               /* DATA: and ends */
    uint16_t code;           /* CLOSE: the peer's; ERROR: what to close with */
    const char *reason;      /* ERROR: what is wrong */

    /* private */
    bool closed; /* a close frame was read: nothing counts any more */
    bool begun;  /* inside a message */
    bool told;   /* of its beginning */
    bool final;  /* the frame ends its message */
    bool open;   /* inside a frame's payload */
    uint8_t frame_opcode;
    uint8_t head_length;
    uint8_t head[WEFT__WEBSOCKET_HEAD_MAX];
    uint8_t mask[4];
    struct weft__utf8 utf8;
    uint8_t control[WEFT__WEBSOCKET_CONTROL_MAX];
    uint64_t offset;  /* payload bytes of the frame that have come */
    uint64_t length;  /* its payload */
    uint64_t message; /* bytes of the message in frames before */
    uint64_t fragments;
    struct weft__websocket_limits limits;
};

/** Begin a connection. */
void weft__websocket_reader_init(struct weft__websocket_reader *reader,
                                 const struct weft__websocket_limits *limits);

/**
 * Read up to the next event.
 *
 * @param bytes    Unmasked where they lie.
 * @param used     Set to how many were read.
 * @return         See enum weft__websocket_event. After an ERROR it stays one; after a close frame
 *                 everything is passed over.
 */
enum weft__websocket_event weft__websocket_read(struct weft__websocket_reader *reader, char *bytes,
                                                size_t length, size_t *used);

/** True inside a frame or a message: the end of the stream would cut it. */
bool weft__websocket_unfinished(const struct weft__websocket_reader *reader);

/** The text of a close frame that was read. */
struct weft__slice weft__websocket_close_reason(const struct weft__websocket_reader *reader);

/** A frame to be written. */
struct weft__websocket_head {
    uint64_t length; /* of the payload */
    uint8_t opcode;
    bool more;           /* the message goes on in another frame */
    bool compressed;     /* first frame of a compressed message */
    const uint8_t *mask; /* 4 bytes; NULL: not masked */
};

/** Write what stands in front of a payload; returns its bytes. */
size_t weft__websocket_head_write(uint8_t out[WEFT__WEBSOCKET_HEAD_MAX],
                                  const struct weft__websocket_head *head);

/** True for a code that a close frame may carry. */
bool weft__websocket_code_valid(unsigned code);

/**
 * The payload of a close frame.
 *
 * @param code     0: none, and no reason.
 * @return         Bytes; -1: EINVAL a code that can't be sent, EMSGSIZE the reason is too long,
 *                 EILSEQ it is not UTF-8.
 */
int weft__websocket_close_write(uint8_t out[WEFT__WEBSOCKET_CONTROL_MAX], unsigned code,
                                struct weft__slice reason);

/** True if a text is the base64 of 16 bytes, as a handshake's key has to be. */
bool weft__websocket_key_valid(struct weft__slice key);

/** How messages are compressed (RFC 7692), from the server's side. */
struct weft__websocket_deflate {
    bool server_takeover; /* our compressor remembers earlier messages */
    bool client_takeover; /* the client's does */
    bool tell_bits;       /* the client asked for server_bits: the answer has to name them */
    uint8_t server_bits;  /* 9 to 15: window of what we send */
    uint8_t client_bits;  /* 8 to 15: window of what we receive */
};

/**
 * Choose from the client's offers.
 *
 * @param offers   The value of a sec-websocket-extensions field.
 * @param wanted   What the server would like.
 * @param agreed   Set when true is returned.
 * @return         False if there is no offer that the server can take.
 */
bool weft__websocket_deflate_choose(struct weft__slice offers,
                                    const struct weft__websocket_deflate *wanted,
                                    struct weft__websocket_deflate *agreed);

/** Append the extension as the answer has to tell it. 0; -1: ENOBUFS, ENOMEM. */
int weft__websocket_deflate_write(struct weft__buffer *out,
                                  const struct weft__websocket_deflate *agreed);

#endif
