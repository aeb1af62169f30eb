#ifndef WEFT_HTTP_EXCHANGE_H
#define WEFT_HTTP_EXCHANGE_H

/*
 * One request and its response. On an HTTP/1 connection it lives on the stack of the fiber, on an
 * HTTP/2 connection in its stream.
 */

#include <sys/uio.h>

#include <weft/http/message.h>

#include "http/memory.h"
#include "http/server.h"

enum {
    /* Bytes dropped behind an answer that ends a connection. */
    WEFT__LINGER_MAX = 1 << 20,
    /* Bytes of an unread request body that are dropped to keep the connection. */
    WEFT__DISCARD_MAX = 65536,
    /* The head and what is sent along with it, or small chunks. */
    WEFT__OUT_INLINE = 1024,
    /* Most bytes of weft__output_offer(). */
    WEFT__OFFER_MAX = 256,
};

struct weft__exchange;

/* What a handler wants the connection to become, by a response of 101. */
struct weft__upgrade {
    /* Sends the answer (weft__response_switch()) and goes on from there. */
    enum weft__next (*begin)(struct weft__exchange *exchange, void *argument);
    void *argument;
};

/* The body of a request, whatever it comes over. */
struct weft__request_body {
    struct weft_http_body body;
    struct weft__exchange *exchange;
    uint64_t length;   /* of the whole body; UINT64_MAX: not told */
    uint64_t received; /* bytes handed out so far, and those at hand */
    uint64_t limit;
    int64_t started; /* when it first had to wait; 0: never */
    bool begun;      /* reading has */
    bool expects;    /* the client waits for "100 Continue" */
    bool done;
    int failure;     /* the errno that every further read gives */
    unsigned status; /* what to answer for it */
    const char *reason;
};

/* One that is decoded from an HTTP/1 connection as the handler reads it. */
struct weft__http1_request_body {
    struct weft__request_body base;
    struct weft__http1_head *head; /* until reading begins */
    struct weft__http1_body decoder;
    size_t pending; /* bytes of the input that the last chunk used */
};

struct weft__exchange {
    struct weft_http_request request;
    struct weft_http_response response;
    struct weft__connection *connection;
    struct weft__request_body *body; /* NULL: the request has none */
    struct weft__buffer head_bytes;  /* what the request's texts lie in once the body needs room */
    struct weft__gone *gone;         /* NULL: nobody asked */
    struct weft__upgrade upgrade;    /* zeroed: none */
    struct weft__h2_stream *h2;      /* NULL: an HTTP/1 connection */
    bool websocket;                  /* asked for by an extended CONNECT */
    bool head_only;                  /* HEAD */
    bool begun;                      /* the response's head is on its way */
    bool client_keeps;               /* the client lets the connection live on */
    struct weft_http_memory memory;
};

/** How the end of a response's body is told. */
enum weft__framing {
    WEFT__FRAMING_NONE,
    WEFT__FRAMING_LENGTH,
    WEFT__FRAMING_CHUNKED,
    WEFT__FRAMING_CLOSE,
};

/* Where the bytes of a body go, if not to the connection as they are. */
struct weft__sink {
    /** Send all slices, waiting for the receiver. 0; -1 and errno. */
    int (*send)(struct weft_http_stream *stream, struct iovec *slices, size_t count);

    /** The body is complete. 0; -1 and errno. NULL: nothing is to be done then. */
    int (*end)(struct weft_http_stream *stream);

    /** Send a few bytes that stay where they are, if that can be done without waiting. */
    void (*beat)(struct weft_http_stream *stream, const char *text, size_t length);
};
struct weft__filter;

/* The sending side of an exchange. */
struct weft_http_stream {
    struct weft__filter *filter;         /* NULL: the bytes go out as they are */
    struct weft__connection *connection; /* NULL: a client's */
    const struct weft__sink *sink;       /* NULL: an HTTP/1 connection of a server */
    struct weft__h2_stream *h2;          /* the sink's */
    char *out;                           /* bytes to send first: the head, gathered chunks */
    size_t used;
    size_t capacity;
    char *heap;         /* out, if it was grown for a corked stream */
    uint64_t remaining; /* with LENGTH */
    enum weft__framing framing;
    bool corked;
    bool sending; /* a fiber is in the middle of a send */
    int broken;   /* the errno for which every further write fails */

    struct weft__list beat; /* in the server's list; free without a heartbeat */
    int64_t interval;
    int64_t last; /* the server's clock at the last write */
};

/** Read, handle and answer one request. */
enum weft__next weft__exchange_run(struct weft__connection *connection);

