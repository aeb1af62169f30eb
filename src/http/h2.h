#ifndef WEFT_HTTP_H2_H
#define WEFT_HTTP_H2_H

/*
 * HTTP/2 on a server's connection: frames by libnghttp2, a fiber for each stream's handler.
 *
 *      socket ──watch──> reader ──bytes──> nghttp2 ──callbacks──> streams that are ready to start
 *                          │                                        │ a fiber each
 *                          └──────────── flush ◄── gives bytes ─────┴── handler, body
 *
 * Nothing parks inside a callback: what a frame asks for is noted there and done after nghttp2 has
 * come back. Whoever has made something to send has it flushed; whoever comes first waits a turn
 * of the loop for the others, so that what many streams have to say leaves in one system call. A
 * socket that is full is waited for by a fiber that exists only as long (weft__h2_flush()).
 *
 *      h2.c            a connection: its reader, its end
 *      h2_server.c     what all connections of a server share
 *      h2_memory.c     nghttp2's memory
 *      h2_frames.c     what comes in, and how much of it is too much
 *      h2_request.c    from header fields to a request
 *      h2_body.c       the body of a request; credit is given as it is read
 *      h2_stream.c     a stream's fiber, its record
 *      h2_response.c   from a response to header fields and a body
 *      h2_output.c     from a stream's bytes to the socket
 *      h2_socket.c     WebSockets on streams: RFC 8441
 */

#include <errno.h>

#include <nghttp2/nghttp2.h>

#include <weft/sync.h>

#include "base/buffer.h"
#include "http/exchange.h"
#include "http/server.h"

/* Nothing is kept for reuse where tests are to see what is used after its end, or fails. */
#if defined(__SANITIZE_ADDRESS__) || defined(WEFT_TORTURE)
#define WEFT__H2_REUSE 0
#else
#define WEFT__H2_REUSE 1
#endif

enum {
    WEFT__H2_STREAM_WINDOW = 65536,       /* bytes of a body that wait for its handler */
    WEFT__H2_CONNECTION_WINDOW = 1 << 20, /* of all bodies of a connection */
    WEFT__H2_FRAME = 16384,               /* payload of a frame, either way */
    WEFT__H2_HEAD = 9,                    /* bytes of a frame's head */
    WEFT__H2_BATCH = 65536,               /* bytes gathered for one send, or received at a time */
    WEFT__H2_BLOCK = 65536 + 9 + 16384,   /* with room for one more frame */
    WEFT__H2_BLOCKS = 8,                  /* that are kept for reuse */
    WEFT__H2_SETTINGS_MAX = 32,           /* entries of a SETTINGS frame */
    WEFT__H2_ACKS_MAX = 64,               /* answers to PING and SETTINGS that wait to be sent */
    WEFT__H2_SOCKET_OUT = 16384,          /* bytes of a WebSocket that wait for its window */
    WEFT__H2_PROGRESS = 512,              /* fewer bytes in a write timeout are none */
    WEFT__H2_FIELD = 32,   /* what a field counts beside its texts: RFC 9113, 6.5.2 */
    WEFT__H2_CLASSES = 16, /* of sizes of pieces that are kept for reuse */
    WEFT__H2_SKIPPED = 8,  /* runs of ids passed over that are remembered */
    WEFT__H2_SPARE = 256,  /* records of streams that are kept for reuse */
};

/* An allowance that is used up by what a client makes us do, and comes back with time. */
struct weft__h2_allowance {
    int64_t left;
    int64_t most;
    int64_t rate; /* a second */
    int64_t since;
};

struct weft__h2_range {
    int32_t first;
    int32_t last;
};

struct weft__h2_piece;

/* Pieces that are free. */
struct weft__h2_memory {
    struct weft__h2_piece *free[WEFT__H2_CLASSES];
    size_t count[WEFT__H2_CLASSES];
};

/* Those that a session has. */
struct weft__h2_pieces {
    struct weft__h2_memory *memory;
    struct weft__list list;
};

/* What all connections of a server share. */
struct weft__h2_server {
    struct weft__server_part part;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    struct weft__h2_stream *spare; /* records of streams, through next_spare */
    size_t spares;
    struct weft__h2_memory memory;
    char *blocks[WEFT__H2_BLOCKS]; /* to receive to, or to gather what is sent */
    size_t block_count;
};

