/* The server's life: options, accepting, the graceful end. */
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>
#include <weft/run.h>
#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/first.h"
#include "http/server.h"

enum {
    ACCEPT_TURN = 64, /* connections accepted before others get their turn */
};

#define ACCEPT_PAUSE (100 * WEFT_MILLISECOND)
#define PAUSE_TOLD_EACH (10 * WEFT_SECOND)
#define OTHERS_PAUSE WEFT_MILLISECOND

static size_t size_or(size_t value, size_t usual)
{
    return value ? value : usual;
}

static int64_t time_or(int64_t value, int64_t usual)
{
    return value ? value : usual;
}

static void fill_in(struct weft_http_options *options)
{
    if (!options->address) {
        options->address = "127.0.0.1:9292";
    }
    options->backlog = options->backlog ? options->backlog : 4096;
    options->max_connections = size_or(options->max_connections, 10000);
    options->max_target = size_or(options->max_target, 8192);
    options->max_field = size_or(options->max_field, 8192);
    options->max_head = size_or(options->max_head, 32768);
    options->max_fields = size_or(options->max_fields, 100);
    options->max_body = size_or(options->max_body, (size_t)1 << 20);
    options->http1_only |= !weft__http2_built;
    options->max_streams = size_or(options->max_streams, 100);
    options->max_streams = options->max_streams < INT32_MAX ? options->max_streams : INT32_MAX;
    options->max_resets = size_or(options->max_resets, 200);
    options->max_controls = size_or(options->max_controls, 1000);
    options->head_timeout = time_or(options->head_timeout, 10 * WEFT_SECOND);
    options->idle_timeout = time_or(options->idle_timeout, 60 * WEFT_SECOND);
    options->body_timeout = time_or(options->body_timeout, 20 * WEFT_SECOND);
    options->write_timeout = time_or(options->write_timeout, 30 * WEFT_SECOND);
    options->grace = time_or(options->grace, 10 * WEFT_SECOND);
}

static int check(const struct weft_http_options *options)
{
    const char *wrong = NULL;
    if (!options->handler) {
        wrong = "there is no handler";
    } else if (options->max_fields > WEFT_HTTP_FIELDS_MAX) {
        wrong = "max_fields is above WEFT_HTTP_FIELDS_MAX";
    } else if (options->max_head > (size_t)1 << 24) {
        wrong = "max_head is above 16 MiB";
    } else if (options->head_timeout < 0 || options->idle_timeout < 0 ||
               options->body_timeout < 0 || options->write_timeout < 0 || options->grace < 0 ||
               options->stop_idle < 0) {
        wrong = "a time limit is negative";
    } else if (options->backlog < 0) {
        wrong = "the backlog is negative";
    }
    return wrong ? weft_error_set("http", EINVAL, EINVAL, "making a server: %s", wrong) : 0;
}

static int open_listener(struct weft_http_server *server)
{
    const struct weft_http_options *options = &server->options;
    return options->listener > 0
               ? weft__listen_adopt(&server->listener, options->listener)
               : weft__listen(&server->listener, options->address, options->backlog);
}

static void prepare(struct weft_http_server *server)
{
    const struct weft_http_options *options = &server->options;
    server->limits = weft__http1_default_limits;
    server->limits.line = options->max_target;
    server->limits.field = options->max_field;
    server->limits.head = options->max_head;
    server->limits.fields = options->max_fields;
    server->connections =
        (struct weft_scope){ .name = "connections", .keep_going = true, .reap = true };
    server->tick = WEFT_SECOND;
    server->date_second = -1;
    weft__list_init(&server->idle);
    weft__list_init(&server->busy);
    weft__list_init(&server->beats);
    weft__list_init(&server->upgraded);
    weft__clerk_hurry(server, options->idle_timeout);
}

struct weft_http_server *weft_http_server_new(const struct weft_http_options *options)
{
    struct weft_http_options filled = *options;
    fill_in(&filled);
    if (check(&filled) < 0) {
        return NULL;
    }
    struct weft_http_server *server = calloc(1, sizeof(*server));
    if (!server) {
        return NULL;
    }
    server->options = filled;
    server->options.tls = NULL; /* borrowed for this call only */
    server->options.proxies = NULL;
    server->listener.fd = -1;
    prepare(server);
    server->fields = calloc(filled.max_fields, sizeof(*server->fields));
    if (!server->fields || (filled.tls && weft__server_secure(server, filled.tls) < 0) ||
        weft__server_peers(server, &filled) < 0 || open_listener(server) < 0) {
        int error = errno;
        weft_http_server_free(server);
        errno = error;
        return NULL;
    }
    return server;
}

void weft_http_server_free(struct weft_http_server *server)
{
    if (!server) {
        return;
    }
    weft__listen_close(&server->listener);
    if (server->websockets) {
        server->websockets->free(server->websockets);
    }
    if (server->h2) {
        server->h2->free(server->h2);
    }
    weft__stream_pool_fini(&server->pool);
    weft__tls_server_free(server->tls);
    weft__server_peers_free(server);
    free(server->fields);
    free(server);
}

int weft_http_server_port(const struct weft_http_server *server)
{
    return server->listener.port;
}

void weft_http_server_stats(const struct weft_http_server *server,
                            struct weft_http_server_stats *stats)
{
    *stats = server->stats;
}

