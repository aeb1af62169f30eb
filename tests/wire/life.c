/* A server's life: where it listens, how it ends, and what it does when it is full. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "wire.h"

#define HOST "Host: a\r\n"

static char answer[WIRE_ANSWER];
static const char GET[] = "GET / HTTP/1.1\r\n" HOST "\r\n";

static const char *why; /* the last refusal's text */

/* The errno with which a server is refused; 0 if it isn't. */
static int refusal(const struct weft_http_options *options)
{
    weft_error_clear();
    struct weft_http_server *server = weft_http_server_new(options);
    int error = server ? 0 : errno;
    why = weft_error() ? weft_error()->message : "(no detail)";
    weft_http_server_free(server);
    return error;
}

static void check_addresses(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ 0 });
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", wire.port);
    struct weft_http_options taken = { .handler = app_make(), .address = address };
    ok(refusal(&taken) == EADDRINUSE && strstr(why, address) && strstr(why, "choose another"),
       "a port that is taken");
    diag("%s", why);
    wire_stop(&wire);

    static const char *const WRONG[] = { "nonsense", "127.0.0.1:99999", "::1:80", "127.0.0.1:x",
                                         "unix:" };
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct weft_http_options wrong = { .handler = app_make(), .address = WRONG[i] };
        is_int(refusal(&wrong), EINVAL, "'%s' is no address", WRONG[i]);
        diag("%s", why);
    }
    struct weft_http_options none = { .address = "127.0.0.1:0" };
    ok(!weft_http_server_new(&none) && errno == EINVAL, "a server needs a handler");
}

static void check_unix(void)
{
    char directory[] = "/tmp/weft-wire-XXXXXX";
    must(mkdtemp(directory), "a scratch folder");
    char path[64];
    char address[80];
    snprintf(path, sizeof(path), "%s/socket", directory);
    snprintf(address, sizeof(address), "unix:%s", path);
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);

    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    must(bind(stale, (struct sockaddr *)&name, sizeof(name)) == 0, "a stale socket");
    close(stale);

    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ .address = address });
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    must(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0, "connecting to a unix socket");
    wire_send(fd, GET, sizeof(GET) - 1);
    shutdown(fd, SHUT_WR);
    wire_receive_all(fd, answer, sizeof(answer));
    close(fd);
    is_str(wire_body(answer), "Hello, world!\n", "a unix socket, where a dead one lay");
    struct weft_http_options taken = { .handler = app_make(), .address = address };
    ok(!weft_http_server_new(&taken) && errno == EADDRINUSE, "a living one is not taken over");
    wire_stop(&wire);
    struct stat status;
    ok(stat(path, &status) < 0 && errno == ENOENT, "its path goes with the server");
    rmdir(directory);
}

static void check_adopted(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct weft_http_options options = { .listener = listener };
    options.handler = app_make();
    ok(!weft_http_server_new(&options) && errno == EINVAL,
       "a socket that does not listen is not taken");
    must(listen(listener, 16) == 0, "listening");
    struct wire wire;
    wire_start(&wire, options);
    wire_exchange(&wire, GET, sizeof(GET) - 1, answer, sizeof(answer));
    is_str(wire_body(answer), "Hello, world!\n", "a listener that was handed over");
    wire_stop(&wire);
}

static void check_full(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ .max_connections = 3 });
    int held[3];
    for (int i = 0; i < 3; i++) {
        held[i] = wire_connect(&wire);
        wire_send(held[i], GET, sizeof(GET) - 1);
        wire_receive_until(held[i], answer, sizeof(answer), "Hello, world!\n", 1);
    }
    int fd = wire_connect(&wire);
    wire_receive_all(fd, answer, sizeof(answer));
    ok(wire_status(answer) == 503 && strstr(answer, "retry-after: 1") && *wire_body(answer),
       "one connection too many: %.40s", wire_body(answer));
    is_int(strlen(wire_body(answer)), 33, "its body is as long as it says");
    close(fd);
    close(held[0]);
    usleep(50000);
    wire_exchange(&wire, GET, sizeof(GET) - 1, answer, sizeof(answer));
    is_int(wire_status(answer), 200, "when one has gone there is room");
    is_int(wire_stats(&wire).overloaded, 1, "it was counted");
    close(held[1]);
    close(held[2]);
    wire_stop(&wire);
}

