/*
 * The HTTP client: plain blocking calls over pooled connections.
 *
 *     struct weft_http_client *client =
 *         weft_http_client_new(&(struct weft_http_client_options){ .url = "https://example.org" });
 *     struct weft_http_response *response = weft_http_client_get(client, "/news", NULL);
 *     if (!response)
 *         complain(weft_error()->message);
 *     ... response->status, weft_http_body_read(response->body, &chunk) ...
 *     weft_http_response_close(response);
 *     weft_http_client_free(client);
 *
 * In a fiber a call parks the fiber; outside of the runtime it blocks its thread. A response's body
 * is pulled as it arrives, and closing the response gives its connection back.
 */
#ifndef WEFT_HTTP_CLIENT_H
#define WEFT_HTTP_CLIENT_H

#include <weft/base.h>
#include <weft/http/cookies.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** A client of one origin. Opaque. */
struct weft_http_client;

/** Why a call failed: the code of weft_error() in the domain "http". */
enum weft_http_error {
    WEFT_HTTP_ERROR_ARGUMENT = 1,     /**< a URL, header or option is malformed: EINVAL */
    WEFT_HTTP_ERROR_LOOKUP,           /**< the host has no address: ENOENT */
    WEFT_HTTP_ERROR_CONNECT,          /**< nobody answers there: ECONNREFUSED, EHOSTUNREACH, … */
    WEFT_HTTP_ERROR_CONNECT_TIMEOUT,  /**< connect_timeout: ETIMEDOUT */
    WEFT_HTTP_ERROR_TLS,              /**< the handshake failed: EPROTO, ECONNRESET */
    WEFT_HTTP_ERROR_CERTIFICATE,      /**< the server is not who it should be: EKEYREJECTED */
    WEFT_HTTP_ERROR_TLS_TIMEOUT,      /**< tls_timeout: ETIMEDOUT */
    WEFT_HTTP_ERROR_POOL,             /**< every connection is in use: EAGAIN outside a fiber */
    WEFT_HTTP_ERROR_SEND,             /**< the request could not be sent whole: EPIPE, … */
    WEFT_HTTP_ERROR_BODY,             /**< the request's own body failed: its errno */
    WEFT_HTTP_ERROR_CLOSED,           /**< the connection ended before an answer: ECONNRESET */
    WEFT_HTTP_ERROR_RESPONSE_TIMEOUT, /**< response_timeout: ETIMEDOUT */
    WEFT_HTTP_ERROR_STALL_TIMEOUT,    /**< stall_timeout: ETIMEDOUT */
    WEFT_HTTP_ERROR_TIMEOUT,          /**< timeout, of the whole call: ETIMEDOUT */
    WEFT_HTTP_ERROR_MALFORMED,        /**< the answer is not HTTP: EBADMSG */
    WEFT_HTTP_ERROR_TRUNCATED,        /**< the answer's body was cut short: ECONNRESET */
    WEFT_HTTP_ERROR_TOO_LARGE,        /**< a head or body above its limit: EMSGSIZE */
    WEFT_HTTP_ERROR_REDIRECT,         /**< too many, or where no client may go: ELOOP */
    WEFT_HTTP_ERROR_PROXY,            /**< the proxy refused: ECONNREFUSED, EACCES */
    WEFT_HTTP_ERROR_ENCODING,         /**< the body can't be decompressed: EBADMSG */
    WEFT_HTTP_ERROR_STOPPED,          /**< cancelled, or a deadline around the call */
    WEFT_HTTP_ERROR_MEMORY,           /**< ENOMEM, ENOBUFS */
};

/** A header field to be sent. An array of them ends with one whose name is NULL. */
struct weft_http_header {
    const char *name;  /**< a token */
    const char *value; /**< without line breaks */
};

/**
 * TLS of a client: versions 1.2 and 1.3, forward secrecy only. A zeroed struct trusts the system's
 * authorities. Sessions are resumed. The environment's SSLKEYLOGFILE gets the secrets, for
 * debugging.
 */
struct weft_http_client_tls {
    const char *authorities; /**< PEM: whom to trust instead of the system's. NULL: the system's */
    const char *certificate; /**< PEM: what the client shows when asked, the chain behind it. NULL:
                                  nothing */
    const char *key;         /**< PEM, without a password; NULL: in the same file */
    const char *const *pins; /**< "sha256/" and the hash of a public key in base64 (RFC 7469, 2.4),
                                  ended by NULL: one of the server's chain has to be among them.
                                  NULL: any */
    const char *name; /**< who the server has to be, in place of the URL's host. NULL: that */
    bool insecure;    /**< believe whoever answers: for tests alone */
    int minimum;      /**< least version: 12 (the default) or 13 */
};

/**
 * Options of a client. A zeroed struct with `url` asks for the defaults. Everything is copied.
 * WEFT_FOREVER turns a time off.
 */
