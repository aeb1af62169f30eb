#ifndef WEFT_FIBER_FIBER_H
#define WEFT_FIBER_FIBER_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/list.h"
#include "context/context.h"
#include "context/sanitizer.h"
#include "context/stack.h"
#include "fiber/interrupt.h"
#include "fiber/watchdog.h"
#include "loop/loop.h"
#include "weft/weft.h"

/*
 * The records of a runtime and how they hang together.
 *
 *      runtime (one a thread) ── ready queue ──> fiber, fiber, …
 *         │                                        │ frame: WEFT_TIMEOUT, WEFT_SHIELD, base
 *         └─ root scope ── task ── fiber ── scopes it opened ── task ── fiber …
 *
 * A task is the small handle that outlives its fiber until it is joined; a fiber is the record at
 * the top of its own stack. Fibers switch to each other directly; the loop runs on the thread's own
 * stack whenever nobody is ready, and after a budget of switches.
 */

struct weft__runtime;
struct weft__fiber;
struct weft__scope;

/** What a parked fiber waits for: for weft_dump() and weft_stats(). */
enum weft__wait {
    WEFT__WAIT_NONE,
    WEFT__WAIT_IO,      /* object: the descriptor as a pointer-sized number */
    WEFT__WAIT_TIME,    /* nothing but a timer */
    WEFT__WAIT_SYNC,    /* object: a condition, semaphore, channel, promise */
    WEFT__WAIT_LOCK,    /* object: a pthread mutex, condition, … */
    WEFT__WAIT_JOIN,    /* object: a task */
    WEFT__WAIT_SCOPE,   /* object: a scope */
    WEFT__WAIT_OFFLOAD, /* object: a function */
    WEFT__WAIT_SIGNAL,  /* nothing but a handler */
    WEFT__WAIT_COUNT,
};

/** The families of hooked calls, as hook.tbl has them. */
enum weft__family {
    WEFT__FAMILY_IO,
    WEFT__FAMILY_SOCKET,
    WEFT__FAMILY_DESCRIPTOR,
    WEFT__FAMILY_POLL,
    WEFT__FAMILY_TIME,
    WEFT__FAMILY_LOCK,
    WEFT__FAMILY_FILE,
    WEFT__FAMILY_SIGNAL,
    WEFT__FAMILY_PROCESS,
    WEFT__FAMILY_STDIO,
    WEFT__FAMILY_DNS,
    WEFT__FAMILY_KEY,
    WEFT__FAMILY_HANDLER,
    WEFT__FAMILY_IPC,
    WEFT__FAMILY_COUNT
};

/** Why a fiber's calls go around the hooks: those of a family, 1 << enum weft__family, or all. */
enum {
    WEFT__AROUND_ASKED = 1 << 14,
    WEFT__AROUND_HANDLER = 1 << 15 /* a signal handler runs on top of it */
};

_Static_assert(WEFT__FAMILY_COUNT <= 14, "each family has a bit");

enum weft__state {
    WEFT__READY, /* or it runs: then it is weft__current */
    WEFT__PARKED
};

/*
 * One level of a fiber's cancellation: its base, a WEFT_TIMEOUT or a WEFT_SHIELD.
 *
 * `effective` is what blocking calls fail with at this level: its own outcome, or the next outer
 * one's unless it is a shield. It is kept up to date when something is cancelled, so a call looks
 * at one number.
 */
struct weft__frame {
    struct weft__frame *outer;
    struct weft__fiber *fiber;
    int own;       /* 0, ECANCELED, ETIMEDOUT */
    int effective; /* as above */
    bool shield;
};

/** How far a fiber is in waiting for a lock. */
enum weft__lock_wait {
    WEFT__LOCK_NONE,
    WEFT__LOCK_WANTED,
    WEFT__LOCK_REPORTED /* in a circle that has been told */
};

enum {
    WEFT__HELD = 4
};