/* No descriptor is left for the server: clients wait in the queue and are served later. */
static void check_descriptors(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ 0 });
    wire_exchange(&wire, GET, sizeof(GET) - 1, answer, sizeof(answer));
    int client = wire_connect(&wire); /* while there are descriptors */
    int late = socket(AF_INET, SOCK_STREAM, 0);
    usleep(50000);
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    int last = dup(client);
    close(last);
    struct rlimit tight = { (rlim_t)last, before.rlim_max };
    must(setrlimit(RLIMIT_NOFILE, &tight) == 0, "a tight limit");
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)wire.port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(connect(late, (struct sockaddr *)&name, sizeof(name)) == 0, "connecting");
    wire_send(late, GET, sizeof(GET) - 1);
    struct pollfd wait = { .fd = late, .events = POLLIN };
    is_int(poll(&wait, 1, 300), 0, "without a free descriptor a client waits");
    wire_send(client, GET, sizeof(GET) - 1);
    ok(wire_receive_until(client, answer, sizeof(answer), "Hello, world!\n", 1),
       "connections that are open are served");
    struct weft_http_server_stats stats = wire_stats(&wire);
    ok(stats.accept_waits > 0 && stats.accept_waits < 20, "accepting pauses, it does not spin");
    must(setrlimit(RLIMIT_NOFILE, &before) == 0, "the limit as it was");
    ok(wire_receive_until(late, answer, sizeof(answer), "Hello, world!\n", 1),
       "then the client is served");
    close(client);
    close(late);
    wire_stop(&wire);
}

static void check_stop(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ 0 });
    int idle = wire_connect(&wire);
    wire_send(idle, GET, sizeof(GET) - 1);
    wire_receive_until(idle, answer, sizeof(answer), "Hello, world!\n", 1);
    int busy = wire_connect(&wire);
    static const char WAIT[] = "GET /wait?ms=300 HTTP/1.1\r\n" HOST "\r\n";
    wire_send(busy, WAIT, sizeof(WAIT) - 1);
    usleep(50000);
    int64_t begun = wire_ms();
    wire_tell(&wire, 's');
    is_int(wire_receive_all(idle, answer, sizeof(answer)), 0, "an idle connection is closed");
    ok(wire_ms() - begun < 200, "at once");
    int late = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)wire.port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ok(connect(late, (struct sockaddr *)&name, sizeof(name)) < 0 && errno == ECONNREFUSED,
       "nobody connects any more");
    close(late);
    wire_receive_all(busy, answer, sizeof(answer));
    ok(wire_status(answer) == 200 && strstr(answer, "connection: close") &&
           strcmp(wire_body(answer), "waited\n") == 0,
       "an answer under way is finished");
    wire_join(&wire);
    is_int(wire.result, 0, "the server ends");
    ok(wire_ms() - begun < 2000, "as soon as that is done");
    close(idle);
    close(busy);
}

