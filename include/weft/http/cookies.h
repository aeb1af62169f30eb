/*
 * A cookie jar: what servers set comes back to them, and to nobody else (RFC 6265bis).
 *
 *     struct weft_cookies *cookies = weft_cookies_new();
 *     struct weft_internet_options options = { .client.cookies = cookies };
 */
#ifndef WEFT_HTTP_COOKIES_H
#define WEFT_HTTP_COOKIES_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** A jar. Opaque. */
struct weft_cookies;

/** Most cookies of a jar, and of one domain in it; those set first make room. */
#define WEFT_COOKIES_MAX ((size_t)3000)
#define WEFT_COOKIES_DOMAIN_MAX ((size_t)50)

/** Most bytes of a cookie's name and value together; a larger one is not kept. */
#define WEFT_COOKIE_MAX ((size_t)4096)

/**
 * Make an empty jar. It lives in memory alone.
 *
 * @return          The jar; NULL and errno otherwise.
 * Errors           ENOMEM.
 * Blocks           never
 * Threads          one loop's fibers, or one thread without a runtime
 * Ownership        the caller's, until weft_cookies_free()
 */
WEFT_API struct weft_cookies *weft_cookies_new(void);

/**
 * Free a jar.
 *
 * @param cookies   No client uses it any more. NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_cookies_free(struct weft_cookies *cookies);

/**
 * Take a cookie as if a server had set it.
 *
 * It is refused if it is malformed or too large, for a domain that is not the host's own or in
 * which anybody can have a name (a public suffix), or if it says `Secure` and the URL is not of
 * https. `SameSite` and `HttpOnly` mean nothing here. None is kept for more than 400 days.
 *
 * @param cookies   Any.
 * @param url       That of the response.
 * @param text      A set-cookie field's value, such as "id=1; Path=/; Max-Age=60".
 * @return          0 it was kept, or has removed one; -1 and errno otherwise.
 * Errors           EINVAL it is refused; ENOMEM.
 * Blocks           never
 * Source           RFC 6265bis, 5.6
 */
WEFT_API int weft_cookies_set(struct weft_cookies *cookies, const char *url, const char *text);

/**
 * What would be sent to a URL.
 *
 * @param cookies   Any.
 * @param url       Of http or https.
 * @return          A cookie field's value, such as "id=1; name=x"; NULL and errno otherwise.
 * Errors           ENOENT no cookie is for it; EINVAL the URL; ENOMEM.
 * Blocks           never
 * Ownership        the caller's, to be freed with free()
 * Source           RFC 6265bis, 5.7.3
 */
WEFT_API char *weft_cookies_get(struct weft_cookies *cookies, const char *url);

/**
 * Count the cookies of a jar, expired ones that have not been removed included.
 *
 * @param cookies   Any.
 * @return          Their number.
 * Blocks           never
 */
WEFT_API size_t weft_cookies_count(const struct weft_cookies *cookies);

WEFT_END_DECLS

#endif
