/* Limits around a handler: how often, how many at once, how long, how large. */
#ifndef WEFT_HTTP_LIMIT_H
#define WEFT_HTTP_LIMIT_H

#include <weft/base.h>
#include <weft/http/middleware.h>

WEFT_BEGIN_DECLS

/** Options of weft_http_rate_limit_new(). */
struct weft_http_rate_limit_options {
    unsigned requests; /**< so many … */
    int64_t period;    /**< … in so many ns, on average. Default 1 s */
    unsigned burst;    /**< so many at once after silence. Default `requests` */
    size_t keys;       /**< keys remembered, 16 bytes each; beyond, the ones that are the longest
                            silent are forgotten. Default 65,536 */
    /** Whose request it is, such as an API key; NULL: it is not limited. Default: the address of
        weft_http_request_peer(), of IPv6 the first 64 bits. */
    const char *(*key)(struct weft_http_request *request, void *context);
    void *context; /**< for `key` */
};

/**
 * Limit how often each client may ask: a token bucket a key.
 *
 * One that asks more often gets 429 with `retry-after`, which costs it no token.
 *
 * @param options   `requests` above 0.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL an option; ENOMEM; next is NULL: errno is left.
 * Units            durations in ns
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 * Source           RFC 6585, 4; the generic cell rate algorithm, ITU-T I.371
 */
WEFT_API struct weft_http_handler *
weft_http_rate_limit_new(const struct weft_http_rate_limit_options *options,
                         struct weft_http_handler *next);

/**
 * Limit how many requests are under way at once, up to the last byte of their responses.
 *
 * One more gets 503 with `retry-after: 1`.
 *
 * @param limit     Above 0.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL the limit; ENOMEM; next is NULL: errno is left.
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 */
WEFT_API struct weft_http_handler *weft_http_concurrency_limit_new(size_t limit,
                                                                   struct weft_http_handler *next);

/**
 * Limit how long a request may take, up to the last byte of its response.
 *
 * The handler's blocking calls fail with ETIMEDOUT then. If it has not answered, 503 is the answer;
 * if its response is under way, that is cut and the connection closed. A handler that never blocks
 * is not interrupted.
 *
 * @param duration  ns, above 0.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL the duration; ENOMEM; next is NULL: errno is left.
 * Units            ns
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 */
WEFT_API struct weft_http_handler *weft_http_timeout_new(int64_t duration,
                                                         struct weft_http_handler *next);

/**
 * Limit the bodies of requests, in place of the server's `max_body`: for one route, say.
 *
 * A larger one gets 413: at once if its length is told, otherwise when the handler has read as
 * much.
 *
 * @param limit     Bytes; SIZE_MAX: no limit.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           ENOMEM; next is NULL: errno is left.
 * Units            bytes
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 */
WEFT_API struct weft_http_handler *weft_http_body_limit_new(size_t limit,
                                                            struct weft_http_handler *next);

WEFT_END_DECLS

#endif
