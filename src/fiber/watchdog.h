#ifndef WEFT_FIBER_WATCHDOG_H
#define WEFT_FIBER_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/list.h"
#include "fiber/share.h"

/*
 * Who holds a loop's thread too long: one thread a process looks at all of them.
 *
 *      loop      turn++ (odd: fibers run) … switches++ at each switch … turn++ (even: it waits)
 *      watchdog  the same odd turn and the same switch, again and again: one fiber holds the thread
 *
 * The loop publishes two counters and nothing else. Once every loop has waited for a while, the
 * watchdog sleeps until the first of them takes up work again.
 *
 *      watchdog.c   the registry of runtimes, the thread, what a sample says
 *      native.c     the call and the stack of a thread, from outside
 *      share.c      how much each fiber has of the thread
 *      stall.c      the places where it happened: counters, the report, weft_stalls()
 */

struct weft__runtime;
struct weft__fiber;
struct weft__place;

/** The watchdog's part of a runtime. Below ->node all is the watchdog's alone. */
struct weft__watched {
    struct weft__list node; /* in weft__runtimes */
    _Atomic uint64_t turn;  /* odd while fibers run; written by the loop alone */
    int64_t threshold;      /* INT64_MAX: not watched */
    pid_t thread;
    clockid_t processor_time; /* the clock of the loop's thread */
    struct weft__fiber *const *current;
    uint64_t seen_turn;
    uint64_t seen_switches;
    int64_t held;              /* ns for which the present fiber has been seen to hold the thread */
    int64_t cpu_before;        /* processor time when it was first seen */
    struct weft__place *place; /* where; NULL while it is not (yet) a stall */
    struct weft__shares shares;
};

/** Every runtime of the process, under weft__runtimes_lock: for the watchdog and for debuggers. */
extern struct weft__list weft__runtimes;
extern struct weft__lock weft__runtimes_lock;

/** Set while the watchdog sleeps until a loop has work. */
extern _Atomic uint32_t weft__watchdog_dormant;

void weft__watchdog_rouse(void);

/** Enter a runtime of the calling thread. THRESHOLD in ns; INT64_MAX: it is not watched. */
void weft__watchdog_begin(struct weft__runtime *runtime, int64_t threshold);

void weft__watchdog_end(struct weft__runtime *runtime);

/** The fiber's part of the loop's thread of late, in percent; -1 when nobody watches it. */
int weft__watchdog_share(struct weft__runtime *runtime, const struct weft__fiber *fiber);

/** In the child of a fork: the thread is not here, and no runtime is the child's. */
void weft__watchdog_reset(void);

/** On both sides of a turn. The stores are the loop's alone, hence no read-modify-write. */
static inline void weft__watched_turn(struct weft__watched *watched)
{
    uint64_t turn = atomic_load_explicit(&watched->turn, memory_order_relaxed);
    atomic_store_explicit(&watched->turn, turn + 1, memory_order_relaxed);
    if (__builtin_expect(atomic_load_explicit(&weft__watchdog_dormant, memory_order_relaxed), 0))
        weft__watchdog_rouse();
}

enum {
    WEFT__NATIVE_FRAMES = 32
};

/** What a thread does natively. */
struct weft__native {
    int count;    /* of frames, innermost first */
    bool blocked; /* the thread sleeps in the kernel */
    long number;  /* of the system call it sleeps in; -1: in none, as at a page fault */
    const void *frames[WEFT__NATIVE_FRAMES];
};

/** What can be told of a fiber that holds its thread. */
struct weft__holder {
    char name[48];
    int (*function)(void *);
    const char *low; /* its stack's bounds */
    const char *high;
};

/** native.c: fetch the unwinder and install the handler; on the watchdog's thread, once. */
void weft__native_prepare(void);

/** Is the thread asleep in the kernel, and where? false: it computes, or can't be looked at. */
bool weft__native_blocked(pid_t thread, const struct weft__holder *holder,
                          struct weft__native *native);

/** Have the thread, which computes, tell its stack; no frames if it doesn't within 20 ms. */
void weft__native_running(pid_t thread, struct weft__native *native);

/** "read", or "system call 451". */
const char *weft__native_call(long number, char *text, size_t size);

/** stall.c: count a stall that has lasted HELD ns already. NULL: no room for another place. */
struct weft__place *weft__stall_begin(const struct weft__holder *holder,
                                      const struct weft__native *native, const char *loop,
                                      int64_t held);

/** The stall of HELD ns in all has gone on for MORE. */
void weft__stall_extend(struct weft__place *place, int64_t held, int64_t more);

/** Report the places that are new since the last call, through weft_log(). Without locks held. */
void weft__stalls_report(void);

/** In the child of a fork. */
void weft__stall_reset(void);

/**
 * symbol.c: "function+0x12", or "object+0x1234" where no table names it. Static functions are found
 * in the object's full symbol table, if it is not stripped.
 */
void weft__symbol(const void *address, char *text, size_t size);

/** Where the object around an address begins; NULL: none is loaded there. */
const void *weft__symbol_object(const void *address);

/** Where the function begins that a call returns to at an address, static ones included. */
const void *weft__symbol_start(const void *address);

/** In the child of a fork. */
void weft__symbol_reset(void);

/** The same without the offset within a function. */
void weft__symbol_function(const void *address, char *text, size_t size);

#endif
