/* What the code of a worker may ask. */
#include "net/container/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/fail.h"

enum {
    SHARE_LEAST = 4 /* connections above the mean that are nobody's concern */
};

unsigned weft_worker_number(const struct weft_worker *worker)
{
    const struct weft__child *child = worker->child;
    return child->process->seat->number * child->container->options.threads + worker->index;
}

size_t weft_worker_listeners(const struct weft_worker *worker)
{
    return worker->child->container->listeners.count;
}

int weft_worker_listener(const struct weft_worker *worker, size_t index)
{
    const struct weft__container *container = worker->child->container;
    if (index >= container->listeners.count) {
        return weft__fail(EINVAL);
    }
    int fd = weft__listeners_of(container, index, weft_worker_number(worker))->fd;
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void weft_worker_ready(struct weft_worker *worker)
{
    if (worker->is_ready) {
        return;
    }
    worker->is_ready = true;
    atomic_store(&worker->slot->beat, weft_now());
    atomic_store(&worker->slot->accepting, !worker->stopping);
    if (atomic_fetch_sub(&worker->child->starting, 1) == 1) {
        send(worker->child->control, "READY=1", 7, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

int weft_worker_wait(struct weft_worker *worker)
{
    while (!worker->stopping) {
        if (weft_condition_wait(&worker->asked) < 0) {
            return -1;
        }
    }
    return 0;
}

bool weft_worker_stopping(const struct weft_worker *worker)
{
    return worker->stopping;
}

int64_t weft_worker_grace(const struct weft_worker *worker)
{
    return worker->child->container->options.grace;
}

void weft_worker_observe(struct weft_worker *worker,
                         void (*function)(void *argument, struct weft_worker_figures *figures),
                         void *argument)
{
    worker->observe = function;
    worker->observed = argument;
}

bool weft_worker_crowded(struct weft_worker *worker, uint64_t connections)
{
    const struct weft__container *container = worker->child->container;
    atomic_store(&worker->slot->connections, connections);
    uint64_t sum = 0;
    uint64_t loops = 0;
    for (size_t i = 0; i < container->slot_count; i++) {
        const struct weft__slot *slot = &container->slots[i];
        if (atomic_load_explicit(&slot->accepting, memory_order_relaxed)) {
            sum += atomic_load_explicit(&slot->connections, memory_order_relaxed);
            loops++;
        }
    }
    if (loops < 2 || worker->stopping) {
        return false;
    }
    uint64_t mean = sum / loops;
    return connections > mean + mean / 8 + SHARE_LEAST;
}
