/* The listening sockets: bound once, shared by all generations, closed by the parent alone. */
#include "net/container/container.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <weft/error.h>

enum {
    FIRST_PASSED = 3
};

static int open_address(struct weft__container *container, const char *address,
                        struct weft__listener *sockets)
{
    const struct weft_container_options *options = &container->options;
    if (strncmp(address, "fd:", 3) == 0) {
        char *end;
        long fd = strtol(address + 3, &end, 10);
        if (end == address + 3 || *end || fd < 0 || fd > 1 << 20) {
            return weft_error_set("container", EINVAL, EINVAL,
                                  "listening on '%s': no number of a descriptor (write fd:3)",
                                  address);
        }
        return weft__listen_adopt(&sockets[0], (int)fd);
    }
    return options->reuse_port ? weft__listen_shared(&sockets[0], address, options->backlog)
                               : weft__listen(&sockets[0], address, options->backlog);
}

/* One socket for each further loop. An inherited one can't be opened twice: it is shared. */
static int open_rest(struct weft__container *container, struct weft__listener *sockets)
{
    for (size_t i = 1; i < container->listeners.per; i++) {
        if (weft__listen_beside(&sockets[i], &sockets[0], container->options.backlog) < 0) {
            return weft_error_set("container", errno, errno,
                                  "opening one more socket for port %d: %s", sockets[0].port,
                                  strerror(errno));
        }
    }
    return 0;
}

static void announce(const struct weft__listener *listener, const char *address)
{
    const char *colon = strrchr(address, ':');
    bool inherited = strncmp(address, "fd:", 3) == 0;
    if (!listener->port || !colon) {
        weft_log(WEFT_LOG_INFO, "container: listening on %s", address);
    } else if (inherited) {
        weft_log(WEFT_LOG_INFO, "container: listening on port %d, which was inherited",
                 listener->port);
    } else {
        weft_log(WEFT_LOG_INFO, "container: listening on %.*s:%d", (int)(colon - address), address,
                 listener->port);
    }
}

static int open_passed(struct weft__container *container)
{
    for (size_t i = 0; i < container->listeners.count; i++) {
        struct weft__listener *listener = &container->listeners.all[i];
        if (weft__listen_adopt(listener, FIRST_PASSED + (int)i) < 0) {
            return -1;
        }
        weft_log(WEFT_LOG_INFO, "container: listening on port %d, passed by the service manager",
                 listener->port);
    }
    return 0;
}

static int open_all(struct weft__container *container)
{
    struct weft__listeners *listeners = &container->listeners;
    for (size_t i = 0; i < listeners->count; i++) {
        struct weft__listener *sockets = &listeners->all[i * listeners->per];
        const char *address = container->options.addresses[i];
        if (open_address(container, address, sockets) < 0 || open_rest(container, sockets) < 0) {
            return -1;
        }
        announce(sockets, address);
    }
    return 0;
}

int weft__listeners_open(struct weft__container *container)
{
    struct weft__listeners *listeners = &container->listeners;
    const struct weft_container_options *options = &container->options;
    size_t passed = weft__manager_sockets();
    listeners->count = passed ? passed : options->address_count;
    listeners->per =
        !passed && options->reuse_port ? (size_t)options->processes * options->threads : 1;
    size_t total = listeners->count * listeners->per;
    listeners->all = calloc(total ? total : 1, sizeof(*listeners->all));
    if (!listeners->all) {
        listeners->count = 0;
        return -1;
    }
    for (size_t i = 0; i < total; i++) {
        listeners->all[i].fd = -1;
    }
    return passed ? open_passed(container) : open_all(container);
}

void weft__listeners_close(struct weft__container *container)
{
    struct weft__listeners *listeners = &container->listeners;
    for (size_t i = 0; i < listeners->count * listeners->per; i++) {
        weft__listen_close(&listeners->all[i]);
    }
    free(listeners->all);
    *listeners = (struct weft__listeners){ 0 };
}

const struct weft__listener *weft__listeners_of(const struct weft__container *container,
                                                size_t address, size_t loop)
{
    const struct weft__listeners *listeners = &container->listeners;
    return &listeners->all[address * listeners->per + (listeners->per > 1 ? loop : 0)];
}
