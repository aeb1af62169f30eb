/*
 * WebSockets: messages both ways over a connection that began as a request.
 *
 *     static int echo(struct weft_websocket *socket, void *context)
 *     {
 *         struct weft_websocket_message message;
 *         int got;
 *         while ((got = weft_websocket_read(socket, &message)) > 0)
 *             if (weft_websocket_send(socket, message.kind, message.data, message.length) < 0)
 *                 return -1;
 *         return got;
 *     }
 *
 *     static const struct weft_websocket_options options = { .run = echo };
 *     return weft_websocket_response(request, response, &options, NULL, 0);    the handler's end
 *
 * There are two ways to serve one. `run` is plain blocking code in a fiber that lives as long as
 * the socket; it holds its stack and the request also while nothing happens, some 17 KiB. `message`
 * is called for each message, in a fresh fiber; in between the socket holds neither a stack nor a
 * buffer, less than 1 KiB in all. Both may block as they like, and any fiber of the loop may write.
 *
 * Pings are answered and sent by the library, a client that vanished is found, and when the server
 * stops each client is told so (1001).
 */
#ifndef WEFT_HTTP_WEBSOCKET_H
#define WEFT_HTTP_WEBSOCKET_H

#include <weft/base.h>
#include <weft/http/body.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** One client's open socket. Opaque. */
struct weft_websocket;

/** A message encoded once, for many sockets. Opaque. */
struct weft_websocket_frame;

/** What a message holds. */
enum weft_websocket_kind {
    WEFT_WEBSOCKET_TEXT = 1,   /**< UTF-8, checked in both directions */
    WEFT_WEBSOCKET_BINARY = 2, /**< any bytes */
};

/** A message received. */
struct weft_websocket_message {
    enum weft_websocket_kind kind; /**< text or binary */
    const char *data;              /**< valid until the next read; a NUL stands behind it */
    size_t length;                 /**< bytes before the NUL */
};

/** Whether messages are compressed (permessage-deflate), if the client can. */
enum weft_websocket_compression {
    WEFT_WEBSOCKET_COMPRESS = 0, /**< each for itself: an idle socket holds no memory for it */
    WEFT_WEBSOCKET_COMPRESS_TOGETHER = 1, /**< with what earlier ones had: better, up to 300 KiB a
                                               socket, taken when first needed */
    WEFT_WEBSOCKET_PLAIN = 2,             /**< never */
};

/**
 * Options of a socket. A zeroed struct with `run` or `message` asks for the defaults. WEFT_FOREVER
 * turns a time off, SIZE_MAX a limit.
 */
struct weft_websocket_options {
    /** Serves the socket from beginning to end. 0 closes it with 1000, -1 with 1011. Instead of
        `message`. */
    int (*run)(struct weft_websocket *socket, void *context);

    /** Called for each message; the next one waits for its return. -1 closes with 1011. */
    int (*message)(struct weft_websocket *socket, const struct weft_websocket_message *message,
                   void *context);

    /** With `message`: called first. -1 closes with 1011. May be NULL. */
    int (*open)(struct weft_websocket *socket, void *context);

    /** With `message`: called last, once, if open was; the socket is invalid afterwards unless
        there is a reference. May be NULL. */
    void (*close)(struct weft_websocket *socket, void *context);

    const char *const *protocols; /**< subprotocols by preference, ended by NULL; borrowed as long
                                       as sockets live. NULL: none */
    const char *const *origins;   /**< as weft_websocket_origin_allowed() takes them */

    size_t max_message;    /**< bytes of a message, inflated, else 1009. Default 1,048,576 */
    size_t max_fragments;  /**< frames of a message, else 1008. Default 4,096 */
    size_t max_controls;   /**< control frames in a second, else 1008. Default 100 */
    size_t max_queue;      /**< bytes that wait for a slow client, and 64 for each frame; beyond,
                                the client is dropped. Default 1,048,576 */
    int64_t ping_interval; /**< ns of silence until a ping is sent. Default 30 s */
    int64_t pong_timeout;  /**< ns without an answer until the client is dropped. Default 20 s */
    int64_t idle_timeout;  /**< ns without a message from the client until the socket is closed with
                                1000. Default WEFT_FOREVER */
    int64_t close_timeout; /**< ns that the client gets to answer a close. Default 5 s */

    enum weft_websocket_compression compression; /**< Default WEFT_WEBSOCKET_COMPRESS */
    size_t compress_from; /**< bytes from which a message is compressed. Default 256 */
    int server_bits;      /**< window of what is sent, 9 to 15 bits. Default 15 */
    int client_bits;      /**< window of what is received, 9 to 15 bits, of a client that lets it
                               be chosen. Default 15 */
    size_t compression_memory; /**< bytes that compression may hold for all sockets of the server;
                                    beyond, new sockets are not compressed, what is sent is sent
                                    plain, and a client whose message can't be inflated gets 1013.
                                    Default 67,108,864 */
};

