/* Scopes: a block of code that ends only when every fiber started in it has ended. */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include <weft/base.h>
#include <weft/task.h>

WEFT_BEGIN_DECLS

/**
 * A set of tasks with one outcome.
 *
 * Lives in the caller's memory, zeroed but for the options. It opens at its first use (the
 * `timeout` runs from there) and ends in weft_scope_wait() or weft_scope_fini(); after that only
 * weft_scope_fini() may be called on it. The fiber that opened it must end it.
 */
struct weft_scope {
    const char *name; /**< shown by weft_dump(); may be NULL */
    size_t limit;     /**< most children that run at once, weft_go() waits; 0: no limit */
    int64_t timeout;  /**< ns from opening until the children fail with ETIMEDOUT; 0: none */
    unsigned load;    /**< percent of the loop's time; weft_go() waits while more is busy; 0: off */
    bool keep_going;  /**< a failing child does not cancel its siblings */
    bool reap;        /**< tasks are released as they end: no weft_join(), no weft_scope_next() */
    uint64_t opaque_[28]; /**< the runtime's */
};

/**
 * Wait until every child has ended, those included that other fibers wait in weft_go() to start,
 * and end the scope.
 *
 * Transient children are cancelled once the others have ended. If the caller is cancelled or late
 * meanwhile, so are the children, and the call still waits for them.
 *
 * @param scope     Open, or never used (then the call returns 0 at once).
 * @return          0 if all went well; -1 and the errno of what came first otherwise.
 * Errors           a child's errno; ECANCELED the scope or its caller was cancelled; ETIMEDOUT the
 *                  scope's timeout, or a deadline around it, passed while children ran; what
 *                  weft_go() failed with; EPERM not the fiber that opened it; EINVAL it has ended.
 * Blocks           parks the fiber until the last child has ended
 * Threads          owning thread only
 * Ownership        weft_error() of the first failed child moves to the caller.
 */
WEFT_API int weft_scope_wait(struct weft_scope *scope);

/**
 * Wait for the next child to end, in the order in which they end.
 *
 * @param scope     Open, without `.reap`; only the fiber that opened it may take from it.
 * @param result    What became of it. Untouched on failure. May be NULL.
 * @return          1 when a task was taken; 0 when no child is left; -1 and errno otherwise.
 * Errors           ECANCELED, ETIMEDOUT the caller is; EINVAL the scope has ended or reaps.
 * Blocks           parks the fiber; cancellation point
 * Threads          owning thread only
 * Ownership        The task taken is consumed; its weft_error() moves to the caller.
 * Source           Async Ruby's Barrier#wait: "first N, stop the rest"
 */
WEFT_API int weft_scope_next(struct weft_scope *scope, struct weft_result *result);

/**
 * Cancel every child of a scope, now and to come.
 *
 * @param scope     Open; on one never used or ended it does nothing.
 * @return          0; -1 and errno otherwise.
 * Errors           EPERM the scope belongs to another thread.
 * Blocks           never
 * Threads          owning thread only
 */
WEFT_API int weft_scope_cancel(struct weft_scope *scope);

/**
 * Count the children of a scope that have not ended, transient ones included.
 *
 * @param scope     In any state.
 * @return          Their number.
 * Blocks           never
 */
WEFT_API size_t weft_scope_count(const struct weft_scope *scope);

/**
 * End a scope early: cancel its children and wait for them.
 *
 * What WEFT_AUTO(weft_scope) calls. Does nothing on a scope never used or already ended. Keeps
 * errno.
 *
 * @param scope     In any state; NULL does nothing.
 * Blocks           parks the fiber until the last child has ended
 * Threads          owning thread only
 */
WEFT_API void weft_scope_fini(struct weft_scope *scope);

WEFT_END_DECLS

#endif
