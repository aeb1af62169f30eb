/* A client's options and life, and what its users call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <weft/error.h>
#include <weft/http/internet.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/client.h"

/* A response of its own, with the memory that it and its call lie in. */
struct reply {
    struct weft_http_response response;
    const char *url; /* NULL: it is a client's */
    struct weft_http_memory memory;
};

static int refuse(const char *what, const char *text, const char *advice)
{
    return weft_error_set("http", WEFT_HTTP_ERROR_ARGUMENT, EINVAL, "a client of '%.80s': %s (%s)",
                          text ? text : "(null)", what, advice);
}

static int no_memory(void)
{
    return weft_error_set("http", WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory for a client");
}

static void or_else(int64_t *option, int64_t usual)
{
    *option = *option ? *option : usual;
}

static void or_size(size_t *option, size_t usual)
{
    *option = *option ? *option : usual;
}

static void fill_in(struct weft_http_client_options *options)
{
    or_size(&options->max_connections, 64);
    or_size(&options->max_head, 65536);
    or_size(&options->max_fields, 100);
    or_size(&options->retry_budget, 20);
    or_size(&options->max_decoded, (size_t)1 << 30);
    or_else(&options->connect_timeout, 10 * WEFT_SECOND);
    or_else(&options->tls_timeout, 10 * WEFT_SECOND);
    or_else(&options->response_timeout, 5 * WEFT_MINUTE);
    or_else(&options->stall_timeout, WEFT_MINUTE);
    or_else(&options->timeout, WEFT_FOREVER);
    or_else(&options->keep_alive, 30 * WEFT_SECOND);
    or_else(&options->retry_delay, 100 * WEFT_MILLISECOND);
    or_else(&options->retry_delay_max, 30 * WEFT_SECOND);
    options->retries = options->retries ? options->retries : 2;
}

static int check(const struct weft_http_client_options *options)
{
    const int64_t times[] = { options->connect_timeout,  options->tls_timeout,
                              options->response_timeout, options->stall_timeout,
                              options->timeout,          options->keep_alive,
                              options->retry_delay,      options->retry_delay_max };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i] < 0) {
            return refuse("a time is below 0", options->url, "WEFT_FOREVER turns one off");
        }
    }
    if (options->max_fields > WEFT_HTTP_FIELDS_MAX || options->max_head > (size_t)16 << 20 ||
        options->max_connections > INT32_MAX || options->retries < -1) {
        return refuse("a limit is too large", options->url,
                      "max_fields: 256, max_head: 16 MiB, retries: -1 or more");
    }
    return 0;
}

static char *copy(struct weft__slice text)
{
    char *made = weft__malloc(text.length + 1);
    if (made) {
        memcpy(made, text.data, text.length);
        made[text.length] = '\0';
    }
    return made;
}

static int take_origin(struct weft_http_client *client,
                       const struct weft_http_client_options *options)
{
    struct weft__origin *origin = &client->origin;
    struct weft__url url;
    if (!options->url || weft__url_parse(weft__slice_string(options->url), &url) < 0) {
        return refuse("this is no URL of http or https", options->url, "such as https://host:8443");
    }
    if (url.path.length > 1 || url.has_query || url.has_fragment || url.user.length) {
        return refuse("an origin has no path, query or user", options->url,
                      "give the path to the request");
    }
    origin->secure = url.secure;
    origin->port = url.port;
    origin->host = copy(url.host);
    origin->authority = copy(url.authority);
    if (options->socket_path) {
        origin->path = copy(weft__slice_string(options->socket_path));
    }
    bool made = origin->host && origin->authority && (!options->socket_path || origin->path);
    return made ? 0 : no_memory();
}

