/* The text format of Prometheus, version 0.0.4. */
#include <weft/inspect.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "http/metrics.h"

static void put_label(struct weft__buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"') {
            weft__buffer_append(out, "\\", 1);
        }
        weft__buffer_append(out, *text == '\n' ? "\\n" : text, *text == '\n' ? 2 : 1);
    }
}

static void put_head(struct weft__buffer *out, const char *name, const char *type, const char *help)
{
    weft__buffer_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_figure(struct weft__buffer *out, const char *name, const char *type,
                       const char *help, uint64_t value)
{
    put_head(out, name, type, help);
    weft__buffer_appendf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void put_seconds(struct weft__buffer *out, int64_t ns)
{
    weft__buffer_appendf(out, "%lld.%09lld", (long long)(ns / WEFT_SECOND),
                         (long long)(ns % WEFT_SECOND));
}

static void put_requests(struct weft__buffer *out, const struct weft__metrics_route *route)
{
    for (size_t method = 0; method < WEFT__METRICS_METHODS; method++) {
        for (size_t class = 0; class < WEFT__METRICS_CLASSES; class ++) {
            uint64_t count = route->requests[method][class];
            if (count > 0) {
                weft__buffer_appendf(out,
                                     "weft_http_requests_total{method=\"%s\",code=\"%zuxx\","
                                     "route=\"",
                                     weft__metrics_methods[method], class);
                put_label(out, route->name);
                weft__buffer_appendf(out, "\"} %llu\n", (unsigned long long)count);
            }
        }
    }
}

static void put_bucket(struct weft__buffer *out, const char *route, size_t bucket, uint64_t sum)
{
    weft__buffer_appendf(out, "weft_http_request_duration_seconds_bucket{route=\"");
    put_label(out, route);
    weft__buffer_appendf(out, "\",le=\"");
    if (bucket < WEFT__METRICS_BUCKETS) {
        weft__buffer_appendf(out, "%g", (double)weft__metrics_bounds[bucket] / 1e9);
    } else {
        weft__buffer_appendf(out, "+Inf");
    }
    weft__buffer_appendf(out, "\"} %llu\n", (unsigned long long)sum);
}

static void put_durations(struct weft__buffer *out, const struct weft__metrics_route *route)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= WEFT__METRICS_BUCKETS; i++) {
        sum += route->buckets[i];
    }
    if (sum == 0) {
        return;
    }
    sum = 0;
    for (size_t i = 0; i <= WEFT__METRICS_BUCKETS; i++) {
        sum += route->buckets[i];
        put_bucket(out, route->name, i, sum);
    }
    weft__buffer_appendf(out, "weft_http_request_duration_seconds_sum{route=\"");
    put_label(out, route->name);
    weft__buffer_appendf(out, "\"} ");
    put_seconds(out, route->total);
    weft__buffer_appendf(out, "\nweft_http_request_duration_seconds_count{route=\"");
    put_label(out, route->name);
    weft__buffer_appendf(out, "\"} %llu\n", (unsigned long long)sum);
}

static void put_server(struct weft__buffer *out, const struct weft_http_server *server)
{
    struct weft_http_server_stats stats;
    weft_http_server_stats(server, &stats);
    put_figure(out, "weft_http_connections", "gauge", "Connections open.", stats.connections);
    put_figure(out, "weft_http_connections_active", "gauge",
               "Connections with a request under way.", stats.active);
    put_figure(out, "weft_http_connections_accepted_total", "counter", "Connections accepted.",
               stats.accepted);
    put_figure(out, "weft_http_connections_overloaded_total", "counter",
               "Connections beyond a limit.", stats.overloaded);
    put_figure(out, "weft_http_requests_refused_total", "counter",
               "Requests malformed, too large or too slow.", stats.refused);
    put_figure(out, "weft_http_accept_waits_total", "counter",
               "Times accepting paused for want of descriptors or memory.", stats.accept_waits);
    put_figure(out, "weft_http_tls_handshakes_total", "counter", "TLS handshakes completed.",
               stats.handshakes);
    put_figure(out, "weft_http_tls_failures_total", "counter", "TLS handshakes that failed.",
               stats.tls_failures);
}

static void put_stalls(struct weft__buffer *out)
{
    struct weft_stall *stalls = weft__malloc(WEFT_STALLS_MAX * sizeof(*stalls));
    uint64_t count = 0;
    int64_t total = 0;
    size_t known = stalls ? weft_stalls(stalls, WEFT_STALLS_MAX) : 0;
    for (size_t i = 0; i < known; i++) {
        count += stalls[i].count;
        total += stalls[i].total;
    }
    weft__free(stalls);
    put_figure(out, "weft_stalls_total", "counter", "Times a fiber held its loop too long.", count);
    put_head(out, "weft_stall_seconds_total", "counter", "Time for which fibers held loops.");
    weft__buffer_appendf(out, "weft_stall_seconds_total ");
    put_seconds(out, total);
    weft__buffer_appendf(out, "\n");
}

static void put_loop(struct weft__buffer *out)
{
    struct weft_stats stats;
    if (weft_stats(&stats) < 0) {
        return;
    }
    put_figure(out, "weft_tasks", "gauge", "Tasks alive.", stats.tasks);
    put_figure(out, "weft_tasks_ready", "gauge", "Tasks waiting for their turn.", stats.ready);
    put_figure(out, "weft_tasks_started_total", "counter", "Tasks started.", stats.spawned);
    put_figure(out, "weft_watches", "gauge", "Descriptors watched without a task.", stats.watches);
    put_figure(out, "weft_switches_total", "counter", "Fibers resumed.", stats.switches);
    put_figure(out, "weft_polls_total", "counter", "Times the kernel was asked for events.",
               stats.polls);
    put_figure(out, "weft_stacks", "gauge", "Stacks mapped.", stats.stacks);
    put_figure(out, "weft_loop_load_percent", "gauge",
               "Part of the last second that was not spent waiting.", stats.load);
}

void weft__metrics_write(const struct weft_http_metrics *metrics, struct weft__buffer *out)
{
    put_head(out, "weft_http_requests_total", "counter",
             "Requests answered, by method, class of status and route.");
    for (size_t i = 0; i < metrics->count; i++) {
        put_requests(out, metrics->routes[i]);
    }
    put_head(out, "weft_http_request_duration_seconds", "histogram",
             "Time from a request's head to the last byte of its response.");
    for (size_t i = 0; i < metrics->count; i++) {
        put_durations(out, metrics->routes[i]);
    }
    put_figure(out, "weft_http_requests_active", "gauge", "Requests under way.", metrics->active);
    if (metrics->server) {
        put_server(out, metrics->server);
    }
    put_loop(out);
    put_stalls(out);
}
