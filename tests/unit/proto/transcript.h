/*
 * What a connection that receives certain bytes gets to see, written down as text, so that two ways
 * of cutting the same bytes can be compared with strcmp().
 *
 * At every step the unread bytes are copied to a block of their own of exactly their size: a parser
 * that reads past its end, or keeps pointers into the old place, is caught by the sanitizers.
 */
#ifndef TESTS_UNIT_PROTO_TRANSCRIPT_H
#define TESTS_UNIT_PROTO_TRANSCRIPT_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/http1.h"

/* How the bytes arrive: `first` bytes, then `step` bytes at a time. 0: all the rest. */
struct arrival {
    size_t first;
    size_t step;
};

struct connection {
    enum weft__http1_kind kind;
    struct weft__slice method; /* of the request, when reading responses */
    const struct weft__http1_limits *limits;
    uint64_t body_limit;
    size_t trailer_capacity; /* 0: 16; at most 16 */

    /* while running */
    struct weft__slice bytes;
    struct arrival arrival;
    size_t start; /* unread from here */
    size_t have;  /* arrived up to here */
    char *window;
    struct weft__buffer *out;
    unsigned status; /* of the last response head */
};

enum {
    TRANSCRIPT_FIELDS = 128,
    TRANSCRIPT_TRAILERS = 16
};

static inline void transcript_text(struct connection *connection, const char *label,
                                   struct weft__slice text)
{
    if (weft__buffer_appendf(connection->out, "%s ", label) < 0 ||
        weft__buffer_append_slice(connection->out, text) < 0 ||
        weft__buffer_append(connection->out, "\n", 1) < 0)
        abort();
}

static inline void transcript_number(struct connection *connection, const char *label,
                                     uint64_t number)
{
    if (weft__buffer_appendf(connection->out, "%s %llu\n", label, (unsigned long long)number) < 0)
        abort();
}

static inline void transcript_fields(struct connection *connection, const char *label,
                                     const struct weft__http1_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        transcript_text(connection, label, head->fields[i].name);
        transcript_text(connection, " =", head->fields[i].value);
    }
}

static inline void transcript_head(struct connection *connection,
                                   const struct weft__http1_head *head)
{
    static const char *const framings[] = { "none", "length", "chunked", "close", "tunnel" };

    if (head->kind == WEFT__HTTP1_REQUEST) {
        transcript_text(connection, "method", head->method);
        transcript_text(connection, "target", head->target);
        transcript_text(connection, "authority", head->authority);
    } else {
        transcript_number(connection, "status", head->status);
        transcript_text(connection, "reason", head->reason);
    }
    transcript_number(connection, "minor", head->minor);
    transcript_fields(connection, "field", head);
    transcript_text(connection, "upgrade", head->upgrade);
    if (weft__buffer_appendf(connection->out, "framing %s %llu%s%s\n", framings[head->framing],
                             (unsigned long long)head->content_length,
                             head->keep_alive ? " keep-alive" : "",
                             head->expect_continue ? " expect" : "") < 0)
        abort();
}

/* The unread bytes, somewhere else than last time. */
static inline struct weft__slice transcript_window(struct connection *connection)
{
    size_t length = connection->have - connection->start;
    char *window = malloc(length ? length : 1);

    if (!window)
        abort();
    if (length)
        memcpy(window, connection->bytes.data + connection->start, length);
    free(connection->window);
    connection->window = window;
    return weft__slice(window, length);
}

/* Let more bytes arrive; false at the end of the stream. */
static inline bool transcript_receive(struct connection *connection)
{
    size_t left = connection->bytes.length - connection->have;
    size_t count = connection->have == 0 && connection->arrival.first ? connection->arrival.first
                                                                      : connection->arrival.step;

    if (left == 0)
        return false;
    connection->have += count == 0 || count > left ? left : count;
    return true;
}

static inline bool transcript_error(struct connection *connection, enum weft__http1_error error)
{
    transcript_text(connection, "error", weft__slice_string(weft__http1_error_name(error)));
    return false;
}