static int take_headers(struct weft_http_client *client, const struct weft_http_header *header)
{
    for (; header && header->name; header++) {
        if (weft_http_headers_add(&client->headers, header->name, header->value) < 0) {
            return errno == EINVAL ? refuse("a header is malformed", header->name,
                                            "no line breaks, no spaces in names")
                                   : no_memory();
        }
    }
    if (weft__client_credentials(&client->headers, &client->options) < 0) {
        return errno == EINVAL ? refuse("the credentials are malformed", client->options.url,
                                        "no line breaks, and no colon in a user's name")
                               : no_memory();
    }
    if (!client->options.encoded && *weft__decodable() &&
        !weft_http_headers_get(&client->headers, "accept-encoding")) {
        return weft_http_headers_add(&client->headers, "accept-encoding", weft__decodable());
    }
    client->options.encoded = true;
    return 0;
}

static int take_proxy(struct weft_http_client *client, const char *url)
{
    const struct weft__origin *origin = &client->origin;
    if (origin->path || client->options.connect) {
        return 0;
    }
    if (!url) {
        url = weft__proxy_of_environment(origin->secure, origin->host, origin->port);
    }
    if (!url || !*url || weft__client_proxy_parse(&client->proxy, &client->memory, url) == 0) {
        return 0;
    }
    return errno == EINVAL || errno == EPROTONOSUPPORT
               ? refuse("the proxy's URL is malformed", url,
                        "http://name:password@host:port, or socks5://…; also http_proxy, "
                        "https_proxy, all_proxy")
               : no_memory();
}

static int secure(struct weft_http_client *client, const struct weft_http_client_tls *tls)
{
    static const unsigned char PROTOCOLS[] = "\x08http/1.1";
    static const struct weft_http_client_tls NONE;
    tls = tls ? tls : &NONE;
    if (!client->origin.secure) {
        return 0;
    }
    if (tls->minimum && tls->minimum != 12 && tls->minimum != 13) {
        return refuse("the least version of TLS is neither 12 nor 13", client->origin.authority,
                      "0 for the default");
    }
    const struct weft__tls_client_options options = {
        .authorities = tls->authorities,
        .certificate = tls->certificate,
        .key = tls->key,
        .pins = tls->pins,
        .name = tls->name ? tls->name : client->origin.host,
        .insecure = tls->insecure,
        .minimum = tls->minimum ? tls->minimum : 12,
        .protocols = PROTOCOLS,
        .protocols_length = sizeof(PROTOCOLS) - 1,
    };
    client->tls = weft__tls_client_new(&options);
    return client->tls ? 0 : -1;
}

static int set_up(struct weft_http_client *client, const struct weft_http_client_options *options)
{
    if (take_origin(client, options) < 0 || check(options) < 0 ||
        take_headers(client, options->headers) < 0 || secure(client, options->tls) < 0 ||
        take_proxy(client, options->proxy) < 0) {
        return -1;
    }
    fill_in(&client->options);
    size_t fields = client->options.max_fields;
    client->limits = weft__http1_default_limits;
    client->limits.head = client->options.max_head;
    client->limits.field = client->options.max_head;
    client->limits.fields = fields;
    client->fields = weft__calloc(fields, sizeof(*client->fields));
    client->turns.permits = (int64_t)client->options.max_connections;
    client->budget =
        client->options.retry_budget == SIZE_MAX ? 0 : client->options.retry_budget * 10;
    if (getrandom(&client->random, sizeof(client->random), GRND_NONBLOCK) < 0) {
        client->random = (uint64_t)weft_now();
    }
    client->random |= 1;
    return client->fields ? 0 : no_memory();
}

struct weft_http_client *weft_http_client_new(const struct weft_http_client_options *options)
{
    struct weft_http_client *client = weft__calloc(1, sizeof(*client));
    if (!client) {
        no_memory();
        return NULL;
    }
    client->options = *options;
    weft__list_init(&client->idle);
    weft__list_init(&client->busy);
    weft__memory_init(&client->memory);
    client->headers.memory = &client->memory;
    if (set_up(client, options) < 0) {
        int error = errno;
        weft_http_client_free(client);
        errno = error;
        return NULL;
    }
    client->options.url = client->options.socket_path = NULL;
    client->options.headers = NULL;
    client->options.tls = NULL;
    client->options.proxy = NULL;
    client->options.bearer = client->options.user = client->options.password = NULL;
    return client;
}

