#ifndef WEFT_NET_CONTAINER_WORKER_H
#define WEFT_NET_CONTAINER_WORKER_H

/* A worker process as it sees itself. */

#include "net/container/container.h"

#include <weft/run.h>
#include <weft/scope.h>
#include <weft/sync.h>
#include <weft/task.h>

struct weft_worker {
    struct weft__child *child;
    unsigned index; /* of the loop in its process */
    struct weft__slot *slot;
    bool is_ready;
    bool stopping;
    struct weft_condition asked; /* to end */
    void (*observe)(void *argument, struct weft_worker_figures *figures);
    void *observed;
    int error; /* what its loop ended with */
};

struct weft__child {
    struct weft__container *container;
    struct weft__process *process;
    int control;          /* to the parent */
    int signals;          /* a signalfd: SIGTERM */
    int stop;             /* an eventfd: readable once the process is to end */
    _Atomic int starting; /* loops that are not ready yet */
    struct weft_worker *workers;
};

/** Start the thread that looks after the parent's life: guard.c. 0 or an errno. */
int weft__guard_start(struct weft__child *child);

#endif
