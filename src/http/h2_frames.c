/*
 * What comes in: nghttp2's callbacks, and the measure of what a client may make us do.
 *
 * Two allowances. Resets: a stream that the client cancels, or that it makes us reset by breaking
 * a rule, has cost a request and given it nothing (CVE-2023-44487, CVE-2025-8671). Controls: frames
 * that carry nothing. Both come back with time; controls also with requests and with data sent,
 * because a client that downloads much has to send many WINDOW_UPDATEs. Who has used one up is
 * sent away with ENHANCE_YOUR_CALM.
 */
#include <string.h>

#include <weft/error.h>
#include <weft/time.h>

#include "http/h2.h"

enum {
    REQUEST_EARNS = 4, /* controls */
    DATA_EARNS = 2,
};

void weft__h2_allow(struct weft__h2_allowance *allowance, size_t most, int64_t rate)
{
    int64_t limit = most < INT64_MAX / 2 ? (int64_t)most : INT64_MAX / 2;
    *allowance = (struct weft__h2_allowance){ .left = limit, .most = limit, .rate = rate };
}

static void earn(struct weft__h2_allowance *allowance, int64_t count)
{
    allowance->left += count;
    if (allowance->left > allowance->most) {
        allowance->left = allowance->most;
    }
}

/* False once it is used up. The clock is read only when that matters. */
static bool spend(struct weft__h2_allowance *allowance)
{
    if (allowance->left <= 0) {
        int64_t now = weft_now();
        int64_t seconds = (now - allowance->since) / WEFT_SECOND;
        if (seconds > allowance->most) {
            seconds = allowance->most;
        }
        if (seconds > 0) {
            allowance->since = now;
            earn(allowance, seconds * allowance->rate);
        }
    } else if (allowance->left == allowance->most) {
        allowance->since = weft_now();
    }
    return allowance->left-- > 0;
}

static void calm(struct weft__h2 *h2, const char *what)
{
    if (!h2->calmed) {
        h2->calmed = true;
        h2->connection->server->stats.refused++;
        weft_log(WEFT_LOG_INFO, "http: a client is sent away: too many %s", what);
        weft__h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

static void count_reset(struct weft__h2 *h2)
{
    if (!spend(&h2->resets)) {
        calm(h2, "streams reset");
    }
}

static void count_control(struct weft__h2 *h2)
{
    if (!spend(&h2->controls)) {
        calm(h2, "control frames");
    }
}

static struct weft__h2_stream *stream_of(struct weft__h2 *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

/* --- frames begin */

/* Ids that the client has passed over: they can't be used any more (RFC 9113, 5.1.1). */
static void note_id(struct weft__h2 *h2, int32_t id)
{
    if (id > h2->last) {
        if (id > h2->last + 2 && h2->last > 0) {
            h2->skipped[h2->skips++ % WEFT__H2_SKIPPED] =
                (struct weft__h2_range){ h2->last + 2, id - 2 };
        }
        h2->last = id;
        return;
    }
    for (size_t i = 0; i < WEFT__H2_SKIPPED; i++) {
        if (id >= h2->skipped[i].first && id <= h2->skipped[i].last) {
            weft__h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR);
        }
    }
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *user)
{
    struct weft__h2 *h2 = user;
    (void)session;
    switch (head->type) {
    case NGHTTP2_HEADERS:
        if (head->stream_id % 2 == 1) {
            note_id(h2, head->stream_id);
        }
        break;
    case NGHTTP2_DATA:
        if (head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM)) {
            count_control(h2);
        }
        break;
    case NGHTTP2_RST_STREAM:
        count_reset(h2);
        break;
    case NGHTTP2_CONTINUATION:
        break;
    default:
        if (!(head->flags & NGHTTP2_FLAG_ACK) || head->type == NGHTTP2_PRIORITY_UPDATE) {
            count_control(h2);
        }
    }
    return 0;
}

/* --- heads */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct weft__h2 *h2 = user;
    h2->heading_since = h2->connection->server->clock;
    h2->heading = NULL;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        struct weft__h2_stream *stream = stream_of(h2, frame->hd.stream_id);
        h2->heading = stream;
        if (stream) {
            stream->in_trailers = true;
            stream->list_size = 0;
        }
        return 0;
    }
    struct weft__h2_stream *stream = NULL;
    if (h2->handlers < h2->connection->server->options.max_streams) {
        stream = weft__h2_stream_new(h2, frame->hd.stream_id);
    }
    if (!stream) {
        /* Those that were cancelled have not ended yet. */
        weft__h2_reset(h2, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    h2->heading = stream;
    earn(&h2->controls, REQUEST_EARNS);
    return 0;
}

/* Trailers are checked (by nghttp2), counted and dropped. */
static int trailer_field(struct weft__h2 *h2, struct weft__h2_stream *stream, size_t size)
{
    stream->list_size += size + WEFT__H2_FIELD;
    return stream->list_size > h2->connection->server->options.max_head
               ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
               : 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user)
{
    struct weft__h2 *h2 = user;
    struct weft__h2_stream *stream = h2->heading;
    (void)session, (void)frame, (void)flags;
    if (!stream) {
        return 0;
    }
    if (stream->in_trailers) {
        return trailer_field(h2, stream, name_length + value_length);
    }
    weft__h2_request_field(stream, weft__slice((const char *)name, name_length),
                           weft__slice((const char *)value, value_length));
    return 0;
}

static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_length, const uint8_t *value,
                             size_t value_length, uint8_t flags, void *user)
{
    (void)session, (void)frame, (void)name, (void)name_length, (void)value, (void)value_length;
    (void)flags, (void)user;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* reset, not repaired */
}

