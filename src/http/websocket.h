#ifndef WEFT_HTTP_WEBSOCKET_INTERNAL_H
#define WEFT_HTTP_WEBSOCKET_INTERNAL_H

/*
 * A WebSocket, over any stream of bytes.
 *
 *      stream --fill--> reader (proto) --> inflate --> message or body --> the application
 *
 *      blocking writers ---- turn ----> stream
 *      frames, pings, closes --> sent at once, or queue --drain fiber, turn--> stream
 *
 * Whoever holds the turn is in the middle of sending, so messages never mix. What must not wait is
 * sent only if the turn is free and nothing is queued; otherwise it is queued, within a bound, and
 * a fiber that exists only as long as there is a queue sends it. So a client that keeps up costs a
 * broadcast one system call, and one that does not costs a queue of pointers.
 *
 * The end: whoever finds the connection broken shuts it down (weft__websocket_drop()), which wakes
 * all who wait on it; only the fiber that serves the socket takes it apart.
 */

#include <sys/uio.h>

#include <weft/http/websocket.h>
#include <weft/sync.h>

#include "http/server.h"
#include "proto/websocket.h"

/** The stream of bytes below: an HTTP/1 connection, later a stream of HTTP/2. */
struct weft__websocket_stream {
    /** What was received and not consumed; it may be written to. */
    struct weft__buffer *(*input)(void *stream);

    /** Receive more. Bytes; 0 at the end; -1: EAGAIN unless it may wait, ECANCELED, …. A stream
        that waits holds no memory meanwhile. */
    ssize_t (*fill)(void *stream, bool wait);

    /** Send what fits without waiting: bytes, 0 if none fit; -1 and errno. */
    ssize_t (*send)(void *stream, struct iovec *slices, size_t count);

    /** Wait until something fits: 1; 0 nothing did for the write timeout; -1 and errno. */
    int (*wait)(void *stream);

    /** Give unused input memory back. */
    void (*relax)(void *stream);

    /** End both directions: whoever waits wakes. */
    void (*drop)(void *stream);
};

struct weft__exchange;
struct weft__inflater;
struct weft__deflater;

/** Options, one copy for all sockets that have the same. */
struct weft__websocket_shared {
    struct weft__list node;
    unsigned references;
    struct weft_websocket_options options;
};

/** What all sockets of a server share. */
struct weft__websocket_pool {
    struct weft__server_part part;
    struct weft__list shared; /* options in use */
    size_t held;              /* bytes that compression holds */
    struct weft__inflater *inflaters;
    size_t spare;                    /* of them */
    struct weft__deflater *deflater; /* for messages that are compressed each for itself */
};

struct weft_websocket {
    struct weft__upgraded upgraded;
    struct weft_http_server *server;
    const struct weft__websocket_stream *operations;
    void *stream; /* NULL once taken apart */
    struct weft__websocket_reader reader;
    const struct weft_websocket_options *options; /* shared */
    const char *protocol;
    void *context;
    unsigned references;
    int broken; /* the errno for which the connection is useless */
    int failed; /* the errno of what the client did wrong */
    uint16_t code;
    bool opened;       /* `close` is to be called */
    bool close_sent;   /* or queued */
    bool close_read;   /* the client's */
    bool busy;         /* a fiber reads */
    bool waiting;      /* nothing is there to be read */
    bool pinged;       /* and nothing heard since */
    bool deflate;      /* messages may be compressed */
    bool server_keeps; /* our compressor remembers */
    bool client_keeps; /* the client's does */
    bool in_message;   /* begun, not read to its end */
    bool draining;     /* there is a fiber for the queue */
    bool inflating;    /* the inflater has input */
    bool gathering;    /* `text` holds the beginning of a message */
    bool holding;      /* `held` was not handed out yet */
    uint8_t server_bits;
    uint8_t taken; /* pieces since the loop had its turn, more or less */

    /* receiving */
    size_t pending; /* bytes of the input that the last piece lies in */
    uint64_t total; /* bytes of the message, inflated */
    struct weft__buffer text;
    struct weft__utf8 utf8;
    struct weft_http_body body;
    struct weft__slice held; /* the first piece of a body */
    struct weft__inflater *inflater;

    /* sending */
    struct weft_semaphore turn;
    struct weft__list queue;
    size_t queued;
    struct weft__deflater *deflater;

    /* the server's coarse clock */
    int64_t heard;  /* at the last byte */
    int64_t spoken; /* at the last message from the client */
    int64_t since;  /* of the ping or close that waits for an answer */
    int64_t controls_since;
    uint32_t controls; /* frames since then */

