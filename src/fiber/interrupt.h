#ifndef WEFT_FIBER_INTERRUPT_H
#define WEFT_FIBER_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"

/*
 * Signal handlers and the calls of fibers that wait.
 *
 * The kernel knows one thread; a handler finds it in one of two states:
 *
 *      a fiber runs       the handler runs at once, on top of it. The loop then picks one fiber
 *                         that was parked before, whose call ends with EINTR.
 *      nobody does, or    the signal is sent to the thread again and kept back; the loop picks a
 *      it is about to     fiber, which lets it through once its wait is undone: the handler runs
 *      wait               on that fiber's stack, as on a thread's that waits, and may jump.
 *
 * Picked is the first fiber of the runtime (a program's main) if it waits in an interruptible call,
 * else the one that has waited longest. Handlers come here by way of hook/handlers.c. Sets of
 * signals are the kernel's: bit n - 1 is signal n.
 */

struct weft__fiber;

/** What a handler does to the call of a fiber. */
enum weft__interruption {
    WEFT__UNINTERRUPTED, /* nothing, and it runs elsewhere */
    WEFT__HOSTS,         /* it may run here; the call goes on */
    WEFT__RESTARTS,      /* ends it, unless with SA_RESTART */
    WEFT__ENDS           /* ends it */
};

enum {
    WEFT__HANDLED_RESTARTING = 1,
    WEFT__HANDLED_ENDING = 2
};

/** Of a fiber. */
struct weft__interruptible {
    uint8_t how;        /* enum weft__interruption, of its present call */
    uint8_t handled;    /* WEFT__HANDLED_*: what has run on it or for it since the call began */
    bool signalled;     /* there are signals for it to take */
    bool wakeable;      /* also in a wait that no cancellation ends */
    uint64_t began;     /* the runtime's switches when the call began */
    uint64_t due;       /* to be let through */
    uint64_t receiving; /* which of those are its own: they interrupt nobody else */
    struct weft__masked *masked;
};

/** A fiber's own signal mask, of a call that has one; on its stack. */
struct weft__masked {
    struct weft__list node;
    uint64_t mask;
};

/** Of a runtime. Handlers write what is atomic. */
struct weft__interrupts {
    struct weft__message message;
    struct weft__fiber *main;
    _Atomic bool posted;
    _Atomic bool defers;       /* the loop runs, and will pick a fiber */
    _Atomic uint64_t deferred; /* kept back since */
    _Atomic uint64_t held;     /* of those: the thread's usual mask keeps them back anyway */
    _Atomic uint64_t ran[2];   /* handlers on top of a fiber: ending calls, restarting them */
    _Atomic uint64_t ran_at;   /* the switches then */
    struct weft__list masked;
    _Atomic bool opened; /* the thread's mask is that of the masked, not the usual one */
    _Atomic uint64_t usual;
    uint64_t open;
};

#endif