/* --- bodies */

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t length, void *user)
{
    struct weft__h2 *h2 = user;
    struct weft__h2_stream *stream = stream_of(h2, id);
    (void)flags;
    if (!stream || weft__h2_body_arrived(stream, data, length) < 0) {
        weft__h2_check(h2, nghttp2_session_consume_connection(session, length));
        weft__h2_reset(h2, id, NGHTTP2_INTERNAL_ERROR);
        return 0;
    }
    weft__h2_stream_turn(stream);
    return 0;
}

/* --- frames are complete */

static void heed_head(struct weft__h2 *h2, const nghttp2_frame *frame)
{
    struct weft__h2_stream *stream = stream_of(h2, frame->hd.stream_id);
    h2->heading_since = 0;
    if (!stream) {
        return;
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        stream->end_received = true;
    }
    if (!stream->head_done) {
        stream->head_done = true;
        weft__h2_request_done(stream);
    }
    weft__h2_stream_turn(stream);
}

static void heed_end(struct weft__h2 *h2, const nghttp2_frame *frame)
{
    struct weft__h2_stream *stream = stream_of(h2, frame->hd.stream_id);
    if (stream && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        stream->end_received = true;
        weft__h2_stream_turn(stream);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct weft__h2 *h2 = user;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        heed_head(h2, frame);
        break;
    case NGHTTP2_DATA:
        heed_end(h2, frame);
        break;
    case NGHTTP2_GOAWAY:
        h2->ending = true;
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK && h2->draining_since) {
            weft__h2_last_call(h2); /* the notice has arrived: what is under way is known */
        }
        break;
    default:
        break;
    }
    (void)session;
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *user)
{
    (void)session, (void)frame, (void)error;
    count_reset(user);
    return 0;
}

/* --- what is sent */

/* Resets that the client has made us send; ours for a handler's failure are not its fault. */
static bool is_provoked(uint32_t code)
{
    return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL;
}

/* The answer is complete, the request is not: no more of it is wanted (RFC 9113, 8.1). */
static void end_early(struct weft__h2 *h2, int32_t id)
{
    const struct weft__h2_stream *stream = stream_of(h2, id);
    if (stream && !stream->end_received) {
        weft__h2_reset(h2, id, NGHTTP2_NO_ERROR);
    }
}

static void head_sent(struct weft__h2 *h2, int32_t id)
{
    struct weft__h2_stream *stream = stream_of(h2, id);
    if (stream && stream->heads > 0) {
        stream->heads--;
    }
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct weft__h2 *h2 = user;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        earn(&h2->controls, DATA_EARNS);
        __attribute__((fallthrough));
    case NGHTTP2_HEADERS:
        if (frame->hd.type == NGHTTP2_HEADERS) {
            head_sent(h2, frame->hd.stream_id);
        }
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
            end_early(h2, frame->hd.stream_id);
        }
        break;
    case NGHTTP2_RST_STREAM:
        if (is_provoked(frame->rst_stream.error_code)) {
            count_reset(h2);
        }
        break;
    case NGHTTP2_GOAWAY:
        h2->ending = frame->goaway.last_stream_id != INT32_MAX;
        if (!h2->ending) { /* the notice: an answer to what follows it tells that it has arrived */
            weft__h2_check(h2, nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL));
        }
        break;
    default:
        break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct weft__h2 *h2 = user;
    struct weft__h2_stream *stream = stream_of(h2, id);
    (void)code;
    if (stream) {
        nghttp2_session_set_stream_user_data(session, id, NULL);
        h2->heading = h2->heading == stream ? NULL : h2->heading;
        weft__h2_stream_closed(stream, ECONNRESET);
    }
    return 0;
}

void weft__h2_frames_install(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
