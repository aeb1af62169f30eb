/* Requests, responses, and the functions between them. */
#ifndef WEFT_HTTP_MESSAGE_H
#define WEFT_HTTP_MESSAGE_H

#include <weft/base.h>
#include <weft/http/body.h>
#include <weft/http/headers.h>

WEFT_BEGIN_DECLS

/**
 * A request: received by a server, or made by a client. Texts end with a NUL and live until the
 * exchange is over.
 */
struct weft_http_request {
    const char *method;               /**< "GET", …; case matters; never NULL */
    const char *target;               /**< the request target as it was sent */
    const char *path;                 /**< its path, not decoded, without the query; "*" for that */
    const char *query;                /**< behind the '?', not decoded; NULL without one */
    const char *authority;            /**< host and port asked for; NULL in HTTP/1.0 without any */
    const char *scheme;               /**< "http" or "https" */
    int version;                      /**< 10, 11 or 20 for HTTP/1.0, 1.1 or 2 */
    struct weft_http_headers headers; /**< its fields */
    struct weft_http_body *body;      /**< NULL: it has none */
    struct weft_http_memory *memory;  /**< for what should live as long as the exchange */
    const char *route;                /**< the path in the router's table that fits, such as
                                           "/chats/:id"; NULL: none */
    const char *peer_;                /**< see weft_http_request_peer() */
    void *connection_;                /**< the server's */
    void *parameters_;                /**< the router's; see weft_http_request_parameter() */
};

/**
 * A response: made by a handler, or received by a client. A handler gets it zeroed but for `status`
 * (200), `memory` and empty headers.
 *
 * The server adds `date`, `content-length` or `transfer-encoding`, and `connection`. A handler that
 * sets `content-length` itself promises that many bytes.
 */
struct weft_http_response {
    int status;                               /**< 200 to 599 */
    struct weft_http_headers headers;         /**< its fields */
    struct weft_http_body *body;              /**< NULL: empty. Owned by the response */
    struct weft_http_memory *memory;          /**< for what should live as long as the exchange */
    const struct weft_http_headers *trailers; /**< received by a client: the fields behind the body,
                                                   once that was read to its end. NULL: none */
};

/**
 * What turns a request into a response: an application, a middleware around one, or a client.
 *
 * A middleware calls weft_http_call(handler->next, request, response) and changes either side.
 * Embed it first in a struct of your own, or use `context`.
 */
struct weft_http_handler {
    /** 0 with the response filled in; -1 and errno: the server answers 500 (503 for ECANCELED). */
    int (*call)(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response);
    void *context;                  /**< the handler's own */
    struct weft_http_handler *next; /**< what a middleware passes requests on to */
};

/**
 * Pass a request to a handler.
 *
 * @param handler   Whose `call` is run.
 * @param request   See struct weft_http_request.
 * @param response  See struct weft_http_response.
 * @return          What `call` returned: 0; -1 and errno.
 * Errors           the handler's; ENOSYS handler is NULL.
 * Blocks           as the handler does
 */
WEFT_API int weft_http_call(struct weft_http_handler *handler, struct weft_http_request *request,
                            struct weft_http_response *response);

/**
 * A parameter that the router found in the path, percent-decoded.
 *
 * @param request   Handled by a route with ":name" in its path.
 * @param name      Without the colon.
 * @return          Its text; NULL if the route has no such parameter.
 * Blocks           never
 * Ownership        the exchange's
 */
WEFT_API const char *weft_http_request_parameter(const struct weft_http_request *request,
                                                 const char *name);

/**
 * A parameter of the query, decoded ('+' is a space).
 *
 * @param request   Any.
 * @param name      Decoded form; the first of that name counts.
 * @return          Its text, "" if it has no value; NULL if it is absent, or no memory is left.
 * Blocks           never
 * Ownership        the exchange's
 * Source           application/x-www-form-urlencoded, WHATWG URL 5.1
 */
WEFT_API const char *weft_http_request_query(struct weft_http_request *request, const char *name);

/**
 * Choose how large the body of this request may be, in place of the server's `max_body`.
 *
 * @param request   Received by a server; no byte of its body has been read.
 * @param limit     Most bytes; SIZE_MAX: no limit.
 * @return          0; -1 and errno otherwise.
 * Errors           EALREADY reading has begun; ENOTSUP not received by a server.
 * Units            bytes
 * Blocks           never
 */
WEFT_API int weft_http_request_limit_body(struct weft_http_request *request, size_t limit);

/**
 * Read the whole body of a request as text.
 *
 * @param request   With or without a body.
 * @param length    Set to its bytes, before the NUL. May be NULL.
 * @return          The body; NULL and errno otherwise. A handler that returns -1 with that errno
 *                  gives the right answer: 413, 400 or 408.
 * Errors           See weft_http_body_read(); ENOMEM.
 * Blocks           parks the fiber; cancellation point
 * Ownership        the exchange's
 */
WEFT_API char *weft_http_request_text(struct weft_http_request *request, size_t *length);

/**
 * The other side's address: "127.0.0.1:40000", "[::1]:40000", or "unix"; of a client behind a proxy
 * that is trusted, the client's, without a port if that is not known ("127.0.0.1", "[::1]").
 *
 * @param request   Received by a server; see weft_http_forwarded_new() and the server's `proxies`.
 * @return          The text; NULL and errno otherwise.
 * Errors           ENOTCONN it has gone; ENOMEM.
 * Blocks           never
 * Ownership        the exchange's
 */
WEFT_API const char *weft_http_request_peer(struct weft_http_request *request);