struct weft__h2 {
    struct weft__upgraded upgraded;
    struct weft__connection *connection;
    struct weft__h2_server *shared;
    nghttp2_session *session;
    struct weft__h2_pieces pieces;
    struct weft__list streams;
    struct weft__list ready;         /* of them: to be started, or to be told of what has come */
    struct weft_condition done;      /* a fiber of ours has ended */
    size_t count;                    /* streams */
    struct weft__h2_stream *heading; /* whose head or trailers are coming */
    size_t handlers;                 /* fibers of streams, also of those that are closed already */
    char *out;                       /* a block, while something is sent or waits to be */
    size_t out_start, out_end;
    int32_t last; /* the highest id that the client has used */
    struct weft__h2_range skipped[WEFT__H2_SKIPPED];
    unsigned skips;         /* ever */
    int64_t idle_since;     /* without streams */
    int64_t heading_since;  /* the head that is coming began; 0: none does */
    int64_t draining_since; /* the notice of the end was sent; 0: not yet */
    int broken;             /* the errno for which the connection is useless */
    bool reading;           /* the reader runs, and flushes when it is done */
    bool flushing;          /* somebody flushes, or waits for the socket */
    bool writing;           /* of them: a fiber that waits */
    bool ending;            /* a GOAWAY was sent or received */
    bool calmed;            /* the client has asked for too much */
    bool unsound;           /* nghttp2 has run out of memory, and can't be relied on any more */
    bool active;            /* counted in the server's figures */
    struct weft__h2_allowance resets;
    struct weft__h2_allowance controls;
};

/* The body of a request. */
struct weft__h2_request_body {
    struct weft__request_body base;
    struct weft__h2_stream *stream;
};

struct weft__h2_stream {
    struct weft__list node; /* in the connection's streams */
    struct weft__list turn; /* in the connection's ready ones */
    struct weft__h2 *h2;
    struct weft__h2_stream *next_spare;
    int32_t id;
    struct weft_task *task; /* its fiber */
    struct weft__upgraded *upgraded;

    /* what is being received */
    struct weft__buffer arrived;    /* not looked at yet */
    struct weft__buffer taken;      /* handed to the handler */
    struct weft_condition readable; /* something has arrived, or the end */
    size_t list_size;               /* of the head */
    struct weft__h2_request_body body;
    unsigned refusal; /* the status to answer in place of the handler; 0: none */
    const char *refusal_reason;

    /* what is being sent */
    const char *out;
    size_t out_left;
    struct weft_condition writable; /* `out` was taken, or never will be */
    char *copy;                     /* what a WebSocket has given, in memory of the stream */
    int64_t progress;               /* when bytes last went */
    size_t progressed;              /* bytes since then */

    unsigned heads; /* submitted and not sent: their texts lie in the exchange's memory */
    bool head_done; /* the request's fields are complete */
    bool in_trailers;
    bool end_received;
    bool answered; /* the response's head is submitted */
    bool last;     /* nothing follows `out` */
    bool deferred; /* nghttp2 waits to be told of more */
    bool closed;   /* nghttp2 has forgotten it */
    bool started;  /* a fiber has run */
    int broken;    /* the errno that waiting fibers get once it is closed, or has stalled */

    struct weft__exchange exchange; /* with its memory, the last member */
};

/* h2_server.c */

/** The server's part; NULL: ENOMEM. */
struct weft__h2_server *weft__h2_server(struct weft_http_server *server);

/** A block of WEFT__H2_BLOCK bytes; NULL: ENOMEM. */
char *weft__h2_block_take(struct weft__h2_server *shared);

/** Give one back; NULL does nothing. */
void weft__h2_block_give(struct weft__h2_server *shared, char *block);

/* h2_memory.c */

/** The functions by which a session takes its memory. */
nghttp2_mem weft__h2_pieces_init(struct weft__h2_pieces *pieces, struct weft__h2_memory *memory);

/** Free all that a session has. It must not be used again, not even to be deleted. */
void weft__h2_pieces_drop(struct weft__h2_pieces *pieces);

/** Free what is kept. */
void weft__h2_memory_fini(struct weft__h2_memory *memory);

/* h2.c */

/** Begin HTTP/2 on a connection, what was received already included. 0; -1: ENOMEM. */
int weft__h2_open(struct weft__connection *connection);

/** The connection is useless: end it, for its reader to find. Returns -1. */
int weft__h2_drop(struct weft__h2 *h2, int error);