struct weft_http_client_options {
    const char *url;         /**< the origin: "http://host:port" or "https://host"; a path or query
                                  is refused */
    const char *socket_path; /**< of a Unix socket that is connected to instead. NULL: none */
    const struct weft_http_header *headers; /**< sent with each request. NULL: none */
    const struct weft_http_client_tls *tls; /**< of https. NULL: the defaults */
    struct weft_cookies *cookies; /**< set and sent; borrowed, one jar serves many clients. NULL: no
                                       cookies */
    const char *bearer;           /**< a token, sent as "authorization: Bearer …". NULL: none */
    const char *user;     /**< sent with `password` as "authorization: Basic …". NULL: none */
    const char *password; /**< NULL: empty */
    const char *proxy; /**< "http://name:password@host:port" or "socks5://…"; "": none. NULL: what
                            http_proxy, https_proxy, all_proxy and no_proxy say */
    bool encoded;      /**< bodies are handed out as they come; by default gzip, br and zstd are
                            asked for and undone */
    size_t max_decoded; /**< bytes that a compressed body may become. Default 1 GiB */

    /** Makes each connection: a connected stream socket, owned by the client from then on; -1 and
        errno. For tests, beside weft_http_server_adopt(). NULL: the client connects */
    int (*connect)(void *context);
    void *connect_context; /**< handed to it */

    size_t max_connections; /**< at once; further calls wait their turn. Default 64 */
    size_t max_head;        /**< bytes of a response's head. Default 65,536 */
    size_t max_fields;      /**< fields in it. Default 100, at most 256 */

    int64_t connect_timeout;  /**< ns for look-up and connecting. Default 10 s */
    int64_t tls_timeout;      /**< ns for the TLS handshake. Default 10 s */
    int64_t response_timeout; /**< ns from a request's last byte to the answer's head. Default
                                   5 minutes */
    int64_t stall_timeout;    /**< ns without a byte in either direction. Default 60 s */
    int64_t timeout;          /**< ns for a whole call, retries and body included. Default
                                   WEFT_FOREVER */
    int64_t keep_alive;       /**< ns that an unused connection is kept. Default 30 s */

    int retries;             /**< times a call is tried again at most; -1: never. Default 2 */
    bool retry_statuses;     /**< also after 408, 429, 502, 503 and 504 */
    int64_t retry_delay;     /**< ns before the first retry on average, doubled for each further
                                  one. Default 100 ms */
    int64_t retry_delay_max; /**< ns at most, also of the server's retry-after: a longer one is not
                                  waited for. Default 30 s */
    size_t retry_budget;     /**< retries in a row that a client may spend; ten answers earn one
                                  more. SIZE_MAX: no limit. Default 20 */
};

/** One request, beside its method and target. A zeroed struct, or NULL, asks for nothing more. */
struct weft_http_request_options {
    const struct weft_http_header *headers; /**< fields of this request. NULL: none */

    const void *data; /**< a body in memory, borrowed until the response is closed. NULL: none */
    size_t length;    /**< of data, bytes; 0: up to its NUL */
    const char *type; /**< the body's content-type. NULL: none is told */
    const char *json; /**< instead of data: a text sent as application/json. NULL: none */
    struct weft_http_body *body; /**< instead of data: pulled as it is sent, borrowed until the
                                      response is closed, never closed by the client. NULL: none */
    /** Instead of data: writes the body as it goes. 0; -1 and errno ends the call. NULL: none */
    int (*write)(struct weft_http_stream *stream, void *context);
    void *context;   /**< handed to write */
    bool again;      /**< write may be called once more, for a retry or a redirect */
    bool idempotent; /**< a POST or PATCH that does no harm when it happens twice: the server knows
                          its idempotency-key, say */

    int64_t response_timeout; /**< ns; 0: the client's */
    int64_t stall_timeout;    /**< ns; 0: the client's */
    int64_t timeout;          /**< ns; 0: the client's */
};

/** What a client has done so far, and does now. */
struct weft_http_client_stats {
    uint64_t requests; /**< answered with a head, ever */
    uint64_t opened;   /**< connections, ever */
    uint64_t reused;   /**< requests on a connection that had served one before, ever */
    uint64_t retries;  /**< calls tried again, ever */
    uint64_t resumed;  /**< TLS sessions, ever */
    uint64_t stale;    /**< kept connections that had ended when they were looked at, ever */
    size_t busy;       /**< connections in use */
    size_t idle;       /**< connections kept for later */
    size_t waiting;    /**< calls that wait for a connection */
};

/**
 * Make a client. Nothing is connected to yet.
 *
 * @param options   See struct weft_http_client_options.
 * @return          The client; NULL and errno, with weft_error(), otherwise.
 * Errors           EINVAL an option; ENOMEM.
 * Blocks           never
 * Threads          one loop's fibers, or one thread without a runtime
 * Ownership        the caller's, until weft_http_client_free()
 */
WEFT_API struct weft_http_client *
weft_http_client_new(const struct weft_http_client_options *options);

