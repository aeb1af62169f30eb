#include <weft/http/router.h>

#include <string.h>

#include <weft/error.h>

#include "base/fail.h"
#include "base/slice.h"
#include "http/memory.h"
#include "proto/url.h"

/* What a route's parameters matched, kept with the request. */
struct parameters {
    size_t count;
    struct {
        struct weft__slice name;
        struct weft__slice raw; /* not decoded */
        const char *value;
    } list[WEFT_HTTP_PARAMETERS_MAX];
};

/* One segment of a route: a name behind ':' or '*', or a text. */
static struct weft__slice take_segment(const char **path)
{
    const char *start = *path + 1; /* behind the slash */
    size_t length = strcspn(start, "/");
    *path = start + length;
    return weft__slice(start, length);
}

/* Match a path against a route's. True with the parameters noted. */
static bool match(const char *pattern, const char *path, struct parameters *found)
{
    found->count = 0;
    while (*pattern == '/' && *path == '/') {
        struct weft__slice wanted = take_segment(&pattern);
        if (wanted.length && wanted.data[0] == '*') {
            found->list[found->count].name = weft__slice(wanted.data + 1, wanted.length - 1);
            found->list[found->count++].raw = weft__slice_string(path + 1);
            return true;
        }
        struct weft__slice given = take_segment(&path);
        if (wanted.length && wanted.data[0] == ':') {
            if (given.length == 0) {
                return false;
            }
            found->list[found->count].name = weft__slice(wanted.data + 1, wanted.length - 1);
            found->list[found->count++].raw = given;
        } else if (!weft__slice_equal(wanted, given)) {
            return false;
        }
    }
    return *pattern == *path; /* both at their end */
}

/* Decode what was found into the request's memory. 0; -1: EINVAL, ENOMEM. */
static int keep(struct weft_http_request *request, struct parameters *found)
{
    if (found->count == 0) {
        return 0;
    }
    struct parameters *kept = weft_http_allocate(request->memory, sizeof(*kept));
    if (!kept) {
        return -1;
    }
    kept->count = found->count;
    for (size_t i = 0; i < found->count; i++) {
        struct weft__slice raw = found->list[i].raw;
        char *value = weft__memory_copy(request->memory, raw.data, raw.length);
        size_t length;
        if (!value || weft__url_decode(raw, value, &length, false) < 0) {
            return -1;
        }
        value[length] = '\0';
        kept->list[i].name = found->list[i].name;
        kept->list[i].value = value;
    }
    request->parameters_ = kept;
    return 0;
}

static bool fits_method(const struct weft_http_route *route, const char *method)
{
    return !route->method || strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static int run(struct weft_http_route *route, struct weft_http_request *request,
               struct weft_http_response *response, struct parameters *found)
{
    if (keep(request, found) < 0) {
        if (errno != EINVAL) {
            return -1;
        }
        return weft_http_response_text(response, 400, "The path has a broken percent code.\n");
    }
    request->route = route->path;
    return weft_http_call(&route->handler, request, response);
}

/* The path is known, the method isn't: name those that are. */
static int other_methods(const struct weft_http_router *router, struct weft_http_request *request,
                         struct weft_http_response *response)
{
    struct parameters found;
    const char *allow = "";
    for (size_t i = 0; i < router->count && allow; i++) {
        const struct weft_http_route *route = &router->routes[i];
        if (route->method && match(route->path, request->path, &found)) {
            bool get = strcmp(route->method, "GET") == 0;
            allow = weft_http_format(request->memory, "%s%s%s%s", allow, *allow ? ", " : "",
                                     route->method, get ? ", HEAD" : "");
        }
    }
    if (!allow || weft_http_headers_set(&response->headers, "allow", allow) < 0) {
        return -1;
    }
    if (strcmp(request->method, "OPTIONS") == 0) {
        response->status = 204;
        return 0;
    }
    return weft_http_response_text(response, 405, "%s is not allowed here; %s is.\n",
                                   request->method, allow);
}

static int route_request(struct weft_http_handler *handler, struct weft_http_request *request,
                         struct weft_http_response *response)
{
    struct weft_http_router *router = (struct weft_http_router *)handler;
    struct parameters found;
    bool known = false;
    for (size_t i = 0; i < router->count; i++) {
        struct weft_http_route *route = &router->routes[i];
        if (match(route->path, request->path, &found)) {
            if (fits_method(route, request->method)) {
                return run(route, request, response, &found);
            }
            known = true;
        }
    }
    if (known) {
        return other_methods(router, request, response);
    }
    if (handler->next) {
        return weft_http_call(handler->next, request, response);
    }
    return weft_http_response_text(response, 404, "Nothing is found at this path.\n");
}

static const char *problem_of(const struct weft_http_route *route)
{
    if (!route->handler.call) {
        return "it has no handler";
    }
    if (!route->path || route->path[0] != '/') {
        return "its path does not begin with a slash";
    }
    size_t parameters = 0;
    for (const char *c = route->path; *c; c++) {
        if (c[0] == '/' && (c[1] == ':' || c[1] == '*')) {
            parameters++;
            if (c[1] == '*' && strchr(c + 1, '/')) {
                return "a segment '*' is not the last";
            }
        }
    }
    return parameters > WEFT_HTTP_PARAMETERS_MAX ? "it has too many parameters" : NULL;
}

int weft_http_router_init(struct weft_http_router *router, struct weft_http_route *routes,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *problem = problem_of(&routes[i]);
        if (problem) {
            return weft_error_set("http", EINVAL, EINVAL, "route %zu (%s %s): %s", i,
                                  routes[i].method ? routes[i].method : "any",
                                  routes[i].path ? routes[i].path : "", problem);
        }
    }
    *router = (struct weft_http_router){
        .handler = { .call = route_request },
        .routes = routes,
        .count = count,
    };
    return 0;
}

const char *weft_http_request_parameter(const struct weft_http_request *request, const char *name)
{
    const struct parameters *parameters = request->parameters_;
    for (size_t i = 0; parameters && i < parameters->count; i++) {
        if (weft__slice_is(parameters->list[i].name, name)) {
            return parameters->list[i].value;
        }
    }
    return NULL;
}
