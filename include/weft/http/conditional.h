/* Conditional requests: 304 and 412 by etag and time. */
#ifndef WEFT_HTTP_CONDITIONAL_H
#define WEFT_HTTP_CONDITIONAL_H

#include <weft/base.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** What a representation is known by. */
struct weft_http_validators {
    const char *etag; /**< quoted, "\"v1\"", or weak, "W/\"v1\""; NULL: there is none */
    int64_t modified; /**< seconds since 1970; 0: not known */
    bool missing;     /**< there is no representation at present: `if-match: *` fails */
};

/**
 * Look at a request's conditions before answering it, or before changing what it is about.
 *
 *     switch (weft_http_conditional(request, response, &validators)) {
 *     case 0:
 *         return weft_http_response_bytes(…);
 *     case 1:
 *         return 0;                       304 or 412: the response is complete
 *     default:
 *         return -1;
 *     }
 *
 * In the order of RFC 9110, 13.2.2: if-match (412; weak tags never match), if-unmodified-since
 * (412), if-none-match (304 for GET and HEAD, else 412), if-modified-since (304). Sets the
 * response's `etag` and `last-modified`, which a 304 needs, too.
 *
 * @param request     Any.
 * @param response    Filled in if the answer is 304 or 412.
 * @param validators  Of the representation as it is now.
 * @return            1 the response is complete; 0 go on; -1 and errno otherwise.
 * Errors             EINVAL the etag is no quoted text; ENOMEM; ENOBUFS.
 * Units              seconds
 * Blocks             never
 * Source             RFC 9110, 8.8 and 13
 */
WEFT_API int weft_http_conditional(struct weft_http_request *request,
                                   struct weft_http_response *response,
                                   const struct weft_http_validators *validators);

WEFT_END_DECLS

#endif
