/* Cookies: read from a request, set by a response. */
#ifndef WEFT_HTTP_COOKIE_H
#define WEFT_HTTP_COOKIE_H

#include <weft/base.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** With which requests of other sites a cookie is sent. */
enum weft_http_same_site {
    WEFT_HTTP_SAME_SITE_LAX,    /**< when the user follows a link */
    WEFT_HTTP_SAME_SITE_STRICT, /**< none */
    WEFT_HTTP_SAME_SITE_NONE,   /**< all; needs `secure` */
};

/** A cookie to set. */
struct weft_http_cookie {
    const char *name;                   /**< a token */
    const char *value;                  /**< no blanks, quotes, commas, semicolons, backslashes or
                                             bytes beyond ASCII: encode what may have them */
    const char *path;                   /**< default "/" */
    const char *domain;                 /**< NULL: this host alone */
    int64_t max_age;                    /**< ns until it is forgotten; 0: with the session; below 0:
                                             at once */
    enum weft_http_same_site same_site; /**< default WEFT_HTTP_SAME_SITE_LAX */
    bool secure;                        /**< over https only */
    bool script;                        /**< scripts may read it (no HttpOnly) */
    bool partitioned; /**< apart for each site it is embedded in; needs `secure` */
};

/** Most bytes of a cookie's name and value together: browsers ignore longer ones. */
#define WEFT_HTTP_COOKIE_MAX 4096

/**
 * The value of a cookie that a request brings.
 *
 * @param request   Any.
 * @param name      Case matters; the first of that name counts.
 * @return          Its value as it was sent, without quotes around it; NULL if there is none, or no
 *                  memory is left.
 * Blocks           never
 * Ownership        the exchange's
 * Source           RFC 6265bis, 5.8
 */
WEFT_API const char *weft_http_request_cookie(struct weft_http_request *request, const char *name);

/**
 * Have a cookie set.
 *
 * @param response  Gets a field `set-cookie` more.
 * @param cookie    See struct weft_http_cookie.
 * @return          0; -1 and errno otherwise.
 * Errors           EINVAL a text that would break the field, a name "__Secure-…" or "__Host-…"
 *                  without what it promises, `secure` missing where it is needed; EMSGSIZE longer
 *                  than WEFT_HTTP_COOKIE_MAX; ENOMEM; ENOBUFS.
 * Units            ns
 * Blocks           never
 * Source           RFC 6265bis, 4.1
 */
WEFT_API int weft_http_response_cookie(struct weft_http_response *response,
                                       const struct weft_http_cookie *cookie);

WEFT_END_DECLS

#endif
