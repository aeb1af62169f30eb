#ifndef WEFT_PROTO_HTTP1_INTERNAL_H
#define WEFT_PROTO_HTTP1_INTERNAL_H

/* What the files of the HTTP/1 parser share. */

#include "proto/http1.h"

/* Fields that decide where a message ends or whom it is for; bits of head.seen. */
enum {
    WEFT__HTTP1_SEEN_HOST = 1 << 0,
    WEFT__HTTP1_SEEN_LENGTH = 1 << 1,
    WEFT__HTTP1_SEEN_CODING = 1 << 2,
    WEFT__HTTP1_SEEN_CLOSE = 1 << 3,
    WEFT__HTTP1_SEEN_KEEP_ALIVE = 1 << 4,
    WEFT__HTTP1_SEEN_UPGRADE_OPTION = 1 << 5,
    WEFT__HTTP1_SEEN_EXPECT = 1 << 6,
};

static inline enum weft__http1_result weft__http1_refuse(struct weft__http1_head *head,
                                                         enum weft__http1_error error)
{
    head->error = error;
    return WEFT__HTTP1_ERROR;
}

/* Begin a trailer section; head->length counts its bytes once parsed. */
void weft__http1_trailers_init(struct weft__http1_head *head,
                               const struct weft__http1_limits *limits,
                               struct weft__http1_field *fields, size_t capacity);

/* Take the request or status line in data[0..length) apart; the line end is not part of it. */
enum weft__http1_result weft__http1_request_line(struct weft__http1_head *head, const char *data,
                                                 size_t length);
enum weft__http1_result weft__http1_status_line(struct weft__http1_head *head, const char *data,
                                                size_t length);

/* Lengths of the names that weft__http1_note_field() knows in a message head. */
enum {
    WEFT__HTTP1_NOTED_LENGTHS = 1 << 4 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 14 | 1 << 17,
};

/* Remember what a field says about the message; refuse what it may not say. */
enum weft__http1_result weft__http1_note_field(struct weft__http1_head *head,
                                               const struct weft__http1_field *field);

/* Once all fields are known: host, framing, persistence. */
enum weft__http1_result weft__http1_conclude(struct weft__http1_head *head);

#endif
