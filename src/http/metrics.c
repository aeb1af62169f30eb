/* Counting requests as they pass. */
#include "http/metrics.h"

#include <string.h>

#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/middleware.h"

enum {
    PAGE_MAX = 4 << 20,
};

const char *const weft__metrics_methods[WEFT__METRICS_METHODS] = { "GET",   "HEAD",   "POST",
                                                                   "PUT",   "DELETE", "OPTIONS",
                                                                   "PATCH", "TRACE",  "other" };

const int64_t weft__metrics_bounds[WEFT__METRICS_BUCKETS] = {
    WEFT_MILLISECOND,        5 * WEFT_MILLISECOND,   10 * WEFT_MILLISECOND,
    25 * WEFT_MILLISECOND,   50 * WEFT_MILLISECOND,  100 * WEFT_MILLISECOND,
    250 * WEFT_MILLISECOND,  500 * WEFT_MILLISECOND, 1000 * WEFT_MILLISECOND,
    2500 * WEFT_MILLISECOND, 10 * WEFT_SECOND,       60 * WEFT_SECOND,
};

struct measure {
    struct weft__middleware base;
    struct weft_http_metrics *metrics;
};

struct sample {
    struct weft_http_metrics *metrics;
    const struct weft_http_request *request;
    const struct weft_http_response *response;
    int64_t started;
};

static struct weft__metrics_route *add_route(struct weft_http_metrics *metrics, const char *name)
{
    struct weft__metrics_route *route = weft__calloc(1, sizeof(*route));
    if (route) {
        strncpy(route->name, name, sizeof(route->name) - 1);
        metrics->routes[metrics->count++] = route;
    }
    return route;
}

static struct weft__metrics_route *route_of(struct weft_http_metrics *metrics, const char *name)
{
    for (size_t i = 1; i < metrics->count; i++) {
        if (strncmp(metrics->routes[i]->name, name, WEFT__METRICS_ROUTE - 1) == 0) {
            return metrics->routes[i];
        }
    }
    bool room = metrics->count < WEFT_HTTP_METRICS_ROUTES_MAX;
    struct weft__metrics_route *made = room ? add_route(metrics, name) : NULL;
    return made ? made : metrics->routes[0];
}

static size_t method_of(const char *method)
{
    size_t i = 0;
    while (i < WEFT__METRICS_METHODS - 1 && strcmp(weft__metrics_methods[i], method) != 0) {
        i++;
    }
    return i;
}

static void finish(void *argument)
{
    const struct sample *sample = argument;
    const char *name = sample->request->route;
    struct weft__metrics_route *route = route_of(sample->metrics, name ? name : "none");
    int class = sample->response->status / 100;
    int64_t took = weft_now() - sample->started;
    size_t bucket = 0;
    while (bucket < WEFT__METRICS_BUCKETS && took > weft__metrics_bounds[bucket]) {
        bucket++;
    }
    route->buckets[bucket]++;
    route->total += took;
    route->requests[method_of(sample->request->method)][class >= 1 && class <= 5 ? class : 0]++;
    sample->metrics->active--;
}

static int measure_call(struct weft__middleware *base, struct weft_http_request *request,
                        struct weft_http_response *response)
{
    struct sample *sample = weft_http_allocate(request->memory, sizeof(*sample));
    if (!sample) {
        return -1;
    }
    *sample = (struct sample){ ((struct measure *)base)->metrics, request, response, weft_now() };
    if (weft_http_defer(request->memory, finish, sample) < 0) {
        return -1;
    }
    sample->metrics->active++;
    return weft_http_call(base->handler.next, request, response);
}

static const struct weft__middleware_kind KIND = { sizeof(struct measure), measure_call, NULL };

struct weft_http_handler *weft_http_metrics_measure_new(struct weft_http_metrics *metrics,
                                                        struct weft_http_handler *next)
{
    struct measure *self = weft__middleware_new(&KIND, next);
    if (!self) {
        return NULL;
    }
    self->metrics = metrics;
    return &self->base.handler;
}

static int show(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)request;
    struct weft__buffer out;
    weft__buffer_init(&out, PAGE_MAX);
    weft__metrics_write(handler->context, &out);
    struct weft__slice page = weft__buffer_slice(&out);
    int result = weft_http_response_bytes(response, 200, "text/plain; version=0.0.4; charset=utf-8",
                                          page.data, page.length);
    int error = errno;
    weft__buffer_fini(&out);
    return result < 0 ? weft__fail(error) : 0;
}

struct weft_http_metrics *weft_http_metrics_new(void)
{
    struct weft_http_metrics *metrics = weft__calloc(1, sizeof(*metrics));
    if (!metrics) {
        return NULL;
    }
    metrics->page.call = show;
    metrics->page.context = metrics;
    if (!add_route(metrics, "other")) {
        weft__free(metrics);
        return NULL;
    }
    return metrics;
}

void weft_http_metrics_free(struct weft_http_metrics *metrics)
{
    for (size_t i = 0; metrics && i < metrics->count; i++) {
        weft__free(metrics->routes[i]);
    }
    weft__free(metrics);
}

void weft_http_metrics_server(struct weft_http_metrics *metrics,
                              const struct weft_http_server *server)
{
    metrics->server = server;
}

struct weft_http_handler *weft_http_metrics_page(struct weft_http_metrics *metrics)
{
    return &metrics->page;
}