/* Want of descriptors or memory: connections wait in the kernel's queue until some are free. */
static bool can_wait(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static int pause_accepting(struct weft_http_server *server, int error)
{
    server->stats.accept_waits++;
    int64_t now = weft_now();
    if (!server->pause_told || now - server->pause_told > PAUSE_TOLD_EACH) {
        server->pause_told = now;
        weft_log(WEFT_LOG_WARNING,
                 "http: accepting pauses, new connections wait until old ones end: %s%s",
                 strerror(error), error == EMFILE ? " (raise 'ulimit -n')" : "");
    }
    return weft_sleep(ACCEPT_PAUSE);
}

/* Where many loops accept from one socket, one that has more than its share waits a moment. */
static int take_turn(struct weft_http_server *server)
{
    if (!server->let_others) {
        return 0;
    }
    if (weft__listen_wait(&server->listener) < 0) {
        return -1;
    }
    return server->let_others(server) ? weft_sleep(OTHERS_PAUSE) : 0;
}

static int accept_connections(void *argument)
{
    struct weft_http_server *server = *(struct weft_http_server **)argument;
    if (weft_condition_wait(&server->start) < 0) {
        return -1;
    }
    for (unsigned turn = 1;; turn++) {
        int fd = take_turn(server) < 0 ? -1 : weft__listen_accept(&server->listener);
        if (fd >= 0) {
            weft__connection_open(server, fd);
        } else if (!can_wait(errno) || pause_accepting(server, errno) < 0) {
            return -1;
        }
        if (turn % ACCEPT_TURN == 0 && weft_yield() < 0) {
            return -1;
        }
    }
}

/* Who has connected before the end is served, where all that share the listener end. */
static void accept_rest(struct weft_http_server *server)
{
    bool asks = server->options.stop_idle > 0 && !server->listener.waits;
    for (int i = 0; asks && i < server->options.backlog; i++) {
        int fd = weft__listen_take(&server->listener);
        if (fd < 0) {
            return;
        }
        weft__connection_open(server, fd);
    }
}

static void end_idle(struct weft_http_server *server, int64_t since)
{
    while (!weft__list_empty(&server->idle)) {
        struct weft__connection *first =
            weft__container_of(server->idle.next, struct weft__connection, node);
        if (first->idle_since > since) {
            return;
        }
        weft__connection_expire(first);
    }
}

/*
 * Connections that were busy a moment ago may have a request on its way: it is answered yet. The
 * clerk ends those that become idle later.
 */
static void end_idle_in_time(struct weft_http_server *server)
{
    int64_t linger = server->options.stop_idle;
    weft__clerk_hurry(server, linger ? linger : WEFT_FOREVER);
    do {
        end_idle(server, weft_now() - linger);
    } while (!weft__list_empty(&server->idle) && weft_sleep(linger / 8 + 1) == 0);
}

static void stop_upgraded(struct weft_http_server *server)
{
    weft__list_each(node, &server->upgraded) {
        struct weft__upgraded *upgraded = weft__container_of(node, struct weft__upgraded, node);
        upgraded->operations->stop(upgraded);
    }
}

/*
 * The connections live in a shield, so that a cancel reaches the acceptor alone. Once that has
 * ended, the shield's time is the grace period: what still runs when it is over is cancelled.
 */
static int serve_shielded(struct weft_http_server *server, struct weft_scope *accepting)
{
    WEFT_SHIELD_AS(shield, WEFT_FOREVER);
    if (!weft_go_transient(&server->connections, weft__clerk,
                           (struct weft_http_server *){ server })) {
        return -1;
    }
    weft_condition_signal(&server->start);
    int result = weft_scope_wait(accepting);
    int error = errno;
    server->acceptor = NULL;
    bool asked = server->stopping;
    server->stopping = true;
    accept_rest(server);
    weft__listen_close(&server->listener);
    stop_upgraded(server);
    weft_timeout_set(&shield, server->options.grace);
    end_idle_in_time(server);
    weft_scope_wait(&server->connections);
    if (asked) {
        return 0;
    }
    errno = error;
    return result;
}

int weft_http_server_run(struct weft_http_server *server)
{
    if (!weft_running()) {
        return weft__fail(EPERM);
    }
    if (server->ran) {
        return weft__fail(EINVAL);
    }
    server->ran = true;
    if (server->stopping) {
        return 0;
    }
    WEFT_AUTO(weft_scope) struct weft_scope accepting = { .name = "http server" };
    server->clock = weft_now();
    server->acceptor =
        weft_go(&accepting, accept_connections, (struct weft_http_server *){ server });
    if (!server->acceptor) {
        return weft_scope_wait(&accepting);
    }
    if (server->stopping) { /* asked while the acceptor was being started */
        weft_cancel(server->acceptor);
    }
    return serve_shielded(server, &accepting);
}

int weft_http_server_adopt(struct weft_http_server *server, int fd)
{
    if (!server->acceptor || server->stopping) {
        return weft__fail(ESHUTDOWN);
    }
    weft__connection_open(server, fd);
    return 0;
}

void weft_http_server_stop(struct weft_http_server *server)
{
    if (server->stopping) {
        weft_scope_cancel(&server->connections);
        return;
    }
    server->stopping = true;
    if (server->acceptor) {
        weft_cancel(server->acceptor);
    }
}
