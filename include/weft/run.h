/* Starting a runtime on the calling thread. */
#ifndef WEFT_RUN_H
#define WEFT_RUN_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** How the loop learns of readiness. */
enum weft_backend {
    WEFT_BACKEND_AUTO,  /**< the one that serves best: epoll at present */
    WEFT_BACKEND_URING, /**< io_uring, or weft_run_with() fails with its reason */
    WEFT_BACKEND_EPOLL, /**< epoll */
};

/**
 * Options of one runtime. A zeroed struct asks for the defaults.
 *
 * The environment overrides what it names: WEFT_BACKEND (`uring`, `epoll`), WEFT_STACK_SIZE
 * (bytes), WEFT_SEED (a number), WEFT_VIRTUAL_CLOCK (`1`), WEFT_WATCHDOG (milliseconds, or `off`),
 * WEFT_INSPECT (`1`), WEFT_HOOKS (families of calls that are not to park, such as `-dns,-stdio`).
 */
struct weft_options {
    enum weft_backend backend; /**< default WEFT_BACKEND_AUTO */
    size_t stack_size;         /**< bytes reserved for a fiber's stack, committed as it is touched;
                                    rounded up to a page; 0: 256 KiB; 16 KiB to 1 GiB */
    size_t max_tasks;          /**< tasks alive at once, EAGAIN beyond; 0: 16,777,216 */
    unsigned offload_threads;  /**< most threads that weft_offload() starts; 0: 4 */
    uint64_t seed;             /**< not 0: every scheduling choice is shuffled, reproducibly */
    bool virtual_clock;        /**< timers fire at once, in order, whenever nothing else can run */
    int64_t watchdog; /**< ns for which a fiber may hold the loop before it is reported, see
                           weft_stalls(); 0: 10 ms; 1 ms to 1 h; WEFT_FOREVER: never, the
                           default under ThreadSanitizer */
    bool inspect;     /**< answer `weft top` and `weft dump`, through a Unix socket that is
                           its owner's alone: $XDG_RUNTIME_DIR/weft/PID.sock, or
                           /tmp/weft-UID/PID.sock; if it can't be made, a warning is logged */
    const char *name; /**< shown by weft_dump(); default "main" */
};

/**
 * Run a function as the root fiber of a new runtime on this thread.
 *
 * Returns after the root and every non-transient task below it have ended. Several threads may each
 * run one. Inside a fiber it runs the function as a child task and waits for it.
 *
 * @param function  The root fiber's body: 0 or more, or -1 with errno.
 * @param argument  Handed to the function as it is.
 * @return          What the function returned; -1 and errno if it failed, or if the runtime could
 *                  not be made (function has then not run).
 * Errors           ENOMEM; EMFILE the limit of descriptors is reached (raise `ulimit -n`); ENOTSUP
 *                  the thread runs with a shadow stack, which fibers do not support; EINVAL an
 *                  option or an environment variable is out of range: weft_error() names it.
 * Blocks           the thread, until all is done
 * Source           Async Ruby's `Async {}` at top level and `Sync {}`
 */
WEFT_API int weft_run(int (*function)(void *), void *argument);

/**
 * weft_run() with options.
 *
 * @param options   Read before the function runs. NULL: the defaults. Ignored inside a fiber.
 * @param function  See weft_run().
 * @param argument  See weft_run().
 * @return          See weft_run().
 * Errors           See weft_run().
 * Blocks           the thread, until all is done
 */
WEFT_API int weft_run_with(const struct weft_options *options, int (*function)(void *),
                           void *argument);

/**
 * Let every other fiber that is ready run before this one goes on.
 *
 * @return          0; -1 and errno if the caller is cancelled (it has yielded all the same).
 * Errors           ECANCELED; ETIMEDOUT a deadline around the call has passed; EPERM outside a
 *                  fiber.
 * Blocks           parks the fiber for one turn; cancellation point
 */
WEFT_API int weft_yield(void);

/**
 * Say whether the calling thread runs a fiber at this moment.
 *
 * @return          true inside a fiber, where blocking calls park it; false elsewhere.
 * Blocks           never
 */
WEFT_API bool weft_running(void);

/** A block whose calls hold the thread. Lives in the caller's memory. */
struct weft_blocking {
    void *fiber_;     /**< the runtime's */
    unsigned before_; /**< the runtime's */
};

/**
 * For the rest of the C block, let hooked calls hold the thread, as if Weft were not there.
 *
 * For the few calls that must not give way: around a fork(), in code that another fiber must not
 * see half done, to measure. Every other fiber of the loop waits meanwhile; the watchdog reports it
 * as any other stall. Nested blocks end one by one. Weft's own calls (weft_sleep(), channels) park
 * all the same. Outside a fiber it changes nothing.
 */
#define WEFT_BLOCKING() WEFT__BLOCKING_AS(WEFT__JOIN(weft_blocking_, __COUNTER__))
#define WEFT__BLOCKING_AS(name)                                                                    \
    WEFT_AUTO(weft_blocking) struct weft_blocking name;                                            \
    weft_blocking_init(&name)

/**
 * Begin to hold the thread; WEFT_BLOCKING's function.
 *
 * @param blocking  Uninitialised; ended by weft_blocking_fini() in the same fiber, in reverse order
 *                  of beginning.
 * Blocks           never
 */
WEFT_API void weft_blocking_init(struct weft_blocking *blocking);

/**
 * End it; what leaving the block calls. Keeps errno.
 *
 * @param blocking  Begun in the calling fiber.
 * Blocks           never
 */
WEFT_API void weft_blocking_fini(struct weft_blocking *blocking);

WEFT_END_DECLS

#endif