/* Read the body; true when the connection may go on. */
static inline bool transcript_body(struct connection *connection,
                                   const struct weft__http1_head *head)
{
    static struct weft__http1_field trailers[TRANSCRIPT_TRAILERS];
    struct weft__http1_body body;
    struct weft__slice chunk;
    enum weft__http1_result result;
    size_t used;
    struct weft__buffer data;
    size_t capacity =
        connection->trailer_capacity ? connection->trailer_capacity : TRANSCRIPT_TRAILERS;
    bool keep_alive = head->keep_alive;

    weft__buffer_init(&data, 1 << 24);
    if (weft__http1_body_init(&body, head, trailers, capacity,
                              connection->body_limit ? connection->body_limit : UINT64_MAX) < 0)
        return transcript_error(connection, body.error);
    connection->start += head->length;
    for (;;) {
        struct weft__slice window = transcript_window(connection);
        result = weft__http1_body_next(&body, window.data, window.length, &used, &chunk);
        if (result == WEFT__HTTP1_DATA && weft__buffer_append_slice(&data, chunk) < 0)
            abort();
        if (result == WEFT__HTTP1_DONE)
            break;
        connection->start += used;
        if (result == WEFT__HTTP1_ERROR)
            break;
        if (result == WEFT__HTTP1_MORE && !transcript_receive(connection)) {
            result = weft__http1_body_end(&body);
            used = 0;
            break;
        }
    }
    transcript_text(connection, "body", weft__buffer_slice(&data));
    if (body.received != data.length)
        abort();
    weft__buffer_fini(&data);
    if (result == WEFT__HTTP1_ERROR)
        return transcript_error(connection, body.error);
    transcript_fields(connection, "trailer", &body.trailers);
    connection->start += used;
    return keep_alive;
}

/* One message; true when another one may follow. */
static inline bool transcript_message(struct connection *connection)
{
    static struct weft__http1_field fields[TRANSCRIPT_FIELDS];
    struct weft__http1_head head;
    enum weft__http1_result result;

    if (connection->kind == WEFT__HTTP1_REQUEST)
        weft__http1_request_init(&head, connection->limits, fields, TRANSCRIPT_FIELDS);
    else
        weft__http1_response_init(&head, connection->limits, fields, TRANSCRIPT_FIELDS,
                                  connection->method);
    for (;;) {
        struct weft__slice window = transcript_window(connection);
        result = weft__http1_head_parse(&head, window.data, window.length);
        if (result != WEFT__HTTP1_MORE)
            break;
        if (!transcript_receive(connection)) {
            result = weft__http1_head_end(&head, window.length);
            if (result == WEFT__HTTP1_ERROR)
                return transcript_error(connection, head.error);
            transcript_text(connection, "end", WEFT__SLICE(""));
            return false;
        }
    }
    if (result == WEFT__HTTP1_ERROR)
        return transcript_error(connection, head.error);
    transcript_head(connection, &head);
    connection->status = head.status;
    return transcript_body(connection, &head);
}

/* Everything the connection sees, as a string to be freed. */
static inline char *transcript(struct connection connection, struct weft__slice bytes,
                               struct arrival arrival)
{
    struct weft__buffer out;

    weft__buffer_init(&out, 1 << 26);
    connection.bytes = bytes;
    connection.arrival = arrival;
    connection.out = &out;
    while (transcript_message(&connection))
        continue;
    free(connection.window);
    char *text = weft__buffer_take(&out, NULL);
    if (!text)
        abort();
    return text;
}

/* The first way of cutting the bytes that gives another transcript; SIZE_MAX when all agree. */
static inline size_t transcript_splits(struct connection connection, struct weft__slice bytes)
{
    char *whole = transcript(connection, bytes, (struct arrival){ 0, 0 });
    size_t bad = SIZE_MAX;

    for (size_t cut = 0; cut <= bytes.length && bad == SIZE_MAX; cut++) {
        /* cut 0 stands for one byte at a time */
        struct arrival arrival = { cut, cut ? 0 : 1 };
        char *other = transcript(connection, bytes, arrival);
        if (strcmp(whole, other) != 0) {
            fprintf(stderr, "# whole:\n%s# cut at %zu:\n%s", whole, cut, other);
            bad = cut;
        }
        free(other);
    }
    free(whole);
    return bad;
}

#endif