struct weft__fiber {
    struct weft__stack stack; /* first: the block at the top of a stack */
    struct weft__context context;
    struct weft__runtime *runtime;
    struct weft__fiber *next_ready;
    struct weft__frame *frame; /* innermost */
    uint32_t magic;
    int saved_errno;
    uint8_t state; /* enum weft__state */
    uint8_t wait;  /* enum weft__wait */
    bool cancellable;
    uint16_t around; /* WEFT__AROUND_*: which calls go around the hooks */
    uint32_t parks;  /* so far */
    int wake_result;
    uint16_t held_count; /* locks, of which the first WEFT__HELD are known: held.h */
    uint8_t lock_wait;   /* enum weft__lock_wait */
    uint32_t lock_owner; /* its number as the owner of mutexes: hook/mutex.c; 0: none yet */
    const void *held[WEFT__HELD];
    const struct weft__wanted *wanted; /* while lock_wait says so */
    const void *wait_object;
    struct weft_task *task;
    struct weft__frame base;
    struct weft__list scopes; /* opened by this fiber and not ended */
    int (*function)(void *);
    void *argument;
    struct weft_scope *implicit; /* of weft_go(NULL, …); allocated at first use */
    struct weft__binding *locals;
    struct weft__errors *errors; /* allocated at first failure */
    struct weft__hooked *hooked; /* what the hooks keep for this fiber */
    struct weft__interruptible interruptible;
    int64_t started;
    struct weft__sanitizer sanitizer;
    char name[48];
};

#define WEFT__FIBER_MAGIC UINT32_C(0x77666962) /* "wfib" */
#define WEFT__TASK_MAGIC UINT32_C(0x7774736b)  /* "wtsk" */

/** A fiber in weft_join(), on its stack. */
struct weft__joiner {
    struct weft__fiber *fiber;
    bool ended; /* the task has: only a joiner that was woken may touch it still */
};

struct weft_task {
    uint32_t magic;
    bool ended;
    bool transient;
    bool released;  /* as it ends: nobody joins it */
    bool taken;     /* a joiner waits */
    bool decisive;  /* its failure is its scope's outcome */
    bool asked;     /* weft_cancel() was called on it */
    bool cancelled; /* it failed after a cancel had reached it */
    int value;
    int error;
    struct weft__fiber *fiber; /* NULL once it has ended */
    struct weft__scope *scope;
    struct weft__list node; /* in the scope's running, then ended tasks; free: next in the slab */
    struct weft__joiner *joiner;
    struct weft__errors *errors;
};

/* The runtime's part of struct weft_scope, in its opaque_. */
struct weft__scope {
    uint32_t magic;
    uint8_t state; /* enum weft__scope_state */
    bool failed;   /* error below is the outcome */
    bool expired;  /* the timeout passed while children ran, or kept one from starting */
    int error;     /* first failure's errno */
    int own;       /* 0, ECANCELED, ETIMEDOUT: what this scope inflicts on its children */
    int effective; /* own, or the opener's frame's */
    struct weft__runtime *runtime;
    struct weft__fiber *owner;
    struct weft__frame *frame; /* the owner's, where it was opened */
    struct weft__list opened;  /* in the owner's scopes */
    struct weft__list running; /* tasks */
    struct weft__list ended;   /* tasks nobody has joined, in the order in which they ended */
    struct weft__list watches;
    size_t alive;               /* running tasks and watches, transient ones not counted */
    size_t transient;           /* running transient tasks */
    struct weft__fiber *waiter; /* in weft_scope_wait() or weft_scope_next() */
    bool waits_next;            /* the latter: any end wakes it */
    struct weft__list queue;    /* fibers in weft_go() that wait for a place */
    size_t starting;            /* fibers in weft_go() that wait: the scope stays open for them */
    size_t granted;             /* places handed to fibers that have not run since */
    struct weft__timer timer;
    struct weft__scope *cancel_next; /* work list of a cancel */
    struct weft__errors *errors;     /* of the first failure */
};

/** A fiber in weft_go() that waits for a place in a scope; on its own stack. */
struct weft__queued {
    struct weft__list node;
    struct weft__fiber *fiber;
    bool granted; /* a place is kept for it */
};

enum weft__scope_state {
    WEFT__SCOPE_UNUSED,
    WEFT__SCOPE_OPEN,
    WEFT__SCOPE_ENDED
};

#define WEFT__SCOPE_MAGIC UINT32_C(0x77736370) /* "wscp" */

_Static_assert(sizeof(struct weft__scope) <= sizeof(((struct weft_scope *)0)->opaque_),
               "struct weft_scope must hold the runtime's part");

