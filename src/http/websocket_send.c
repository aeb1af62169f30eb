/*
 * Sending: whole messages by fibers that wait for their turn, and what must not wait.
 *
 * Nothing parks between a look at the turn or the queue and what is done about it, which is all the
 * locking there is.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/task.h>

#include "base/fail.h"
#include "http/websocket.h"

enum {
    QUEUED_COST = 64, /* bytes that a queued frame counts beside its own */
};

/* A frame, or what is left of it, that waits for a slow client. */
struct queued {
    struct weft__list node;
    struct weft_websocket_frame *frame;
    const uint8_t *data;
    size_t left;
    size_t cost;
    bool deflated;
};

static void free_queued(struct weft_websocket *socket, struct queued *queued)
{
    weft__list_remove(&queued->node);
    socket->queued -= queued->cost;
    weft_websocket_frame_unref(queued->frame);
    free(queued);
}

void weft__websocket_discard(struct weft_websocket *socket)
{
    weft__list_each(node, &socket->queue) {
        free_queued(socket, weft__container_of(node, struct queued, node));
    }
}

/* Send slices, waiting while the client is slow. With the turn. */
static int transmit(struct weft_websocket *socket, struct iovec *slices, size_t count)
{
    bool moved = false;
    while (count > 0) {
        ssize_t sent = socket->operations->send(socket->stream, slices, count);
        if (sent < 0) {
            return weft__websocket_drop(socket, errno);
        }
        if (sent == 0) {
            int ready = socket->operations->wait(socket->stream);
            if (ready == 0 || (ready < 0 && moved)) {
                return weft__websocket_drop(socket, ready == 0 ? ETIMEDOUT : errno);
            }
            if (ready < 0) {
                return -1;
            }
        }
        moved = moved || sent > 0;
        while (count > 0 && (size_t)sent >= slices->iov_len) {
            sent -= (ssize_t)slices->iov_len;
            slices++;
            count--;
        }
        if (count > 0) {
            slices->iov_base = (char *)slices->iov_base + sent;
            slices->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

static int send_queue(struct weft_websocket *socket)
{
    while (!socket->broken && !weft__list_empty(&socket->queue)) {
        struct queued *first = weft__container_of(socket->queue.next, struct queued, node);
        struct iovec slice = { (void *)(uintptr_t)first->data, first->left };
        if (first->deflated) {
            weft__websocket_deflate_forget(socket);
        }
        if (transmit(socket, &slice, 1) < 0) {
            return -1;
        }
        free_queued(socket, first);
    }
    return 0;
}

/* The fiber of a client that does not keep up; it ends with the queue. */
static int drain(void *argument)
{
    struct weft_websocket *socket = *(struct weft_websocket **)argument;
    int result = weft_semaphore_acquire(&socket->turn);
    if (result == 0) {
        result = send_queue(socket);
        int error = errno;
        weft_semaphore_release(&socket->turn);
        errno = error;
    }
    if (result < 0 && !socket->broken) {
        weft__websocket_drop(socket, errno);
    }
    socket->draining = false;
    weft_websocket_unref(socket);
    return 0;
}

static int start_draining(struct weft_websocket *socket)
{
    if (socket->draining) {
        return 0;
    }
    socket->draining = true;
    weft_websocket_ref(socket);
    if (!weft_go(&socket->server->connections, drain, (struct weft_websocket *){ socket })) {
        int error = errno;
        socket->draining = false;
        weft_websocket_unref(socket);
        return weft__fail(error);
    }
    return 0;
}

static int enqueue(struct weft_websocket *socket, struct weft_websocket_frame *frame,
                   const uint8_t *data, size_t left, bool deflated)
{
    size_t cost = left + QUEUED_COST;
    if (cost > socket->options->max_queue - socket->queued) {
        return weft__websocket_drop(socket, ENOBUFS);
    }
    struct queued *queued = malloc(sizeof(*queued));
    if (!queued) {
        return weft__websocket_drop(socket, ENOMEM);
    }
    *queued = (struct queued){
        .frame = frame,
        .data = data,
        .left = left,
        .cost = cost,
        .deflated = deflated,
    };
    frame->references++;
    socket->queued += cost;
    weft__list_init(&queued->node);
    weft__list_append(&socket->queue, &queued->node);
    return start_draining(socket) < 0 ? weft__websocket_drop(socket, errno) : 0;
}

static bool is_closed(const struct weft_websocket *socket)
{
    return socket->broken || socket->close_sent || !socket->stream;
}

/*
 * Send at once what fits, queue the rest. What is compressed for all enters the client's window
 * without our own compressor's knowing, which therefore starts anew at that very point.
 */
static int post(struct weft_websocket *socket, struct weft_websocket_frame *frame, bool deflated)
{
    const uint8_t *data = deflated ? frame->deflated : frame->bytes;
    size_t length = deflated ? frame->deflated_length : frame->length;
    size_t sent = 0;
    if (weft__list_empty(&socket->queue) && weft_semaphore_try_acquire(&socket->turn) == 0) {
        struct iovec slice = { (void *)(uintptr_t)data, length };
        if (deflated) {
            weft__websocket_deflate_forget(socket);
        }
        ssize_t some = socket->operations->send(socket->stream, &slice, 1);
        int error = errno;
        weft_semaphore_release(&socket->turn);
        if (some < 0) {
            return weft__websocket_drop(socket, error);
        }
        sent = (size_t)some;
    }
    return sent == length ? 0 : enqueue(socket, frame, data + sent, length - sent, deflated);
}

static struct weft_websocket_frame *make_frame(unsigned opcode, const void *data, size_t length)
{
    struct weft_websocket_frame *frame = malloc(sizeof(*frame) + WEFT__WEBSOCKET_HEAD_MAX + length);
    if (!frame) {
        return NULL;
    }
    const struct weft__websocket_head head = { .length = length, .opcode = (uint8_t)opcode };
    *frame = (struct weft_websocket_frame){ .references = 1 };
    frame->head = (uint8_t)weft__websocket_head_write(frame->bytes, &head);
    frame->length = frame->head + length;
    if (length) {
        memcpy(frame->bytes + frame->head, data, length);
    }
    return frame;
}

static int check_message(enum weft_websocket_kind kind, const void *data, size_t length)
{
    if (kind != WEFT_WEBSOCKET_TEXT && kind != WEFT_WEBSOCKET_BINARY) {
        return weft__fail(EINVAL);
    }
    return kind == WEFT_WEBSOCKET_TEXT && !weft__utf8_valid(data, length) ? weft__fail(EILSEQ) : 0;
}

int weft__websocket_control(struct weft_websocket *socket, unsigned opcode, const void *data,
                            size_t length)
{
    if (is_closed(socket)) {
        return weft__fail(EPIPE);
    }
    struct weft_websocket_frame *frame = make_frame(opcode, data, length);
    if (!frame) {
        return weft__websocket_drop(socket, ENOMEM);
    }
    int result = post(socket, frame, false);
    weft_websocket_frame_unref(frame);
    return result;
}

int weft_websocket_ping(struct weft_websocket *socket, const void *data, size_t length)
{
    if (length > WEFT__WEBSOCKET_CONTROL_MAX) {
        return weft__fail(EMSGSIZE);
    }
    return weft__websocket_control(socket, WEFT__WEBSOCKET_PING, data, length);
}

int weft__websocket_flush(struct weft_websocket *socket)
{
    do {
        if (weft_semaphore_acquire(&socket->turn) < 0) {
            return -1;
        }
        weft_semaphore_release(&socket->turn);
    } while (socket->draining && !socket->broken);
    return socket->broken ? weft__fail(EPIPE) : 0;
}

/* Compression takes turns too: its order has to be that of the messages. */
static int send_in_turn(struct weft_websocket *socket, unsigned opcode, const void *data,
                        size_t length)
{
    if (is_closed(socket)) {
        return weft__fail(EPIPE);
    }
    uint8_t head[WEFT__WEBSOCKET_HEAD_MAX];
    size_t size = length;
    uint8_t *deflated = NULL;
    if (socket->deflate && length >= socket->options->compress_from) {
        deflated = weft__websocket_deflate(socket, data, length, !socket->server_keeps, 0, &size);
    }
    const struct weft__websocket_head fields = { .length = size,
                                                 .opcode = (uint8_t)opcode,
                                                 .compressed = deflated != NULL };
    struct iovec slices[] = {
        { head, weft__websocket_head_write(head, &fields) },
        { deflated ? deflated : (void *)(uintptr_t)data, size },
    };
    int result = transmit(socket, slices, 2);
    if (result < 0 && deflated) {
        weft__websocket_deflate_forget(socket); /* the client does not know the message */
    }
    int error = errno;
    free(deflated);
    errno = error;
    return result;
}

int weft_websocket_send(struct weft_websocket *socket, enum weft_websocket_kind kind,
                        const void *data, size_t length)
{
    if (is_closed(socket)) {
        return weft__fail(EPIPE);
    }
    if (check_message(kind, data, length) < 0 || weft_semaphore_acquire(&socket->turn) < 0) {
        return -1;
    }
    int result = send_in_turn(socket, kind, data, length);
    int error = errno;
    weft_semaphore_release(&socket->turn);
    errno = error;
    return result;
}

int weft_websocket_printf(struct weft_websocket *socket, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (length < 0 || (size_t)length < sizeof(small)) {
        return length < 0 ? -1
                          : weft_websocket_send(socket, WEFT_WEBSOCKET_TEXT, small, (size_t)length);
    }
    char *large = NULL;
    va_start(args, format);
    length = vasprintf(&large, format, args);
    va_end(args);
    if (length < 0) {
        return -1;
    }
    int result = weft_websocket_send(socket, WEFT_WEBSOCKET_TEXT, large, (size_t)length);
    int error = errno;
    free(large);
    errno = error;
    return result;
}

struct weft_websocket_frame *weft_websocket_frame_new(enum weft_websocket_kind kind,
                                                      const void *data, size_t length)
{
    return check_message(kind, data, length) < 0 ? NULL : make_frame(kind, data, length);
}

void weft_websocket_frame_unref(struct weft_websocket_frame *frame)
{
    if (frame && --frame->references == 0) {
        free(frame->deflated);
        free(frame);
    }
}

/* Compress a frame, once for all sockets. */
static void deflate_frame(struct weft_websocket *socket, struct weft_websocket_frame *frame)
{
    uint8_t head[WEFT__WEBSOCKET_HEAD_MAX];
    size_t size;
    uint8_t *bytes = weft__websocket_deflate(
        socket, frame->bytes + frame->head, frame->length - frame->head, true, sizeof(head), &size);
    frame->tried = true;
    if (!bytes) {
        return;
    }
    const struct weft__websocket_head fields = { .length = size,
                                                 .opcode = frame->bytes[0] & 0x0f,
                                                 .compressed = true };
    size_t used = weft__websocket_head_write(head, &fields);
    memmove(bytes + used, bytes + sizeof(head), size);
    memcpy(bytes, head, used);
    frame->deflated = bytes;
    frame->deflated_length = used + size;
}

/* Only sockets with the usual window can take what is compressed for all. */
static bool has_deflated(struct weft_websocket *socket, struct weft_websocket_frame *frame)
{
    if (!socket->deflate || socket->server_bits < 15 ||
        frame->length - frame->head < socket->options->compress_from) {
        return false;
    }
    if (!frame->tried) {
        deflate_frame(socket, frame);
    }
    return frame->deflated != NULL;
}

int weft_websocket_send_frame(struct weft_websocket *socket, struct weft_websocket_frame *frame)
{
    if (is_closed(socket)) {
        return weft__fail(EPIPE);
    }
    return post(socket, frame, has_deflated(socket, frame));
}

size_t weft_websocket_queued(const struct weft_websocket *socket)
{
    return socket->queued;
}
