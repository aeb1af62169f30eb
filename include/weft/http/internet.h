/*
 * Any URL: a client for each origin, made when it is first asked, and redirects that are followed.
 *
 *     struct weft_internet *internet = weft_internet_new(NULL);
 *     struct weft_http_response *response = weft_internet_get(internet, "https://example.org/",
 * NULL);
 */
#ifndef WEFT_HTTP_INTERNET_H
#define WEFT_HTTP_INTERNET_H

#include <weft/base.h>
#include <weft/http/client.h>

WEFT_BEGIN_DECLS

/** Clients of many origins. Opaque. */
struct weft_internet;

/** Options. A zeroed struct, or NULL, asks for the defaults. */
struct weft_internet_options {
    struct weft_http_client_options
        client;         /**< of each client; what it points to is borrowed as long
                             as the internet lives. No url, socket_path, bearer,
                             user or password: those belong to one origin */
    int redirects;      /**< followed at most, else the call fails; -1: they are handed out as they
                             are. Default 10 */
    size_t max_origins; /**< clients kept; the one unused for longest makes room. Default 256 */
};

/**
 * Make it. Nothing is connected to yet.
 *
 * @param options   NULL: the defaults.
 * @return          It; NULL and errno, with weft_error(), otherwise.
 * Errors           EINVAL an option that belongs to one origin; ENOMEM.
 * Blocks           never
 * Threads          one loop's fibers, or one thread without a runtime
 * Ownership        the caller's, until weft_internet_free()
 */
WEFT_API struct weft_internet *weft_internet_new(const struct weft_internet_options *options);

/**
 * Free it and close all connections.
 *
 * @param internet  All its responses are closed. NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_internet_free(struct weft_internet *internet);

/**
 * Ask for a URL and wait for the answer's head.
 *
 * A redirect is followed to the same or another origin. 303, and 301 or 302 after a POST, go on as
 * GET without a body; 307 and 308 send the body again, or are handed out if it can't be. The fields
 * authorization, cookie and host, and a name and password in the URL, are not sent to another
 * origin. `timeout` is for all of it.
 *
 * @param internet  Any.
 * @param method    See weft_http_client_request().
 * @param url       Of http or https, without spaces; "https://name:password@host/path" sends Basic
 *                  credentials.
 * @param options   NULL: none.
 * @return          The response; NULL and errno, with weft_error(), otherwise.
 * Errors           See weft_http_client_request(); ELOOP too many redirects; EINVAL the URL.
 * Blocks           parks the fiber; cancellation point. Outside of a runtime it blocks the thread
 * Ownership        the caller's, until weft_http_response_close()
 * Source           RFC 9110, 15.4
 */
WEFT_API struct weft_http_response *
weft_internet_request(struct weft_internet *internet, const char *method, const char *url,
                      const struct weft_http_request_options *options);

/**
 * weft_internet_request() with the method GET.
 *
 * @param internet  See weft_internet_request().
 * @param url       See weft_internet_request().
 * @param options   See weft_internet_request().
 * @return          See weft_internet_request().
 * Errors           See weft_internet_request().
 * Blocks           See weft_internet_request().
 * Ownership        See weft_internet_request().
 */
WEFT_API struct weft_http_response *
weft_internet_get(struct weft_internet *internet, const char *url,
                  const struct weft_http_request_options *options);

/**
 * weft_internet_request() with the method POST.
 *
 * @param internet  See weft_internet_request().
 * @param url       See weft_internet_request().
 * @param options   See weft_internet_request().
 * @return          See weft_internet_request().
 * Errors           See weft_internet_request().
 * Blocks           See weft_internet_request().
 * Ownership        See weft_internet_request().
 */
WEFT_API struct weft_http_response *
weft_internet_post(struct weft_internet *internet, const char *url,
                   const struct weft_http_request_options *options);

/**
 * The URL that a response is of, after redirects.
 *
 * @param response  Of weft_internet_request().
 * @return          The URL, without a name and password; NULL for a response of a client.
 * Blocks           never
 * Ownership        the response's
 */
WEFT_API const char *weft_http_response_url(const struct weft_http_response *response);

WEFT_END_DECLS

#endif
