/* Answering: header fields, and a body that nghttp2 asks for. */
#include <string.h>

#include <weft/error.h>
#include <weft/task.h>

#include "base/fail.h"
#include "http/h2.h"
#include "http/headers.h"
#include "proto/http1.h"

enum {
    OWN_FIELDS = 3, /* status, date, content-length */
    DATE_NAME = 6,  /* "date: " */
    LINE_END = 2,
    HEAD_INLINE = 16,
};

/* A response on its way through a stream. */
struct sending {
    struct weft_http_stream stream;
    uint64_t length;
    bool tell_length;
};

struct head {
    nghttp2_nv *fields; /* nghttp2 copies them, though not their texts */
    size_t count;
    nghttp2_nv room[HEAD_INLINE];
};

/* The texts stay until the stream is closed, so nghttp2 need not copy them. */
static void put(struct head *head, struct weft__slice name, struct weft__slice value)
{
    head->fields[head->count++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.data,
        .namelen = name.length,
        .value = (uint8_t *)(uintptr_t)value.data,
        .valuelen = value.length,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
}

static int put_number(struct weft_http_memory *memory, struct head *head, struct weft__slice name,
                      uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[sizeof(digits) - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    const char *text = weft__memory_copy(memory, digits + sizeof(digits) - count, count);
    if (!text) {
        return -1;
    }
    put(head, name, weft__slice(text, count));
    return 0;
}

/* Names are in lower case in HTTP/2 (RFC 9113, 8.2.1). */
static int put_field(struct weft_http_memory *memory, struct head *head,
                     const struct weft_http_field *field)
{
    struct weft__slice name = weft__field_name(field);
    for (size_t i = 0; i < name.length; i++) {
        if (weft__lower(name.data[i]) != name.data[i]) {
            char *copy = weft__memory_copy(memory, name.data, name.length);
            if (!copy) {
                return -1;
            }
            for (; i < name.length; i++) {
                copy[i] = weft__lower(copy[i]);
            }
            name.data = copy;
        }
    }
    put(head, name, weft__field_value(field));
    return 0;
}

/* Fields that speak of an HTTP/1 connection do not exist here (RFC 9113, 8.2.2). */
static bool is_foreign(const struct weft_http_field *field)
{
    struct weft__slice name = weft__field_name(field);
    return weft__response_own_field(field) || weft__slice_is_case(name, "upgrade") ||
           weft__slice_is_case(name, "proxy-connection");
}

static int put_status(struct weft_http_memory *memory, struct head *head, unsigned status)
{
    if (status == 200) {
        put(head, WEFT__SLICE(":status"), WEFT__SLICE("200"));
        return 0;
    }
    return put_number(memory, head, WEFT__SLICE(":status"), status);
}

static int put_date(struct weft__h2_stream *stream, struct head *head)
{
    struct weft__slice date = weft__server_date(stream->h2->connection->server);
    size_t length = date.length - DATE_NAME - LINE_END;
    const char *text = weft__memory_copy(&stream->exchange.memory, date.data + DATE_NAME, length);
    if (!text) {
        return -1;
    }
    put(head, WEFT__SLICE("date"), weft__slice(text, length));
    return 0;
}

static int put_fields(struct weft__h2_stream *stream, struct head *head, unsigned status,
                      const struct weft_http_headers *headers)
{
    struct weft_http_memory *memory = &stream->exchange.memory;
    size_t count = headers ? headers->count : 0;
    head->count = 0;
    head->fields = count + OWN_FIELDS <= HEAD_INLINE
                       ? head->room
                       : weft_http_allocate(memory, (count + OWN_FIELDS) * sizeof(nghttp2_nv));
    if (!head->fields || put_status(memory, head, status) < 0) {
        return -1;
    }
    if (status >= 200 && !weft_http_headers_get(headers, "date") && put_date(stream, head) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_foreign(&headers->fields[i]) && put_field(memory, head, &headers->fields[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static const nghttp2_data_provider *provider(struct weft__h2_stream *stream,
                                             nghttp2_data_provider *room)
{
    *room = (nghttp2_data_provider){ .source.ptr = stream, .read_callback = weft__h2_data };
    return room;
}

/* 0; -1 and errno. Without a body the stream ends with the head. */
static int submit(struct weft__h2_stream *stream, bool with_body, const uint64_t *length)
{
    struct weft_http_response *response = &stream->exchange.response;
    struct head head;
    nghttp2_data_provider room;
    if (stream->closed || stream->h2->broken) {
        return weft__fail(stream->broken ? stream->broken : ECONNRESET);
    }
    if (put_fields(stream, &head, (unsigned)response->status, &response->headers) < 0 ||
        (length &&
         put_number(&stream->exchange.memory, &head, WEFT__SLICE("content-length"), *length) < 0)) {
        return -1;
    }
    stream->heads++;
    stream->exchange.begun = true;
    stream->answered = true;
    stream->last = !with_body || stream->last;
    return weft__h2_check(stream->h2, nghttp2_submit_response(
                                          stream->h2->session, stream->id, head.fields, head.count,
                                          with_body ? provider(stream, &room) : NULL));
}

int weft__h2_submit_head(struct weft__h2_stream *stream, unsigned status,
                         const struct weft_http_headers *headers)
{
    struct head head;
    nghttp2_data_provider room;
    if (stream->closed || stream->h2->broken) {
        return weft__fail(ECONNRESET);
    }
    if (put_fields(stream, &head, status, headers) < 0) {
        return -1;
    }
    stream->heads++;
    if (status < 200) {
        return weft__h2_check(
            stream->h2, nghttp2_submit_headers(stream->h2->session, NGHTTP2_FLAG_NONE, stream->id,
                                               NULL, head.fields, head.count, NULL));
    }
    stream->answered = true;
    return weft__h2_check(stream->h2,
                          nghttp2_submit_response(stream->h2->session, stream->id, head.fields,
                                                  head.count, provider(stream, &room)));
}

int weft__h2_interim(struct weft__exchange *exchange, unsigned status,
                     const struct weft_http_headers *headers)
{
    if (weft__h2_submit_head(exchange->h2, status, headers) < 0) {
        return -1;
    }
    weft__h2_flush(exchange->h2->h2, true);
    return 0;
}

/* --- a body that is sent as it comes */

static int begin(struct weft_http_stream *base)
{
    struct sending *sending = weft__container_of(base, struct sending, stream);
    if (base->h2->answered) {
        return 0;
    }
    return submit(base->h2, true, sending->tell_length ? &sending->length : NULL);
}

static int sink_send(struct weft_http_stream *base, struct iovec *slices, size_t count)
{
    struct weft__h2_stream *stream = base->h2;
    bool complete = base->framing == WEFT__FRAMING_LENGTH && base->remaining == 0;
    if (begin(base) < 0 || weft__h2_wait_taken(stream) < 0) {
        return -1;
    }
    while (count > 0 && slices[count - 1].iov_len == 0) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        if (slices[i].iov_len == 0) {
            continue;
        }
        weft__h2_give(stream, slices[i].iov_base, slices[i].iov_len, complete && i + 1 == count);
        weft__h2_flush(stream->h2, true);
        if (weft__h2_wait_taken(stream) < 0) {
            return -1;
        }
    }
    if (count == 0) {
        weft__h2_flush(stream->h2, true);
    }
    return 0;
}

static int sink_end(struct weft_http_stream *base)
{
    struct weft__h2_stream *stream = base->h2;
    if (begin(base) < 0 || weft__h2_wait_taken(stream) < 0) {
        return -1;
    }
    if (!stream->last) {
        weft__h2_give(stream, NULL, 0, true);
    }
    return 0;
}

static void sink_beat(struct weft_http_stream *base, const char *text, size_t length)
{
    struct weft__h2_stream *stream = base->h2;
    if (stream->deferred && stream->out_left == 0 && !stream->last && !stream->closed) {
        weft__h2_give(stream, text, length, false);
        weft__h2_flush(stream->h2, false);
    }
}

const struct weft__sink weft__h2_sink = {
    .send = sink_send,
    .end = sink_end,
    .beat = sink_beat,
};

static void fail(struct weft__h2_stream *stream, int error)
{
    struct weft__exchange *exchange = &stream->exchange;
    if (stream->closed || stream->answered || error == ENOMEM) {
        weft__h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    weft__response_reset(&exchange->response, error); /* nothing was sent: say so */
    if (weft_http_response_text(&exchange->response, 500, "Internal Server Error\n") < 0) {
        weft__h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    weft__h2_respond(stream);
}

static void stream_body(struct weft__h2_stream *stream, bool promised, uint64_t length)
{
    struct weft__exchange *exchange = &stream->exchange;
    struct weft_http_body *body = exchange->response.body;
    char room[WEFT__OUT_INLINE];
    struct sending sending = {
        .stream = { .connection = exchange->connection,
                    .sink = &weft__h2_sink,
                    .h2 = stream,
                    .out = room,
                    .capacity = sizeof(room),
                    .remaining = length,
                    .framing = promised ? WEFT__FRAMING_LENGTH : WEFT__FRAMING_CLOSE,
                    .last = exchange->connection->server->clock },
        .length = length,
        .tell_length = promised,
    };
    weft__list_init(&sending.stream.beat);
    int result = weft__response_body(&sending.stream, body);
    int error = result < 0 ? errno : 0;
    weft__response_cut(exchange, &sending.stream, error);
    weft_http_body_close(body, error);
    weft__output_fini(&sending.stream);
    if (error) {
        fail(stream, error);
    }
}

/* All of the body lies in memory that stays: nobody has to wait for its way out. */
static void leave_body(struct weft__h2_stream *stream, struct weft__slice bytes, uint64_t length)
{
    weft__h2_give(stream, bytes.data, bytes.length, true);
    if (submit(stream, true, &length) < 0) {
        stream->out_left = 0;
        weft__h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
    } else if (stream->exchange.memory.deferred) {
        weft__h2_flush(stream->h2, true);
        weft__h2_wait_taken(stream);
    }
}

void weft__h2_respond(struct weft__h2_stream *stream)
{
    struct weft__exchange *exchange = &stream->exchange;
    struct weft_http_response *response = &exchange->response;
    uint64_t length = 0;
    int promised = weft__response_length(exchange, &length);
    if (response->status < 200 || response->status > 599 || promised < 0) {
        if (weft__response_replace(exchange) < 0) {
            weft__h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
            return;
        }
        promised = weft__response_length(exchange, &length);
    }
    bool bodyless = weft__response_bodyless(exchange);
    struct weft__slice bytes = weft__slice("", 0);
    bool at_hand = !response->body || weft__body_in_memory(response->body, &bytes);
    if (exchange->head_only || bodyless || (at_hand && length == 0)) {
        if (submit(stream, false, promised > 0 && !bodyless ? &length : NULL) < 0) {
            weft__h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
        }
        weft_http_body_close(response->body, 0);
    } else if (at_hand && bytes.length == length) {
        leave_body(stream, bytes, length);
    } else {
        stream_body(stream, promised > 0, length);
    }
}
