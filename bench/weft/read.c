/* What a hook adds to a call that need not wait: read() of a ready socket in a fiber, against the
 * bare system call of the same process outside any fiber. Batches of the two alternate, and the
 * socket is filled between them, off the clock. */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weft/weft.h>

enum {
    READS = 16384,
    ROUNDS = 61
};

static double bare_ns[ROUNDS];
static double hooked_ns[ROUNDS];
static double extra_ns[ROUNDS];

static void fill(int fd)
{
    static char bytes[READS];
    size_t done = 0;

    while (done < sizeof bytes) {
        ssize_t put = write(fd, bytes + done, sizeof bytes - done);
        if (put < 0)
            abort();
        done += (size_t)put;
    }
}

static double bare_batch(int fd)
{
    char byte;
    int64_t start = bench_cpu();

    for (int i = 0; i < READS; i++) {
        if (syscall(SYS_read, fd, &byte, 1) != 1)
            abort();
    }
    return (double)(bench_cpu() - start) / READS;
}

struct batch {
    int fd;
    double *ns;
};

static int hooked_batch(void *arg)
{
    struct batch *batch = arg;
    char byte;
    int64_t start = bench_cpu();

    for (int i = 0; i < READS; i++) {
        if (read(batch->fd, &byte, 1) != 1)
            abort();
    }
    *batch->ns = (double)(bench_cpu() - start) / READS;
    return 0;
}

static void measure(const char *name, const int *pair)
{
    char metric[64];

    for (int i = 0; i < ROUNDS; i++) {
        fill(pair[1]);
        bare_ns[i] = bare_batch(pair[0]);
        fill(pair[1]);
        if (weft_run(hooked_batch, &(struct batch){ pair[0], &hooked_ns[i] }) < 0)
            abort();
        extra_ns[i] = hooked_ns[i] - bare_ns[i];
    }
    snprintf(metric, sizeof metric, "read_%s_extra", name);
    bench_report(metric, bench_median(extra_ns, ROUNDS));
    snprintf(metric, sizeof metric, "read_%s", name);
    bench_report(metric, bench_median(hooked_ns, ROUNDS));
    snprintf(metric, sizeof metric, "read_%s_bare", name);
    bench_report(metric, bench_median(bare_ns, ROUNDS));
}

static int tcp_pair(int *pair)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
        connect(pair[1], (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    pair[0] = accept(listener, NULL, NULL);
    close(listener);
    return pair[0] < 0 ? -1 : 0;
}

int main(void)
{
    int tcp[2];
    int local[2];

    if (tcp_pair(tcp) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, local) < 0)
        return 1;
    measure("tcp", tcp);
    measure("unix", local);
    return 0;
}
