/* Figures for Prometheus. */
#ifndef WEFT_HTTP_METRICS_H
#define WEFT_HTTP_METRICS_H

#include <weft/base.h>
#include <weft/http/middleware.h>
#include <weft/http/server.h>

WEFT_BEGIN_DECLS

/** Figures of one loop's requests. Opaque. */
struct weft_http_metrics;

/** Most routes that are told apart; what comes beyond is counted as "other". */
#define WEFT_HTTP_METRICS_ROUTES_MAX 64

/**
 * Make a set of figures.
 *
 * @return          The figures; NULL and errno otherwise.
 * Errors           ENOMEM.
 * Blocks           never
 * Ownership        the caller's, until weft_http_metrics_free()
 */
WEFT_API struct weft_http_metrics *weft_http_metrics_new(void);

/**
 * Free a set of figures, after the middleware and the page that use it.
 *
 * @param metrics   NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_http_metrics_free(struct weft_http_metrics *metrics);

/**
 * Measure the requests that pass: how many by method, class of status and route, how long they take
 * up to the last byte, how many are under way.
 *
 * Routes are the paths in the router's table, such as "/chats/:id", so a client can't make up
 * labels; requests that fit none have the route "none". Methods beyond those of RFC 9110 and PATCH
 * are "other".
 *
 * @param metrics   Borrowed.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           ENOMEM; next is NULL: errno is left.
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 */
WEFT_API struct weft_http_handler *weft_http_metrics_measure_new(struct weft_http_metrics *metrics,
                                                                 struct weft_http_handler *next);

/**
 * Have the figures of a server told, too: connections open, accepted and refused.
 *
 * @param metrics   Any.
 * @param server    Borrowed; NULL: none.
 * Blocks           never
 */
WEFT_API void weft_http_metrics_server(struct weft_http_metrics *metrics,
                                       const struct weft_http_server *server);

/**
 * The page with the figures, in the text format 0.0.4, with those of the loop and its stalls.
 *
 * It tells how busy a service is: let it be seen by those who should know alone.
 *
 * @param metrics   Borrowed.
 * @return          A handler, for a line of a router's table:
 *                  `{ "GET", "/metrics", *weft_http_metrics_page(metrics) }`.
 * Blocks           never
 * Ownership        the figures'
 * Source           Prometheus, Exposition formats
 */
WEFT_API struct weft_http_handler *weft_http_metrics_page(struct weft_http_metrics *metrics);

WEFT_END_DECLS

#endif
