#include "net/stream.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/time.h>

#include "base/fail.h"
#include "net/tls.h"

static void *pool_take(struct weft__stream_pool *pool)
{
    void *block = pool->free;
    if (!block) {
        return malloc(WEFT__STREAM_BLOCK);
    }
    memcpy(&pool->free, block, sizeof(pool->free));
    pool->count--;
    return block;
}

static void pool_give(struct weft__stream_pool *pool, void *block)
{
    if (pool->count >= WEFT__STREAM_POOLED) {
        free(block);
        return;
    }
    memcpy(block, &pool->free, sizeof(pool->free));
    pool->free = block;
    pool->count++;
}

void weft__stream_pool_fini(struct weft__stream_pool *pool)
{
    while (pool->free) {
        free(pool_take(pool));
    }
    free(pool->record);
    pool->record = NULL;
}

void weft__stream_init(struct weft__stream *stream, int fd, struct weft__stream_pool *pool,
                       size_t limit, int64_t write_timeout)
{
    stream->fd = fd;
    stream->tls = NULL;
    stream->pool = pool;
    stream->write_timeout = write_timeout;
    weft__buffer_init(&stream->in, limit);
}

void weft__stream_release_buffer(struct weft__stream_pool *pool, struct weft__buffer *buffer)
{
    if (buffer->data && buffer->capacity == WEFT__STREAM_BLOCK) {
        pool_give(pool, buffer->data);
        weft__buffer_init(buffer, buffer->limit);
    } else {
        weft__buffer_fini(buffer);
    }
}

void weft__stream_release(struct weft__stream *stream)
{
    weft__stream_release_buffer(stream->pool, &stream->in);
}

void weft__stream_close(struct weft__stream *stream)
{
    weft__stream_release(stream);
    if (stream->tls) {
        weft__tls_goodbye(stream->tls);
        weft__tls_free(stream->tls);
        stream->tls = NULL;
    }
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
}

/* Where to receive to. A first block comes from the pool; a full one grows to take longer reads. */
static char *room_for(struct weft__stream *stream, size_t *size)
{
    struct weft__buffer *in = &stream->in;
    if (!in->data && in->limit >= WEFT__STREAM_BLOCK) {
        in->data = pool_take(stream->pool);
        in->capacity = in->data ? WEFT__STREAM_BLOCK : 0;
    }
    if (in->length == 0) {
        weft__buffer_clear(in);
    }
    size_t left = in->limit - in->length;
    if (left == 0) {
        errno = ENOBUFS;
        return NULL;
    }
    size_t wanted = in->capacity - in->length;
    if (wanted < WEFT__STREAM_BLOCK / 4) {
        wanted = left < WEFT__STREAM_READ ? left : WEFT__STREAM_READ;
    }
    *size = wanted < left ? wanted : left;
    return weft__buffer_reserve(in, *size);
}

