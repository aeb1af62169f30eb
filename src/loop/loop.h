#ifndef WEFT_LOOP_LOOP_H
#define WEFT_LOOP_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/list.h"
#include "loop/fd.h"
#include "loop/timer.h"

/*
 * A loop: readiness of descriptors, timers, and messages from other threads. It knows nothing of
 * fibers: what waits is told through a callback. All calls return 0 or a negative errno.
 *
 *      waiter -> interest (one a descriptor) -> backend: epoll, or io_uring's multishot poll
 *
 * Both backends are edge-triggered and stay armed once somebody has waited, so a connection costs
 * one registration in its life. Whoever waits must therefore have tried first: an edge that came
 * before the wait began is not reported again. The kernel only ever knows interests, which belong
 * to the loop, and never memory of a fiber.
 */

struct weft__loop;

/** Somebody who waits for a descriptor; on the waiting fiber's own stack. */
struct weft__waiter {
    struct weft__list node;
    uint32_t events; /* EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP */
    /* Told of events (with errors and hang-ups added), or of 0: the descriptor was closed. The
     * waiter is out of the list by then. */
    void (*notify)(struct weft__waiter *waiter, uint32_t events);
};

/** What a loop remembers of one descriptor. */
struct weft__interest {
    struct weft__list waiters;
    uint32_t generation; /* of the owner it was made for */
    uint32_t epoch;      /* told back by the kernel; a stale one is dropped */
    int fd;
    uint16_t armed; /* events the kernel reports; 0: not registered */
    bool hung_up;   /* RDHUP, HUP or ERR has been seen: always try */
    bool drained;   /* a stream's short read has emptied it and no event came since */
};

struct weft__loop_backend {
    const char *name;
    bool exact; /* events are those that hold, not just a reason to look */
    int (*open)(struct weft__loop *loop);
    void (*close)(struct weft__loop *loop);
    /** Report EVENTS too; what is armed stays so. */
    int (*arm)(struct weft__loop *loop, struct weft__interest *interest, uint32_t events);
    /** Report nothing more and let go of the file before returning. */
    void (*disarm)(struct weft__loop *loop, struct weft__interest *interest);
    /** Wait up to TIMEOUT ns (INT64_MAX: for ever, 0: not at all) and dispatch what came. */
    int (*poll)(struct weft__loop *loop, int64_t timeout);
};

/** A message from another thread. */
struct weft__message {
    struct weft__message *next;
    void (*run)(struct weft__message *message); /* on the loop's thread */
};

enum {
    WEFT__INTEREST_CHUNK = 256,
    WEFT__LOOPS_MAX = 64
};

struct weft__loop {
    const struct weft__loop_backend *backend;
    void *state; /* the backend's */
    struct weft__timers timers;
    struct weft__interest **interests; /* chunks by fd */
    size_t interest_chunks;
    struct weft__list registered;
    uint32_t epoch;
    int index;   /* bit in struct weft__fd.loops; WEFT__LOOPS_MAX - 1 may be shared */
    int wake_fd; /* an eventfd */
    _Atomic(struct weft__message *) messages;
    _Atomic bool sleeping;
    _Atomic bool scan; /* a descriptor was closed by another thread */
    _Atomic unsigned posters;
    uint64_t polls;
    uint64_t events;
};

extern const struct weft__loop_backend weft__loop_epoll;
#if WEFT_WITH_URING
extern const struct weft__loop_backend weft__loop_uring;
#endif

int weft__loop_open(struct weft__loop *loop, const struct weft__loop_backend *backend);
void weft__loop_close(struct weft__loop *loop);

/** The interest in a descriptor, made if there is none. NULL: no memory, or no such number. */
struct weft__interest *weft__loop_interest(struct weft__loop *loop, int fd);

/** Wait for a descriptor: waiter->events and ->notify are set. -EPERM: it can't be polled. */
int weft__loop_wait(struct weft__loop *loop, int fd, struct weft__waiter *waiter);

/** Stop waiting; fine after it was notified. */
static inline void weft__loop_unwait(struct weft__waiter *waiter)
{
    weft__list_remove(&waiter->node);
}

/** For the backends: events came for an interest. */
void weft__loop_dispatch(struct weft__loop *loop, uint64_t tag, uint32_t events);

/** For the backends: the armed interest that a tag names, NULL when the tag is stale. */
struct weft__interest *weft__loop_armed(struct weft__loop *loop, uint64_t tag);

/** What a backend hands to the kernel to be told back with an event. */
static inline uint64_t weft__loop_tag(const struct weft__interest *interest)
{
    return (uint64_t)interest->epoch << 32 | (uint32_t)interest->fd;
}

/** The next epoch: never 0, which stands for "no owner yet". */
uint32_t weft__loop_next_epoch(struct weft__loop *loop);

/** Wait up to TIMEOUT ns, dispatch events and messages. Timers are the caller's to fire. */
int weft__loop_poll(struct weft__loop *loop, int64_t timeout);

/** Send a message from any thread, the loop's own included. The loop must still be needed. */
void weft__loop_post(struct weft__loop *loop, struct weft__message *message);

/** Have a loop that may sleep look at its messages and flags; any thread. */
void weft__loop_wake(struct weft__loop *loop);

/** In the child of a fork: close what the child must not share, touching nothing else. */
void weft__loop_abandon(struct weft__loop *loop);

/** A descriptor was closed on this thread: wake its waiters and let go of it. */
void weft__loop_forget(struct weft__loop *loop, int fd);

/** The calling thread's loop, NULL without one. */
extern _Thread_local struct weft__loop *weft__loop_current;

/** CLOCK_MONOTONIC now. */
int64_t weft__clock(void);

#endif