static inline struct weft__scope *weft__scope_inner(const struct weft_scope *scope)
{
    return (struct weft__scope *)(uintptr_t)scope->opaque_;
}

static inline struct weft_scope *weft__scope_outer(const struct weft__scope *scope)
{
    return weft__container_of((uintptr_t)scope, struct weft_scope, opaque_);
}

struct weft__ready {
    struct weft__fiber *head;
    struct weft__fiber *tail;
};

/** The last answer to "who has this lock?": good until another fiber runs. */
struct weft__holder_seen {
    const void *lock;
    const struct weft__fiber *holder; /* or NULL */
    const struct weft__fiber *asked_by;
    uint64_t switches;
    unsigned held_count; /* of who asked */
};

struct weft__load {
    int64_t window_start; /* of the second being measured */
    int64_t idle;         /* ns slept in it */
    unsigned percent;     /* of the last full one */
};

struct weft__runtime {
    struct weft__ready ready;
    int budget;      /* switches and calls that did not park, before the loop looks around */
    int budget_next; /* grown and shrunk with the time a turn takes */
    struct weft__context loop_context;
    struct weft__sanitizer loop_sanitizer;
#ifdef WEFT__ASAN
    struct weft__sanitizer *left; /* the side a switch came from */
#endif
    struct weft__fiber *dead; /* ended, its sanitizer state to be released */
    struct weft__loop loop;
    struct weft__stacks stacks;
    struct weft__list free_tasks;
    struct weft__task_chunk *task_chunks;
    size_t tasks;
    size_t max_tasks;
    size_t watches;
    size_t parked[WEFT__WAIT_COUNT];
    uint64_t spawned;
    uint64_t switches; /* read by the watchdog: see weft__count_switch() */
    uint64_t seed;     /* 0: first in, first out */
    bool virtual_clock;
    uint16_t around; /* of every new fiber: WEFT_HOOKS */
    bool finished;   /* the root has ended */
    int64_t virtual_now;
    int64_t turn_started;
    int64_t trimmed; /* when idle stacks were last looked at */
    size_t offloads; /* other threads work for us: virtual time stands still */
    unsigned offload_threads;
    struct weft__load load;
    struct weft__holder_seen holder_seen;
    struct weft_scope root; /* the root fiber's, and of transient tasks without a scope */
    const char *name;
    struct weft__watched watched;
    int inspect_fd; /* listens for those who look in; -1 */
    struct weft__interrupts interrupts;
    void *signal_stack; /* for the fault handler; NULL: the program's own serves */
};

/** The fiber that runs on this thread; NULL outside one, in the loop, and after a fork. */
extern _Thread_local struct weft__fiber *weft__current;

/** This thread's runtime; NULL without one. */
extern _Thread_local struct weft__runtime *weft__runtime_current;

/** From a thread's own block to its errno: the same in every thread. */
extern ptrdiff_t weft__errno_offset;

/** This thread's errno, without the call that `errno` is. Below weft_run(). */
static inline int *weft__errno(void)
{
    return (int *)(void *)((char *)__builtin_thread_pointer() + weft__errno_offset);
}

/** One more fiber resumed. The loop's thread alone writes: no read-modify-write is needed. */
static inline void weft__count_switch(struct weft__runtime *runtime)
{
    uint64_t switches = __atomic_load_n(&runtime->switches, __ATOMIC_RELAXED);
    __atomic_store_n(&runtime->switches, switches + 1, __ATOMIC_RELAXED);
}

/* interrupt.c */

/** A call begins that handlers may end, or that takes them. Nothing is held or registered yet. */
static inline void weft__interruptible_begin(struct weft__fiber *self, enum weft__interruption how)
{
    self->interruptible.handled = 0;
    self->interruptible.began = self->runtime->switches;
    self->interruptible.how = (uint8_t)how;
}

/** The slow path of weft__interruptible_end(). */
long weft__interruptible_take(struct weft__fiber *self, enum weft__interruption how,
                              const struct weft__masked *masked, long result);

/** After weft__interruptible_begin(): the call has a signal mask of its own; NULL: it has none. */
void weft__masked_begin(struct weft__fiber *self, struct weft__masked *masked,
                        const sigset_t *mask);
void weft__masked_end(struct weft__fiber *self);

