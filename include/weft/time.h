/* The clock, sleeping, and time limits that reach code which has never heard of them. */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/**
 * The time now.
 *
 * @return          ns of CLOCK_MONOTONIC, read afresh; in a runtime with a virtual clock, that
 *                  clock's.
 * Units            ns
 * Blocks           never
 */
WEFT_API int64_t weft_now(void);

/**
 * Sleep.
 *
 * @param duration  ns; 0 or less yields once. Outside a fiber the thread sleeps.
 * @return          0 once the time is over; -1 and errno otherwise.
 * Errors           ECANCELED; ETIMEDOUT a deadline around the call came first.
 * Units            ns
 * Blocks           parks the fiber; cancellation point
 */
WEFT_API int weft_sleep(int64_t duration);

/** A limit on blocking for the rest of a C block. Lives in the caller's memory. */
struct weft_timeout {
    uint64_t opaque_[12]; /**< the runtime's */
};

/**
 * Limit the rest of the C block: blocking calls in it fail with ETIMEDOUT once `ns` have passed.
 *
 * Level-triggered, inherited by tasks started in scopes opened within; of nested ones the earliest
 * wins. Code that never blocks is not interrupted. WEFT_TIMEOUT_AS names it, for
 * weft_timeout_expired() and weft_timeout_set().
 */
#define WEFT_TIMEOUT(ns) WEFT_TIMEOUT_AS(WEFT__JOIN(weft_timeout_, __COUNTER__), ns)
#define WEFT_TIMEOUT_AS(name, ns)                                                                  \
    WEFT_AUTO(weft_timeout) struct weft_timeout name;                                              \
    weft_timeout_init(&name, (ns))

/**
 * Give the rest of the C block a bounded time in which blocking works in spite of a cancel.
 *
 * For clean-up code: a goodbye frame, a rollback. After `ns` its blocking calls fail with
 * ETIMEDOUT. Tasks started in scopes opened within are shielded with it.
 */
#define WEFT_SHIELD(ns) WEFT_SHIELD_AS(WEFT__JOIN(weft_shield_, __COUNTER__), ns)
#define WEFT_SHIELD_AS(name, ns)                                                                   \
    WEFT_AUTO(weft_timeout) struct weft_timeout name;                                              \
    weft_shield_init(&name, (ns))

/**
 * Begin a time limit; WEFT_TIMEOUT's function.
 *
 * @param timeout   Uninitialised; ended by weft_timeout_fini() in the same fiber, in reverse order
 *                  of beginning. Outside a fiber it limits nothing.
 * @param duration  ns; 0 or less has expired at once.
 * Units            ns
 * Blocks           never
 */
WEFT_API void weft_timeout_init(struct weft_timeout *timeout, int64_t duration);

/**
 * Begin a shield; WEFT_SHIELD's function.
 *
 * @param timeout   See weft_timeout_init().
 * @param duration  ns until the shielded code is interrupted after all.
 * Units            ns
 * Blocks           never
 */
WEFT_API void weft_shield_init(struct weft_timeout *timeout, int64_t duration);

/**
 * Move a limit: it expires `duration` from now.
 *
 * @param timeout   Begun and not ended.
 * @param duration  ns from now; WEFT_FOREVER: never.
 * @return          0; -1 and errno otherwise.
 * Errors           ETIMEDOUT it has already expired; EPERM another fiber's.
 * Units            ns
 * Blocks           never
 */
WEFT_API int weft_timeout_set(struct weft_timeout *timeout, int64_t duration);

/**
 * Say whether this very limit has expired, whatever nested or outer ones did.
 *
 * @param timeout   Begun; may have ended.
 * @return          true once it has.
 * Blocks           never
 */
WEFT_API bool weft_timeout_expired(const struct weft_timeout *timeout);

/**
 * End a time limit or a shield; what leaving the block calls. Keeps errno.
 *
 * @param timeout   Begun in the calling fiber, the innermost that has not ended.
 * Blocks           never
 */
WEFT_API void weft_timeout_fini(struct weft_timeout *timeout);

WEFT_END_DECLS

#endif
