#ifndef WEFT_HOOK_CHILDREN_H
#define WEFT_HOOK_CHILDREN_H

#include "hook/hook.h"

/*
 * Waiting for child processes.
 *
 * The question is always asked with WNOHANG, by the fiber itself: so a status is taken only by a
 * call that returns it. What is waited for in between is a hint:
 *
 *      one process that ends      its pidfd
 *      any of many, or a stop     one thread for the whole process, in waitid(P_ALL, WNOWAIT),
 *                                 which takes nothing; see children.c
 *
 * And since either may miss what the kernel tells the asker alone (a traced process that stops,
 * children that nobody has to wait for), the question is repeated from time to time.
 */

/** A call of wait4 or waitid. */
struct weft__child_wait {
    bool by_id; /* waitid: the first two below, else wait4: the next two */
    idtype_t type;
    siginfo_t *info; /* not NULL */
    int *status;
    pid_t pid; /* or the id */
    int options;
    struct rusage *usage;
};

/** Park until there is an answer: what the system call returns, or a negative errno. */
long weft__child_await(struct weft__fiber *self, const struct weft__child_wait *wait);

/** Wait for a process that has been killed, whatever becomes of the fiber. */
void weft__child_reap(struct weft__fiber *self, pid_t pid);

/** popen.c: a stream that pclose must close. */
bool weft__popen_owns(const FILE *stream);

/* children.c */

/** A fiber that waits for a change. */
struct weft__children_waiter {
    struct weft__list node;
    struct weft__parker parker;
    bool queued;
};

/** Stand in line before the question is asked; false: no thread could be started. */
bool weft__children_enter(struct weft__children_waiter *waiter, struct weft__fiber *self);

/** Park until woken: 0, 1 DEADLINE has passed, -ECANCELED, -ETIMEDOUT. Out of line afterwards. */
int weft__children_park(struct weft__children_waiter *waiter, int64_t deadline);

/** Leave without having parked. */
void weft__children_leave(struct weft__children_waiter *waiter);

#endif
