/*
 * Message bodies: one model for requests and responses, servers and clients.
 *
 * A body is pulled chunk by chunk by whoever consumes it (weft_http_body_read()), or it is a
 * function that writes itself to a stream as it goes (`stream` below): an answer that comes token
 * by token. Every body is closed exactly once, with the reason if it was cut short.
 *
 * Write rule: what a producer has leaves at once when it has nothing more at hand, and is gathered
 * when it has (`ready`, weft_http_stream_cork()).
 */
#ifndef WEFT_HTTP_BODY_H
#define WEFT_HTTP_BODY_H

#include <sys/types.h>

#include <weft/base.h>
#include <weft/http/headers.h>

WEFT_BEGIN_DECLS

struct weft_http_body;
struct weft_http_stream;

/** What a kind of body can do. Zero is allowed wherever a default is named. */
struct weft_http_body_operations {
    /** The next chunk: bytes above 0 with *chunk valid until the next call on the body; 0 at the
        end; -1 and errno. Needed unless `stream` is there. */
    ssize_t (*read)(struct weft_http_body *body, const void **chunk);

    /** Writes the whole body. 0; -1 and errno: the message is cut, visibly to its receiver. */
    int (*stream)(struct weft_http_body *body, struct weft_http_stream *stream);

    /** Releases what the body holds; error is 0, or why it was cut short. Called once. */
    void (*close)(struct weft_http_body *body, int error);

    /** Back to the first byte: 0; -1 and errno. Default: ESPIPE. */
    int (*rewind)(struct weft_http_body *body);

    /** Bytes left to read, -1 if that is not known. Default: not known. */
    int64_t (*length)(struct weft_http_body *body);

    /** True if read() would return without waiting. Default: false. */
    bool (*ready)(struct weft_http_body *body);
};

/** A body. Embedded first in what implements a kind. */
struct weft_http_body {
    const struct weft_http_body_operations *operations; /**< what it can do */
    bool closed;                                        /**< set by weft_http_body_close() */
};

/**
 * Read the next chunk of a body.
 *
 * @param body      NULL is an empty body.
 * @param chunk     Set to the bytes, valid until the next call on the body.
 * @return          Bytes, above 0; 0 at the end or after a close; -1 and errno otherwise.
 * Errors           of a request's body: EMSGSIZE above the limit (413 is the answer to give),
 *                  EBADMSG malformed or cut short (400), ETIMEDOUT too slow (408), ECONNRESET;
 *                  ENOTSUP the body can only be streamed; ECANCELED.
 * Blocks           parks the fiber; cancellation point
 */
WEFT_API ssize_t weft_http_body_read(struct weft_http_body *body, const void **chunk);

/**
 * Close a body. Closing twice does nothing.
 *
 * @param body      NULL does nothing.
 * @param error     0, or the errno for which it is cut short.
 * Blocks           as its kind does
 */
WEFT_API void weft_http_body_close(struct weft_http_body *body, int error);

/**
 * Read a body to its end for nothing.
 *
 * @param body      NULL does nothing.
 * @param limit     Bytes to read at most.
 * @return          0 at the end; -1 and errno otherwise.
 * Errors           EMSGSIZE more than limit; see weft_http_body_read().
 * Units            bytes
 * Blocks           parks the fiber; cancellation point
 */
WEFT_API int weft_http_body_discard(struct weft_http_body *body, size_t limit);

/**
 * Go back to the first byte, for a retry or a redirect.
 *
 * @param body      NULL does nothing.
 * @return          0; -1 and errno otherwise.
 * Errors           ESPIPE this kind can't.
 * Blocks           as its kind does
 */
WEFT_API int weft_http_body_rewind(struct weft_http_body *body);

/**
 * How many bytes are left to read.
 *
 * @param body      NULL is an empty body.
 * @return          Bytes; -1 if that is not known.
 * Units            bytes
 * Blocks           never
 */
WEFT_API int64_t weft_http_body_length(struct weft_http_body *body);

/**
 * Say whether the next read returns without waiting.
 *
 * @param body      NULL is an empty body: true.
 * @return          true if it does.
 * Blocks           never
 */
WEFT_API bool weft_http_body_ready(struct weft_http_body *body);

