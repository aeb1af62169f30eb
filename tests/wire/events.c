/* Server-Sent Events: a thousand at a time, heartbeats, and clients that go. */
#include <sys/resource.h>

#include "wire.h"

#define HOST "Host: a\r\n"

enum {
    CLIENTS = 1000,
};

static char answer[WIRE_ANSWER];

static void send_get(int fd, const char *target, const char *fields)
{
    char head[256];
    int length = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n" HOST "%s\r\n", target, fields);
    wire_send(fd, head, (size_t)length);
}

static void check_format(struct wire *wire)
{
    int fd = wire_connect(wire);
    send_get(fd, "/events?n=2&pause=1", "Last-Event-ID: 41\r\nConnection: close\r\n");
    wire_receive_all(fd, answer, sizeof(answer));
    close(fd);
    ok(strstr(answer, "content-type: text/event-stream\r\n") &&
           strstr(answer, "cache-control: no-store\r\n"),
       "the head of an event stream");
    ok(strstr(answer, "\r\nevent: tick\nid: 0\ndata: tick 0\ndata: of 41\n\n\r\n") &&
           strstr(answer, "\r\nevent: tick\nid: 1\ndata: tick 1\ndata: of 41\n\n\r\n0\r\n\r\n"),
       "events with name, id and two lines; the last id the client saw");
}

static void check_heartbeat(struct wire *wire)
{
    int fd = wire_connect(wire);
    send_get(fd, "/quiet", "");
    ok(wire_receive_until(fd, answer, sizeof(answer), "3\r\n:\n\n\r\n", 3),
       "a quiet stream has its heartbeat");
    is_int(app_streams, 1, "one stream is open");
    close(fd);
    ok(wire_reaches(&app_cancelled, 1), "its handler's sleep fails when the client goes");
    ok(wire_reaches(&app_streams, 0), "and it ends");
}

static void check_gone(struct wire *wire)
{
    app_cancelled = 0;
    int fd = wire_connect(wire);
    send_get(fd, "/wait?ms=60000&gone=1", "");
    usleep(100000);
    close(fd);
    ok(wire_reaches(&app_cancelled, 1), "a handler that asked notices that the client has gone");
    ok(wire_reaches(&app_deferred, 1), "what it deferred was called");

    fd = wire_connect(wire);
    send_get(fd, "/wait?ms=200", "Connection: close\r\n");
    shutdown(fd, SHUT_WR);
    wire_receive_all(fd, answer, sizeof(answer));
    is_str(wire_body(answer), "waited\n",
           "one that did not ask answers a client that only ended its sending side");
    close(fd);

    fd = wire_connect(wire);
    send_get(fd, "/wait?ms=200&gone=1", "");
    send_get(fd, "/", "Connection: close\r\n");
    wire_receive_all(fd, answer, sizeof(answer));
    ok(strstr(answer, "waited\n") && strstr(answer, "Hello, world!\n"),
       "a pipelined request is no sign that the client has gone");
    close(fd);

    fd = wire_connect(wire);
    send_get(fd, "/count?n=1000000", "");
    usleep(50000);
    struct linger now = { 1, 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    ok(wire_reaches(&app_write_failures, 1), "a write to a client that has gone fails");
}

/* A thousand clients read for a second; each must see its events in order. */
static void check_thousand(struct wire *wire)
{
    static int fds[CLIENTS];
    static int seen[CLIENTS];
    static struct pollfd polls[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = wire_connect(wire);
        send_get(fds[i], "/events?n=-1&pause=100", "");
        polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
    }
    int64_t begun = wire_ms();
    bool ordered = true;
    while (wire_ms() - begun < 1000) {
        poll(polls, CLIENTS, 100);
        for (int i = 0; i < CLIENTS; i++) {
            if (!polls[i].revents) {
                continue;
            }
            ssize_t got = recv(fds[i], answer, sizeof(answer) - 1, 0);
            answer[got > 0 ? got : 0] = '\0';
            for (const char *at = answer; (at = strstr(at, "id: ")); at += 4) {
                ordered = ordered && atoi(at + 4) == seen[i]++;
            }
            ordered = ordered && got > 0;
        }
    }
    int least = INT32_MAX;
    for (int i = 0; i < CLIENTS; i++) {
        least = seen[i] < least ? seen[i] : least;
    }
    ok(ordered, "%d clients: every event in order", CLIENTS);
    ok(least >= 3, "the least served saw %d events in a second", least);
    is_int(app_streams, CLIENTS, "all are open");
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    ok(wire_reaches(&app_streams, 0), "all end when their clients go");
    int64_t patience = wire_ms() + WIRE_PATIENCE;
    while (wire_stats(wire).connections > 0 && wire_ms() < patience) {
        usleep(5000);
    }
    is_int(wire_stats(wire).connections, 0, "and so do their connections");
}

int main(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * CLIENTS + 64) {
        skip_all("%d descriptors are needed", 2 * CLIENTS + 64);
    }
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ 0 });
    check_format(&wire);
    check_heartbeat(&wire);
    check_gone(&wire);
    check_thousand(&wire);
    wire_stop(&wire);
    return done_testing();
}
