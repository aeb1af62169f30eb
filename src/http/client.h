#ifndef WEFT_HTTP_CLIENT_INTERNAL_H
#define WEFT_HTTP_CLIENT_INTERNAL_H

/*
 * The client: an origin, its connections, and the calls on them.
 *
 *      call ──take──> connection (kept or new) ──send, head──> response
 *        ^                                                        | body read to its end, or closed
 *        |                                                        v
 *        └────── again, if that is safe          kept for the next call, or closed
 *
 *      internet.c        many origins
 *      client.c          options, life, what users call
 *      client_pool.c     which connection: turns, reuse, ends
 *      client_connect.c  a new one
 *      client_proxy.c    which proxy
 *      client_tunnel.c   through it
 *      client_call.c     one call from beginning to end
 *      client_head.c     the request's head as bytes
 *      client_send.c     sending it, with the body, while an early answer is looked for
 *      client_write.c    bodies that a function writes
 *      client_receive.c  the answer's head
 *      client_body.c     the answer's body
 *      client_retry.c    whether and when to try again
 *      client_decode.c   compressed bodies
 *      client_auth.c     credentials
 *      client_handler.c  a client in a server's place
 *      client_cookies.c  between calls and a jar
 *      client_wait.c     every wait: which deadline it was
 *
 * Nothing here starts a fiber: whatever a call does happens in its caller. So the same code serves
 * fibers and plain threads, and cancelling the caller ends the call.
 */

#include <stdint.h>

#include <weft/http/client.h>
#include <weft/sync.h>

#include "base/list.h"
#include "http/client_proxy.h"
#include "http/exchange.h"
#include "http/memory.h"
#include "net/stream.h"
#include "net/tls_client.h"
#include "proto/http1.h"
#include "proto/url.h"

/* A connection of a client. */
struct weft__client_connection {
    struct weft__list node; /* in the client's idle or busy list */
    struct weft_http_client *client;
    struct weft__stream stream;
    int64_t idle_since;
    uint64_t calls; /* that have used it */
};

/* Where the connections of a client lead. */
struct weft__origin {
    bool secure;
    uint16_t port;
    char *host;      /* without brackets */
    char *authority; /* as the host field tells it */
    char *path;      /* of a Unix socket; NULL: none */
};

struct weft_http_client {
    struct weft_http_handler handler;        /* client_handler.c */
    struct weft_http_client_options options; /* numbers only, with the defaults filled in */
    struct weft__origin origin;
    struct weft__client_proxy proxy;
    struct weft__tls_client *tls; /* NULL: plain HTTP */
    struct weft__http1_limits limits;
    struct weft__http1_field *fields; /* where heads are parsed; a parse never parks */
    struct weft__stream_pool pool;
    struct weft_http_memory memory;   /* of the headers */
    struct weft_http_headers headers; /* sent with each request */

    struct weft__list idle; /* connections, the last used first */
    struct weft__list busy;
    struct weft_semaphore turns; /* permits: connections that may be in use */
    struct weft_http_client_stats stats;
    size_t calls;    /* whose responses are open */
    uint64_t budget; /* tenths of a retry */
    uint64_t random; /* state of the jitter */
};

/* How sending came out so far. */
enum weft__sent {
    WEFT__SENT_NOTHING, /* not a byte has left: the server can't have seen the request */
    WEFT__SENT_SOME,
    WEFT__SENT_ALL,
};

/* The sending side of a call. */
struct weft__sender {
    struct weft_http_body *body; /* pulled; NULL: there is none, or it is at its end */
    struct iovec slices[5];      /* what is to go next: from `first`, `count` of them */
    size_t first;
    size_t count;
    uint64_t remaining; /* with a length */
    enum weft__framing framing;
    enum weft__sent sent;
    bool loaded; /* the end is among the slices */
    bool broken; /* it can't go on; an answer may still be there */
    bool failed; /* the function that writes has not come to its end */
    char size[WEFT__HTTP1_CHUNK_HEAD];
};

struct weft__call;

/* The body of a response, decoded as the user reads it. */
struct weft__answer_body {
    struct weft_http_body body;
    struct weft__call *call;
    struct weft__http1_body decoder;
    struct weft__http1_field *trailers; /* NULL: they are dropped */
    size_t pending;                     /* bytes of the input that the last chunk used */
    bool done;
    int failure; /* the errno that every further read gives */
};

enum {
    WEFT__TRAILERS_MAX = 32
};

/* A request on its way, and its response. Lies in the response's memory. */
struct weft__call {
    struct weft_http_client *client;
    struct weft__client_connection *connection; /* NULL: none any more */
    struct weft_http_response *response;
    const char *method;
    const char *target;
    const struct weft_http_request_options *options; /* not used once the head has come */
    struct weft_http_headers headers;                /* of the request */
    struct weft_http_body *body;                     /* of the request, pulled */
    struct weft__sender sender;
    struct weft__answer_body answer;
    struct weft_http_headers trailers;
    int64_t deadline;         /* of all of it, ns of weft_now() */
    int64_t response_timeout; /* ns */
    int64_t stall_timeout;    /* ns */
    bool keeps;               /* the server lets the connection live on */
    bool answered;            /* the head has come */
    bool written;             /* some of the body was taken from its source */
    bool told;                /* while a function writes: weft_error() is set already */
    bool reused;              /* the connection had served calls before */
};

/** What a wait is for, so that its end can be told. */
enum weft__stage {
    WEFT__STAGE_SEND,
    WEFT__STAGE_HEAD,
    WEFT__STAGE_BODY,
};

/* client_wait.c */