/**
 * Read the rest of a body into one piece of memory, with a NUL behind it.
 *
 * @param body      NULL gives an empty text.
 * @param memory    Whose; a message's.
 * @param limit     Most bytes.
 * @param length    Set to the bytes before the NUL. May be NULL.
 * @return          The bytes; NULL and errno otherwise.
 * Errors           EMSGSIZE above limit; ENOMEM; ENOBUFS; see weft_http_body_read().
 * Units            bytes
 * Blocks           parks the fiber; cancellation point
 * Ownership        the exchange's
 */
WEFT_API char *weft_http_body_read_all(struct weft_http_body *body, struct weft_http_memory *memory,
                                       size_t limit, size_t *length);

/**
 * A body of bytes in memory: rewindable, length known.
 *
 * @param memory    For the body's own record; a message's.
 * @param data      Borrowed until the exchange is over.
 * @param length    Bytes.
 * @return          The body; NULL and errno otherwise.
 * Errors           ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           never
 */
WEFT_API struct weft_http_body *weft_http_body_memory(struct weft_http_memory *memory,
                                                      const void *data, size_t length);

/**
 * A body that a function writes as it goes.
 *
 * @param memory    For the body's own record; a message's.
 * @param function  Called once, in the connection's fiber, after the handler has returned; not at
 *                  all for HEAD or if the client is gone (weft_http_defer() is called even then).
 *                  0; -1 and errno cuts the message.
 * @param context   With size 0 handed to it as it is, else copied.
 * @param size      Bytes to copy.
 * @return          The body; NULL and errno otherwise.
 * Errors           ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           never
 */
WEFT_API struct weft_http_body *
weft_http_body_writer(struct weft_http_memory *memory,
                      int (*function)(struct weft_http_stream *stream, void *context),
                      const void *context, size_t size);

/** Bytes that a corked stream gathers before it sends them after all. */
#define WEFT_HTTP_STREAM_CORK ((size_t)16384)

/**
 * Write to a message's body. What is given leaves at once, unless the stream is corked.
 *
 * The head goes out together with the first bytes; weft_http_stream_flush() sends it before.
 *
 * @param stream    Given to the function.
 * @param data      Not used after the call.
 * @param length    Bytes; 0 does nothing.
 * @return          0 once the kernel has all of it; -1 and errno otherwise: the stream is broken
 *                  then, and so is every further write.
 * Errors           EPIPE, ECONNRESET the receiver is gone; ETIMEDOUT it took nothing for too long,
 *                  or a deadline around the call; ECANCELED; EMSGSIZE more than the
 *                  content-length the response had set; EBUSY another fiber is writing (the
 *                  stream is not broken then).
 * Units            bytes
 * Blocks           parks the fiber while the receiver is slow; cancellation point then
 * Threads          one fiber at a time
 */
WEFT_API int weft_http_stream_write(struct weft_http_stream *stream, const void *data,
                                    size_t length);

/**
 * Write formatted text.
 *
 * @param stream    Given to the function.
 * @param format    As printf(3).
 * @return          See weft_http_stream_write().
 * Errors           See weft_http_stream_write(); ENOMEM.
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_http_stream_printf(struct weft_http_stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Gather the writes to come: up to WEFT_HTTP_STREAM_CORK bytes, or until the stream is uncorked.
 *
 * @param stream    Given to the function.
 * Blocks           never
 */
WEFT_API void weft_http_stream_cork(struct weft_http_stream *stream);

/**
 * Send what was gathered, and let the writes to come leave at once.
 *
 * @param stream    Given to the function.
 * @return          See weft_http_stream_write().
 * Errors           See weft_http_stream_write().
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_http_stream_uncork(struct weft_http_stream *stream);

/**
 * Send the head, and what was gathered, now.
 *
 * @param stream    Given to the function.
 * @return          See weft_http_stream_write().
 * Errors           See weft_http_stream_write().
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_http_stream_flush(struct weft_http_stream *stream);

/**
 * Say whether the server is being stopped: a stream without an end should come to one.
 *
 * @param stream    Given to the function.
 * @return          true once weft_http_server_stop() was called; what still runs when the grace
 *                  period is over is cancelled.
 * Blocks           never
 */
WEFT_API bool weft_http_stream_stopping(const struct weft_http_stream *stream);

WEFT_END_DECLS

#endif
