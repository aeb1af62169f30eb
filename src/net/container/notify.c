/*
 * The service manager's protocol: sockets passed from descriptor 3 on (LISTEN_FDS), and datagrams
 * of KEY=value lines to NOTIFY_SOCKET. sd_listen_fds(3), sd_notify(3).
 */
#include "net/container/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <weft/error.h>

enum {
    FIRST_SOCKET = 3
};

/* A number of the environment that is meant for this process; 0 if there is none. */
static unsigned long long number(const char *name, const char *process_name)
{
    const char *text = getenv(name);
    const char *process = getenv(process_name);
    if (!text || (process && strtoll(process, NULL, 10) != getpid())) {
        return 0;
    }
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    return *end || text[0] < '0' || text[0] > '9' ? 0 : value;
}

size_t weft__manager_sockets(void)
{
    unsigned long long count = getenv("LISTEN_PID") ? number("LISTEN_FDS", "LISTEN_PID") : 0;
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    if (count > WEFT_CONTAINER_LISTENERS_MAX) {
        count = WEFT_CONTAINER_LISTENERS_MAX;
    }
    for (int i = 0; i < (int)count; i++) {
        fcntl(FIRST_SOCKET + i, F_SETFD, FD_CLOEXEC);
    }
    return (size_t)count;
}

/* Abstract names begin with an @ in the environment and with a NUL in the address. */
static int connect_manager(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof(name.sun_path)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(name.sun_path, path, length);
    if (path[0] == '@') {
        name.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&name, size) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

void weft__manager_open(struct weft__manager *manager)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path && *path) {
        manager->fd = connect_manager(path);
        if (manager->fd < 0) {
            weft_log(WEFT_LOG_WARNING, "container: NOTIFY_SOCKET=%s: %s", path, strerror(errno));
        }
    }
    unsigned long long watchdog = number("WATCHDOG_USEC", "WATCHDOG_PID");
    if (manager->fd >= 0 && watchdog > 0 && watchdog < (unsigned long long)INT64_MAX / 1000) {
        manager->interval = (int64_t)watchdog * WEFT_MICROSECOND / 2;
    }
    unsetenv("NOTIFY_SOCKET"); /* a worker that used it would speak for the parent */
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void weft__manager_close(struct weft__manager *manager)
{
    if (manager->fd >= 0) {
        close(manager->fd);
        manager->fd = -1;
    }
}

void weft__manager_tell(const struct weft__manager *manager, const char *format, ...)
{
    if (manager->fd < 0) {
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t size = length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1;
    send(manager->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void weft__manager_tick(struct weft__manager *manager, int64_t now)
{
    if (manager->interval && now >= manager->next) {
        manager->next = now + manager->interval - WEFT__TICK;
        weft__manager_tell(manager, "WATCHDOG=1");
    }
}