/**
 * Free a client and close its connections.
 *
 * @param client    All its responses are closed. NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_http_client_free(struct weft_http_client *client);

/**
 * Ask for something and wait for the answer's head.
 *
 * @param client    Any.
 * @param method    Such as "GET"; case matters.
 * @param target    The path with its query, as it is sent: "/search?q=a%20b".
 * @param options   NULL: none.
 * @return          The response, with any status; NULL and errno, with weft_error(), otherwise.
 * Errors           see enum weft_http_error; ECANCELED; ETIMEDOUT also of a deadline around it.
 * Blocks           parks the fiber; cancellation point. Outside of a runtime it blocks the thread
 * Threads          one loop's fibers, or one thread without a runtime
 * Ownership        the caller's, until weft_http_response_close()
 */
WEFT_API struct weft_http_response *
weft_http_client_request(struct weft_http_client *client, const char *method, const char *target,
                         const struct weft_http_request_options *options);

/**
 * weft_http_client_request() with the method GET.
 *
 * @param client    See weft_http_client_request().
 * @param target    See weft_http_client_request().
 * @param options   See weft_http_client_request().
 * @return          See weft_http_client_request().
 * Errors           See weft_http_client_request().
 * Blocks           See weft_http_client_request().
 * Ownership        See weft_http_client_request().
 */
WEFT_API struct weft_http_response *
weft_http_client_get(struct weft_http_client *client, const char *target,
                     const struct weft_http_request_options *options);

/**
 * weft_http_client_request() with the method HEAD: the answer has no body.
 *
 * @param client    See weft_http_client_request().
 * @param target    See weft_http_client_request().
 * @param options   See weft_http_client_request().
 * @return          See weft_http_client_request().
 * Errors           See weft_http_client_request().
 * Blocks           See weft_http_client_request().
 * Ownership        See weft_http_client_request().
 */
WEFT_API struct weft_http_response *
weft_http_client_head(struct weft_http_client *client, const char *target,
                      const struct weft_http_request_options *options);

/**
 * weft_http_client_request() with the method POST.
 *
 * @param client    See weft_http_client_request().
 * @param target    See weft_http_client_request().
 * @param options   See weft_http_client_request().
 * @return          See weft_http_client_request().
 * Errors           See weft_http_client_request().
 * Blocks           See weft_http_client_request().
 * Ownership        See weft_http_client_request().
 */
WEFT_API struct weft_http_response *
weft_http_client_post(struct weft_http_client *client, const char *target,
                      const struct weft_http_request_options *options);

/**
 * weft_http_client_request() with the method PUT.
 *
 * @param client    See weft_http_client_request().
 * @param target    See weft_http_client_request().
 * @param options   See weft_http_client_request().
 * @return          See weft_http_client_request().
 * Errors           See weft_http_client_request().
 * Blocks           See weft_http_client_request().
 * Ownership        See weft_http_client_request().
 */
WEFT_API struct weft_http_response *
weft_http_client_put(struct weft_http_client *client, const char *target,
                     const struct weft_http_request_options *options);

/**
 * weft_http_client_request() with the method DELETE.
 *
 * @param client    See weft_http_client_request().
 * @param target    See weft_http_client_request().
 * @param options   See weft_http_client_request().
 * @return          See weft_http_client_request().
 * Errors           See weft_http_client_request().
 * Blocks           See weft_http_client_request().
 * Ownership        See weft_http_client_request().
 */
WEFT_API struct weft_http_response *
weft_http_client_delete(struct weft_http_client *client, const char *target,
                        const struct weft_http_request_options *options);

/**
 * A client as a handler: what it is asked, it asks its origin. A proxy is a server with this
 * handler.
 *
 * Fields that belong to a connection are not passed on, in either direction; `via` is added. Bodies
 * are passed on as they come. Where the origin can't be asked the answer is 502, or 504 after a
 * timeout, and the reason is logged.
 *
 * @param client    Lives as long as the handler is used, by fibers of the same loop.
 * @return          The handler.
 * Blocks           never
 * Ownership        the client's
 * Source           RFC 9110, 7.6
 */
WEFT_API struct weft_http_handler *weft_http_client_handler(struct weft_http_client *client);

/**
 * Take a client's figures.
 *
 * @param client    Any.
 * @param stats     Filled in.
 * Blocks           never
 */
WEFT_API void weft_http_client_stats(const struct weft_http_client *client,
                                     struct weft_http_client_stats *stats);

/**
 * Read what is left of a response's body as text.
 *
 * @param response  Of a client.
 * @param limit     Most bytes.
 * @param length    Set to its bytes, before the NUL. May be NULL.
 * @return          The body; NULL and errno, with weft_error(), otherwise.
 * Errors           EMSGSIZE above limit; those of enum weft_http_error; ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           parks the fiber; cancellation point
 * Ownership        the response's
 */
WEFT_API char *weft_http_response_read(struct weft_http_response *response, size_t limit,
                                       size_t *length);

/**
 * Close a response. What was not read is dropped; its connection is kept if nothing is left on it.
 *
 * @param response  Of a client; invalid afterwards. NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_http_response_close(struct weft_http_response *response);

WEFT_END_DECLS

#endif
