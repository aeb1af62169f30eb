#ifndef WEFT_HTTP_METRICS_INTERNAL_H
#define WEFT_HTTP_METRICS_INTERNAL_H

#include <weft/http/metrics.h>

#include "base/buffer.h"

enum {
    WEFT__METRICS_METHODS = 9,
    WEFT__METRICS_CLASSES = 6, /* 0: none known; 1xx to 5xx */
    WEFT__METRICS_BUCKETS = 12,
    WEFT__METRICS_ROUTE = 120, /* bytes of a route's name that are shown */
};

struct weft__metrics_route {
    char name[WEFT__METRICS_ROUTE];
    uint64_t requests[WEFT__METRICS_METHODS][WEFT__METRICS_CLASSES];
    uint64_t buckets[WEFT__METRICS_BUCKETS + 1]; /* not cumulative; the last is beyond all */
    int64_t total;                               /* ns */
};

struct weft_http_metrics {
    struct weft_http_handler page;
    const struct weft_http_server *server;
    size_t active;
    size_t count;
    struct weft__metrics_route *routes[WEFT_HTTP_METRICS_ROUTES_MAX]; /* the first is "other" */
};

extern const char *const weft__metrics_methods[WEFT__METRICS_METHODS];
extern const int64_t weft__metrics_bounds[WEFT__METRICS_BUCKETS]; /* ns */

/** Write all figures. Without memory the text ends early. */
void weft__metrics_write(const struct weft_http_metrics *metrics, struct weft__buffer *out);

#endif
