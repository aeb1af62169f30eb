/* Work that would hold the thread: computation, files, calls no hook covers. */
#ifndef WEFT_OFFLOAD_H
#define WEFT_OFFLOAD_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/**
 * Run a function on a bounded pool of threads, parking the fiber meanwhile.
 *
 * If the caller is cancelled before a thread took the function up, it never runs; after that the
 * call waits for its end and reports it, so the function may use the caller's memory.
 *
 * @param function  Runs outside any fiber, once. 0 or more, or -1 with errno.
 * @param argument  Handed to it as it is.
 * @return          What it returned, with its errno; -1 and errno if it did not run.
 * Errors           the function's; ECANCELED, ETIMEDOUT it did not run; EAGAIN no thread could be
 *                  started and none exists. Outside a fiber the function runs in place.
 * Blocks           parks the fiber; cancellation point
 * Source           Async Ruby's worker pool
 */
WEFT_API int weft_offload(int (*function)(void *), void *argument);

WEFT_END_DECLS

#endif
