/* The HTTP server. */
#ifndef WEFT_HTTP_SERVER_H
#define WEFT_HTTP_SERVER_H

#include <weft/base.h>
#include <weft/container.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** A server. Opaque. */
struct weft_http_server;

/** Files of one certificate. */
struct weft_http_certificate {
    const char *certificate; /**< PEM: the server's own first, then those that signed it */
    const char *key;         /**< PEM, without a password; NULL: in the same file */
};

/** Most certificates of one server. */
#define WEFT_HTTP_CERTIFICATES_MAX 256

/**
 * TLS of a server: versions 1.2 and 1.3, forward secrecy only.
 *
 * A client gets the certificate whose names (subjectAltName, a star for the first label) include
 * the one it asks for, or the first. Files that change are read again within seconds, without a
 * restart; what cannot be read is logged, and the old one stays. Session tickets are sealed with
 * keys that change every 12 hours and are the same in every process forked from the one that made
 * the server.
 */
struct weft_http_tls {
    const struct weft_http_certificate *certificates; /**< `count` of them, at least one */
    size_t count;                                     /**< at most WEFT_HTTP_CERTIFICATES_MAX */
    const char *client_authority; /**< PEM: clients must show a certificate that one of these has
                                       signed. NULL: none is asked for */
    bool client_optional;         /**< with `client_authority`: one that shows none may come */
    bool plain;                   /**< serve plain HTTP on the same port, too; otherwise that is
                                       answered with 400 */
    int minimum;                  /**< least version: 12 (the default) or 13 */
    const unsigned char *tickets; /**< 32 secret bytes that seal session tickets, for servers that
                                       are to accept each other's; NULL: drawn for this one */
};

/**
 * Options of a server. A zeroed struct with `handler` asks for the defaults. WEFT_FOREVER turns a
 * time limit off, SIZE_MAX a limit of size.
 */
struct weft_http_options {
    struct weft_http_handler *handler; /**< answers the requests */
    const char *address;               /**< "127.0.0.1:9292" (the default), "[::1]:80", "*:80" for
                                            every interface, "localhost:0" for a free port, or
                                            "unix:/path" */
    int listener;                      /**< above 0: a listening socket to use instead; the server
                                            owns it then */
    int backlog;                       /**< of listen(2); default 4096 */
    const struct weft_http_tls *tls;   /**< NULL: plain HTTP. Copied */

    const char *const *proxies; /**< `proxy_count` addresses or networks ("10.0.0.0/8", "::1",
                                     "unix") whose connections begin with a PROXY header, version 1
                                     or 2, that says who the client is: without one they are
                                     closed. All others may not send it. Copied */
    size_t proxy_count;         /**< at most 256; 0: nobody sends such a header */

    size_t max_connections_per_address; /**< at once, of IPv6 of a network of 64 bits; one more gets
                                             503, or is closed before a TLS handshake. Default: no
                                             limit */
    size_t max_connections;             /**< at once; one more gets 503. Default 10,000 */
    size_t max_target; /**< bytes of method, target and version, else 414. Default 8,192 */
    size_t max_field;  /**< bytes of one header field, else 431. Default 8,192 */
    size_t max_head;   /**< bytes of a whole head, else 431. Default 32,768 */
    size_t max_fields; /**< header fields, else 431. Default 100, at most 256 */
    size_t max_body;   /**< bytes of a request's body, else 413. Default 1,048,576 */

    bool http1_only;     /**< no HTTP/2 */
    size_t max_streams;  /**< requests at once on an HTTP/2 connection. Default 100 */
    size_t max_resets;   /**< streams that an HTTP/2 client may cancel, or make the server reset by
                              breaking rules, before the connection is ended; a tenth of them comes
                              back each second. Default 200 */
    size_t max_controls; /**< frames without content (PING, SETTINGS, WINDOW_UPDATE, priorities,
                              empty DATA) likewise; requests and data sent earn some more.
                              Default 1,000 */

    int64_t head_timeout;  /**< ns from a head's first byte to its last, else 408; also for a TLS
                                handshake. Default 10 s */
    int64_t idle_timeout;  /**< ns a connection may wait for its next request. Default 60 s */
    int64_t body_timeout;  /**< ns for a request's body, and one second more for every
                                WEFT_HTTP_BODY_RATE bytes, else 408. Default 20 s */
    int64_t write_timeout; /**< ns in which the client takes nothing of a response, after which
                                the connection is closed. Default 30 s */
    int64_t grace;     /**< ns that responses under way get when the server stops. Default 10 s */
    int64_t stop_idle; /**< ns that a connection has to have been idle to be closed at once when
                            the server stops: one that has just been answered may have its next
                            request on its way. Default 0; 1 s in weft_http_work() */
};

/** Bytes of a request's body that give it one second more. */
#define WEFT_HTTP_BODY_RATE 500

