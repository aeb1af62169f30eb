/*
 * What it costs to be parked and woken: a read through the hooks against the same steps by the
 * library's own call. And what a name costs that needs no server: in a fiber, and on a thread.
 */
#include "bench.h"

#include <errno.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/raw.h"
#include "fiber/fiber.h"

enum {
    ROUNDS = 21,
    MESSAGES = 20000,
    NAMES = 2000
};

typedef long transfer(int fd, char *byte);

static long hooked_read(int fd, char *byte)
{
    return read(fd, byte, 1);
}

/* Try, wait, try again: what any library on the loop would write by hand. */
static long own_read(int fd, char *byte)
{
    for (;;) {
        long count = weft__raw(SYS_recvfrom, fd, byte, 1, MSG_DONTWAIT);
        if (count != -EAGAIN)
            return count;
        if (weft__wait_fd(weft__current, fd, EPOLLIN, INT64_MAX) < 0)
            return -1;
    }
}

struct player {
    transfer *receive;
    int in;
    int out;
};

/* Send a byte, wait for the answer; the other one the other way round. Every read parks. */
static int play(void *argument)
{
    struct player *player = argument;
    char byte = 'x';

    for (int i = 0; i < MESSAGES; i++) {
        if (player->receive(player->in, &byte) != 1 ||
            weft__raw(SYS_sendto, player->out, &byte, 1, MSG_DONTWAIT) != 1)
            return -1;
    }
    return 0;
}

static double ping_pong(transfer *receive)
{
    int there[2];
    int back[2];
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, there) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, back) < 0)
        abort();
    int64_t start = bench_cpu();
    weft_go(&scope, play, (struct player){ receive, there[0], back[1] });
    weft_go(&scope, play, (struct player){ receive, back[0], there[1] });
    if (weft__raw(SYS_sendto, there[1], "x", 1, 0) != 1 || weft_scope_wait(&scope) < 0)
        abort();
    double ns = (double)(bench_cpu() - start) / (2 * MESSAGES);
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    return ns;
}

static double ours[ROUNDS];
static double own[ROUNDS];

static int measure_parking(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        own[i] = ping_pong(own_read);
        ours[i] = ping_pong(hooked_read);
    }
    return 0;
}

/* Of the clock, not of the processor: another thread does the work in a fiber's case. */
static int look_up(void *argument)
{
    double *us = argument;
    int64_t start = bench_clock(CLOCK_MONOTONIC);

    for (int i = 0; i < NAMES; i++) {
        struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
        struct addrinfo *found;
        if (getaddrinfo("localhost", "80", &hints, &found) != 0)
            abort();
        freeaddrinfo(found);
    }
    *us = (double)(bench_clock(CLOCK_MONOTONIC) - start) / NAMES / 1000;
    return 0;
}

int main(void)
{
    double names[2][5];

    if (weft_run(measure_parking, NULL) < 0)
        return 1;
    bench_report("parked_read", bench_median(ours, ROUNDS));
    bench_report("parked_read_own", bench_median(own, ROUNDS));
    for (int i = 0; i < 5; i++) {
        look_up(&names[0][i]);
        if (weft_run(look_up, &names[1][i]) < 0)
            return 1;
    }
    bench_report("localhost", bench_median(names[1], 5));
    bench_report("localhost_bare", bench_median(names[0], 5));
    return 0;
}
