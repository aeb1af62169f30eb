/* Answering: the head that the server completes, and the body by pull or by push. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <weft/error.h>
#include <weft/task.h>

#include "base/fail.h"
#include "http/exchange.h"
#include "http/headers.h"

enum {
    OWN_FIELDS = 192, /* bytes that the status line and the server's own fields take at most */
};

/* What a response's head says beside its own fields. */
struct plan {
    enum weft__framing framing;
    uint64_t length; /* with LENGTH, or told to HEAD */
    bool tell_length;
    bool has_date;
    bool keep;
};

/* Fields that are the server's to set; a handler's are left out. */
bool weft__response_own_field(const struct weft_http_field *field)
{
    struct weft__slice name = weft__field_name(field);
    switch (name.length) {
    case 10:
        return weft__slice_is_case(name, "connection") || weft__slice_is_case(name, "keep-alive");
    case 14:
        return weft__slice_is_case(name, "content-length");
    case 17:
        return weft__slice_is_case(name, "transfer-encoding");
    default:
        return false;
    }
}

/* The length that a handler promised: 1 set; 0 none; -1 it is no number. */
static int promised_length(const struct weft_http_headers *headers, uint64_t *length)
{
    const char *text = weft_http_headers_get(headers, "content-length");
    if (!text) {
        return 0;
    }
    return weft__parse_decimal(weft__slice_string(text), length) < 0 ? -1 : 1;
}

bool weft__response_bodyless(const struct weft__exchange *exchange)
{
    int status = exchange->response.status;
    return status == 204 || status == 304;
}

int weft__response_length(struct weft__exchange *exchange, uint64_t *length)
{
    struct weft_http_response *response = &exchange->response;
    int promised = promised_length(&response->headers, length);
    if (promised < 0) {
        return weft__fail(EINVAL);
    }
    if (promised == 0) {
        int64_t known = weft_http_body_length(response->body);
        promised = known >= 0;
        *length = known >= 0 ? (uint64_t)known : 0;
    }
    return promised;
}

/* How the body's end is told (RFC 9112, 6). 0; -1 the handler's promise makes no sense. */
static int make_plan(struct weft__exchange *exchange, struct plan *plan)
{
    struct weft_http_response *response = &exchange->response;
    uint64_t length = 0;
    int promised = weft__response_length(exchange, &length);
    if (promised < 0) {
        return -1;
    }
    *plan = (struct plan){ .length = length,
                           .tell_length = promised && !weft__response_bodyless(exchange) };
    plan->has_date = weft_http_headers_get(&response->headers, "date") != NULL;
    plan->keep = exchange->client_keeps && !exchange->connection->server->stopping &&
                 weft__request_body_droppable(exchange);
    if (weft__response_bodyless(exchange)) {
        plan->framing = WEFT__FRAMING_NONE;
    } else if (promised) {
        plan->framing = WEFT__FRAMING_LENGTH;
    } else if (exchange->request.version >= 11) {
        plan->framing = WEFT__FRAMING_CHUNKED;
    } else {
        plan->framing = WEFT__FRAMING_CLOSE;
        plan->keep = false;
    }
    return 0;
}