/** Record a failure of a call in weft_error(). -1. */
__attribute__((format(printf, 4, 5))) int weft__client_fail(const struct weft_http_client *client,
                                                            enum weft_http_error code, int error,
                                                            const char *format, ...);

/** As weft__client_fail(), named after the call's method and target. */
__attribute__((format(printf, 4, 5))) int weft__call_fail(const struct weft__call *call,
                                                          enum weft_http_error code, int error,
                                                          const char *format, ...);

/** Record that the fiber was interrupted: errno tells by what. -1. */
int weft__call_stopped(const struct weft__call *call, int error);

/**
 * Wait until the connection is ready.
 *
 * @param events   POLLIN, POLLOUT.
 * @param since    ns of weft_now() from which the stage's timeout counts.
 * @return         what is ready, above 0; -1 and errno with weft_error().
 */
int weft__call_wait(struct weft__call *call, short events, enum weft__stage stage, int64_t since);

/** Receive more. Bytes; 0 the end; -1 with weft_error() where a wait failed, else errno alone. */
ssize_t weft__call_fill(struct weft__call *call, enum weft__stage stage, int64_t since);

/* client_pool.c */

/** A connection that is alive, kept or new, once it is the caller's turn. NULL: weft_error(). */
struct weft__client_connection *weft__pool_take(struct weft__call *call);

/** Give a connection back, to be kept or closed. */
void weft__pool_give(struct weft__client_connection *connection, bool keep);

/** Close every connection. */
void weft__pool_empty(struct weft_http_client *client);

/** Close what has been unused for too long. */
void weft__pool_reap(struct weft_http_client *client, int64_t now);

/* client_connect.c */

/** Connect. 0; -1 with weft_error(). */
int weft__client_connect(struct weft__call *call, struct weft__client_connection *connection);

/** Wait while connecting. 0 look again; -1 with weft_error(). */
int weft__client_await(const struct weft__call *call, const struct weft__stream *stream,
                       short events, int64_t deadline);

/* client_tunnel.c */

/** Have a proxy connect to the origin. 0; -1 with weft_error(). */
int weft__tunnel_connect(struct weft__call *call, struct weft__stream *stream, int64_t deadline);

/** As weft__tunnel_connect(), of a SOCKS5 proxy. */
int weft__tunnel_socks5(struct weft__call *call, struct weft__stream *stream, int64_t deadline);

/* client_head.c */

/** The request's head in the call's memory; NULL and errno. */
char *weft__request_head(struct weft__call *call, enum weft__framing framing, uint64_t length,
                         size_t *size);

/* client_send.c */

/** Begin to send on the call's connection. 0; -1 with weft_error(). */
int weft__sender_begin(struct weft__call *call);

/** Send what can be sent without waiting. 1 all is sent; 0 it would wait; -1 with weft_error(). */
int weft__sender_push(struct weft__call *call);

/** Something came while sending: 1 it is the final head; 0 not yet; -1 with weft_error(). */
int weft__listen_early(struct weft__call *call);

/** Send all, unless an answer comes before. 0; -1 with weft_error(). */
int weft__sender_run(struct weft__call *call);

/* client_write.c */

/** Send a body that a function writes. 0; -1 with weft_error(). */
int weft__sender_write(struct weft__call *call);

/* client_receive.c */

/** Look for a whole head in what has come. 1 the final one was taken; 0 not yet; -1. */
int weft__receive_look(struct weft__call *call);

/** Wait for the final head. 0; -1 with weft_error(). */
int weft__receive_head(struct weft__call *call);

/* client_body.c */

/** Give the response its body, or its connection back if there is none. 0; -1. */
int weft__answer_begin(struct weft__call *call, const struct weft__http1_head *head);

/** Give the connection back, if the call has it. */
void weft__call_release(struct weft__call *call, bool keep);

/* client_retry.c */

/** After a failure: 1 the call may be tried again, the delay is over; -1 with weft_error(). */
int weft__retry_failure(struct weft__call *call, unsigned attempt);

/** After an answer: 1 the call is to be tried again, the answer is dropped; 0 it counts; -1. */
int weft__retry_status(struct weft__call *call, unsigned attempt);

/* client_auth.c */

/** Add the fields of the options' credentials. 0; -1 and errno: EINVAL, ENOMEM, ENOBUFS. */
int weft__client_credentials(struct weft_http_headers *headers,
                             const struct weft_http_client_options *options);

/** The value of a Basic field. NULL and errno. */
char *weft__basic_credentials(struct weft_http_memory *memory, struct weft__slice user,
                              struct weft__slice password);

/* client_decode.c */

/** What can be undone, for accept-encoding; "" if nothing can. */
const char *weft__decodable(void);

/** Have the response's body decoded as its content-encoding says. 0; -1 with weft_error(). */
int weft__decode_response(struct weft__call *call);

/* client.c */

/** Note where a response is from. 0; -1: ENOMEM. */
int weft__response_set_url(struct weft_http_response *response, const char *origin,
                           const char *target);

/* client_cookies.c */

/** Add the jar's cookies to a call's headers. 0; -1 with weft_error(). */
int weft__call_cookies(struct weft__call *call);

/** Keep what the response sets. */
void weft__call_keep_cookies(struct weft__call *call);

/* client_call.c */

/**
 * Run a call up to its response's head.
 *
 * @param response  With memory and empty headers; filled in.
 * @return          0; -1 with weft_error().
 */
int weft__client_call(struct weft_http_client *client, const char *method, const char *target,
                      const struct weft_http_request_options *options,
                      struct weft_http_response *response);

#endif
