/* Load for the echo servers: echo_load PORT CONNECTIONS MILLISECONDS PID.
 *
 * One thread keeps one 64-byte message in flight on every connection, checks each answer byte for
 * byte, and divides the CPU time that process PID used in the measured window (all its threads,
 * from schedstat, in ns) by the messages answered in it. */
#include "load.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>

enum {
    MESSAGE = 64,
    EVENTS = 512,
    WARM_UP_MS = 200
};

static const size_t samples_max = (size_t)4 << 20;

struct connection {
    int fd;
    uint64_t round;
    size_t received;
    int64_t sent_at;
    unsigned char answer[MESSAGE];
};

struct load {
    int epoll;
    int pid;
    size_t count;
    struct connection *connections;
    uint32_t *samples;
    size_t answered;
};

static int die(const char *what)
{
    fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
    return 1;
}

static void message_fill(unsigned char *message, const struct connection *connection)
{
    for (size_t i = 0; i < MESSAGE; i++)
        message[i] = (unsigned char)(connection->round * 7 + (uint64_t)connection->fd + i);
}

static int message_send(struct connection *connection)
{
    unsigned char message[MESSAGE];

    message_fill(message, connection);
    connection->received = 0;
    connection->sent_at = bench_clock(CLOCK_MONOTONIC);
    if (send(connection->fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
        return -1;
    return 0;
}

static int connection_open(struct load *load, struct connection *connection, uint16_t port)
{
    connection->fd = load_connect(port);
    return connection->fd < 0 ? -1 : load_watch(load->epoll, connection->fd, connection);
}

/* Takes what arrived; a full and correct answer is followed by the next message. */
static int connection_ready(struct load *load, struct connection *connection)
{
    unsigned char expected[MESSAGE];
    ssize_t got = recv(connection->fd, connection->answer + connection->received,
                       MESSAGE - connection->received, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got == 0)
        errno = ECONNRESET;
    if (got <= 0)
        return -1;
    connection->received += (size_t)got;
    if (connection->received < MESSAGE)
        return 0;
    message_fill(expected, connection);
    if (memcmp(expected, connection->answer, MESSAGE) != 0) {
        errno = EBADMSG;
        return -1;
    }
    int64_t delay = bench_clock(CLOCK_MONOTONIC) - connection->sent_at;
    load->samples[load->answered++ % samples_max] = (uint32_t)delay;
    connection->round++;
    return message_send(connection);
}

static int run_until(struct load *load, int64_t end)
{
    static struct epoll_event events[EVENTS];

    while (bench_clock(CLOCK_MONOTONIC) < end) {
        int count = epoll_wait(load->epoll, events, EVENTS, 100);
        if (count < 0 && errno != EINTR)
            return -1;
        for (int i = 0; i < count; i++) {
            if (connection_ready(load, events[i].data.ptr) < 0)
                return -1;
        }
    }
    return 0;
}

static int measure(struct load *load, int64_t milliseconds)
{
    int64_t start = bench_clock(CLOCK_MONOTONIC);

    if (run_until(load, start + WARM_UP_MS * INT64_C(1000000)) < 0)
        return -1;
    load->answered = 0;
    start = bench_clock(CLOCK_MONOTONIC);
    int64_t cpu = load_process_cpu(load->pid);
    if (run_until(load, start + milliseconds * 1000000) < 0)
        return -1;
    cpu = load_process_cpu(load->pid) - cpu;
    int64_t elapsed = bench_clock(CLOCK_MONOTONIC) - start;
    if (load->answered == 0) {
        errno = ETIMEDOUT;
        return -1;
    }

    size_t kept = load->answered < samples_max ? load->answered : samples_max;
    qsort(load->samples, kept, sizeof *load->samples, load_compare);
    bench_report("echo_cpu", (double)cpu / (double)load->answered);
    bench_report("echo_rate", (double)load->answered * 1e9 / (double)elapsed);
    bench_report("echo_busy", 100.0 * (double)cpu / (double)elapsed);
    bench_report("echo_p50", (double)load->samples[kept / 2] / 1000);
    bench_report("echo_p99", (double)load->samples[kept - kept / 100 - 1] / 1000);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: echo_load PORT CONNECTIONS MILLISECONDS PID\n");
        return 2;
    }
    struct load load = {
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .count = strtoull(argv[2], NULL, 10),
        .pid = (int)strtol(argv[4], NULL, 10),
    };
    load.connections = calloc(load.count, sizeof *load.connections);
    load.samples = calloc(samples_max, sizeof *load.samples);
    if (load.epoll < 0 || !load.connections || !load.samples)
        return die("preparing");
    for (size_t i = 0; i < load.count; i++) {
        uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
        if (connection_open(&load, &load.connections[i], port) < 0)
            return die("connecting");
    }
    for (size_t i = 0; i < load.count; i++) {
        if (message_send(&load.connections[i]) < 0)
            return die("sending");
    }
    if (measure(&load, strtoll(argv[3], NULL, 10)) < 0)
        return die("echoing");
    return 0;
}