/**
 * The call's wait is over, and nothing is registered or held any more: handlers that were put off
 * run here, and may jump away. RESULT is passed on, but that -EINTR becomes 0 where the call goes
 * on. A signal mask of its own counts no longer.
 */
static inline long weft__interruptible_end(struct weft__fiber *self, long result)
{
    enum weft__interruption how = (enum weft__interruption)self->interruptible.how;
    const struct weft__masked *masked = self->interruptible.masked;
    if (__builtin_expect(masked != NULL, 0))
        weft__masked_end(self);
    self->interruptible.how = WEFT__UNINTERRUPTED;
    atomic_signal_fence(memory_order_seq_cst); /* from here on nothing is put off for this call */
    uint64_t deferred =
        atomic_load_explicit(&self->runtime->interrupts.deferred, memory_order_relaxed);
    if (__builtin_expect(result != -EINTR && !self->interruptible.signalled && !deferred, 1))
        return result;
    return weft__interruptible_take(self, how, masked, result);
}

/** A system call that does not wait was interrupted: is a handler of the program's the reason? */
bool weft__interrupted_here(struct weft__fiber *self);

/** Between two waits of one call: has a handler that ends it run on top of the fiber? */
bool weft__was_interrupted(struct weft__fiber *self, enum weft__interruption how);

/** The loop begins, and ends, to put handlers off. */
void weft__interrupts_begin(struct weft__runtime *runtime);
void weft__interrupts_end(struct weft__runtime *runtime);

/** In the child of a fork: nothing is kept back there. */
void weft__interrupts_abandon(struct weft__runtime *runtime);

/** Let through what fibers that wait with a mask of their own let through, while the loop polls. */
void weft__masks_open(struct weft__runtime *runtime);
void weft__masks_close(struct weft__runtime *runtime);

/** Put a handler off until a fiber that waits takes it; false: run it now. In a handler. */
bool weft__handler_defer(int number, siginfo_t *info, void *context);

/** A handler runs now, of a signal that may interrupt (else 0). The fiber below it; in a handler.
 */
struct weft__fiber *weft__handler_begin(int number, bool restarts);
void weft__handler_end(struct weft__fiber *below);

/** A handler is left by a jump, perhaps. */
static inline void weft__handler_left(void)
{
    if (weft__current)
        weft__current->around &= (uint16_t)~WEFT__AROUND_HANDLER;
}

/* schedule.c */

/**
 * Park the calling fiber until weft__wake(). Whoever is to wake it has been told already.
 *
 * Returns what it was woken with: 0, or -ECANCELED, -ETIMEDOUT if CANCELLABLE and its frame became
 * so, also before it parked. On a negative result the caller takes itself out of wherever it waits.
 */
int weft__park(struct weft__fiber *self, enum weft__wait wait, const void *object,
               bool cancellable);

/** Make a parked fiber ready; false if it is not parked: somebody else was first. */
bool weft__wake(struct weft__fiber *fiber, int result);

/** weft__wake(), and have it run before all that are ready. */
bool weft__wake_first(struct weft__fiber *fiber, int result);

/** Let all others run, whatever the caller's state; never fails. */
void weft__reschedule(struct weft__fiber *self);

/**
 * At the start of every cancellation point: 0, or -ECANCELED, -ETIMEDOUT after one turn of the
 * others, so that a loop that ignores errors does not starve them.
 */
static inline int weft__checkpoint(struct weft__fiber *self)
{
    int error = self->frame->effective;
    if (__builtin_expect(error == 0, 1))
        return 0;
    weft__reschedule(self);
    return -error;
}

/** After a call that did not park: give way once the budget is used up. */
static inline void weft__spend(struct weft__fiber *self)
{
    if (__builtin_expect(--self->runtime->budget < 0, 0))
        weft__reschedule(self);
}

/** Right before every switch; ENDING: the side that is left never runs again. */
static inline void weft__leave(struct weft__runtime *runtime, struct weft__sanitizer *from,
                               struct weft__sanitizer *to, int ending)
{
#ifdef WEFT__ASAN
    runtime->left = from;
#endif
    (void)runtime;
    weft__sanitizer_leave(from, to, ending);
}