/**
 * Say whether a request asks for a WebSocket.
 *
 * @param request   Any.
 * @return          true for a GET with `upgrade: websocket`; whether the rest of the handshake is
 *                  right is for weft_websocket_response() to see.
 * Blocks           never
 * Source           RFC 6455, 4.2.1
 */
WEFT_API bool weft_websocket_requested(const struct weft_http_request *request);

/**
 * Say whether a page of the request's origin may use this server.
 *
 * Browsers let any page open a WebSocket anywhere, and send the user's cookies along: without this
 * check a stranger's page speaks in the user's name.
 *
 * @param request   Its `origin` is looked at; one without (no browser) is allowed.
 * @param origins   Allowed ones, such as "https://example.org", ended by NULL; "*" allows all.
 *                  NULL: the same host and port that the request itself names.
 * @return          true if it may.
 * Blocks           never
 * Source           RFC 6454; RFC 6455, 10.2
 */
WEFT_API bool weft_websocket_origin_allowed(const struct weft_http_request *request,
                                            const char *const *origins);

/**
 * Answer with a WebSocket.
 *
 * A request that asks for none gets 426, a wrong handshake 400, another version 426, a foreign
 * origin 403. Fields that were added to the response go out with the 101. To serve pages on the
 * same path, ask weft_websocket_requested() first.
 *
 * @param request   Received by a server.
 * @param response  Filled in.
 * @param options   Copied.
 * @param context   With size 0 handed to the functions as it is, else each socket has a copy.
 * @param size      Bytes to copy.
 * @return          0, so that it is a handler's end; -1 and errno otherwise.
 * Errors           EINVAL an option; ENOTSUP not received by a server; ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           never
 * Source           RFC 6455, 4.2; RFC 7692
 */
WEFT_API int weft_websocket_response(struct weft_http_request *request,
                                     struct weft_http_response *response,
                                     const struct weft_websocket_options *options,
                                     const void *context, size_t size);

/**
 * Read the next message, whole.
 *
 * Pings are answered meanwhile. What a client sends after weft_websocket_close() is dropped.
 *
 * @param socket    Served by `run`.
 * @param message   Set when 1 is returned.
 * @return          1 a message; 0 the socket was closed properly; -1 and errno otherwise.
 * Errors           ECONNRESET the client went without a close; ETIMEDOUT it did not answer a
 *                  ping or a close, or a deadline around the call; ENOBUFS it was too slow for
 *                  what was queued; EMSGSIZE more bytes or frames than allowed, or too many
 *                  control frames; EBADMSG it broke the protocol; ENOMEM; EBUSY another fiber
 *                  reads, or `message` serves the socket; ECANCELED.
 * Blocks           parks the fiber; cancellation point
 * Threads          one fiber at a time
 * Ownership        the message's data is the socket's
 */
WEFT_API int weft_websocket_read(struct weft_websocket *socket,
                                 struct weft_websocket_message *message);

/**
 * Begin the next message, to be read piece by piece: for one too large to be held.
 *
 * `max_message` counts here too. What is left of the message when the next one is asked for is
 * dropped.
 *
 * @param socket    Served by `run`.
 * @param kind      Set when 1 is returned.
 * @param body      Set when 1 is returned; for weft_http_body_read(), which may fail as
 *                  weft_websocket_read() does.
 * @return          1 a message has begun; 0 the socket was closed properly; -1 and errno otherwise.
 * Errors           See weft_websocket_read().
 * Blocks           parks the fiber; cancellation point
 * Threads          one fiber at a time
 * Ownership        the body is the socket's
 */
WEFT_API int weft_websocket_read_body(struct weft_websocket *socket, enum weft_websocket_kind *kind,
                                      struct weft_http_body **body);

/**
 * Send a message.
 *
 * Fibers that write at the same time take turns, message by message. One that is cancelled in the
 * middle of a message ends the connection, since what follows would make no sense.
 *
 * @param socket    Any.
 * @param kind      Text has to be UTF-8.
 * @param data      Not used after the call.
 * @param length    Bytes.
 * @return          0 once the kernel has it; -1 and errno otherwise.
 * Errors           EPIPE the socket is closed or broken; EILSEQ the text is not UTF-8; ETIMEDOUT
 *                  the client took nothing for the server's write_timeout, or a deadline around the
 *                  call; ECANCELED; ENOMEM; EINVAL the kind.
 * Units            bytes
 * Blocks           parks the fiber while the client is slow; cancellation point then
 * Threads          one loop's fibers only
 */
WEFT_API int weft_websocket_send(struct weft_websocket *socket, enum weft_websocket_kind kind,
                                 const void *data, size_t length);

