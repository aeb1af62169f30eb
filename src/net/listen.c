#include "net/listen.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <weft/error.h>

#include "base/fail.h"
#include "base/slice.h"

/* The host and port of "host:port"; host is "" for every interface. */
struct place {
    char host[256];
    char port[8];
    bool any;
};

static int bad_address(const char *address, const char *why)
{
    return weft_error_set("net", EINVAL, EINVAL,
                          "listening on '%s': %s (write host:port, [ipv6]:port, *:port or "
                          "unix:/path)",
                          address, why);
}

static int parse_place(const char *address, struct place *place)
{
    const char *colon = strrchr(address, ':');
    if (!colon) {
        return bad_address(address, "it has no port");
    }
    uint64_t port;
    size_t digits = strlen(colon + 1);
    if (weft__parse_decimal(weft__slice_string(colon + 1), &port) < 0 || port > 65535 ||
        digits >= sizeof(place->port)) {
        return bad_address(address, "the port is no number from 0 to 65535");
    }
    const char *host = address;
    size_t length = (size_t)(colon - address);
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    } else if (memchr(host, ':', length)) {
        return bad_address(address, "an IPv6 address needs brackets");
    }
    if (length >= sizeof(place->host)) {
        return bad_address(address, "the host is too long");
    }
    memcpy(place->host, host, length);
    place->host[length] = '\0';
    memcpy(place->port, colon + 1, digits + 1);
    place->any = length == 0 || strcmp(place->host, "*") == 0;
    return 0;
}

static int explain(const char *address, int error)
{
    const char *advice = "";
    switch (error) {
    case EADDRINUSE:
        advice = " (another program listens there: stop it, or choose another port; 'ss -ltnp' "
                 "shows who)";
        break;
    case EACCES:
        advice = " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
        break;
    case EADDRNOTAVAIL:
        advice = " (no interface of this machine has that address)";
        break;
    case EMFILE:
        advice = " (raise 'ulimit -n')";
        break;
    default:
        break;
    }
    return weft_error_set("net", error, error, "listening on '%s': %s%s", address, strerror(error),
                          advice);
}

/* How a socket is to be opened. */
struct manner {
    int backlog;
    bool shared; /* others may listen on the address, too */
};

/* TCP_NODELAY on the listener is inherited by what it accepts, which saves a call for each. */
static int open_inet(const struct addrinfo *info, bool any, const struct manner *manner)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    int both = any ? 0 : 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (manner->shared) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (info->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
    }
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, manner->backlog) < 0) {
        int error = errno;
        close(fd);
        return weft__fail(error);
    }
    return fd;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
    socklen_t length = sizeof(name);
    if (getsockname(fd, &name.any, &length) < 0) {
        return 0;
    }
    return name.any.sa_family == AF_INET    ? ntohs(name.v4.sin_port)
           : name.any.sa_family == AF_INET6 ? ntohs(name.v6.sin6_port)
                                            : 0;
}

static int listen_any(const char *port, const struct manner *manner)
{
    uint64_t number = 0;
    weft__parse_decimal(weft__slice_string(port), &number);
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number) };
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };
    struct addrinfo info = { .ai_family = AF_INET6,
                             .ai_addr = (struct sockaddr *)(void *)&v6,
                             .ai_addrlen = sizeof(v6) };
    int fd = open_inet(&info, true, manner);
    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)) {
        return fd;
    }
    info.ai_family = AF_INET; /* a kernel without IPv6 */
    info.ai_addr = (struct sockaddr *)(void *)&v4;
    info.ai_addrlen = sizeof(v4);
    return open_inet(&info, true, manner);
}

static int listen_named(const char *address, const struct place *place, const struct manner *manner)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found;
    int failed = getaddrinfo(place->host, place->port, &hints, &found);
    if (failed) {
        int error = failed == EAI_SYSTEM ? errno : failed == EAI_MEMORY ? ENOMEM : ENOENT;
        return weft_error_set("net", error, error, "listening on '%s': looking up '%s': %s",
                              address, place->host, gai_strerror(failed));
    }
    int fd = open_inet(found, false, manner);
    int error = errno;
    freeaddrinfo(found);
    return fd >= 0 ? fd : explain(address, error);
}

static int listen_inet(struct weft__listener *listener, const char *address,
                       const struct manner *manner)
{
    struct place place;
    if (parse_place(address, &place) < 0) {
        return -1;
    }
    if (place.any) {
        listener->fd = listen_any(place.port, manner);
        if (listener->fd < 0) {
            return explain(address, errno);
        }
    } else {
        listener->fd = listen_named(address, &place, manner);
        if (listener->fd < 0) {
            return -1;
        }
    }
    listener->port = port_of(listener->fd);
    return 0;
}