/* With stop_idle a connection that was busy a moment ago may bring one more request. */
static void check_stop_idle(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ .stop_idle = 400 * WEFT_MILLISECOND });
    int old = wire_connect(&wire);
    wire_send(old, GET, sizeof(GET) - 1);
    wire_receive_until(old, answer, sizeof(answer), "Hello, world!\n", 1);
    usleep(500000);
    int fresh[2];
    for (int i = 0; i < 2; i++) {
        fresh[i] = wire_connect(&wire);
        wire_send(fresh[i], GET, sizeof(GET) - 1);
        wire_receive_until(fresh[i], answer, sizeof(answer), "Hello, world!\n", 1);
    }
    int streams = wire_connect(&wire);
    static const char COUNT[] = "GET /count?n=5&pause=50 HTTP/1.1\r\n" HOST "\r\n";
    wire_send(streams, COUNT, sizeof(COUNT) - 1);
    wire_receive_until(streams, answer, sizeof(answer), "0\n", 1);
    wire_tell(&wire, 's');
    is_int(wire_receive_all(old, answer, sizeof(answer)), 0, "one that has been idle is closed");
    wire_receive_until(streams, answer, sizeof(answer), "0\r\n\r\n", 1);
    wire_send(streams, GET, sizeof(GET) - 1);
    wire_receive_all(streams, answer, sizeof(answer));
    ok(wire_status(answer) == 200 && strstr(answer, "connection: close"),
       "one whose response had promised to go on gets one more answer");
    close(streams);
    wire_send(fresh[0], GET, sizeof(GET) - 1);
    wire_receive_all(fresh[0], answer, sizeof(answer));
    ok(wire_status(answer) == 200 && strstr(answer, "connection: close"),
       "one that has not gets one more answer");
    is_int(wire_receive_all(fresh[1], answer, sizeof(answer)), 0, "and is closed if nothing comes");
    wire_join(&wire);
    is_int(wire.result, 0, "the server ends");
    close(old);
    close(fresh[0]);
    close(fresh[1]);
}

static void check_grace(void)
{
    app_cancelled = 0;
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ .grace = 200 * WEFT_MILLISECOND });
    int busy = wire_connect(&wire);
    static const char WAIT[] = "GET /events?pause=60000 HTTP/1.1\r\n" HOST "\r\n";
    wire_send(busy, WAIT, sizeof(WAIT) - 1);
    wire_receive_until(busy, answer, sizeof(answer), "tick 0", 1);
    int64_t begun = wire_ms();
    wire_stop(&wire);
    int64_t took = wire_ms() - begun;
    ok(took >= 190 && took < 3000, "what does not end is cancelled after the grace period: %lld ms",
       (long long)took);
    is_int(app_streams, 0, "it has ended");
    close(busy);

    wire_start(&wire, (struct weft_http_options){ 0 });
    busy = wire_connect(&wire);
    wire_send(busy, WAIT, sizeof(WAIT) - 1);
    wire_receive_until(busy, answer, sizeof(answer), "tick 0", 1);
    begun = wire_ms();
    wire_tell(&wire, 's');
    usleep(50000);
    wire_stop(&wire);
    ok(wire_ms() - begun < 3000, "a second call cuts the grace period short");
    close(busy);
}

/* A caller that is cancelled: the server still ends gracefully, and says why it did. */
static int cancelled_server(void *argument)
{
    struct weft_http_server *server = *(struct weft_http_server **)argument;
    int result = weft_http_server_run(server);
    return result < 0 && errno == ECANCELED ? 7 : 8;
}

static int cancel_soon(void *argument)
{
    struct weft_http_server *server = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task =
        weft_go(&scope, cancelled_server, (struct weft_http_server *){ server });
    weft_sleep(20 * WEFT_MILLISECOND);
    weft_cancel(task);
    struct weft_result result = { 0 };
    weft_join(task, &result);
    return result.value;
}

static void check_cancel(void)
{
    struct weft_http_options options = { .handler = app_make(), .address = "127.0.0.1:0" };
    struct weft_http_server *server = weft_http_server_new(&options);
    must(server, "a server");
    is_int(weft_run(cancel_soon, server), 7, "a server whose caller is cancelled ends, ECANCELED");
    weft_http_server_free(server);

    server = weft_http_server_new(&options);
    must(server, "a server");
    ok(weft_http_server_run(server) < 0 && errno == EPERM, "outside a fiber it does not run");
    weft_http_server_free(server);
}

int main(void)
{
    alarm(120);
    check_addresses();
    check_unix();
    check_adopted();
    check_full();
    check_descriptors();
    check_stop();
    check_stop_idle();
    check_grace();
    check_cancel();
    return done_testing();
}
