/* Looking into a running loop. */
#ifndef WEFT_INSPECT_H
#define WEFT_INSPECT_H

#include <stdio.h>

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** Figures of one loop, taken at one moment. */
struct weft_stats {
    const char *backend;   /**< "io_uring" or "epoll" */
    size_t tasks;          /**< alive */
    size_t ready;          /**< waiting for their turn */
    size_t parked_io;      /**< parked on a descriptor */
    size_t parked_time;    /**< asleep */
    size_t parked_sync;    /**< parked on a condition, lock, channel, join or scope */
    size_t parked_offload; /**< parked on work in another thread */
    size_t watches;        /**< descriptors watched without a fiber */
    uint64_t spawned;      /**< tasks ever started */
    uint64_t switches;     /**< fibers ever resumed */
    uint64_t polls;        /**< times the kernel was asked for events */
    size_t stacks;         /**< stacks mapped, in use or kept for reuse */
    size_t stack_size;     /**< bytes reserved for each */
    unsigned load;         /**< percent of the last second that was not spent waiting */
    int64_t now;           /**< the loop's clock, ns */
};

/**
 * Take the figures of the calling thread's loop.
 *
 * @param stats     Set. Untouched on failure.
 * @return          0; -1 and errno otherwise.
 * Errors           EPERM no runtime on this thread.
 * Blocks           never
 */
WEFT_API int weft_stats(struct weft_stats *stats);

/**
 * Print the tree of the calling thread's tasks.
 *
 * One line a task: name or function, state, age, what it waits for (descriptor and peer, lock,
 * timer, task) and the native stack of parked ones.
 *
 * @param stream    Written to and not flushed; NULL: stderr.
 * @return          0; -1 and errno otherwise.
 * Errors           EPERM no runtime on this thread; what writing fails with.
 * Blocks           as the stream does
 */
WEFT_API int weft_dump(FILE *stream);

/** Bytes of a path that weft_inspect_listen() gives, its NUL included. */
#define WEFT_INSPECT_PATH_MAX 108

/**
 * Make the Unix socket by which `weft top` finds this process, without a runtime to answer there.
 *
 * For a program that supervises others: it accepts, checks who asks, reads a line, answers and
 * closes. Loops with weft_options.inspect make and serve their own.
 *
 * @param path      Set; for the caller to unlink.
 * @return          A listening socket that does not block; -1 and errno, with weft_error().
 * Errors           EPERM its folder is not the user's alone; ENAMETOOLONG; EMFILE; what mkdir(2)
 *                  and bind(2) fail with.
 * Blocks           never
 * Ownership        the descriptor and the path are the caller's
 */
WEFT_API int weft_inspect_listen(char path[WEFT_INSPECT_PATH_MAX]);

/** Most places that the watchdog tells apart in a process; stalls at others are not counted. */
#define WEFT_STALLS_MAX 64

/** Most return addresses kept of a stall. */
#define WEFT_STALL_FRAMES 16

/** A place where fibers have held a loop's thread for longer than `weft_options.watchdog`. */
struct weft_stall {
    char name[48];                         /**< weft_annotate() of the first fiber; may be empty */
    char function[64];                     /**< the fiber's */
    char call[32];                         /**< the system call it slept in; empty: it computed */
    uint64_t count;                        /**< how often */
    int64_t longest;                       /**< ns */
    int64_t total;                         /**< ns, all of them together */
    size_t frame_count;                    /**< of the next; 0: the stack could not be taken */
    const void *frames[WEFT_STALL_FRAMES]; /**< native stack of the first, innermost first */
};

/**
 * Tell where fibers have held the loops of this process.
 *
 * A watchdog thread samples every loop. A fiber that has held one for `weft_options.watchdog`
 * nanoseconds, because it computes or sleeps in a call that went around the hooks, is reported once
 * a place as a WEFT_LOG_WARNING, and counted here each time. A thread that merely did not get the
 * processor does not count. The stack of a fiber that computes is exact. Of one asleep in a system
 * call it is what a search of its stack found, which may be more than is there; the first two
 * addresses are exact.
 *
 * @param stalls    Set, in the order in which the places were first met. May be NULL if count is 0.
 * @param count     Room in stalls.
 * @return          Places known, at most WEFT_STALLS_MAX; may be above count.
 * Blocks           never
 * Threads          any
 */
WEFT_API size_t weft_stalls(struct weft_stall *stalls, size_t count);

/**
 * Print what a process has recorded of its blocking calls; what `weft doctor` prints.
 *
 * A process with WEFT_DOCTOR=FILE in its environment, FILE not existing or empty, records there
 * from its first weft_run() on: which calls parked a fiber, how often, how long and made by which
 * function; where a loop was held beyond the watchdog's threshold, and whether in a call that no
 * hook has seen; which of the objects loaded then have instructions for system calls of their own.
 * The record can be read while the process runs and after it has ended in whatever way. Recording
 * costs a walk of the stack for every park; what the watchdog finds is recorded, not logged.
 *
 * @param path      The record.
 * @param stream    Written to and not flushed; NULL: stderr.
 * @return          0; -1 and errno otherwise.
 * Errors           ENODATA nothing was recorded; EINVAL the file is no such record; what reading
 *                  and writing fail with.
 * Blocks           as reading a file and the stream do
 * Threads          any
 */
WEFT_API int weft_doctor_print(const char *path, FILE *stream);

WEFT_END_DECLS

#endif
