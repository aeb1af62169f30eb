/* Who may ask, and what browsers are told: CORS, security headers, hosts, passwords, tokens. */
#ifndef WEFT_HTTP_GUARD_H
#define WEFT_HTTP_GUARD_H

#include <weft/base.h>
#include <weft/http/middleware.h>

WEFT_BEGIN_DECLS

/** Options of weft_http_cors_new(). */
struct weft_http_cors_options {
    const char *const *origins; /**< `origin_count` of them, such as "https://example.com", exactly
                                     as browsers send them; "*" alone: all. Copied */
    size_t origin_count;        /**< at least one */
    const char *methods;        /**< that pages may use. Default "GET, HEAD, POST" */
    const char *headers;        /**< that pages may send, such as "content-type, authorization".
                                     Default: none but those that are always allowed */
    const char *expose;         /**< that pages may read. Default: none but those that always are */
    bool credentials;           /**< cookies are sent along; not together with "*" */
    int64_t max_age;            /**< ns for which a browser keeps the answer. Default 10 min */
};

/**
 * Let pages of other origins use a handler, as far as a list allows.
 *
 * Answers preflight requests itself, with 204. An origin that is not listed gets no CORS fields, so
 * the browser keeps the response from the page; the request itself is not refused, since anything
 * but a browser can send any origin.
 *
 * @param options   Copied.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL an option, with weft_error() naming it; ENOMEM; next is NULL: errno is
 *                  left.
 * Units            ns
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 * Source           WHATWG Fetch, 3.3
 */
WEFT_API struct weft_http_handler *weft_http_cors_new(const struct weft_http_cors_options *options,
                                                      struct weft_http_handler *next);

/** Options of weft_http_security_headers_new(). A zeroed struct asks for the defaults. */
struct weft_http_security_options {
    const char *content_policy;  /**< content-security-policy. Default: none */
    const char *referrer_policy; /**< referrer-policy. Default "strict-origin-when-cross-origin" */
    const char *frame_options;   /**< x-frame-options. Default "SAMEORIGIN"; "": none */
    int64_t transport_age;       /**< ns for strict-transport-security, sent over https only.
                                      Default: none, since it can't be taken back */
    bool transport_subdomains;   /**< that includes subdomains */
};

/**
 * Add the fields that make browsers more careful, unless the handler has set them.
 *
 * Always `x-content-type-options: nosniff` and `cross-origin-opener-policy: same-origin`.
 *
 * @param options   NULL: the defaults. Copied.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           ENOMEM; next is NULL: errno is left.
 * Units            ns
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 * Source           RFC 6797; WHATWG Fetch, HTML
 */
WEFT_API struct weft_http_handler *
weft_http_security_headers_new(const struct weft_http_security_options *options,
                               struct weft_http_handler *next);

/** Most bytes of a request's id that is taken over. */
#define WEFT_HTTP_REQUEST_ID_MAX 128

/**
 * Give each request an id, in the field `x-request-id` of the request and the response.
 *
 * @param trust     Take over an id that the client sends, if it is of letters, digits and "-_.:/+="
 *                  and at most WEFT_HTTP_REQUEST_ID_MAX long; otherwise one of 32 random
 *                  hexadecimal digits is made.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           ENOMEM; next is NULL: errno is left.
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 */
WEFT_API struct weft_http_handler *weft_http_request_id_new(bool trust,
                                                            struct weft_http_handler *next);

/**
 * Answer only requests for hosts of a list; others get 421.
 *
 * Against pages that make a browser resolve their own name to this server (DNS rebinding).
 *
 * @param hosts     Names or addresses without a port: "example.com", "*.example.com" for all below
 *                  it, "127.0.0.1", "[::1]". Compared without case. Copied.
 * @param count     Of them, at least one.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL the list is empty; ENOMEM; next is NULL: errno is left.
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 * Source           RFC 9110, 7.4
 */
WEFT_API struct weft_http_handler *weft_http_hosts_new(const char *const *hosts, size_t count,
                                                       struct weft_http_handler *next);

/**
 * Compare what a client has sent with a secret, in a time that tells nothing of the secret.
 *
 * @param given     From outside. NULL equals nothing.
 * @param secret    Not empty: an empty one equals nothing.
 * @return          true if they are the same text. The time depends on the length of given alone.
 * Blocks           never
 * Threads          any
 */
WEFT_API bool weft_http_secret_equal(const char *given, const char *secret);

/** Options of weft_http_auth_new(). One of the two functions is needed. */
struct weft_http_auth_options {
    const char *realm; /**< what the browser shows: no control characters. Default "weft" */
    /** Basic: 1 it is right, 0 it is not; -1 and errno: the server answers 500. May block; compare
        by weft_http_secret_equal(). */
    int (*password)(struct weft_http_request *request, const char *user, const char *password,
                    void *context);
    /** Bearer: as `password`. */
    int (*token)(struct weft_http_request *request, const char *token, void *context);
    void *context; /**< for both */
};

/**
 * Let requests through that carry the right `authorization`; others get 401.
 *
 * @param options   Copied.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL an option; ENOMEM; next is NULL: errno is left.
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 * Source           RFC 7617, 6750
 */
WEFT_API struct weft_http_handler *weft_http_auth_new(const struct weft_http_auth_options *options,
                                                      struct weft_http_handler *next);

/** Options of weft_http_forwarded_new(). */
struct weft_http_forwarded_options {
    const char *const *proxies; /**< `proxy_count` addresses or networks: "10.0.0.0/8", "::1",
                                     "unix". Copied */
    size_t proxy_count;         /**< at least one, at most 256 */
    bool standard;              /**< read `forwarded` (RFC 7239) in place of `x-forwarded-for` and
                                     `x-forwarded-proto`. Never both: choose what the proxies set */
};

/**
 * Believe what proxies of a list say of their clients.
 *
 * The addresses are walked from the nearest: as long as one belongs to a proxy of the list, the one
 * before it counts. What comes out is what weft_http_request_peer() tells, and `request->scheme`
 * what the nearest proxy says. From all others these fields are removed, so that nothing inside
 * believes them.
 *
 * @param options   Copied.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL an option, with weft_error() naming it; ENOMEM; next is NULL: errno is
 *                  left.
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 * Source           RFC 7239
 */
WEFT_API struct weft_http_handler *
weft_http_forwarded_new(const struct weft_http_forwarded_options *options,
                        struct weft_http_handler *next);

WEFT_END_DECLS

#endif