void weft_http_client_free(struct weft_http_client *client)
{
    if (!client) {
        return;
    }
    weft__pool_empty(client);
    weft__stream_pool_fini(&client->pool);
    weft__tls_client_free(client->tls);
    weft__memory_fini(&client->memory);
    weft__free(client->fields);
    weft__free(client->origin.host);
    weft__free(client->origin.authority);
    weft__free(client->origin.path);
    weft__free(client);
}

struct weft_http_response *weft_http_client_request(struct weft_http_client *client,
                                                    const char *method, const char *target,
                                                    const struct weft_http_request_options *options)
{
    struct reply *reply = weft__malloc(sizeof(*reply));
    if (!reply) {
        weft__client_fail(client, WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory for a response");
        return NULL;
    }
    memset(&reply->response, 0, sizeof(reply->response));
    reply->url = NULL;
    weft__memory_init(&reply->memory);
    reply->response.memory = &reply->memory;
    reply->response.headers.memory = &reply->memory;
    if (weft__client_call(client, method, target, options, &reply->response) < 0) {
        int error = errno;
        weft_http_response_close(&reply->response);
        errno = error;
        return NULL;
    }
    return &reply->response;
}

int weft__response_set_url(struct weft_http_response *response, const char *origin,
                           const char *target)
{
    struct reply *reply = (struct reply *)response;
    reply->url = weft_http_format(&reply->memory, "%s%s", origin, target);
    return reply->url ? 0 : -1;
}

const char *weft_http_response_url(const struct weft_http_response *response)
{
    return ((const struct reply *)response)->url;
}

void weft_http_response_close(struct weft_http_response *response)
{
    if (response) {
        struct reply *reply = (struct reply *)response;
        weft_http_body_close(response->body, 0);
        weft__memory_fini(&reply->memory);
        weft__free(reply);
    }
}

struct weft_http_response *weft_http_client_get(struct weft_http_client *client, const char *target,
                                                const struct weft_http_request_options *options)
{
    return weft_http_client_request(client, "GET", target, options);
}

struct weft_http_response *weft_http_client_head(struct weft_http_client *client,
                                                 const char *target,
                                                 const struct weft_http_request_options *options)
{
    return weft_http_client_request(client, "HEAD", target, options);
}

struct weft_http_response *weft_http_client_post(struct weft_http_client *client,
                                                 const char *target,
                                                 const struct weft_http_request_options *options)
{
    return weft_http_client_request(client, "POST", target, options);
}

struct weft_http_response *weft_http_client_put(struct weft_http_client *client, const char *target,
                                                const struct weft_http_request_options *options)
{
    return weft_http_client_request(client, "PUT", target, options);
}

struct weft_http_response *weft_http_client_delete(struct weft_http_client *client,
                                                   const char *target,
                                                   const struct weft_http_request_options *options)
{
    return weft_http_client_request(client, "DELETE", target, options);
}

void weft_http_client_stats(const struct weft_http_client *client,
                            struct weft_http_client_stats *stats)
{
    *stats = client->stats;
}

char *weft_http_response_read(struct weft_http_response *response, size_t limit, size_t *length)
{
    weft_error_clear();
    char *text = weft_http_body_read_all(response->body, response->memory, limit, length);
    if (!text && !weft_error()) {
        weft_error_set(
            "http", errno == EMSGSIZE ? WEFT_HTTP_ERROR_TOO_LARGE : WEFT_HTTP_ERROR_MEMORY, errno,
            "reading a response: more than %zu bytes, or than memory takes (raise the "
            "limit, or read it in pieces by weft_http_body_read())",
            limit);
    }
    return text;
}
