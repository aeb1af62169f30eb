/* A message to a thousand receivers: what both sides of the comparison share. The receivers read
 * off the clock; sending and what the kernel does in it is on the clock. */
#ifndef WEFT_BENCH_FANOUT_H
#define WEFT_BENCH_FANOUT_H

#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FANOUT_CLIENTS = 1000,
    FANOUT_BYTES = 300,
    FANOUT_HEAD = 4, /* of a frame of that size */
    FANOUT_ROUNDS = 20,
    FANOUT_BATCHES = 15,
};

static int fanout_clients[FANOUT_CLIENTS];

static inline void fanout_check(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static inline void fanout_limits(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline int fanout_connect(int port)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fanout_check(fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Every receiver has to have got everything. */
static inline void fanout_drain(size_t each)
{
    static char bytes[1 << 16];
    for (int i = 0; i < FANOUT_CLIENTS; i++) {
        for (size_t left = each; left > 0;) {
            ssize_t got =
                recv(fanout_clients[i], bytes, left < sizeof bytes ? left : sizeof bytes, 0);
            fanout_check(got > 0, "a receiver");
            left -= (size_t)got;
        }
    }
}

/* round() sends one message to everybody. */
static inline void fanout_measure(void (*round)(void *context), void *context)
{
    double batch[FANOUT_BATCHES];

    for (int i = -1; i < FANOUT_BATCHES; i++) {
        int64_t start = bench_clock(CLOCK_THREAD_CPUTIME_ID);
        for (int j = 0; j < FANOUT_ROUNDS; j++)
            round(context);
        int64_t took = bench_clock(CLOCK_THREAD_CPUTIME_ID) - start;
        fanout_drain((size_t)(FANOUT_HEAD + FANOUT_BYTES) * FANOUT_ROUNDS);
        if (i >= 0)
            batch[i] = (double)took / (FANOUT_ROUNDS * FANOUT_CLIENTS);
    }
    double each = bench_median(batch, FANOUT_BATCHES);
    bench_report("fanout", each);
    bench_report("fanout_rate", 1e9 / each);
}

#endif
