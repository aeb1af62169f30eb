/*
 * Waiting among the fibers of one loop: condition, semaphore, promise.
 *
 * All are first in, first out; a cancelled waiter loses neither a permit nor a wake-up. All live in
 * the caller's memory and start zeroed (a semaphore with its count). Across threads use ordinary
 * pthread objects: they park fibers too.
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** The fibers that wait for something, in order. */
struct weft_waiters {
    void *opaque_[2]; /**< the runtime's */
};

/** An event without memory: a signal reaches who waits now, nobody later. */
struct weft_condition {
    struct weft_waiters waiters; /**< zeroed */
};

/**
 * Wait for the next signal.
 *
 * @param condition Zeroed at first.
 * @return          0 once signalled; -1 and errno otherwise.
 * Errors           ECANCELED, ETIMEDOUT the caller is; EPERM outside a fiber.
 * Blocks           parks the fiber; cancellation point
 * Threads          one loop's fibers only
 */
WEFT_API int weft_condition_wait(struct weft_condition *condition);

/**
 * Wake the fiber that has waited longest.
 *
 * The caller runs on; the woken one runs at its turn.
 *
 * @param condition Zeroed at first.
 * @return          true if a fiber waited.
 * Blocks           never
 * Threads          one loop's fibers only
 */
WEFT_API bool weft_condition_signal(struct weft_condition *condition);

/**
 * Wake every fiber that waits now, in the order in which they came.
 *
 * @param condition Zeroed at first.
 * @return          How many waited.
 * Blocks           never
 * Threads          one loop's fibers only
 */
WEFT_API size_t weft_condition_broadcast(struct weft_condition *condition);

/** A number of permits. `{ .permits = 4 }` lets four fibers in at once. */
struct weft_semaphore {
    int64_t permits;             /**< free ones; below 0 after its limit was lowered */
    struct weft_waiters waiters; /**< zeroed */
};

/**
 * Take a permit, waiting for one.
 *
 * @param semaphore Set to its number of permits at first.
 * @return          0 with a permit; -1 and errno, without one, otherwise.
 * Errors           ECANCELED, ETIMEDOUT the caller is; EPERM outside a fiber.
 * Blocks           parks the fiber; cancellation point
 * Threads          one loop's fibers only
 */
WEFT_API int weft_semaphore_acquire(struct weft_semaphore *semaphore);

/**
 * Take a permit if one is free and nobody waits for it.
 *
 * @param semaphore See weft_semaphore_acquire().
 * @return          0 with a permit; -1 and errno otherwise.
 * Errors           EAGAIN none is free.
 * Blocks           never
 */
WEFT_API int weft_semaphore_try_acquire(struct weft_semaphore *semaphore);

/**
 * Give a permit back, to the fiber that has waited longest if any.
 *
 * @param semaphore See weft_semaphore_acquire().
 * Blocks           never
 * Threads          one loop's fibers only
 */
WEFT_API void weft_semaphore_release(struct weft_semaphore *semaphore);

/**
 * Raise or lower the number of permits while in use.
 *
 * @param semaphore See weft_semaphore_acquire().
 * @param change    Permits more; below 0, fewer: the next that many released vanish.
 * Blocks           never
 * Threads          one loop's fibers only
 */
WEFT_API void weft_semaphore_adjust(struct weft_semaphore *semaphore, int64_t change);

/** A value that comes once. Zeroed at first. */
struct weft_promise {
    int state;                   /**< 0 open, 1 resolved, 2 failed; read it, don't write it */
    int error;                   /**< the errno it failed with */
    void *value;                 /**< what it was resolved with */
    struct weft_waiters waiters; /**< zeroed */
};

/**
 * Give a promise its value and wake all who wait. The first outcome stays.
 *
 * @param promise   Zeroed at first.
 * @param value     Handed to every waiter as it is.
 * @return          true if this call decided it.
 * Blocks           never
 * Threads          one loop's fibers only
 */
WEFT_API bool weft_promise_resolve(struct weft_promise *promise, void *value);

/**
 * Fail a promise and wake all who wait. The first outcome stays.
 *
 * @param promise   Zeroed at first.
 * @param error     The errno that waiters get; above 0.
 * @return          true if this call decided it.
 * Blocks           never
 * Threads          one loop's fibers only
 */
WEFT_API bool weft_promise_fail(struct weft_promise *promise, int error);

/**
 * Wait for a promise's outcome.
 *
 * @param promise   Zeroed at first.
 * @param value     Set to its value. Untouched on failure. May be NULL.
 * @return          0 once resolved, at once if it already is; -1 and errno otherwise.
 * Errors           the errno it failed with; ECANCELED, ETIMEDOUT the caller is; EPERM outside a
 *                  fiber.
 * Blocks           parks the fiber; cancellation point
 * Threads          one loop's fibers only
 */
WEFT_API int weft_promise_wait(struct weft_promise *promise, void **value);

WEFT_END_DECLS

#endif