/* A deadline in poll's unit: at least 1 ms, so that a short one does not become a busy loop. */
static int milliseconds(int64_t duration)
{
    if (duration == WEFT_FOREVER) {
        return -1;
    }
    int64_t ms = (duration + WEFT_MILLISECOND - 1) / WEFT_MILLISECOND;
    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int wait_for(struct weft__stream *stream, short events, int64_t timeout)
{
    struct pollfd wait = { .fd = stream->fd, .events = events };
    int ready;
    do {
        ready = poll(&wait, 1, milliseconds(timeout));
    } while (ready < 0 && errno == EINTR);
    return ready;
}

static ssize_t receive_sealed(struct weft__stream *stream, char *room, size_t size, bool wait)
{
    for (;;) {
        ssize_t got = weft__tls_read(stream->tls, room, size);
        if (got >= 0 || errno != EAGAIN || !wait ||
            wait_for(stream, weft__tls_wants(stream->tls), WEFT_FOREVER) < 0) {
            return got;
        }
    }
}

static ssize_t receive(struct weft__stream *stream, int flags)
{
    size_t size;
    char *room = room_for(stream, &size);
    if (!room) {
        return -1;
    }
    ssize_t got;
    if (stream->tls) {
        got = receive_sealed(stream, room, size, !(flags & MSG_DONTWAIT));
    } else {
        do {
            got = recv(stream->fd, room, size, flags);
        } while (got < 0 && errno == EINTR);
    }
    if (got > 0) {
        weft__buffer_added(&stream->in, (size_t)got);
    }
    return got;
}

ssize_t weft__stream_try_fill(struct weft__stream *stream)
{
    return receive(stream, MSG_DONTWAIT);
}

ssize_t weft__stream_try_receive(struct weft__stream *stream, void *room, size_t size)
{
    if (stream->tls) {
        return weft__tls_read(stream->tls, room, size);
    }
    ssize_t got;
    do {
        got = recv(stream->fd, room, size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    return got;
}

ssize_t weft__stream_fill(struct weft__stream *stream, int64_t timeout)
{
    ssize_t got = receive(stream, MSG_DONTWAIT);
    if (got >= 0 || errno != EAGAIN) {
        return got;
    }
    if (timeout == WEFT_FOREVER) {
        return receive(stream, 0);
    }
    WEFT_TIMEOUT(timeout);
    return receive(stream, 0);
}

bool weft__stream_halfway(const struct weft__stream *stream)
{
    return stream->tls && weft__tls_halfway(stream->tls);
}

int weft__stream_wait_writable(struct weft__stream *stream)
{
    short events = stream->tls ? weft__tls_wants(stream->tls) : POLLOUT;
    return wait_for(stream, events, stream->write_timeout);
}

int weft__stream_wait_readable(struct weft__stream *stream)
{
    short events = stream->tls ? weft__tls_wants(stream->tls) : POLLIN;
    return wait_for(stream, events, WEFT_FOREVER) < 0 ? -1 : 0;
}

static int wait_writable(struct weft__stream *stream)
{
    int ready = weft__stream_wait_writable(stream);
    return ready > 0 ? 0 : ready == 0 ? weft__fail(ETIMEDOUT) : -1;
}

int weft__stream_secure(struct weft__stream *stream, struct weft__tls *tls, int64_t timeout)
{
    stream->tls = tls;
    WEFT_TIMEOUT(timeout);
    while (weft__tls_handshake(tls) < 0) {
        if (errno != EAGAIN || wait_for(stream, weft__tls_wants(tls), WEFT_FOREVER) < 0) {
            return -1;
        }
    }
    return 0;
}

static ssize_t seal(struct weft__stream *stream, const void *data, size_t length)
{
    ssize_t sent = weft__tls_write(stream->tls, data, length);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

/* Several slices become one record: each would else cost its own 22 bytes and its own call. */
static ssize_t seal_slices(struct weft__stream *stream, const struct iovec *slices, size_t count)
{
    struct weft__stream_pool *pool = stream->pool;
    if (count == 1 || slices->iov_len >= WEFT__TLS_RECORD) {
        return seal(stream, slices->iov_base, slices->iov_len);
    }
    if (!pool->record && !(pool->record = malloc(WEFT__TLS_RECORD))) {
        return -1;
    }
    size_t used = 0;
    for (size_t i = 0; i < count && used < WEFT__TLS_RECORD; i++) {
        size_t room = WEFT__TLS_RECORD - used;
        size_t part = slices[i].iov_len < room ? slices[i].iov_len : room;
        memcpy(pool->record + used, slices[i].iov_base, part);
        used += part;
    }
    return seal(stream, pool->record, used);
}

ssize_t weft__stream_try_send_slices(struct weft__stream *stream, struct iovec *slices,
                                     size_t count)
{
    if (stream->tls) {
        return seal_slices(stream, slices, count);
    }
    struct msghdr message = { .msg_iov = slices, .msg_iovlen = count };
    ssize_t sent;
    do {
        sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN) {
        return 0;
    }
    return sent;
}

size_t weft__slices_advance(struct iovec **slices, size_t count, size_t sent)
{
    struct iovec *first = *slices;
    while (count > 0 && sent >= first->iov_len) {
        sent -= first->iov_len;
        first++;
        count--;
    }
    if (count > 0) {
        first->iov_base = (char *)first->iov_base + sent;
        first->iov_len -= sent;
    }
    *slices = first;
    return count;
}

int weft__stream_send(struct weft__stream *stream, struct iovec *slices, size_t count)
{
    count = weft__slices_advance(&slices, count, 0);
    while (count > 0) {
        ssize_t sent = weft__stream_try_send_slices(stream, slices, count);
        if (sent < 0 || (sent == 0 && wait_writable(stream) < 0)) {
            return -1;
        }
        count = weft__slices_advance(&slices, count, (size_t)sent);
    }
    return 0;
}

ssize_t weft__stream_try_send(struct weft__stream *stream, const void *data, size_t length)
{
    if (stream->tls) {
        return seal(stream, data, length);
    }
    ssize_t sent;
    do {
        sent = send(stream->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

int weft__stream_send_one(struct weft__stream *stream, const void *data, size_t length)
{
    const char *next = data;
    while (length > 0) {
        ssize_t sent = weft__stream_try_send(stream, next, length);
        if (sent < 0 || (sent == 0 && wait_writable(stream) < 0)) {
            return -1;
        }
        next += sent;
        length -= (size_t)sent;
    }
    return 0;
}

void weft__stream_shut(struct weft__stream *stream)
{
    shutdown(stream->fd, SHUT_RDWR);
}

void weft__stream_linger(struct weft__stream *stream, size_t limit, int64_t timeout)
{
    if (stream->tls) {
        weft__tls_goodbye(stream->tls);
    }
    if (shutdown(stream->fd, SHUT_WR) < 0) {
        return;
    }
    WEFT_TIMEOUT(timeout);
    while (limit > 0) {
        weft__buffer_clear(&stream->in);
        ssize_t got = weft__stream_fill(stream, WEFT_FOREVER);
        if (got <= 0) {
            return;
        }
        limit -= (size_t)got < limit ? (size_t)got : limit;
    }
}