    _Alignas(max_align_t) char own[]; /* the copy of the context */
};

/** A message, encoded. */
struct weft_websocket_frame {
    unsigned references;
    bool tried;    /* to compress it */
    uint8_t head;  /* bytes in front of the payload */
    size_t length; /* in all */
    uint8_t *deflated;
    size_t deflated_length;
    uint8_t bytes[];
};

/* What was agreed on: websocket_accept.c */

/** What becomes of a request once its answer, 101, is due. */
struct weft__websocket_plan {
    struct weft_websocket_options options;
    const char *protocol;
    const void *context;
    size_t size;
    bool deflate;
    struct weft__websocket_deflate agreed;
};

/** Fill in defaults. 0; -1: EINVAL with weft_error(). */
int weft__websocket_options(struct weft_websocket_options *options);

/** The text of sec-websocket-accept for a valid key. 0; -1 and errno. */
int weft__websocket_accept(char out[32], const char *key);

/* Over HTTP/2: h2_socket.c */

/** Answer an extended CONNECT, and serve the socket on its stream; as weft__upgrade.begin. */
enum weft__next weft__h2_socket_begin(struct weft__exchange *exchange, void *argument);

/* Life: websocket.c */

/** Make a socket. NULL: ENOMEM. */
struct weft_websocket *weft__websocket_new(struct weft_http_server *server,
                                           const struct weft__websocket_plan *plan);

/** Free a socket that is not served. */
void weft__websocket_free(struct weft_websocket *socket);

/** Serve a socket whose stream is set, after the handshake. */
enum weft__next weft__websocket_serve(struct weft_websocket *socket);

/** The connection is useless: end it, for whoever serves the socket to find. Returns -1. */
int weft__websocket_drop(struct weft_websocket *socket, int error);

/** Close because of what the client did. Returns -1 with errno. */
int weft__websocket_refuse(struct weft_websocket *socket, unsigned code, const char *reason);

/* Receiving: websocket_read.c */

/**
 * The next message, whole.
 *
 * @param wait     May park.
 * @return         1; 0 closed; -1 and errno, EAGAIN if it may not wait: to be called again.
 */
int weft__websocket_next(struct weft_websocket *socket, bool wait,
                         struct weft_websocket_message *message);

/** Drop all that comes until the client's close or the end. */
void weft__websocket_read_out(struct weft_websocket *socket);

/** Give back what only a message under way needs. */
void weft__websocket_relax(struct weft_websocket *socket);

/* Sending: websocket_send.c */

/** Send or queue a control frame; never waits. 0; -1 and errno. */
int weft__websocket_control(struct weft_websocket *socket, unsigned opcode, const void *data,
                            size_t length);

/** Wait until the queue is sent. 0; -1 and errno. */
int weft__websocket_flush(struct weft_websocket *socket);

/** Drop what is queued. */
void weft__websocket_discard(struct weft_websocket *socket);

/* Compression: websocket_zlib.c */

/** What the server's sockets share; NULL: ENOMEM. */
struct weft__websocket_pool *weft__websocket_pool(struct weft_http_server *server);

/** True if another socket may be compressed. */
bool weft__websocket_can_deflate(struct weft_http_server *server, size_t limit);

/** Give the message's compressed bytes to the inflater. 0; -1: ENOBUFS, ENOMEM. */
int weft__websocket_inflate(struct weft_websocket *socket, struct weft__slice input, bool last);

/** 1 a piece (empty with *last only); 0 more input is needed; -1 the data is no deflate stream. */
int weft__websocket_inflated(struct weft_websocket *socket, struct weft__slice *piece, bool *last);

/** The message is over, or the socket: give back what need not be kept. */
void weft__websocket_inflate_end(struct weft_websocket *socket, bool all);

/**
 * Compress a message for this socket.
 *
 * @param alone    It may not refer to earlier ones.
 * @param room     Bytes left free in front, for a head.
 * @return         To be freed; NULL if it has to be sent plain. The payload's bytes in *size.
 */
uint8_t *weft__websocket_deflate(struct weft_websocket *socket, const void *data, size_t length,
                                 bool alone, size_t room, size_t *size);

/** A message was sent that the socket's compressor does not know. */
void weft__websocket_deflate_forget(struct weft_websocket *socket);

/** Give the compressor back. */
void weft__websocket_deflate_end(struct weft_websocket *socket);

#endif
