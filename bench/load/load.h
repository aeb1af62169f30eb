/* What the load generators share: the server's CPU time, connections, samples. */
#ifndef WEFT_BENCH_LOAD_H
#define WEFT_BENCH_LOAD_H

#include "bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int64_t load_thread_cpu(int pid, const char *thread)
{
    char path[320];
    long long ns = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%lld", &ns) != 1)
        ns = 0;
    fclose(file);
    return ns;
}

/* Of all threads of a process, in ns; -1 when there is none. */
static inline int64_t load_process_cpu(int pid)
{
    char path[64];
    int64_t total = 0;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = opendir(path);
    if (!threads)
        return -1;
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] != '.')
            total += load_thread_cpu(pid, entry->d_name);
    }
    closedir(threads);
    return total;
}

/* A connection over loopback, without delays; -1 and errno. */
static inline int load_connect(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        return -1;
    return fd;
}

static inline int load_watch(int epoll, int fd, void *of)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = of };

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static inline int load_compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* Sorts. The value below which that part of a thousand lies. */
static inline double load_quantile(uint32_t *samples, size_t count, size_t thousandths)
{
    qsort(samples, count, sizeof *samples, load_compare);
    return count ? samples[(count - 1) * thousandths / 1000] : 0;
}

/* Resident memory of a process, in bytes. */
static inline int64_t load_resident(int pid)
{
    char path[64];
    long long whole = 0, resident = 0;

    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%lld %lld", &whole, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

#endif
