/* From method and path to a handler. */
#ifndef WEFT_HTTP_ROUTER_H
#define WEFT_HTTP_ROUTER_H

#include <weft/base.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** Most ":name" parameters in one route. */
#define WEFT_HTTP_PARAMETERS_MAX 16

/**
 * One line of a table of routes.
 *
 * A path segment ":name" matches any one segment, not empty; a last segment "*name" matches the
 * rest, which may be empty. weft_http_request_parameter() gives what they matched. The first line
 * that fits is taken.
 *
 *     static struct weft_http_route routes[] = {
 *         { "GET", "/", { index_page } },
 *         { "GET", "/chats/:id/events", { events } },
 *         { "POST", "/chats/:id/messages", { post_message } },
 *     };
 */
struct weft_http_route {
    const char *method;               /**< exact; NULL: any. GET answers HEAD too */
    const char *path;                 /**< begins with a slash */
    struct weft_http_handler handler; /**< gets the request */
};

/** A handler that chooses another. */
struct weft_http_router {
    struct weft_http_handler handler; /**< what the server is given; `next` gets what fits no route,
                                           NULL: 404 */
    struct weft_http_route *routes;   /**< borrowed */
    size_t count;                     /**< of them */
};

/**
 * Make a router over a table of routes.
 *
 * A path that fits with another method gives 405 with `allow` (204 to OPTIONS); one that fits
 * nothing 404.
 *
 * @param router    Uninitialised; lives as long as it is served.
 * @param routes    Borrowed as long.
 * @param count     Of them.
 * @return          0; -1 and errno otherwise.
 * Errors           EINVAL a route has no handler, its path does not begin with a slash, or has too
 *                  many parameters: weft_error() names it.
 * Blocks           never
 */
WEFT_API int weft_http_router_init(struct weft_http_router *router, struct weft_http_route *routes,
                                   size_t count);

WEFT_END_DECLS

#endif