/** The result of a call to nghttp2: 0; -1 and errno, and without memory the connection ends. */
int weft__h2_check(struct weft__h2 *h2, int result);

/** Send the client away. */
void weft__h2_terminate(struct weft__h2 *h2, uint32_t code);

/** Reset a stream by its number. */
void weft__h2_reset(struct weft__h2 *h2, int32_t id, uint32_t code);

/** Have the server's figures tell whether requests are under way. */
void weft__h2_count(struct weft__h2 *h2);

/** Tell the client which of its streams are still served. */
void weft__h2_last_call(struct weft__h2 *h2);

/** If nothing more is to come or to go, wake the reader to end the connection. */
void weft__h2_settle(struct weft__h2 *h2);

/* h2_frames.c */

/** Set what is called for frames that come and go. */
void weft__h2_frames_install(nghttp2_session_callbacks *callbacks);

/** Begin with a full allowance. */
void weft__h2_allow(struct weft__h2_allowance *allowance, size_t most, int64_t rate);

/* h2_request.c */

/** A field of a head. Nothing fails here: what is wrong is answered later. */
void weft__h2_request_field(struct weft__h2_stream *stream, struct weft__slice name,
                            struct weft__slice value);

/** The head is complete: fill in what a handler sees. */
void weft__h2_request_done(struct weft__h2_stream *stream);

/* h2_body.c */

extern const struct weft_http_body_operations weft__h2_request_body_operations;

/** Bytes have arrived. 0; -1: ENOMEM. */
int weft__h2_body_arrived(struct weft__h2_stream *stream, const uint8_t *data, size_t length);

/** Move what has arrived behind what was taken, and give credit for it. Bytes; -1: ENOMEM. */
ssize_t weft__h2_body_take(struct weft__h2_stream *stream);

/** Give memory and credit back. */
void weft__h2_body_fini(struct weft__h2_stream *stream);

/* h2_stream.c */

/** A record for a stream that begins; NULL: ENOMEM. */
struct weft__h2_stream *weft__h2_stream_new(struct weft__h2 *h2, int32_t id);

/** Free the record if nobody needs it any more. */
void weft__h2_stream_release(struct weft__h2_stream *stream);

/** Have it looked at by the reader, once nghttp2 has come back. */
void weft__h2_stream_turn(struct weft__h2_stream *stream);

/** Start handlers, tell sockets, of all streams whose turn it is. */
void weft__h2_streams_run(struct weft__h2 *h2);

/** nghttp2 has closed it, or the connection ends: whoever waits fails. */
void weft__h2_stream_closed(struct weft__h2_stream *stream, int error);

/** Reset it from our side. */
void weft__h2_stream_reset(struct weft__h2_stream *stream, uint32_t code);

/** The fiber of an idle socket's function, run by the caller. */
void weft__h2_stream_heed(struct weft__h2_stream *stream);

/* h2_response.c */

/** Answer; may leave the rest of it to the connection. */
void weft__h2_respond(struct weft__h2_stream *stream);

/** Submit a head without a body: 100, or the 200 of a WebSocket. 0; -1: ENOMEM. */
int weft__h2_submit_head(struct weft__h2_stream *stream, unsigned status,
                         const struct weft_http_headers *headers);

/* h2_socket.c, h2_socketless.c */

/** False in a library that was built without WebSockets. */
extern const bool weft__h2_sockets;

/* h2_output.c */

extern const struct weft__sink weft__h2_sink;

ssize_t weft__h2_data(nghttp2_session *session, int32_t id, uint8_t *room, size_t length,
                      uint32_t *flags, nghttp2_data_source *source, void *user);

int weft__h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t length, nghttp2_data_source *source, void *user);

/** Have bytes sent from where they are. They must stay until `out_left` is 0. */
void weft__h2_give(struct weft__h2_stream *stream, const void *data, size_t length, bool last);

/** Wait until what was given is taken. 0; -1 and errno. */
int weft__h2_wait_taken(struct weft__h2_stream *stream);

/**
 * Send what there is.
 *
 * @param gather   Let others of this turn of the loop add theirs before: a yield.
 */
void weft__h2_flush(struct weft__h2 *h2, bool gather);

/** Send what there is, if there is anything: credit may be too little to be told. */
void weft__h2_flush_credit(struct weft__h2 *h2, bool gather);

/** Reset streams whose client takes too little. */
void weft__h2_look_for_stalls(struct weft__h2 *h2, int64_t now);

#endif