/** Right after every switch, on the new side. */
static inline void weft__arrive(struct weft__runtime *runtime, struct weft__sanitizer *here)
{
    (void)runtime;
#ifdef WEFT__ASAN
    weft__sanitizer_arrive(here, runtime->left);
#else
    (void)here;
#endif
#ifdef WEFT__TSAN
    if (runtime->dead) {
        weft__sanitizer_destroy(&runtime->dead->sanitizer);
        runtime->dead = NULL;
    }
#endif
}

/** The body of every fiber: runs its function, ends its task and switches away for good. */
void weft__fiber_main(void *fiber);

/** The loop, on the thread's own stack, until the runtime has finished. 0 or a negative errno. */
int weft__run_loop(struct weft__runtime *runtime);

/** How many are ready: a walk along the queue. */
size_t weft__ready_count(const struct weft__runtime *runtime);

/** Put a fiber that does not run at the end of the ready queue. */
void weft__make_ready(struct weft__runtime *runtime, struct weft__fiber *fiber);

/** The time of the runtime's clock, read afresh. */
int64_t weft__now(const struct weft__runtime *runtime);

/** NOW + DURATION without overflow; INT64_MAX stays. */
static inline int64_t weft__deadline(int64_t now, int64_t duration)
{
    return duration > INT64_MAX - now ? INT64_MAX : now + duration;
}

/* wait.c: parking with a deadline, on descriptors, and for other threads */

/** Hold the thread: sleeping outside a fiber. */
void weft__thread_sleep(int64_t duration);

/** weft__park() until DEADLINE (INT64_MAX: none): 1 when it has passed. */
int weft__park_until(struct weft__fiber *self, enum weft__wait wait, const void *object,
                     int64_t deadline, bool cancellable);

/**
 * Wait until a descriptor is ready for EVENTS (EPOLLIN, EPOLLOUT, …). The caller has tried already.
 *
 * Events (above 0); 0 when DEADLINE has passed; -EBADF closed meanwhile; -EPERM it can't be polled;
 * -ECANCELED, -ETIMEDOUT; -ENOMEM.
 */
int weft__wait_fd(struct weft__fiber *self, int fd, uint32_t events, int64_t deadline);

struct weft__fd_events {
    int fd;
    uint32_t events;
    uint32_t got; /* set: what came; only a hint unless the loop's backend is exact */
};

/** weft__wait_fd() for several at once (a negative fd is passed over): 1 once any is ready. */
int weft__wait_fds(struct weft__fiber *self, struct weft__fd_events *fds, size_t count,
                   int64_t deadline);

/**
 * A place to park for a wake-up that may come from any thread, on the waiter's own stack.
 *
 * The waker must find it in some structure under a lock and take it out there before it calls
 * weft__unpark(); so when the wait fails and the waiter still finds itself in the structure, no
 * wake-up is on its way, and if it doesn't, it must call weft__parker_finish().
 */
struct weft__parker {
    struct weft__message message; /* first */
    struct weft__fiber *fiber;
    bool unparked;
};

void weft__parker_init(struct weft__parker *parker, struct weft__fiber *self);

/** 0 unparked; 1 DEADLINE has passed; -ECANCELED, -ETIMEDOUT if CANCELLABLE. */
int weft__parker_wait(struct weft__parker *parker, enum weft__wait wait, const void *object,
                      int64_t deadline, bool cancellable);

/** Wait for the wake-up that is certain to come. */
void weft__parker_finish(struct weft__parker *parker, enum weft__wait wait, const void *object);

/** From any thread, once. The parker may be gone when it returns. */
void weft__unpark(struct weft__parker *parker);

/* task.c, scope.c, cancel.c */

/** Start a fiber for a scope; transient ones are not waited for. NULL and errno. */
struct weft_task *weft__task_start(struct weft__scope *scope, int (*function)(void *),
                                   const void *argument, size_t size, bool transient);

void weft__task_free(struct weft__runtime *runtime, struct weft_task *task);
void weft__task_chunks_free(struct weft__runtime *runtime);
void weft__task_result(const struct weft_task *task, struct weft_result *result);

/** The scope of weft_go(NULL, …): the task's own. NULL without memory. */
struct weft_scope *weft__implicit_scope(struct weft__fiber *self);

/** Open a scope at its first use, for SELF. 0 or a negative errno. */
int weft__scope_open(struct weft_scope *scope, struct weft__fiber *self);

