#ifndef WEFT_PROTO_SSE_H
#define WEFT_PROTO_SSE_H

/*
 * Server-Sent Events, both directions (the event stream format of the HTML standard).
 *
 * Reading: the parser is given the bytes of a response body as they come and returns one event at a
 * time. How the bytes were cut never matters.
 *
 *      while (read_some(&bytes)) {
 *          while ((result = weft__sse_next(&parser, &bytes, &event)) > 0)
 *              use(event.type, event.data);
 *          if (result < 0)
 *              fail: an event is larger than the limit
 *      }
 *
 * An event that the stream's end cuts off is dropped, as the standard says;
 * weft__sse_unfinished() tells, for protocols in which that means a truncated answer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/** An event received. */
struct weft__sse_event {
    struct weft__slice type; /* "message" unless the stream names one */
    struct weft__slice data; /* the data lines joined by LF */
    struct weft__slice id;   /* last event id: stays in force until changed */
};

/** The reader of one stream. */
struct weft__sse {
    int64_t retry; /* reconnection time in ms that the stream asked for last; -1: never */

    /* private */
    struct weft__buffer line; /* the line that has begun */
    struct weft__buffer data;
    struct weft__buffer type;
    struct weft__buffer pending_id;
    struct weft__buffer id;
    size_t limit;
    int refused;     /* errno of the failure that ended the stream */
    uint8_t mark;    /* bytes of the byte order mark seen; 3: past it */
    bool after_cr;   /* an LF right behind belongs to the CR */
    bool any_data;   /* a data line was seen, an empty one counts */
    bool has_id;     /* pending_id is to be taken over */
    bool dispatched; /* data and type are those of the event handed out */
};

/**
 * Begin a stream.
 *
 * @param limit    Most bytes of one event: its data, type and id, and the line that has begun,
 *                 together; above 0.
 */
void weft__sse_init(struct weft__sse *parser, size_t limit);

/** Give all memory back. */
void weft__sse_fini(struct weft__sse *parser);

/**
 * Begin the stream of a new connection: what was unfinished is dropped, the last event id and the
 * retry time are kept.
 */
void weft__sse_restart(struct weft__sse *parser);

/**
 * Take bytes until an event is complete.
 *
 * @param bytes    In: unread bytes. Out: those behind the event.
 * @param event    Filled in when 1 is returned; valid until the next call.
 * @return         1 an event; 0 all bytes taken, more are needed; -1: EMSGSIZE the event is larger
 *                 than the limit (the parser stays refused), ENOMEM.
 */
int weft__sse_next(struct weft__sse *parser, struct weft__slice *bytes,
                   struct weft__sse_event *event);

/** True when the bytes so far end inside an event: fields or part of a line without the end. */
bool weft__sse_unfinished(const struct weft__sse *parser);

/** The last event id, for the Last-Event-ID of a reconnect; empty when there is none. */
struct weft__slice weft__sse_last_id(const struct weft__sse *parser);

/** An event to be sent. Fields left zero are not written. */
struct weft__sse_message {
    struct weft__slice comment; /* ignored by receivers; a line break in it begins another one */
    struct weft__slice type;    /* no line break */
    struct weft__slice data;    /* CR, LF and CR LF in it become separate data lines */
    struct weft__slice id;      /* no line break, no NUL */
    int64_t retry;              /* ms; written when above 0 */
};

/**
 * Append an event, in one piece, ended by an empty line. Its data is written when data.data is not
 * NULL, so an event with empty data is possible. The receiver sees every line break in the data as
 * LF.
 *
 * @return         0; or -1, nothing appended then: EINVAL a line break (or NUL) where none may be,
 *                 ENOBUFS, ENOMEM.
 */
int weft__sse_write(struct weft__buffer *out, const struct weft__sse_message *message);

#endif
