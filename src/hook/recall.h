#ifndef WEFT_HOOK_RECALL_H
#define WEFT_HOOK_RECALL_H

#include "hook/hook.h"

/*
 * System calls that may wait for ever, and whose wait the kernel offers no readiness for: made on
 * another thread, which is called back when the fiber is cancelled, late or interrupted.
 *
 *      fiber                                   thread
 *      park until the call has ended           the call
 *      cancelled: ask for its end, and send    ends with EINTR, or with what had happened before;
 *      the thread a signal, again and again    without being asked it begins again
 *
 * The signal is a real-time one that the program does not use, with a handler that does nothing:
 * see docs/decisions/024-recall.md.
 */

/** No thread was to be had: all WEFT__RECALL_THREADS are taken, or there is no signal for them. */
#define WEFT__RECALL_BUSY (-ENOTRECOVERABLE)

/** DEADLINE has passed before the call ended. */
#define WEFT__RECALL_LATE (-ETIME)

/**
 * Make a system call on such a thread, between weft__interruptible_begin() and _end(): its result
 * or negative errno; -EINTR, -ECANCELED, -ETIMEDOUT: nothing has happened; or one of the above.
 */
long weft__recallable(struct weft__fiber *self, int64_t deadline, long number,
                      const long arguments[6]);

/** The same for a function: -EINTR from it stands for a call that was called back. */
long weft__recallable_function(struct weft__fiber *self, int64_t deadline,
                               long (*function)(void *argument), void *argument);

#endif
