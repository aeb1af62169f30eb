/*
 * Sending a request.
 *
 *      slices: [ head | size line | chunk of the body | CR LF ]      refilled from the body as they
 * go
 *
 * Nothing is copied. While the server takes nothing, what it says is looked at: a refusal ends the
 * upload, and an answer that begins early is handed out while the rest of the body is still being
 * sent by whoever reads it (client_body.c), so that a server may answer as it reads.
 */
#include <poll.h>
#include <string.h>

#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"

static void add(struct weft__sender *sender, const void *data, size_t length)
{
    sender->slices[sender->first + sender->count++] =
        (struct iovec){ (void *)(uintptr_t)data, length };
}

static void add_chunk(struct weft__sender *sender, const void *chunk, size_t length)
{
    if (sender->framing == WEFT__FRAMING_CHUNKED) {
        add(sender, sender->size, weft__http1_chunk_head(sender->size, length));
        add(sender, chunk, length);
        add(sender, "\r\n", 2);
    } else {
        sender->remaining -= length;
        add(sender, chunk, length);
    }
}

static int broken_promise(struct weft__call *call)
{
    return weft__call_fail(call, WEFT_HTTP_ERROR_BODY, EBADMSG,
                           "the request's body is not of the length that was told");
}

/* The next chunk of the body, behind what waits. 0; -1. */
static int load(struct weft__call *call)
{
    struct weft__sender *sender = &call->sender;
    const void *chunk;
    call->written = true;
    ssize_t length = weft_http_body_read(sender->body, &chunk);
    if (length < 0) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_BODY, errno, "reading the request's body: %s",
                               strerror(errno));
    }
    if (length > 0) {
        if (sender->framing == WEFT__FRAMING_LENGTH && (uint64_t)length > sender->remaining) {
            return broken_promise(call);
        }
        add_chunk(sender, chunk, (size_t)length);
        return 0;
    }
    if (sender->framing == WEFT__FRAMING_LENGTH && sender->remaining > 0) {
        return broken_promise(call);
    }
    if (sender->framing == WEFT__FRAMING_CHUNKED) {
        add(sender, "0\r\n\r\n", 5);
    }
    sender->loaded = true;
    return 0;
}

static void advance(struct weft__sender *sender, size_t sent)
{
    if (sent > 0 && sender->sent == WEFT__SENT_NOTHING) {
        sender->sent = WEFT__SENT_SOME;
    }
    while (sender->count > 0 && sent >= sender->slices[sender->first].iov_len) {
        sent -= sender->slices[sender->first].iov_len;
        sender->first++;
        sender->count--;
    }
    if (sender->count > 0) {
        struct iovec *slice = &sender->slices[sender->first];
        slice->iov_base = (char *)slice->iov_base + sent;
        slice->iov_len -= sent;
    } else {
        sender->first = 0;
    }
}

/* A body that does not wait goes out together with the head. */
static bool wants_more(const struct weft__sender *sender)
{
    return !sender->loaded &&
           (sender->count == 0 || (sender->sent == WEFT__SENT_NOTHING && sender->count == 1 &&
                                   weft_http_body_ready(sender->body)));
}

static int send_failed(struct weft__call *call, int error)
{
    call->sender.broken = true;
    if ((error == ECANCELED || error == ETIMEDOUT) && weft_cancelled()) {
        return weft__call_stopped(call, error);
    }
    return weft__call_fail(call, WEFT_HTTP_ERROR_SEND, error, "sending the request: %s",
                           strerror(error));
}

int weft__sender_push(struct weft__call *call)
{
    struct weft__sender *sender = &call->sender;
    for (;;) {
        if (wants_more(sender) && load(call) < 0) {
            sender->broken = true;
            return -1;
        }
        if (sender->count == 0 && sender->loaded) {
            sender->sent = WEFT__SENT_ALL;
            return 1;
        }
        if (sender->count == 0) {
            continue;
        }
        ssize_t sent = weft__stream_try_send_slices(&call->connection->stream,
                                                    sender->slices + sender->first, sender->count);
        if (sent < 0) {
            return send_failed(call, errno);
        }
        if (sent == 0) {
            return 0;
        }
        advance(sender, (size_t)sent);
    }
}

int weft__listen_early(struct weft__call *call)
{
    struct weft__stream *stream = &call->connection->stream;
    if (stream->in.length >= stream->in.limit) {
        return 0;
    }
    ssize_t got = weft__stream_try_fill(stream);
    if (got < 0 && errno != EAGAIN) {
        return send_failed(call, errno);
    }
    if (got == 0) {
        return send_failed(call, ECONNRESET);
    }
    return got > 0 ? weft__receive_look(call) : 0;
}

int weft__sender_run(struct weft__call *call)
{
    int64_t since = weft_now();
    for (;;) {
        enum weft__sent before = call->sender.sent;
        int pushed = weft__sender_push(call);
        if (pushed != 0) {
            return pushed < 0 ? -1 : 0;
        }
        if (call->sender.sent != before) {
            since = weft_now();
        }
        int ready = weft__call_wait(call, POLLIN | POLLOUT, WEFT__STAGE_SEND, since);
        if (ready < 0) {
            call->sender.broken = true;
            return -1;
        }
        if (ready & POLLOUT) {
            since = weft_now();
        }
        if (ready & (POLLIN | POLLHUP | POLLERR)) {
            int found = weft__listen_early(call);
            if (found != 0) {
                return found < 0 ? -1 : 0;
            }
        }
    }
}

/* How the body's end will be told. */
static enum weft__framing framing_of(const struct weft__call *call, uint64_t *length)
{
    *length = 0;
    if (call->options && call->options->write) {
        return WEFT__FRAMING_CHUNKED;
    }
    if (!call->body) {
        /* A method that usually has a body says that it has none. */
        bool tells = strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0 ||
                     strcmp(call->method, "PATCH") == 0;
        return tells ? WEFT__FRAMING_LENGTH : WEFT__FRAMING_NONE;
    }
    int64_t known = weft_http_body_length(call->body);
    *length = known < 0 ? 0 : (uint64_t)known;
    return known < 0 ? WEFT__FRAMING_CHUNKED : WEFT__FRAMING_LENGTH;
}

int weft__sender_begin(struct weft__call *call)
{
    struct weft__sender *sender = &call->sender;
    size_t size;
    memset(sender, 0, sizeof(*sender));
    sender->body = call->body;
    sender->framing = framing_of(call, &sender->remaining);
    sender->loaded = !call->body;
    char *head = weft__request_head(call, sender->framing, sender->remaining, &size);
    if (!head) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for the request");
    }
    add(sender, head, size);
    return 0;
}