/* True if the path is a socket that nobody listens on: left behind by a process that was killed. */
static bool is_stale(const struct sockaddr_un *name)
{
    struct stat status;
    if (lstat(name->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool stale = connect(fd, (const struct sockaddr *)(const void *)name, sizeof(*name)) < 0 &&
                 errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int bind_unix(int fd, const struct sockaddr_un *name)
{
    const struct sockaddr *any = (const struct sockaddr *)(const void *)name;
    if (bind(fd, any, sizeof(*name)) == 0) {
        return 0;
    }
    int error = errno;
    if (error != EADDRINUSE || !is_stale(name)) {
        return weft__fail(error);
    }
    unlink(name->sun_path);
    return bind(fd, any, sizeof(*name));
}

static int listen_unix(struct weft__listener *listener, const char *address, int backlog)
{
    const char *path = address + strlen("unix:");
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (!*path || strlen(path) >= sizeof(name.sun_path)) {
        return bad_address(address, "the path is empty or longer than 107 bytes");
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return explain(address, errno);
    }
    if (bind_unix(fd, &name) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return explain(address, error);
    }
    listener->fd = fd;
    listener->port = 0;
    memcpy(listener->path, path, strlen(path) + 1);
    return 0;
}

static int listen_on(struct weft__listener *listener, const char *address,
                     const struct manner *manner)
{
    *listener = (struct weft__listener){ .fd = -1 };
    return strncmp(address, "unix:", 5) == 0 ? listen_unix(listener, address, manner->backlog)
                                             : listen_inet(listener, address, manner);
}

int weft__listen(struct weft__listener *listener, const char *address, int backlog)
{
    return listen_on(listener, address, &(struct manner){ backlog, false });
}

int weft__listen_shared(struct weft__listener *listener, const char *address, int backlog)
{
    return listen_on(listener, address, &(struct manner){ backlog, true });
}

/* Unix sockets can't be bound twice: those beside the first are the same one. */
int weft__listen_beside(struct weft__listener *listener, const struct weft__listener *first,
                        int backlog)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    struct sockaddr *any = (struct sockaddr *)(void *)&name;
    *listener = (struct weft__listener){ .fd = -1, .port = first->port };
    if (getsockname(first->fd, any, &length) < 0) {
        return -1;
    }
    if (any->sa_family == AF_UNIX) {
        listener->fd = fcntl(first->fd, F_DUPFD_CLOEXEC, 0);
        return listener->fd < 0 ? -1 : 0;
    }
    int only_v6 = 0;
    socklen_t size = sizeof(only_v6);
    getsockopt(first->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &size);
    struct addrinfo info = { .ai_family = any->sa_family, .ai_addr = any, .ai_addrlen = length };
    listener->fd = open_inet(&info, !only_v6, &(struct manner){ backlog, true });
    return listener->fd < 0 ? -1 : 0;
}

int weft__listen_adopt(struct weft__listener *listener, int fd)
{
    *listener = (struct weft__listener){ .fd = -1 };
    int listens = 0;
    socklen_t length = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0) {
        return weft_error_set("net", errno, errno, "serving on descriptor %d: %s", fd,
                              strerror(errno));
    }
    if (!listens) {
        return weft_error_set("net", EINVAL, EINVAL,
                              "serving on descriptor %d: it does not listen (call listen(2) first)",
                              fd);
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    listener->fd = fd;
    listener->port = port_of(fd);
    listener->waits = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
    return 0;
}

void weft__listen_close(struct weft__listener *listener)
{
    if (listener->fd < 0) {
        return;
    }
    if (listener->path[0]) {
        unlink(listener->path);
        listener->path[0] = '\0';
    }
    close(listener->fd);
    listener->fd = -1;
}

/* Errors of a connection that died in the queue, and of the network it came over: accept(2). */
static bool is_passing(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

int weft__listen_wait(const struct weft__listener *listener)
{
    struct pollfd wait = { .fd = listener->fd, .events = POLLIN };
    return poll(&wait, 1, -1) < 0 && errno != EINTR ? -1 : 0;
}

int weft__listen_take(const struct weft__listener *listener)
{
    int fd;
    do {
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    } while (fd < 0 && is_passing(errno));
    return fd;
}

int weft__listen_accept(struct weft__listener *listener)
{
    for (;;) {
        int fd = weft__listen_take(listener);
        if (fd >= 0 || errno != EAGAIN || weft__listen_wait(listener) < 0) {
            return fd;
        }
    }
}
