/*
 * Any URL: which client, and where redirects lead.
 *
 *      URL ──> origin ──> its client ──> response ──Location──> URL ...
 *
 * Clients lie in a list, the last used first. One that no response belongs to any more may be freed
 * to make room.
 */
#include <weft/http/internet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/client.h"

enum {
    REDIRECTS = 10,
    ORIGINS = 256,
    URL_MAX = 65536
};

struct place {
    struct weft__list node;
    char *origin; /* "https://host:port", in lower case */
    struct weft_http_client *client;
};

struct weft_internet {
    struct weft_internet_options options;
    struct weft__list places;
    size_t count;
};

/* One request from URL to URL. */
struct journey {
    struct weft_internet *internet;
    struct weft_http_memory memory;
    const char *method;
    const char *url;
    struct weft_http_request_options options;
    struct weft_http_header *headers; /* own copy, ended by NULL */
    int64_t deadline;
    char first[320]; /* origin that the caller's credentials are for */
};

static int refuse(const char *url, const char *what)
{
    return weft_error_set("http", WEFT_HTTP_ERROR_ARGUMENT, EINVAL, "'%.100s': %s", url, what);
}

static int no_memory(void)
{
    return weft_error_set("http", WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory for a request");
}

struct weft_internet *weft_internet_new(const struct weft_internet_options *options)
{
    static const struct weft_internet_options NONE;
    options = options ? options : &NONE;
    const struct weft_http_client_options *client = &options->client;
    if (client->url || client->socket_path || client->bearer || client->user || client->password) {
        refuse("weft_internet", "url, socket_path, bearer, user and password belong to one origin "
                                "(use weft_http_client_new(), or headers of a request)");
        return NULL;
    }
    struct weft_internet *internet = weft__calloc(1, sizeof(*internet));
    if (!internet) {
        no_memory();
        return NULL;
    }
    internet->options = *options;
    internet->options.redirects = options->redirects ? options->redirects : REDIRECTS;
    internet->options.max_origins = options->max_origins ? options->max_origins : ORIGINS;
    weft__list_init(&internet->places);
    return internet;
}

static void leave(struct weft_internet *internet, struct place *place)
{
    weft__list_remove(&place->node);
    internet->count--;
    weft_http_client_free(place->client);
    weft__free(place->origin);
    weft__free(place);
}

void weft_internet_free(struct weft_internet *internet)
{
    if (!internet) {
        return;
    }
    struct weft__list *node = internet->places.next;
    while (node != &internet->places) {
        struct place *place = weft__container_of(node, struct place, node);
        node = node->next;
        leave(internet, place);
    }
    weft__free(internet);
}

/* --- which client */

/* The origin as text. 0; -1: it is too long. */
static int write_origin(const struct weft__url *url, char *text, size_t size)
{
    int length = snprintf(text, size, "%s://%s%.*s%s:%u", url->secure ? "https" : "http",
                          url->literal ? "[" : "", WEFT__PRINT(url->host), url->literal ? "]" : "",
                          (unsigned)url->port);
    if (length < 0 || (size_t)length >= size) {
        return -1;
    }
    for (char *at = text; *at; at++) {
        *at = weft__lower(*at);
    }
    return 0;
}

static struct place *find(struct weft_internet *internet, const char *origin)
{
    weft__list_each(node, &internet->places) {
        struct place *place = weft__container_of(node, struct place, node);
        if (strcmp(place->origin, origin) == 0) {
            return place;
        }
    }
    return NULL;
}

static int make_room(struct weft_internet *internet)
{
    if (internet->count < internet->options.max_origins) {
        return 0;
    }
    for (struct weft__list *node = internet->places.prev; node != &internet->places;
         node = node->prev) {
        struct place *place = weft__container_of(node, struct place, node);
        if (place->client->calls == 0) {
            leave(internet, place);
            return 0;
        }
    }
    return weft_error_set("http", WEFT_HTTP_ERROR_POOL, EAGAIN,
                          "responses of %zu origins are open (close some, or raise max_origins)",
                          internet->count);
}

static struct place *arrive(struct weft_internet *internet, const char *origin)
{
    struct weft_http_client_options options = internet->options.client;
    if (make_room(internet) < 0) {
        return NULL;
    }
    struct place *place = weft__calloc(1, sizeof(*place));
    size_t size = strlen(origin) + 1;
    char *copy = weft__malloc(size);
    if (!place || !copy) {
        weft__free(place);
        weft__free(copy);
        no_memory();
        return NULL;
    }
    options.url = memcpy(copy, origin, size);
    place->origin = copy;
    place->client = weft_http_client_new(&options);
    if (!place->client) {
        int error = errno;
        weft__free(place);
        weft__free(copy);
        errno = error;
        return NULL;
    }
    weft__list_prepend(&internet->places, &place->node);
    internet->count++;
    return place;
}

static struct weft_http_client *client_of(struct weft_internet *internet, const char *origin)
{
    struct place *place = find(internet, origin);
    if (!place) {
        place = arrive(internet, origin);
    } else {
        weft__list_remove(&place->node);
        weft__list_prepend(&internet->places, &place->node);
    }
    return place ? place->client : NULL;
}

/* --- what is sent */

static int copy_headers(struct journey *journey, const struct weft_http_header *given)
{
    size_t count = 0;
    while (given && given[count].name) {
        count++;
    }
    journey->headers =
        weft_http_allocate(&journey->memory, (count + 2) * sizeof(*journey->headers));
    if (!journey->headers) {
        return no_memory();
    }
    if (count) {
        memcpy(journey->headers, given, count * sizeof(*given));
    }
    memset(&journey->headers[count], 0, 2 * sizeof(*given));
    journey->options.headers = journey->headers;
    return 0;
}

static void drop_header(struct journey *journey, const char *name)
{
    struct weft_http_header *kept = journey->headers;
    for (struct weft_http_header *each = journey->headers; each->name; each++) {
        if (!weft__slice_is_case(weft__slice_string(each->name), name)) {
            *kept++ = *each;
        }
    }
    *kept = (struct weft_http_header){ NULL, NULL };
}

/* A name and password of the URL, unless the request has credentials of its own. */
static int add_user(struct journey *journey, struct weft__slice user)
{
    struct weft_http_header *end = journey->headers;
    for (; end->name; end++) {
        if (weft__slice_is_case(weft__slice_string(end->name), "authorization")) {
            return 0;
        }
    }
    size_t colon = weft__slice_find(user, ':');
    bool has = colon < user.length;
    char *name = weft__memory_copy(&journey->memory, user.data, colon);
    char *password = weft__memory_copy(&journey->memory, has ? user.data + colon + 1 : "",
                                       has ? user.length - colon - 1 : 0);
    size_t name_length;
    size_t password_length;
    if (!name || !password) {
        return no_memory();
    }
    if (weft__url_decode(weft__slice_string(name), name, &name_length, false) < 0 ||
        weft__url_decode(weft__slice_string(password), password, &password_length, false) < 0) {
        return refuse(journey->url, "the name or password is malformed");
    }
    char *value = weft__basic_credentials(&journey->memory, weft__slice(name, name_length),
                                          weft__slice(password, password_length));
    if (!value) {
        return errno == EINVAL ? refuse(journey->url, "the name has a colon in it") : no_memory();
    }
    end[0] = (struct weft_http_header){ "authorization", value };
    end[1] = (struct weft_http_header){ NULL, NULL };
    return 0;
}

static void become_get(struct journey *journey)
{
    struct weft_http_request_options *options = &journey->options;
    static const char *const CONTENT[] = { "content-type", "content-encoding", "content-language",
                                           "content-location", "digest" };
    for (size_t i = 0; i < sizeof(CONTENT) / sizeof(CONTENT[0]); i++) {
        drop_header(journey, CONTENT[i]);
    }
    journey->method = "GET";
    options->data = options->type = options->json = NULL;
    options->body = NULL;
    options->write = NULL;
}

static bool can_repeat(const struct journey *journey)
{
    const struct weft_http_request_options *options = &journey->options;
    if (options->write) {
        return options->again;
    }
    return weft_http_body_rewind(options->body) == 0;
}

/* --- redirects */

/* Is the response to be followed? Changes the method as its status says. */
static bool is_redirect(struct journey *journey, const struct weft_http_response *response)
{
    bool post = strcmp(journey->method, "POST") == 0;
    bool head = strcmp(journey->method, "HEAD") == 0;
    if (journey->internet->options.redirects < 0 ||
        !weft_http_headers_get(&response->headers, "location")) {
        return false;
    }
    switch (response->status) {
    case 303:
        if (!head) {
            become_get(journey);
        }
        return true;
    case 301:
    case 302:
        if (post) {
            become_get(journey);
            return true;
        }
        return can_repeat(journey);
    case 307:
    case 308:
        return can_repeat(journey);
    default:
        return false;
    }
}

/* Go where the response points. 0; -1. */
static int turn(struct journey *journey, const struct weft__url *base,
                const struct weft_http_response *response)
{
    const char *location = weft_http_headers_get(&response->headers, "location");
    struct weft__buffer text;
    weft__buffer_init(&text, URL_MAX);
    int result = weft__url_resolve(&text, base, weft__slice_string(location));
    if (result < 0) {
        result = weft_error_set("http", WEFT_HTTP_ERROR_REDIRECT, errno == ENOMEM ? ENOMEM : ELOOP,
                                "'%.80s' redirects to '%.80s', where no client can go",
                                journey->url, location);
    } else {
        struct weft__slice url = weft__buffer_slice(&text);
        url.length = weft__slice_find(url, '#');
        journey->url = weft__memory_copy(&journey->memory, url.data, url.length);
        result = journey->url ? 0 : no_memory();
    }
    int error = errno;
    weft__buffer_fini(&text);
    errno = error;
    return result;
}

static int64_t time_left(const struct journey *journey)
{
    if (journey->deadline == WEFT_FOREVER) {
        return 0; /* the client's own */
    }
    int64_t left = journey->deadline - weft_now();
    return left > 0 ? left : 1;
}

/* One hop: the response, and the URL it is of. */
static struct weft_http_response *hop(struct journey *journey, struct weft__url *url, bool first)
{
    char origin[320];
    if (weft__url_parse(weft__slice_string(journey->url), url) < 0) {
        refuse(journey->url, errno == EPROTONOSUPPORT
                                 ? "the scheme is neither http nor https"
                                 : "this is no URL (write spaces and the like as %XX)");
        return NULL;
    }
    if (write_origin(url, origin, sizeof(origin)) < 0) {
        refuse(journey->url, "the host's name is too long");
        return NULL;
    }
    if (first) {
        memcpy(journey->first, origin, sizeof(origin));
    } else if (strcmp(origin, journey->first) != 0) {
        drop_header(journey, "authorization");
        drop_header(journey, "cookie");
        drop_header(journey, "host");
    }
    if (url->user.length && first && add_user(journey, url->user) < 0) {
        return NULL;
    }
    char *target = weft_http_format(&journey->memory, "%s%.*s%s%.*s", url->path.length ? "" : "/",
                                    WEFT__PRINT(url->path), url->has_query ? "?" : "",
                                    WEFT__PRINT(url->query));
    struct weft_http_client *client = client_of(journey->internet, origin);
    if (!target || !client) {
        if (!target) {
            no_memory();
        }
        return NULL;
    }
    journey->options.timeout = time_left(journey);
    struct weft_http_response *response =
        weft_http_client_request(client, journey->method, target, &journey->options);
    if (response && weft__response_set_url(response, origin, target) < 0) {
        weft_http_response_close(response);
        no_memory();
        return NULL;
    }
    return response;
}

static struct weft_http_response *travel(struct journey *journey)
{
    for (int hops = 0;; hops++) {
        struct weft__url url;
        struct weft_http_response *response = hop(journey, &url, hops == 0);
        if (!response || !is_redirect(journey, response)) {
            return response;
        }
        int turned = turn(journey, &url, response);
        int error = errno;
        weft_http_response_close(response);
        errno = error;
        if (turned < 0) {
            return NULL;
        }
        if (hops == journey->internet->options.redirects) {
            weft_error_set("http", WEFT_HTTP_ERROR_REDIRECT, ELOOP,
                           "more than %d redirects, the next one to '%.100s' (see redirects)", hops,
                           journey->url);
            return NULL;
        }
    }
}

struct weft_http_response *weft_internet_request(struct weft_internet *internet, const char *method,
                                                 const char *url,
                                                 const struct weft_http_request_options *options)
{
    static const struct weft_http_request_options NONE;
    struct journey journey = { .internet = internet, .method = method, .url = url };
    struct weft_http_response *response = NULL;
    journey.options = options ? *options : NONE;
    int64_t timeout =
        journey.options.timeout ? journey.options.timeout : internet->options.client.timeout;
    int64_t now = weft_now();
    journey.deadline = timeout && timeout < WEFT_FOREVER - now ? now + timeout : WEFT_FOREVER;
    weft__memory_init(&journey.memory);
    if (copy_headers(&journey, journey.options.headers) == 0) {
        response = travel(&journey);
    }
    int error = errno;
    weft__memory_fini(&journey.memory);
    errno = error;
    return response;
}

struct weft_http_response *weft_internet_get(struct weft_internet *internet, const char *url,
                                             const struct weft_http_request_options *options)
{
    return weft_internet_request(internet, "GET", url, options);
}

struct weft_http_response *weft_internet_post(struct weft_internet *internet, const char *url,
                                              const struct weft_http_request_options *options)
{
    return weft_internet_request(internet, "POST", url, options);
}