/**
 * Send formatted text as a message.
 *
 * @param socket    Any.
 * @param format    As printf(3).
 * @return          See weft_websocket_send().
 * Errors           See weft_websocket_send().
 * Blocks           See weft_websocket_send().
 */
WEFT_API int weft_websocket_printf(struct weft_websocket *socket, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Send a ping. The library does so by itself after `ping_interval`.
 *
 * @param socket    Any.
 * @param data      What the client sends back. May be NULL.
 * @param length    Bytes, 125 at most.
 * @return          0 once sent or queued; -1 and errno otherwise.
 * Errors           EMSGSIZE; EPIPE the socket is closed or broken; ENOBUFS the client was too slow
 *                  and is dropped; ENOMEM.
 * Blocks           never
 */
WEFT_API int weft_websocket_ping(struct weft_websocket *socket, const void *data, size_t length);

/**
 * Close a socket: what was sent before arrives, nothing can be sent after.
 *
 * The client answers with a close of its own, upon which weft_websocket_read() returns 0; one that
 * does not is dropped after `close_timeout`. Closing twice does nothing.
 *
 * @param socket    Any.
 * @param code      1000 for a normal end; 1001 to 1003, 1007 to 1014, or 3000 to 4999. 0: none.
 * @param reason    At most 123 bytes of UTF-8. NULL: none.
 * @return          0 once sent or queued; -1 and errno otherwise.
 * Errors           EINVAL the code; EMSGSIZE the reason is too long; EILSEQ it is not UTF-8; EPIPE
 *                  the socket is broken; ENOBUFS the client was too slow and is dropped; ENOMEM.
 * Blocks           never
 * Source           RFC 6455, 7
 */
WEFT_API int weft_websocket_close(struct weft_websocket *socket, int code, const char *reason);

/**
 * Encode a message once, to be sent to many.
 *
 * Where clients take compressed messages, it is compressed once as well, when first needed.
 *
 * @param kind      Text has to be UTF-8.
 * @param data      Copied.
 * @param length    Bytes.
 * @return          The frame; NULL and errno otherwise.
 * Errors           EILSEQ the text is not UTF-8; EINVAL the kind; ENOMEM.
 * Units            bytes
 * Blocks           never
 * Ownership        the caller's, until weft_websocket_frame_unref()
 */
WEFT_API struct weft_websocket_frame *weft_websocket_frame_new(enum weft_websocket_kind kind,
                                                               const void *data, size_t length);

/**
 * Give a frame back. Sockets that have yet to send it keep it.
 *
 * @param frame     NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_websocket_frame_unref(struct weft_websocket_frame *frame);

/**
 * Send a frame without ever waiting: a broadcast is a loop of these.
 *
 * What the client can't take at once is queued, and a fiber of the server sends it. A client whose
 * queue would exceed `max_queue` is dropped, so that one that does not read costs the others
 * nothing; it is found by its reader or `close` function, with code 1006. No function of the
 * application runs inside the call.
 *
 * @param socket    Any.
 * @param frame     See weft_websocket_frame_new().
 * @return          0 once sent or queued; -1 and errno otherwise.
 * Errors           EPIPE the socket is closed or broken; ENOBUFS the client is dropped; ENOMEM, and
 *                  then it is dropped too.
 * Blocks           never
 * Threads          one loop's fibers only
 */
WEFT_API int weft_websocket_send_frame(struct weft_websocket *socket,
                                       struct weft_websocket_frame *frame);

/**
 * How much waits to be taken by the client.
 *
 * @param socket    Any.
 * @return          Bytes queued, as `max_queue` counts them.
 * Units            bytes
 * Blocks           never
 */
WEFT_API size_t weft_websocket_queued(const struct weft_websocket *socket);

/**
 * The subprotocol that was agreed on.
 *
 * @param socket    Any.
 * @return          One of the options' `protocols`; NULL: none.
 * Blocks           never
 */
WEFT_API const char *weft_websocket_protocol(const struct weft_websocket *socket);

/**
 * Why a socket was closed.
 *
 * @param socket    Any.
 * @return          0 while it is open; the client's code, or that of the rule it broke; 1005 it
 *                  gave none; 1006 the connection was lost.
 * Blocks           never
 * Source           RFC 6455, 7.4
 */
WEFT_API int weft_websocket_close_code(const struct weft_websocket *socket);

/**
 * Keep a socket's memory beyond its end. What is sent then fails with EPIPE.
 *
 * @param socket    Any.
 * @return          The socket.
 * Blocks           never
 */
WEFT_API struct weft_websocket *weft_websocket_ref(struct weft_websocket *socket);

/**
 * Give a reference back.
 *
 * @param socket    NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_websocket_unref(struct weft_websocket *socket);

WEFT_END_DECLS

#endif