/** Have the handler fill in the response, or fill one in for its failure. */
void weft__exchange_handle(struct weft__exchange *exchange);

/* Requests: request.c */

/** Read a head and fill in the request. 1 done; 0 with *next set; -1 with *status and *reason. */
int weft__request_read(struct weft__exchange *exchange, struct weft__http1_head *head,
                       enum weft__next *next, unsigned *status, const char **reason);

/** Let the input go on in another buffer, so that the request's texts stay. 0; -1: ENOMEM. */
int weft__request_keep(struct weft__exchange *exchange);

/** True if what is left of the request's body can be dropped cheaply. */
bool weft__request_body_droppable(const struct weft__exchange *exchange);

/** Drop the rest of the request's body. 0 the connection can go on; -1. */
int weft__request_body_finish(struct weft__exchange *exchange);

/** Note why a body can't be read: the errno of every further read, and what to answer. -1. */
int weft__request_body_fail(struct weft__request_body *body, int error, unsigned status,
                            const char *reason);

/** How long the client may take for the next bytes of a body, from now. */
int64_t weft__request_body_patience(struct weft__request_body *body);
/**
 * Note why the body of a request can't be used: -1 with this errno from the handler gives this
 * answer. For those who decode what is in a body.
 */
void weft__request_body_blame(struct weft_http_request *request, int error, unsigned status,
                              const char *reason);

/** The operations of a request's body. */
extern const struct weft_http_body_operations weft__request_body_operations;

/* Responses: response.c */

/** Send the response. 0 the connection may go on; -1 it must be closed. */
int weft__response_send(struct weft__exchange *exchange);

/**
 * The length that the response's body will have. 1 with *length; 0 not known; -1: EINVAL the
 * handler promised what is no number.
 */
int weft__response_length(struct weft__exchange *exchange, uint64_t *length);

/** True for a status whose response has no body. */
bool weft__response_bodyless(const struct weft__exchange *exchange);

/** Log that a handler's response can't be sent, and put a 500 in its place. 0; -1: no memory. */
int weft__response_replace(struct weft__exchange *exchange);

/** Send a body through a stream and end it. 0; -1 and errno. */
int weft__response_body(struct weft_http_stream *stream, struct weft_http_body *body);

/** True for a body of weft_http_body_memory(), with what is left of it. */
bool weft__body_in_memory(const struct weft_http_body *body, struct weft__slice *bytes);

/** Log that a body broke off by the handler's own fault, and not the client's. */
void weft__response_cut(struct weft__exchange *exchange, const struct weft_http_stream *stream,
                        int error);

/** True for a field that the connection or the server sets, not the handler. */
bool weft__response_own_field(const struct weft_http_field *field);

/** Send 101 with the response's fields. 0; -1. */
int weft__response_switch(struct weft__exchange *exchange, const char *protocol);

/** Send an interim head. 0; -1 and errno. */
int weft__response_interim(struct weft__exchange *exchange, unsigned status,
                           const struct weft_http_headers *headers);

/** The same over HTTP/2. */
int weft__h2_interim(struct weft__exchange *exchange, unsigned status,
                     const struct weft_http_headers *headers);

/** Answer a request that could not be read. */
void weft__response_refuse(struct weft__connection *connection, unsigned status,
                           const char *reason);

/** Forget what a handler had filled in. */
void weft__response_reset(struct weft_http_response *response, int error);

/* Output: output.c */

/** Send what was gathered. 0; -1 and the stream is broken. */
int weft__output_flush(struct weft_http_stream *stream);

/**
 * Send a file's bytes from *at to `end` by sendfile(2) where the connection carries them as they
 * are; *at is moved on. What is left is to be written. 0; -1 and the stream is broken.
 */
int weft__output_file(struct weft_http_stream *stream, int fd, off_t *at, off_t end);

/** End the body properly. 0; -1. */
int weft__output_end(struct weft_http_stream *stream);

/** Leave the heartbeat list, give memory back. */
void weft__output_fini(struct weft_http_stream *stream);

/** Send a comment if the stream has been quiet. From another fiber than the one that writes. */
void weft__output_beat(struct weft_http_stream *stream, int64_t now);

/** True if nothing waits to be sent and nobody is sending. */
bool weft__output_idle(const struct weft_http_stream *stream);

/**
 * Begin to send a few bytes without waiting, on a stream that is idle and has no length; what does
 * not fit goes first with the next write.
 */
void weft__output_offer(struct weft_http_stream *stream, const char *data, size_t length,
                        int64_t now);

/* The client that goes: gone.c */

/** Stop looking. */
void weft__gone_fini(struct weft__exchange *exchange);

#endif