static char *put(char *at, const char *data, size_t length)
{
    memcpy(at, data, length);
    return at + length;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[sizeof(digits) - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return put(at, digits + sizeof(digits) - count, count);
}

static char *put_status(char *at, unsigned status)
{
    if (status == 200) {
        return PUT(at, "HTTP/1.1 200 OK\r\n");
    }
    const char *text = weft__http1_reason(status);
    at = PUT(at, "HTTP/1.1 ");
    at = put_number(at, status);
    *at++ = ' ';
    at = put(at, text, strlen(text));
    return PUT(at, "\r\n");
}

static char *put_field(char *at, const struct weft_http_field *field)
{
    at = put(at, field->name, field->name_length);
    at = PUT(at, ": ");
    at = put(at, field->value, field->value_length);
    return PUT(at, "\r\n");
}

static size_t head_size(const struct weft_http_headers *headers)
{
    size_t size = OWN_FIELDS;
    for (size_t i = 0; i < headers->count; i++) {
        size += headers->fields[i].name_length + headers->fields[i].value_length + 4;
    }
    return size;
}

/* The whole head. Fields were checked when they were added. Returns its end. */
static char *put_head(char *at, struct weft__exchange *exchange, const struct plan *plan)
{
    const struct weft_http_headers *headers = &exchange->response.headers;
    at = put_status(at, (unsigned)exchange->response.status);
    if (!plan->has_date) {
        struct weft__slice date = weft__server_date(exchange->connection->server);
        at = put(at, date.data, date.length);
    }
    for (size_t i = 0; i < headers->count; i++) {
        if (!weft__response_own_field(&headers->fields[i])) {
            at = put_field(at, &headers->fields[i]);
        }
    }
    if (!plan->keep) {
        at = PUT(at, "connection: close\r\n");
    } else if (exchange->request.version == 10) {
        at = PUT(at, "connection: keep-alive\r\n");
    }
    if (plan->tell_length) {
        at = PUT(at, "content-length: ");
        at = put_number(at, plan->length);
        at = PUT(at, "\r\n");
    } else if (plan->framing == WEFT__FRAMING_CHUNKED) {
        at = PUT(at, "transfer-encoding: chunked\r\n");
    }
    return PUT(at, "\r\n");
}

/* Pull the body chunk by chunk, gathering while it has more at hand. */
static int pump(struct weft_http_stream *stream, struct weft_http_body *body)
{
    const void *chunk;
    ssize_t length;
    while ((length = weft_http_body_read(body, &chunk)) > 0) {
        if (stream->framing != WEFT__FRAMING_LENGTH || stream->remaining > (uint64_t)length) {
            stream->corked = weft_http_body_ready(body);
        } else {
            stream->corked = false; /* the last one */
        }
        if (weft_http_stream_write(stream, chunk, (size_t)length) < 0) {
            return -1;
        }
    }
    return length < 0 ? -1 : 0;
}

int weft__response_body(struct weft_http_stream *stream, struct weft_http_body *body)
{
    if (body && !body->closed) {
        int sent =
            body->operations->stream ? body->operations->stream(body, stream) : pump(stream, body);
        if (sent < 0) {
            return -1;
        }
    }
    stream->corked = false;
    return weft__output_end(stream);
}

void weft__response_cut(struct weft__exchange *exchange, const struct weft_http_stream *stream,
                        int error)
{
    if (error && !stream->broken && !weft_cancelled()) {
        weft_log(WEFT_LOG_ERROR, "http: %s %s: the body was cut short: %s",
                 exchange->request.method, exchange->request.path, strerror(error));
    }
}

/* A cut body that only its connection's end delimits must not look complete. */
static void reset_on_close(struct weft__connection *connection)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(connection->stream.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static int send_planned(struct weft__exchange *exchange, const struct plan *plan,
                        struct weft_http_stream *stream)
{
    struct weft_http_body *body = exchange->response.body;
    int result;
    if (exchange->head_only || plan->framing == WEFT__FRAMING_NONE) {
        stream->framing = WEFT__FRAMING_NONE;
        result = weft__output_end(stream);
    } else {
        result = weft__response_body(stream, body);
    }
    int error = result < 0 ? errno : 0;
    weft__response_cut(exchange, stream, error);
    if (error && plan->framing == WEFT__FRAMING_CLOSE) {
        reset_on_close(exchange->connection);
    }
    weft_http_body_close(body, error);
    weft__output_fini(stream);
    return result < 0 || !plan->keep ? -1 : 0;
}

/* Write the head to `room`, or to the exchange's memory if it is larger. 0; -1: no memory. */
static int begin(struct weft__exchange *exchange, const struct plan *plan,
                 struct weft_http_stream *stream, char *room, size_t size)
{
    size_t needed = head_size(&exchange->response.headers);
    if (needed > size) {
        size = needed;
        room = weft_http_allocate(&exchange->memory, needed);
        if (!room) {
            return -1;
        }
    }
    *stream = (struct weft_http_stream){
        .connection = exchange->connection,
        .out = room,
        .capacity = size,
        .remaining = plan->length,
        .framing = plan->framing,
        .last = exchange->connection->server->clock,
    };
    weft__list_init(&stream->beat);
    stream->used = (size_t)(put_head(room, exchange, plan) - room);
    return 0;
}

int weft__response_replace(struct weft__exchange *exchange)
{
    struct weft_http_response *response = &exchange->response;
    weft_log(WEFT_LOG_ERROR, "http: %s %s: the handler's status %d or content-length is invalid",
             exchange->request.method, exchange->request.path, response->status);
    weft__response_reset(response, EINVAL);
    return weft_http_response_text(response, 500, "Internal Server Error\n");
}

int weft__response_send(struct weft__exchange *exchange)
{
    struct weft_http_response *response = &exchange->response;
    struct plan plan;
    exchange->begun = true;
    if (response->status < 200 || response->status > 599 || make_plan(exchange, &plan) < 0) {
        weft__response_replace(exchange);
        if (make_plan(exchange, &plan) < 0) {
            return -1;
        }
    }
    char room[WEFT__OUT_INLINE];
    struct weft_http_stream stream;
    if (begin(exchange, &plan, &stream, room, sizeof(room)) < 0) {
        weft_http_body_close(response->body, errno);
        return -1;
    }
    return send_planned(exchange, &plan, &stream);
}

/* Status line and fields of a head that no body follows, into room of head_size(). */
static char *put_short_head(char *at, unsigned status, const struct weft_http_headers *headers)
{
    at = put_status(at, status);
    for (size_t i = 0; headers && i < headers->count; i++) {
        if (!weft__response_own_field(&headers->fields[i])) {
            at = put_field(at, &headers->fields[i]);
        }
    }
    return at;
}

int weft__response_interim(struct weft__exchange *exchange, unsigned status,
                           const struct weft_http_headers *headers)
{
    const struct weft_http_headers none = { 0 };
    char *head = weft_http_allocate(&exchange->memory, head_size(headers ? headers : &none));
    if (!head) {
        return -1;
    }
    char *at = put_short_head(head, status, headers);
    at = PUT(at, "\r\n");
    return weft__stream_send_one(&exchange->connection->stream, head, (size_t)(at - head));
}

int weft__response_switch(struct weft__exchange *exchange, const char *protocol)
{
    const struct weft_http_headers *headers = &exchange->response.headers;
    char *head = weft_http_allocate(&exchange->memory, head_size(headers) + strlen(protocol));
    if (!head) {
        return -1;
    }
    char *at = put_short_head(head, 101, headers);
    struct weft__slice date = weft__server_date(exchange->connection->server);
    at = put(at, date.data, date.length);
    at = PUT(at, "connection: Upgrade\r\nupgrade: ");
    at = put(at, protocol, strlen(protocol));
    at = PUT(at, "\r\n\r\n");
    return weft__stream_send_one(&exchange->connection->stream, head, (size_t)(at - head));
}

int weft_http_request_interim(struct weft_http_request *request, int status,
                              const struct weft_http_headers *headers)
{
    struct weft__exchange *exchange = request->connection_;
    if (!exchange) {
        return weft__fail(ENOTSUP);
    }
    if (status < 102 || status > 199) {
        return weft__fail(EINVAL);
    }
    if (exchange->begun) {
        return weft__fail(EALREADY);
    }
    if (request->version < 11) {
        return 0;
    }
    return exchange->h2 ? weft__h2_interim(exchange, (unsigned)status, headers)
                        : weft__response_interim(exchange, (unsigned)status, headers);
}

void weft__response_reset(struct weft_http_response *response, int error)
{
    weft_http_body_close(response->body, error);
    response->body = NULL;
    response->headers.count = 0;
    response->status = 200;
}

void weft__response_refuse(struct weft__connection *connection, unsigned status, const char *reason)
{
    char text[512];
    struct weft__slice date = weft__server_date(connection->server);
    connection->server->stats.refused++;
    int length =
        snprintf(text, sizeof(text),
                 "HTTP/1.1 %u %s\r\n%.*sconnection: close\r\n"
                 "content-type: text/plain; charset=utf-8\r\n"
                 "content-length: %zu\r\n\r\n%s.\n",
                 status, weft__http1_reason(status), WEFT__PRINT(date), strlen(reason) + 2, reason);
    if (length > 0 && (size_t)length < sizeof(text)) {
        weft__stream_send_one(&connection->stream, text, (size_t)length);
    }
}
