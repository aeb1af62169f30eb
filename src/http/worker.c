/* A server of a container's worker: one for each listener, and they end together. */
#include <stdlib.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/task.h>

#include "base/fail.h"
#include "http/server.h"

#define STOP_IDLE WEFT_SECOND

struct servers {
    struct weft_worker *worker;
    size_t count;
    struct weft_http_server *all[WEFT_CONTAINER_LISTENERS_MAX];
};

static uint64_t connections_of(const struct servers *servers)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < servers->count; i++) {
        sum += servers->all[i]->stats.connections;
    }
    return sum;
}

static void observe(void *argument, struct weft_worker_figures *figures)
{
    const struct servers *servers = argument;
    figures->connections = connections_of(servers);
    for (size_t i = 0; i < servers->count; i++) {
        figures->active += servers->all[i]->stats.active;
        figures->accepted += servers->all[i]->stats.accepted;
        figures->requests += servers->all[i]->stats.requests;
    }
}

static bool let_others(struct weft_http_server *server)
{
    return weft_worker_crowded(server->worker, server->stats.connections);
}

static int open_one(struct servers *servers, const struct weft_http_options *options, size_t index)
{
    struct weft_http_options own = *options;
    own.listener = weft_worker_listener(servers->worker, index);
    if (own.listener < 0) {
        return -1;
    }
    own.grace = weft_worker_grace(servers->worker);
    own.stop_idle = own.stop_idle ? own.stop_idle : STOP_IDLE;
    struct weft_http_server *server = weft_http_server_new(&own);
    if (!server) {
        int error = errno;
        close(own.listener);
        return weft__fail(error);
    }
    server->worker = servers->worker;
    server->let_others = let_others;
    servers->all[servers->count++] = server;
    return 0;
}

static int open_all(struct servers *servers, const struct weft_http_options *options)
{
    size_t count = weft_worker_listeners(servers->worker);
    if (count == 0) {
        return weft_error_set("http", EINVAL, EINVAL,
                              "serving as a worker: the container has no listener (set "
                              "weft_container_options.addresses)");
    }
    for (size_t i = 0; i < count; i++) {
        if (open_one(servers, options, i) < 0) {
            return -1;
        }
    }
    return 0;
}

static int run_one(void *argument)
{
    return weft_http_server_run(*(struct weft_http_server **)argument);
}

static int await_stop(void *argument)
{
    const struct servers *servers = *(struct servers **)argument;
    if (weft_worker_wait(servers->worker) < 0) {
        return 0;
    }
    for (size_t i = 0; i < servers->count; i++) {
        weft_http_server_stop(servers->all[i]);
    }
    return 0;
}

/* A worker whose accept(2) fails for good ends, and is replaced. */
static int run_all(struct servers *servers)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "servers", .reap = true };
    for (size_t i = 0; i < servers->count; i++) {
        weft_go(&scope, run_one, (struct weft_http_server *){ servers->all[i] });
    }
    weft_go_transient(&scope, await_stop, (struct servers *){ servers });
    weft_worker_observe(servers->worker, observe, servers);
    weft_worker_ready(servers->worker);
    return weft_scope_wait(&scope);
}

int weft_http_work(struct weft_worker *worker, const struct weft_http_options *options)
{
    struct servers servers = { .worker = worker };
    int result = open_all(&servers, options);
    if (result == 0) {
        result = run_all(&servers);
    }
    int error = errno;
    weft_worker_observe(worker, NULL, NULL);
    for (size_t i = 0; i < servers.count; i++) {
        weft_http_server_free(servers.all[i]);
    }
    return result < 0 ? weft__fail(error) : 0;
}