/**
 * Who the client is by its certificate.
 *
 * @param request   Received by a server with `client_authority`.
 * @return          The subject, such as "CN=anna,O=Example" (RFC 2253); NULL if it has shown no
 *                  certificate, or no memory is left.
 * Blocks           never
 * Ownership        the exchange's
 */
WEFT_API const char *weft_http_request_client(struct weft_http_request *request);

/**
 * Cancel the calling fiber as soon as the client closes its side, until the exchange is over.
 *
 * A write to a client that has gone fails by itself. A handler that waits for something else (a
 * channel, a job, a timer) does not write, and learns of it by this: its blocking calls fail with
 * ECANCELED. Server-Sent Events do it by themselves. Other responses must ask, because a client
 * may rightly close its sending side and wait for the answer. A client that sends the next request
 * while it waits can't be watched any more. Over HTTP/2 a client says that it wants no answer any
 * more, so a handler is cancelled without asking, and the call does nothing.
 *
 * @param request   The one the fiber handles.
 * @return          0; -1 and errno otherwise.
 * Errors           as weft_watch(); ENOTSUP not received by a server.
 * Blocks           never
 */
WEFT_API int weft_http_request_cancel_if_gone(struct weft_http_request *request);

/**
 * Send an interim response ahead of the one that the handler returns, such as 103 with links that a
 * browser can begin to load. "100 Continue" is sent by the server itself.
 *
 * @param request   Received by a server, its response not begun.
 * @param status    102 to 199.
 * @param headers   Its fields: `struct weft_http_headers hints = { .memory = request->memory };`
 *                  and weft_http_headers_add(). NULL: none.
 * @return          0, also where a client of HTTP/1.0 gets none; -1 and errno otherwise.
 * Errors           EINVAL the status; EALREADY the response has begun; ENOTSUP not received by a
 *                  server; EPIPE, ECONNRESET the client is gone; ETIMEDOUT; ENOMEM; ECANCELED.
 * Blocks           parks the fiber while the receiver is slow; cancellation point then
 * Source           RFC 9110, 15.2; RFC 8297
 */
WEFT_API int weft_http_request_interim(struct weft_http_request *request, int status,
                                       const struct weft_http_headers *headers);

/**
 * Answer with formatted text, as text/plain in UTF-8.
 *
 * @param response  Status, content-type and body are set.
 * @param status    200 to 599.
 * @param format    As printf(3).
 * @return          0, so that `return weft_http_response_text(…)` is a handler's end; -1 and errno.
 * Errors           ENOMEM; ENOBUFS.
 * Blocks           never
 */
WEFT_API int weft_http_response_text(struct weft_http_response *response, int status,
                                     const char *format, ...) __attribute__((format(printf, 3, 4)));

/**
 * Answer with bytes that are copied.
 *
 * @param response  Status, content-type and body are set.
 * @param status    200 to 599.
 * @param type      The content-type.
 * @param data      Copied.
 * @param length    Bytes.
 * @return          0; -1 and errno otherwise.
 * Errors           EINVAL the type would break the message; ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           never
 */
WEFT_API int weft_http_response_bytes(struct weft_http_response *response, int status,
                                      const char *type, const void *data, size_t length);

/**
 * Answer with bytes that stay where they are until the exchange is over.
 *
 * @param response  Status, content-type and body are set.
 * @param status    200 to 599.
 * @param type      The content-type; copied.
 * @param data      Borrowed.
 * @param length    Bytes.
 * @return          0; -1 and errno otherwise.
 * Errors           EINVAL the type would break the message; ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           never
 */
WEFT_API int weft_http_response_borrow(struct weft_http_response *response, int status,
                                       const char *type, const void *data, size_t length);

/**
 * Answer with what a function writes as it goes.
 *
 * @param response  Status, content-type and body are set.
 * @param status    200 to 599.
 * @param type      The content-type.
 * @param function  See weft_http_body_writer().
 * @param context   With size 0 handed to it as it is, else copied.
 * @param size      Bytes to copy.
 * @return          0; -1 and errno otherwise.
 * Errors           EINVAL the type would break the message; ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           never
 */
WEFT_API int
weft_http_response_stream(struct weft_http_response *response, int status, const char *type,
                          int (*function)(struct weft_http_stream *stream, void *context),
                          const void *context, size_t size);

/** Content that lies in memory, as a page of a program that carries its own. */
struct weft_http_asset {
    const char *type;  /**< the content-type */
    const void *data;  /**< borrowed */
    size_t length;     /**< bytes */
    const char *etag;  /**< quoted, such as "\"v1\""; NULL: none */
    const char *cache; /**< the cache-control; NULL: "no-cache", that is: ask each time */
};

/**
 * Answer with content in memory: 304 when the client already has it by its etag.
 *
 * @param request   Its if-none-match is looked at.
 * @param response  Filled in.
 * @param asset     Borrowed until the exchange is over.
 * @return          0; -1 and errno otherwise.
 * Errors           EINVAL a text would break the message; ENOMEM; ENOBUFS.
 * Blocks           never
 * Source           RFC 9110, 13.1.2
 */
WEFT_API int weft_http_response_asset(struct weft_http_request *request,
                                      struct weft_http_response *response,
                                      const struct weft_http_asset *asset);

/**
 * The standard phrase of a status.
 *
 * @param status    Any number.
 * @return          Such as "Not Found"; "Unknown" for one that has none.
 * Blocks           never
 * Source           the IANA status code registry
 */
WEFT_API const char *weft_http_status_text(int status);

WEFT_END_DECLS

#endif
