/* Server-Sent Events on a response's stream. */
#include <weft/http/sse.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/fail.h"
#include "http/exchange.h"
#include "http/headers.h"
#include "proto/sse.h"

enum {
    EVENT_INLINE = 512, /* an event up to this size is encoded on the stack */
};

struct weft_sse {
    struct weft_http_stream *stream;
    const char *last_id;
};

/* The body of such a response. */
struct sse_body {
    struct weft_http_body body;
    struct weft_http_request *request;
    int (*function)(struct weft_sse *sse, void *context);
    void *context;
};

static int sse_stream(struct weft_http_body *base, struct weft_http_stream *stream)
{
    struct sse_body *body = (struct sse_body *)base;
    struct weft_sse sse = {
        .stream = stream,
        .last_id = weft_http_headers_get(&body->request->headers, "last-event-id"),
    };
    /* The browser's `open` event comes with the head, so it does not wait for the first event. */
    if (weft_http_stream_flush(stream) < 0 || weft_sse_heartbeat(&sse, WEFT_SSE_HEARTBEAT) < 0 ||
        weft_http_request_cancel_if_gone(body->request) < 0) {
        return -1;
    }
    return body->function(&sse, body->context);
}

static const struct weft_http_body_operations sse_operations = { .stream = sse_stream };

int weft_sse_response(struct weft_http_request *request, struct weft_http_response *response,
                      int (*function)(struct weft_sse *sse, void *context), const void *context,
                      size_t size)
{
    struct sse_body *body = weft_http_allocate(response->memory, sizeof(*body));
    void *own = weft__memory_keep(response->memory, context, size);
    if (!body || (size && !own)) {
        return -1;
    }
    *body = (struct sse_body){ { &sse_operations, false }, request, function, own };
    struct weft_http_headers *headers = &response->headers;
    weft_http_headers_remove(headers, "content-type");
    weft_http_headers_remove(headers, "cache-control");
    if (weft__headers_put(headers, WEFT__SLICE("content-type"), WEFT__SLICE("text/event-stream")) <
            0 ||
        weft__headers_put(headers, WEFT__SLICE("cache-control"), WEFT__SLICE("no-store")) < 0 ||
        weft__headers_put(headers, WEFT__SLICE("x-accel-buffering"), WEFT__SLICE("no")) < 0) {
        return -1;
    }
    weft_http_body_close(response->body, 0);
    response->status = 200;
    response->body = &body->body;
    return 0;
}

/* Encoded on the stack if it fits there, so that the usual event costs no allocation. */
static int send_message(struct weft_sse *sse, const struct weft__sse_message *message)
{
    char room[EVENT_INLINE];
    struct weft__buffer small = { .data = room, .capacity = sizeof(room), .limit = sizeof(room) };
    if (weft__sse_write(&small, message) == 0) {
        return weft_http_stream_write(sse->stream, small.data, small.length);
    }
    if (errno != ENOBUFS) {
        return -1;
    }
    struct weft__buffer large;
    weft__buffer_init(&large, WEFT_SSE_EVENT_MAX);
    int result = weft__sse_write(&large, message);
    if (result == 0) {
        result = weft_http_stream_write(sse->stream, large.data, large.length);
    } else if (errno == ENOBUFS) {
        errno = EMSGSIZE;
    }
    int error = errno;
    weft__buffer_fini(&large);
    errno = error;
    return result;
}

static struct weft__slice text_of(const char *text)
{
    return text ? weft__slice_string(text) : weft__slice(NULL, 0);
}

int weft_sse_send(struct weft_sse *sse, const char *name, const char *data)
{
    struct weft__sse_message message = { .type = text_of(name), .data = text_of(data) };
    return send_message(sse, &message);
}

int weft_sse_send_event(struct weft_sse *sse, const struct weft_sse_event *event)
{
    struct weft__sse_message message = {
        .type = text_of(event->name),
        .id = text_of(event->id),
        .data = event->length ? weft__slice(event->data, event->length) : text_of(event->data),
    };
    return send_message(sse, &message);
}

int weft_sse_send_encoded(struct weft_sse *sse, const void *data, size_t length)
{
    return weft_http_stream_write(sse->stream, data, length);
}

int weft_sse_comment(struct weft_sse *sse, const char *text)
{
    struct weft__sse_message message = { .comment = text_of(text) };
    return send_message(sse, &message);
}

int weft_sse_retry(struct weft_sse *sse, int64_t delay)
{
    if (delay < 0) {
        return weft__fail(EINVAL);
    }
    int64_t ms = delay / WEFT_MILLISECOND;
    struct weft__sse_message message = { .retry = ms > 0 ? ms : 1 };
    return send_message(sse, &message);
}

/* A client that vanished acknowledges nothing: the kernel fails the socket after two heartbeats. */
static void give_up_after(const struct weft_http_stream *stream, int64_t interval)
{
    int64_t ms =
        interval / WEFT_MILLISECOND > INT32_MAX ? INT32_MAX : 2 * (interval / WEFT_MILLISECOND);
    unsigned patience = ms < 1000 ? 1000 : ms > INT32_MAX ? INT32_MAX : (unsigned)ms;
    setsockopt(stream->connection->stream.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience,
               sizeof(patience));
}

int weft_sse_heartbeat(struct weft_sse *sse, int64_t interval)
{
    if (interval <= 0) {
        return weft__fail(EINVAL);
    }
    struct weft_http_stream *stream = sse->stream;
    struct weft_http_server *server = stream->connection->server;
    weft__list_remove(&stream->beat);
    stream->interval = interval;
    if (interval < WEFT_FOREVER) {
        give_up_after(stream, interval);
        weft__list_append(&server->beats, &stream->beat);
        weft__clerk_hurry(server, interval);
    }
    return 0;
}

const char *weft_sse_last_id(const struct weft_sse *sse)
{
    return sse->last_id;
}

struct weft_http_stream *weft_sse_stream(struct weft_sse *sse)
{
    return sse->stream;
}
