#ifndef WEFT_NET_STREAM_H
#define WEFT_NET_STREAM_H

/*
 * A buffered stream over a connected socket, blocking as its fiber sees it.
 *
 *      socket --fill--> in: [ consumed | unread ] --consume--> a parser
 *      socket <--send-- slices of whoever has the bytes (nothing is copied here)
 *
 * Each transfer is tried without waiting first. Only when it would wait does it cost a timer and a
 * park, so that a request and its answer that fit in the kernel's buffers take one system call
 * each. An idle stream has given its input memory back to the pool.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buffer.h"

enum {
    WEFT__STREAM_BLOCK = 4096, /* first size of an input buffer; what the pool keeps */
    WEFT__STREAM_POOLED = 256, /* blocks the pool keeps */
    WEFT__STREAM_READ = 16384, /* asked for at least once a buffer has grown */
    WEFT__STREAM_SLICES = 8,   /* most slices of one send */
};

/** Input blocks for reuse, last in first out, so that the next one is warm. */
struct weft__stream_pool {
    void *free;   /* each block holds the next one's address */
    size_t count; /* at most WEFT__STREAM_POOLED */
    char *record; /* where slices are gathered for one TLS record; made at first need */
};

/** Free the blocks kept. */
void weft__stream_pool_fini(struct weft__stream_pool *pool);

struct weft__tls;

struct weft__stream {
    int fd;                         /* owned; -1 once closed */
    struct weft__tls *tls;          /* owned; NULL: bytes go as they are */
    struct weft__buffer in;         /* received and not consumed */
    struct weft__stream_pool *pool; /* where first blocks come from */
    int64_t write_timeout;          /* ns without progress until a send fails */
};

/** Begin with a connected socket, owned from now on. @param limit most unread bytes. */
void weft__stream_init(struct weft__stream *stream, int fd, struct weft__stream_pool *pool,
                       size_t limit, int64_t write_timeout);

/**
 * Have TLS begin on the stream, and wait for its handshake.
 *
 * @param tls      owned from now on.
 * @param timeout  ns for all of it.
 * @return         0; -1 and errno: as weft__tls_handshake(), and ETIMEDOUT, ECANCELED.
 */
int weft__stream_secure(struct weft__stream *stream, struct weft__tls *tls, int64_t timeout);

/** Close the socket, give the memory back. */
void weft__stream_close(struct weft__stream *stream);

/** Give the input memory back; unread bytes are lost. */
void weft__stream_release(struct weft__stream *stream);

/** As weft__stream_release(), for a buffer that was taken out of a stream. */
void weft__stream_release_buffer(struct weft__stream_pool *pool, struct weft__buffer *buffer);

/**
 * Receive more without waiting.
 *
 * @return   bytes; 0 at the end of the stream; -1: EAGAIN nothing there, ENOBUFS the limit is
 *           reached, ENOMEM, what recv(2) fails with.
 */
ssize_t weft__stream_try_fill(struct weft__stream *stream);

/** Receive past the input buffer, which must be empty; else as weft__stream_try_fill(). */
ssize_t weft__stream_try_receive(struct weft__stream *stream, void *room, size_t size);

/**
 * Receive more, waiting for it.
 *
 * @param timeout  ns; WEFT_FOREVER: no limit beside those around the call.
 * @return         as weft__stream_try_fill(), and ETIMEDOUT, ECANCELED in place of EAGAIN.
 */
ssize_t weft__stream_fill(struct weft__stream *stream, int64_t timeout);

/** Drop `sent` bytes, and empty slices, from the front. The slices left, which begin at *slices. */
size_t weft__slices_advance(struct iovec **slices, size_t count, size_t sent);

/**
 * Send all slices, waiting while the peer is slow. The array is used up.
 *
 * @param count    at most WEFT__STREAM_SLICES.
 * @return         0; -1: EPIPE or ECONNRESET the peer is gone, ETIMEDOUT no progress for the write
 *                 timeout, ECANCELED. How much was sent is not known then.
 */
int weft__stream_send(struct weft__stream *stream, struct iovec *slices, size_t count);

/** weft__stream_send() of one slice: the cheapest call. */
int weft__stream_send_one(struct weft__stream *stream, const void *data, size_t length);

/**
 * Send what fits of some slices without waiting. Bytes sent, 0 if none fit; -1 and errno. With TLS
 * a 0 may have begun a record: the same bytes must come first in the next send.
 */
ssize_t weft__stream_try_send_slices(struct weft__stream *stream, struct iovec *slices,
                                     size_t count);

/** With TLS: whether a send that gave 0 has begun a record, so that no other bytes may follow. */
bool weft__stream_halfway(const struct weft__stream *stream);

/** Wait until something fits. 1; 0 nothing did for the write timeout; -1 and errno. */
int weft__stream_wait_writable(struct weft__stream *stream);

/** Wait until there is something to receive, or the end. 0; -1 and errno. */
int weft__stream_wait_readable(struct weft__stream *stream);

/** weft__stream_try_send_slices() of one. */
ssize_t weft__stream_try_send(struct weft__stream *stream, const void *data, size_t length);

/** End both directions at once; whoever waits on the stream wakes. The descriptor stays. */
void weft__stream_shut(struct weft__stream *stream);

/**
 * Close after an answer that the peer may still be sending to: end our side, drop what arrives for
 * a while, so that a reset does not destroy the answer on its way.
 *
 * @param limit    bytes to drop at most.
 * @param timeout  ns in all.
 */
void weft__stream_linger(struct weft__stream *stream, size_t limit, int64_t timeout);

#endif
