/*
 * Processes that serve together: a parent that binds, starts, watches and replaces its workers.
 *
 * The parent has no runtime and no thread. It forks worker processes, each with one loop or more,
 * hands them the listening sockets, and looks after them until SIGTERM or SIGINT.
 */
#ifndef WEFT_CONTAINER_H
#define WEFT_CONTAINER_H

#include <weft/base.h>
#include <weft/run.h>

WEFT_BEGIN_DECLS

/** One loop of a worker process. Opaque. */
struct weft_worker;

/** Most worker processes of a container. */
#define WEFT_CONTAINER_PROCESSES_MAX 256

/** Most loops of one worker process. */
#define WEFT_CONTAINER_THREADS_MAX 64

/** Most loops of a container, all its processes together. */
#define WEFT_CONTAINER_LOOPS_MAX 1024

/** Most listening addresses of a container. */
#define WEFT_CONTAINER_LISTENERS_MAX 16

/**
 * Options of a container. A zeroed struct with `work` asks for the defaults. WEFT_FOREVER turns a
 * time limit off.
 */
struct weft_container_options {
    const char *name; /**< in titles, log lines and `weft top`; default "weft" */

    /** The root fiber of each loop: opens what it needs, calls weft_worker_ready(), works until
        weft_worker_wait() returns, and ends with 0; -1 and errno, with weft_error(), if it can't
        go on. An end that was not asked for is a failure. */
    int (*work)(struct weft_worker *worker, void *context);

    /** Called once in each worker process before its loops, outside any runtime: 0; -1 and errno.
        May be NULL. */
    int (*load)(void *context);
    bool preload;  /**< call `load` in the parent instead, before each generation is forked, so that
                        workers share its memory; it must leave no threads behind */
    void *context; /**< handed to both */

    const char *const *addresses; /**< where to listen, as weft_http_options.address, and "fd:3" for
                                       a socket that was inherited. Sockets that a service manager
                                       has passed (LISTEN_FDS) are used in their place */
    size_t address_count;         /**< at most WEFT_CONTAINER_LISTENERS_MAX; 0: no listeners */
    bool reuse_port;              /**< a socket of its own for each loop (SO_REUSEPORT), between
                                       which the kernel chooses, in place of one for all */
    int backlog;                  /**< of listen(2); default 4096 */

    unsigned processes;                 /**< default: as many as there are CPUs to use */
    unsigned threads;                   /**< loops in each, a thread each; default 1 */
    const struct weft_options *runtime; /**< of every loop; NULL: the defaults */

    int64_t start_timeout;  /**< ns until a worker is ready; default 30 s */
    int64_t health_timeout; /**< ns for which a loop may not turn before its process is made to tell
                                 its stack, killed and replaced; default 30 s, at least 100 ms */
    int64_t grace;          /**< ns that workers get to end what they do, see weft_worker_grace();
                                 one second later they are killed. Default 10 s */
    size_t memory_limit;    /**< bytes resident in one process, above which it is replaced
                                 gracefully; 0: none */
    unsigned failures;      /**< ends of workers that were not asked for, within `failure_window`,
                                 that are borne; one more ends the container. Default 6 */
    int64_t failure_window; /**< ns; default 60 s */

    const char *watch; /**< a file whose change is taken as a SIGHUP; NULL: none */
    bool titles;       /**< show in `ps` who is who and what it does, in the place of main()'s
                            arguments and of the environment, which moves: texts of argv and those
                            that getenv() returned before are lost, so copy what is needed */
    bool inspect;      /**< let `weft top` and `weft dump` look into the parent and every worker */
};

