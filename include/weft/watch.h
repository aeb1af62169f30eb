/* Waiting for a descriptor without holding a stack. */
#ifndef WEFT_WATCH_H
#define WEFT_WATCH_H

#include <weft/base.h>
#include <weft/scope.h>

WEFT_BEGIN_DECLS

/** A descriptor somebody waits for, without a fiber. Opaque. */
struct weft_watch;

/**
 * Run a function in a fresh fiber whenever a descriptor becomes readable.
 *
 * Between two runs an idle connection holds neither a stack nor a buffer. A run that returns 1
 * keeps the watch; anything else ends it, -1 as a failed task. When the scope is cancelled the
 * function runs a last time, cancelled, so that it can release what argument holds.
 *
 * @param scope     Whose child the watch and its fibers are; it stays open while the watch exists.
 *                  NULL: the calling task's own scope.
 * @param fd        A pollable descriptor; not closed by the runtime. The function may close it if
 *                  it then ends the watch.
 * @param function  0 end, 1 go on, -1 with errno end as failed.
 * @param argument  Handed to each run as it is.
 * @return          The watch, valid until it has ended; NULL and errno otherwise.
 * Errors           as weft_spawn(); EBADF; EPERM the descriptor can't be polled (a regular file).
 * Blocks           never
 * Threads          the scope's thread only
 */
WEFT_API struct weft_watch *weft_watch(struct weft_scope *scope, int fd, int (*function)(void *),
                                       void *argument);

/**
 * Run a watch's function now, as if its descriptor had become readable.
 *
 * For closing connections that have been idle too long. Does nothing while the function runs.
 *
 * @param watch     Not ended.
 * Blocks           never
 * Threads          owning thread only
 */
WEFT_API void weft_watch_wake(struct weft_watch *watch);

WEFT_END_DECLS

#endif
