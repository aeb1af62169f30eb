/*
 * Middleware: handlers around a handler.
 *
 *     struct weft_http_handler *handler = weft_http_compress_new(NULL, &router.handler);
 *     handler = weft_http_access_log_new(&log, handler);      the last one made is the outermost
 *     struct weft_http_options options = { .handler = handler };
 *     …
 *     weft_http_middleware_free(handler);
 *
 * Each takes what it wraps and gives a handler. A failure passes through: a call that is given NULL
 * gives NULL, so that a chain is checked once, at its end. All state belongs to the thread whose
 * server uses the chain, unless a function says otherwise: make one chain for each loop.
 */
#ifndef WEFT_HTTP_MIDDLEWARE_H
#define WEFT_HTTP_MIDDLEWARE_H

#include <weft/base.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/**
 * Free a chain: a handler made by one of the library's functions, and those it wraps, down to the
 * first that was not.
 *
 * @param handler   No request is under way in it. NULL, or one not made here, does nothing.
 * Blocks           never
 */
WEFT_API void weft_http_middleware_free(struct weft_http_handler *handler);

WEFT_END_DECLS

#endif