/**
 * Run a container until SIGTERM or SIGINT.
 *
 * The signals: SIGTERM and SIGINT end it gracefully, a second one at once. SIGHUP starts a new
 * generation of workers; once all of them are ready the old ones end gracefully. If one fails to
 * become ready, the new ones go and the old ones stay. A worker that ends by itself, by a signal,
 * by its memory or by not turning its loop is replaced, after 100 ms at first, doubling up to 10 s,
 * give or take a quarter. What happens is logged (weft_log_set()).
 *
 * With NOTIFY_SOCKET in the environment the service manager is told READY, RELOADING, STOPPING and
 * STATUS; with WATCHDOG_USEC, WATCHDOG as well.
 *
 * @param options   Borrowed until the call returns.
 * @return          0 after a signal; -1 and errno, with weft_error() saying what to do, otherwise.
 * Errors           EINVAL an option, or an address; EPERM inside a fiber; EADDRINUSE, EACCES,
 *                  EADDRNOTAVAIL an address; ENOTRECOVERABLE workers failed too often; the errno of
 *                  a worker of the first generation that could not become ready; ENOMEM; EMFILE.
 * Blocks           the thread, until it is over
 * Threads          the process has no other thread, because it forks
 * Signals          SIGTERM, SIGINT, SIGHUP and SIGCHLD belong to the container while it runs
 */
WEFT_API int weft_container_run(const struct weft_container_options *options);

/**
 * Which loop a worker is.
 *
 * @param worker    Handed to `work`.
 * @return          From 0 to processes × threads - 1. The one that replaces a worker has its
 *                  number.
 * Blocks           never
 */
WEFT_API unsigned weft_worker_number(const struct weft_worker *worker);

/**
 * How many listening sockets there are.
 *
 * @param worker    Handed to `work`.
 * @return          As many as addresses, or as the service manager has passed.
 * Blocks           never
 */
WEFT_API size_t weft_worker_listeners(const struct weft_worker *worker);

/**
 * Take a descriptor of a listening socket.
 *
 * @param worker    Handed to `work`.
 * @param index     From 0, in the order of the addresses.
 * @return          A descriptor; -1 and errno otherwise.
 * Errors           EINVAL there is no such listener; EMFILE.
 * Blocks           never
 * Ownership        the descriptor is the caller's to close
 */
WEFT_API int weft_worker_listener(const struct weft_worker *worker, size_t index);

/**
 * Say that the worker serves. A process is ready once all of its loops are.
 *
 * @param worker    Handed to `work`.
 * Blocks           never
 * Threads          the worker's
 */
WEFT_API void weft_worker_ready(struct weft_worker *worker);

/**
 * Wait until the worker is asked to end.
 *
 * @param worker    Handed to `work`.
 * @return          0 once it is asked; -1 and errno otherwise.
 * Errors           ECANCELED, ETIMEDOUT the caller is.
 * Blocks           parks the fiber; cancellation point
 * Threads          the worker's
 */
WEFT_API int weft_worker_wait(struct weft_worker *worker);

/**
 * Say whether the worker has been asked to end.
 *
 * @param worker    Handed to `work`.
 * @return          true from then on.
 * Blocks           never
 * Threads          the worker's
 */
WEFT_API bool weft_worker_stopping(const struct weft_worker *worker);

/**
 * The time that the worker has for its end, once it is asked.
 *
 * @param worker    Handed to `work`.
 * @return          The container's `grace`.
 * Units            ns
 * Blocks           never
 */
WEFT_API int64_t weft_worker_grace(const struct weft_worker *worker);

/** What a worker does, for `weft top` and titles. */
struct weft_worker_figures {
    uint64_t connections; /**< open */
    uint64_t active;      /**< of them, with a request under way */
    uint64_t accepted;    /**< connections ever */
    uint64_t requests;    /**< ever */
};

/**
 * Have a function asked for the worker's figures, about once a second.
 *
 * @param worker    Handed to `work`.
 * @param function  Fills the figures in; it must not park.
 * @param argument  Handed to it.
 * Blocks           never
 * Threads          the worker's
 */
WEFT_API void weft_worker_observe(struct weft_worker *worker,
                                  void (*function)(void *argument,
                                                   struct weft_worker_figures *figures),
                                  void *argument);

/**
 * Say whether others should accept the next connection, because this loop has more than its share.
 *
 * Where many loops accept from one socket the kernel wakes the busiest first, and load piles up
 * there. A loop that has an eighth and four connections above the mean pauses for a millisecond
 * before it accepts.
 *
 * @param worker       Handed to `work`.
 * @param connections  It has open now.
 * @return             true if it should let others go first.
 * Blocks              never
 * Threads             the worker's
 */
WEFT_API bool weft_worker_crowded(struct weft_worker *worker, uint64_t connections);

WEFT_END_DECLS

#endif
