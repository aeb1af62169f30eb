/* Tasks: functions that run as fibers, their results and their cancellation. */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** A started function. Opaque; see weft_go() for how long it is valid. */
struct weft_task;
struct weft_scope;

/** Most bytes of argument that weft_go() copies into a fiber. */
#define WEFT_ARGUMENT_MAX ((size_t)4096)

/** What became of a task. */
struct weft_result {
    int value;      /**< what the function returned */
    int error;      /**< its errno if value < 0, else 0 */
    bool cancelled; /**< it failed after a cancel or a deadline had reached it */
};

/**
 * Start a function as a fiber, with a copy of a struct as its argument.
 *
 *     weft_go(&scope, fetch, (struct job){ .url = url });
 *
 * The child runs at once, to its first park, before weft_go() returns. See weft_spawn().
 */
#define weft_go(scope, function, ...)                                                              \
    weft_spawn((scope), (function), &(__VA_ARGS__), sizeof(__VA_ARGS__))

/** weft_go() for background work: see weft_spawn_transient(). */
#define weft_go_transient(scope, function, ...)                                                    \
    weft_spawn_transient((scope), (function), &(__VA_ARGS__), sizeof(__VA_ARGS__))

/**
 * Start a function as a fiber.
 *
 * The child runs at once, to its first park or its end, before the call returns. The call waits
 * while `.limit` children of the scope run, or while the loop's load is above `.load`.
 *
 * @param scope     Whose child it becomes; any fiber of the loop may add to a scope it can see.
 *                  NULL: the calling task's own scope, which the task's end waits for: a failed
 *                  child makes a task fail that has not failed itself, and a task that fails
 *                  cancels it.
 * @param function  The body: 0 or more, or -1 with errno. A failure cancels the siblings unless
 *                  the scope says `.keep_going`.
 * @param argument  Copied into the fiber, aligned for any type; the function gets the copy's
 *                  address. NULL when size is 0.
 * @param size      Of the argument, bytes; at most WEFT_ARGUMENT_MAX.
 * @return          The task, valid until weft_join() or weft_scope_next() has returned it or its
 *                  scope has ended; with `.reap` and for transient tasks, only until the task has
 *                  ended. NULL and errno if it
 *                  was not started; the failure is latched in the scope, so it may be ignored here.
 * Errors           ECANCELED, ETIMEDOUT the caller or the scope is cancelled or late; EINVAL the
 *                  scope has ended, or size is too large; ENOMEM; EAGAIN `max_tasks` run; EPERM
 *                  outside a fiber, or the scope belongs to another thread.
 * Blocks           parks the fiber while the scope is full; cancellation point then
 * Threads          the scope's thread only
 * Ownership        the scope owns the task
 * Source           Async Ruby's `task.async`
 */
WEFT_API struct weft_task *weft_spawn(struct weft_scope *scope, int (*function)(void *),
                                      const void *argument, size_t size);

/**
 * Start background work that keeps nothing alive.
 *
 * As weft_spawn(), but the scope does not wait for the task: once all other children have ended,
 * its transient ones are cancelled, and their clean-up runs to its end.
 *
 * @param scope     NULL: the runtime's own scope, so that the task may outlive its creator.
 * @param function  See weft_spawn(). Its failure never cancels siblings.
 * @param argument  See weft_spawn().
 * @param size      See weft_spawn().
 * @return          See weft_spawn().
 * Errors           See weft_spawn().
 * Blocks           never waits for a full scope
 * Source           Async Ruby's `transient: true`
 */
WEFT_API struct weft_task *weft_spawn_transient(struct weft_scope *scope, int (*function)(void *),
                                                const void *argument, size_t size);

/**
 * Wait for a task and collect its result.
 *
 * @param task      Of a scope the caller can see. Consumed: invalid once 0 is returned.
 * @param result    What became of it. Untouched on failure. May be NULL.
 * @return          0 once the task has ended, whatever it returned; -1 and errno otherwise.
 * Errors           ECANCELED the caller was cancelled; ETIMEDOUT a WEFT_TIMEOUT around the call
 *                  expired (the task runs on); EDEADLK task is the caller or has it below it;
 *                  EBUSY another fiber already waits for it; EINVAL its scope reaps its tasks.
 * Blocks           parks the fiber; cancellation point
 * Threads          owning thread only
 * Ownership        weft_error() of a failed task moves to the caller.
 * Source           pthread_join(3)'s shape
 */
WEFT_API int weft_join(struct weft_task *task, struct weft_result *result);

/**
 * Cancel a task and everything below it.
 *
 * Level-triggered: from now on every blocking call in the subtree fails with ECANCELED, except in
 * a WEFT_SHIELD. The call only asks; weft_join() tells when the task has ended. A task that has
 * ended stays as it is.
 *
 * @param task      Of a scope the caller can see; may be the caller.
 * @return          0; -1 and errno otherwise.
 * Errors           EPERM the task belongs to another thread.
 * Blocks           never
 * Threads          owning thread only
 * Source           Trio's cancel scopes; Async Ruby's `task.cancel`
 */
WEFT_API int weft_cancel(struct weft_task *task);

/**
 * The task of the calling fiber.
 *
 * @return          The task; NULL outside a fiber.
 * Blocks           never
 */
WEFT_API struct weft_task *weft_self(void);

/**
 * Say why the calling fiber is cancelled, without blocking.
 *
 * @return          0 while it is not; ECANCELED or ETIMEDOUT, which its blocking calls fail with.
 * Blocks           never
 */
WEFT_API int weft_cancelled(void);

/**
 * Name what the calling fiber does, for weft_dump() and reports.
 *
 * @param format    As printf(3); the text is cut at 47 bytes.
 * Blocks           never
 */
WEFT_API void weft_annotate(const char *format, ...) __attribute__((format(printf, 1, 2)));

WEFT_END_DECLS

#ifdef __cplusplus
/* C++ has no address of a compound literal: there weft_go() takes any trivially copyable value. */
#undef weft_go
#undef weft_go_transient
template <typename T>
static inline weft_task *weft_go(weft_scope *scope, int (*function)(void *), const T &argument)
{
    static_assert(__is_trivially_copyable(T), "a fiber's argument is copied byte by byte");
    return weft_spawn(scope, function, &argument, sizeof argument);
}
template <typename T>
static inline weft_task *weft_go_transient(weft_scope *scope, int (*function)(void *),
                                           const T &argument)
{
    static_assert(__is_trivially_copyable(T), "a fiber's argument is copied byte by byte");
    return weft_spawn_transient(scope, function, &argument, sizeof argument);
}
#endif

#endif