/** Figures of a server. */
struct weft_http_server_stats {
    size_t connections;    /**< open */
    size_t active;         /**< of them, with a request under way */
    uint64_t accepted;     /**< connections ever */
    uint64_t requests;     /**< answered or being answered, ever */
    uint64_t refused;      /**< malformed or too large or too slow, ever */
    uint64_t overloaded;   /**< connections beyond max_connections, ever */
    uint64_t accept_waits; /**< times accepting paused for want of descriptors or memory */
    uint64_t handshakes;   /**< of TLS, completed, ever */
    uint64_t tls_failures; /**< of TLS, not completed, ever */
    uint64_t http2;        /**< connections that spoke HTTP/2, ever */
};

/**
 * Make a server and bind its address, so that clients can connect from now on.
 *
 * @param options   Copied; the handler is borrowed.
 * @return          The server; NULL and errno, with weft_error() saying what to do, otherwise.
 * Errors           EINVAL an option, a certificate or a key; ENOENT, EACCES no such file, or not
 *                  for us; EADDRINUSE, EACCES, EADDRNOTAVAIL the address; ENOENT its
 *                  name is unknown; EMFILE; ENOMEM.
 * Blocks           for the name's resolution, if the address has one
 * Ownership        the caller's, until weft_http_server_free()
 */
WEFT_API struct weft_http_server *weft_http_server_new(const struct weft_http_options *options);

/**
 * Free a server that does not run, and close its listener.
 *
 * @param server    NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_http_server_free(struct weft_http_server *server);

/**
 * The TCP port a server listens on, which the system chose if it was asked for 0.
 *
 * @param server    Any.
 * @return          The port; 0 for a unix socket.
 * Blocks           never
 */
WEFT_API int weft_http_server_port(const struct weft_http_server *server);

/**
 * Serve until weft_http_server_stop() or until the caller is cancelled; then finish gracefully.
 *
 * A graceful end closes the listener and idle connections at once (see `stop_idle`), lets responses
 * under way finish within the grace period, and cancels what is left. It takes its time even if the
 * caller is cancelled. Runs once a server.
 *
 * @param server    Not running.
 * @return          0 after weft_http_server_stop(); -1 and errno otherwise.
 * Errors           ECANCELED, ETIMEDOUT the caller is; EPERM outside a fiber; EINVAL it has run;
 *                  what accept(2) fails with when that can't be waited out.
 * Blocks           parks the fiber until the last connection has ended
 * Threads          the connections run on the calling thread's loop
 */
WEFT_API int weft_http_server_run(struct weft_http_server *server);

/**
 * Serve a connected socket as if it had been accepted.
 *
 * With one end of socketpair(2) a test has a server without a port: see `connect` of struct
 * weft_http_client_options.
 *
 * @param server    Running.
 * @param fd        A connected stream socket. The server's from then on, unless the call fails.
 * @return          0; -1 and errno otherwise.
 * Errors           ESHUTDOWN it does not run, or is being stopped.
 * Blocks           never
 * Threads          the thread that runs it
 */
WEFT_API int weft_http_server_adopt(struct weft_http_server *server, int fd);

/**
 * Ask a running server to end gracefully. Asking twice cuts the grace period short.
 *
 * @param server    Running; otherwise weft_http_server_run() ends as soon as it is called.
 * Blocks           never
 * Threads          the thread that runs it
 */
WEFT_API void weft_http_server_stop(struct weft_http_server *server);

/**
 * Take a server's figures.
 *
 * @param server    Any.
 * @param stats     Set.
 * Blocks           never
 * Threads          the thread that runs it
 */
WEFT_API void weft_http_server_stats(const struct weft_http_server *server,
                                     struct weft_http_server_stats *stats);

/**
 * A whole program: make a runtime and a server, serve until SIGINT or SIGTERM, end gracefully.
 *
 * A second signal cuts the grace period short. Inside a fiber the running loop is used. Both
 * signals stay blocked in the calling thread meanwhile; threads started before need to block them
 * too.
 *
 * @param options   See struct weft_http_options.
 * @return          0 after a signal; -1 and errno, with weft_error() saying what to do, otherwise.
 * Errors           See weft_http_server_new(), weft_http_server_run() and weft_run().
 * Blocks           until a signal
 */
WEFT_API int weft_http_serve(const struct weft_http_options *options);

/**
 * Serve as a worker of a container, on all of its listeners, until it is asked to end.
 *
 * Makes a server for each listener, says that the worker is ready, tells its figures, takes its
 * share of connections, and ends gracefully within weft_worker_grace(). For the `work` function of
 * weft_container_options, or a part of it.
 *
 * @param worker    Handed to `work`.
 * @param options   `address`, `listener` and `grace` are the container's; with `tls.tickets` of the
 *                  parent, sessions go on in any worker.
 * @return          0 once it was asked to end; -1 and errno, with weft_error(), otherwise.
 * Errors           See weft_http_server_new() and weft_http_server_run(); EINVAL the container has
 *                  no listener.
 * Blocks           parks the fiber until the last connection has ended
 * Threads          the worker's
 */
WEFT_API int weft_http_work(struct weft_worker *worker, const struct weft_http_options *options);

WEFT_END_DECLS

#endif