/** A task or watch of the scope has ended: outcome, siblings, waiters. */
void weft__scope_ended(struct weft__scope *scope, struct weft_task *task);

/** One thing less that keeps a scope open: wake its owner or who waits for a place. */
void weft__scope_left(struct weft__scope *scope);

/** Record a failure that decides the scope's outcome, if it is the first. */
void weft__scope_fail(struct weft__scope *scope, int error, struct weft__errors **errors);

/** Wait for all, end the scope. 0 or a negative errno: its outcome; ->errors stays the caller's. */
int weft__scope_close(struct weft__scope *scope, struct weft__fiber *self);

/** Inflict ERROR on a scope's children and all below. */
void weft__cancel_scope(struct weft__scope *scope, int error);

/** Inflict ERROR on one level of a fiber and all inside it. */
void weft__cancel_frame(struct weft__frame *frame, int error);

/** Can a task started in it run? 0 or a negative errno. */
int weft__scope_check(struct weft_scope *scope, struct weft__fiber *self);

/** Begin and end a level of the calling fiber. */
void weft__frame_push(struct weft__fiber *self, struct weft__frame *frame, bool shield);
void weft__frame_pop(struct weft__fiber *self, struct weft__frame *frame);

/** watch.c: make every watch of a scope run its function. */
void weft__watches_wake(struct weft__scope *scope);

/* local.c, error.c, overflow.c, fork.c, offload.c */

void weft__locals_inherit(struct weft__fiber *child, const struct weft__fiber *parent);
void weft__locals_release(struct weft__fiber *fiber);
void weft__errors_release(struct weft__errors *errors);

/** Make an ended task's record the calling fiber's. */
void weft__errors_move(struct weft__fiber *self, struct weft__errors **errors);

/** Make it the thread's, when no fiber is left to have it. */
void weft__errors_to_thread(struct weft__errors **errors);

/** Record a detail in domain "weft" and fail: -1 with errno ERROR. */
int weft__fail_with(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Name the fiber whose stack overflows; installed once a process, by the first runtime. */
void weft__overflow_install(void);
void weft__overflow_thread_begin(struct weft__runtime *runtime);
void weft__overflow_thread_end(struct weft__runtime *runtime);

/** sigaction(2) for SIGSEGV: what the program wants comes after the look at a stack's end. */
int weft__overflow_sigaction(const struct sigaction *action, struct sigaction *old);

/** sigaltstack(2) on a thread with a runtime, whose own stack is not seen. */
int weft__overflow_sigaltstack(const stack_t *stack, stack_t *old);

/** The C library's sigaction(); weak, NULL without the hooks. */
int weft__real_sigaction(int number, const struct sigaction *action, struct sigaction *old)
    __attribute__((weak));

/** The same for sigaltstack(). */
int weft__real_sigaltstack(const stack_t *stack, stack_t *old) __attribute__((weak));

/** Set an action of the library's own. */
static inline int weft__sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    return weft__real_sigaction ? weft__real_sigaction(number, action, old)
                                : sigaction(number, action, old);
}

/** Whether it is the watchdog's, which the program does not see. */
bool weft__native_owns(const struct sigaction *action);

/** Have a fork's child forget the runtimes; installed once a process. */
void weft__fork_install(void);

/** What the hooks keep for a fiber (or a thread without one) is released; weak, NULL without them.
 */
void weft__hooked_release(struct weft__hooked *hooked) __attribute__((weak));

enum {
    WEFT__RECALL_THREADS = 64 /* of DOMAIN 2 */
};

/**
 * Run FUNCTION on a pool thread, as weft_offload(). DOMAIN 1 is kept for name look-ups, 2 for
 * system calls that a signal ends: hook/recall.h.
 */
int weft__offload_on(unsigned domain, int (*function)(void *), void *argument);

/** Run FUNCTION on a pool thread without waiting for it. 0 or a negative errno. */
int weft__offload_detached(unsigned domain, int (*function)(void *), void *argument);

/** In the child of a fork: no pool thread exists here. */
void weft__offload_reset(void);

#ifdef WEFT_TORTURE
void weft__torture_cancel_at(uint64_t n);
uint64_t weft__torture_parks(void);
#endif

#endif
