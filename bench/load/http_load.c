/* Load for the HTTP servers: http_load PORT CONNECTIONS MILLISECONDS PID PATH [PERIOD|idle].
 *
 * Without a period, one GET is in flight on every connection, and each answer is as long as the
 * first one. With a period (of ms), one GET a connection is answered by a stream of events, of
 * which one should come each period: what is measured is how far apart they come. With "idle", one
 * GET a connection is answered, and what memory the connections then have is measured. The CPU time
 * of process PID in the measured window is divided by the answers or events of it. */
#include "load.h"

#include <errno.h>
#include <stdbool.h>

enum {
    EVENTS = 512,
    PIECE = 16384,
    WARM_UP_MS = 300
};

static const size_t samples_max = (size_t)4 << 20;

struct connection {
    int fd;
    bool ended_line; /* events: the last byte was a line's end */
    size_t received;
    int64_t at; /* the request was sent, or the last event came */
};

static struct load {
    int epoll;
    int pid;
    int64_t period; /* ns; 0: requests and answers */
    bool idle;
    size_t count;
    size_t answer; /* bytes; 0: not known yet */
    char request[256];
    struct connection *connections;
    uint32_t *samples;
    size_t taken;
} load;

static int die(const char *what)
{
    fprintf(stderr, "http_load: %s: %s\n", what, strerror(errno));
    return 1;
}

static int request_send(struct connection *connection)
{
    size_t length = strlen(load.request);

    connection->received = 0;
    connection->at = bench_clock(CLOCK_MONOTONIC);
    return send(connection->fd, load.request, length, MSG_NOSIGNAL) == (ssize_t)length ? 0 : -1;
}

static void sample(int64_t value)
{
    load.samples[load.taken++ % samples_max] = (uint32_t)(value < 0 ? -value : value);
}

/* The length of a whole answer, from its head. */
static int learn(const char *piece)
{
    const char *end = strstr(piece, "\r\n\r\n");
    const char *length = strcasestr(piece, "\r\ncontent-length:");

    if (strncmp(piece, "HTTP/1.1 200 ", 13) != 0 || !end || !length) {
        errno = EBADMSG;
        return -1;
    }
    load.answer = (size_t)(end + 4 - piece) + strtoull(length + 17, NULL, 10);
    return 0;
}

static int take_answer(struct connection *connection, const char *piece, size_t size)
{
    if (load.answer == 0 && learn(piece) < 0)
        return -1;
    if (connection->received == 0 && memcmp(piece, "HTTP/1.1 200 ", size < 13 ? size : 13) != 0) {
        errno = EBADMSG;
        return -1;
    }
    connection->received += size;
    if (connection->received < load.answer)
        return 0;
    sample(bench_clock(CLOCK_MONOTONIC) - connection->at);
    return load.idle ? 0 : request_send(connection);
}

/* An event ends with an empty line. */
static void take_events(struct connection *connection, const char *piece, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool line = piece[i] == '\n';
        if (line && connection->ended_line) {
            int64_t now = bench_clock(CLOCK_MONOTONIC);
            sample(now - connection->at - load.period);
            connection->at = now;
        }
        connection->ended_line = line;
    }
}

static int connection_ready(struct connection *connection)
{
    char piece[PIECE + 1];
    ssize_t got = recv(connection->fd, piece, PIECE, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got == 0)
        errno = ECONNRESET;
    if (got <= 0)
        return -1;
    piece[got] = '\0';
    if (load.period == 0)
        return take_answer(connection, piece, (size_t)got);
    take_events(connection, piece, (size_t)got);
    return 0;
}

static int run_for(int64_t milliseconds)
{
    static struct epoll_event events[EVENTS];
    int64_t end = bench_clock(CLOCK_MONOTONIC) + milliseconds * 1000000;

    while (bench_clock(CLOCK_MONOTONIC) < end) {
        int count = epoll_wait(load.epoll, events, EVENTS, 20);
        if (count < 0 && errno != EINTR)
            return -1;
        for (int i = 0; i < count; i++) {
            if (connection_ready(events[i].data.ptr) < 0)
                return -1;
        }
    }
    return 0;
}

static int measure(int64_t milliseconds)
{
    if (run_for(WARM_UP_MS + 2 * load.period / 1000000) < 0)
        return -1;
    load.taken = 0;
    int64_t start = bench_clock(CLOCK_MONOTONIC);
    int64_t cpu = load_process_cpu(load.pid);
    if (run_for(milliseconds) < 0)
        return -1;
    cpu = load_process_cpu(load.pid) - cpu;
    int64_t elapsed = bench_clock(CLOCK_MONOTONIC) - start;
    if (load.taken == 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    size_t kept = load.taken < samples_max ? load.taken : samples_max;
    bench_report("http_cpu", (double)cpu / (double)load.taken);
    bench_report("http_rate", (double)load.taken * 1e9 / (double)elapsed);
    bench_report("http_busy", 100.0 * (double)cpu / (double)elapsed);
    bench_report("http_p50", load_quantile(load.samples, kept, 500) / 1000);
    bench_report("http_p99", load_quantile(load.samples, kept, 990) / 1000);
    return 0;
}

static int begin(uint16_t port)
{
    int64_t before = load_resident(load.pid);

    for (size_t i = 0; i < load.count; i++) {
        struct connection *connection = &load.connections[i];
        connection->fd = load_connect(port);
        if (connection->fd < 0 || load_watch(load.epoll, connection->fd, connection) < 0 ||
            request_send(connection) < 0)
            return -1;
        if (i % 64 == 0 && run_for(1) < 0) /* so that nobody's listening queue is full */
            return -1;
    }
    if (run_for(WARM_UP_MS) < 0)
        return -1;
    bench_report("http_memory",
                 (double)(load_resident(load.pid) - before) / (double)load.count / 1024);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: http_load PORT CONNECTIONS MILLISECONDS PID PATH [PERIOD|idle]\n");
        return 2;
    }
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.count = strtoull(argv[2], NULL, 10);
    load.pid = (int)strtol(argv[4], NULL, 10);
    load.idle = argc > 6 && strcmp(argv[6], "idle") == 0;
    load.period = argc > 6 ? strtoll(argv[6], NULL, 10) * 1000000 : 0;
    load.connections = calloc(load.count, sizeof *load.connections);
    load.samples = calloc(samples_max, sizeof *load.samples);
    snprintf(load.request, sizeof load.request, "GET %s HTTP/1.1\r\nhost: bench\r\n\r\n", argv[5]);
    if (load.epoll < 0 || !load.connections || !load.samples)
        return die("preparing");
    if (begin((uint16_t)strtoul(argv[1], NULL, 10)) < 0)
        return die("connecting");
    if (!load.idle && measure(strtoll(argv[3], NULL, 10)) < 0)
        return die("asking");
    return 0;
}
