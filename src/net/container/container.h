#ifndef WEFT_NET_CONTAINER_H
#define WEFT_NET_CONTAINER_H

/*
 * A container: the parent's side and its workers'.
 *
 *      parent  poll: signals, a socket to each worker, `weft top`        no runtime, no thread
 *        | fork                     ^ READY=1, ERRNO=, STATUS=, DUMP=
 *        v                          |
 *      worker  runtime: work(), a beat in shared memory, SIGTERM from a signalfd
 *
 *      container.c   the parent's loop from the first bind to the last child
 *      seats.c       which process sits where: starts, failures, generations
 *      process.c     one worker process as its parent sees it
 *      health.c      beats, start times, memory, deadlines
 *      child.c       the worker process
 *      guard.c       the worker's end when the parent was killed
 *      worker.c      what the worker's own code may ask
 *      listeners.c   the sockets, bound once, for all generations
 *      notify.c      the service manager's protocol: sockets in, state out
 *      supervise.c   the socket for `weft top`
 *      title.c       what `ps` shows
 *
 * A seat has a process that serves, and while it is being replaced a successor. A new generation is
 * a successor for every seat, which take over together or not at all.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <weft/container.h>
#include <weft/time.h>

#include "base/list.h"
#include "net/listen.h"

enum {
    WEFT__GENERATIONS = 8,   /* that end at the same time, at most */
    WEFT__MESSAGE = 1280,    /* bytes of one message of a worker */
    WEFT__DUMP_LINES = 2000, /* of one worker that are logged, at most */
    WEFT__SUPERVISE_CLIENTS = 8,
    WEFT__FAILURES_MAX = 1024,
};

#define WEFT__TICK (100 * WEFT_MILLISECOND)
#define WEFT__KILL_MARGIN WEFT_SECOND

/* What a loop tells of itself, in memory that all processes share. */
struct weft__slot {
    _Atomic int64_t beat; /* when it last turned; 0: not yet */
    _Atomic pid_t thread;
    _Atomic bool accepting; /* ready, and not asked to end */
    _Atomic uint32_t load;  /* percent of the last second */
    _Atomic uint64_t connections;
    _Atomic uint64_t active;
    _Atomic uint64_t accepted;
    _Atomic uint64_t requests;
};

enum weft__process_state {
    WEFT__PROCESS_STARTING,
    WEFT__PROCESS_READY,
    WEFT__PROCESS_DUMPING,  /* it tells its stacks, and is killed then */
    WEFT__PROCESS_STOPPING, /* it was asked to end */
};

struct weft__seat;

struct weft__process {
    struct weft__list node; /* in the container's list */
    struct weft__seat *seat;
    pid_t pid;
    int control; /* the parent's end; -1: the worker has closed its own */
    unsigned generation;
    size_t place; /* among those that own slots */
    size_t slot;  /* of its first loop */
    enum weft__process_state state;
    bool killed;      /* by us */
    int64_t started;  /* ns */
    int64_t ready;    /* ns; 0: never */
    int64_t deadline; /* ns; when it is killed, if it is stopping or dumping */
    size_t memory;    /* bytes resident, as last seen */
    unsigned lines;   /* of its dump that were logged */
    unsigned frames;  /* messages to come that are a frame of its stack each */
    int error;        /* the errno that it gave up with; 0: none */
    char reason[256]; /* what it said, or why it was killed; "" */
};

/* A place for one process. */
struct weft__seat {
    unsigned number;
    struct weft__process *current;
    struct weft__process *successor;
    unsigned streak; /* failures in a row */
    int64_t retry;   /* ns; when to start again; 0: nothing to start */
    uint64_t restarts;
};

struct weft__client {
    int fd; /* -1: free */
    int64_t deadline;
    size_t used;
    char request[32];
};

/* The service manager: NOTIFY_SOCKET and WATCHDOG_USEC. */
struct weft__manager {
    int fd;           /* -1: there is none */
    int64_t interval; /* ns between two WATCHDOG=1; 0: none wanted */
    int64_t next;
};

struct weft__listeners {
    size_t count;               /* of addresses */
    size_t per;                 /* sockets of each: 1, or one a loop */
    struct weft__listener *all; /* count × per */
};

struct weft__container {
    struct weft_container_options options; /* with the defaults filled in */
    struct weft__listeners listeners;
    struct weft__slot *slots; /* shared */
    size_t slot_count;
    bool *slots_taken;
    struct weft__seat *seats; /* options.processes of them */
    struct weft__list processes;
    size_t process_count;

    int signals; /* a signalfd */
    sigset_t mask_before;
    struct sigaction child_before;
    int supervisor; /* -1: there is none */
    char supervisor_path[108];
    int64_t supervisor_rest; /* ns; until when nobody is let in */
    struct weft__client clients[WEFT__SUPERVISE_CLIENTS];
    struct weft__manager manager;

    unsigned generation;
    bool was_ready; /* the first generation has been */
    bool renewing;  /* every seat has a successor */
    bool renew;     /* another generation is wanted */
    bool stopping;
    int64_t stop_deadline;
    int64_t failed[WEFT__FAILURES_MAX]; /* a ring of times */
    uint64_t failure_count;
    int64_t started;
    int64_t looked;          /* when health was last checked */
    int64_t trusted;         /* beats before this are not held against anybody: we were asleep */
    int64_t memory_seen;     /* when memory was last looked at */
    struct timespec watched; /* of the watched file */
    ino_t watched_inode;
    int64_t watch_changed; /* ns; 0: it has not */
    unsigned random;

    int error; /* what the container ends with; 0: nothing */
    char reason[216];
};

/* seats.c */

/** Fork the processes that are due: those of seats without one. */
void weft__seats_start(struct weft__container *container, int64_t now);
/** A process has become ready. */
void weft__seats_ready(struct weft__container *container, struct weft__process *process);
/** A process has ended, as wait(2) tells, and is no more. */
void weft__seats_ended(struct weft__container *container, struct weft__process *process,
                       int status);
/** Begin a new generation, or remember that one is wanted. */
void weft__seats_renew(struct weft__container *container);
/** Start a process that is to take the place of the present one. */
void weft__seats_replace(struct weft__container *container, struct weft__seat *seat);
/** Count a failure; ends the container when there are too many. */
void weft__seats_failure(struct weft__container *container, const char *what);
/** End the container gracefully; the second time at once. */
void weft__seats_stop(struct weft__container *container);
/** The container can't go on: it ends with this error. */
void weft__seats_give_up(struct weft__container *container, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* process.c */

/** Fork a worker. NULL and errno. */
struct weft__process *weft__process_start(struct weft__container *container,
                                          struct weft__seat *seat);
/** Ask it to end; it is killed if that takes too long. */
void weft__process_stop(struct weft__container *container, struct weft__process *process);
/** SIGKILL, for a reason. */
void weft__process_kill(struct weft__process *process, const char *reason);
/** Have it tell what its loop does, then kill it. */
void weft__process_dump(struct weft__process *process, pid_t thread, const char *reason);
/** Read what it says. */
void weft__process_hear(struct weft__container *container, struct weft__process *process);
/** Look whether it has ended: true, and it is reaped; *status is wait(2)'s. */
bool weft__process_ended(struct weft__process *process, int *status);
/** Forget it. */
void weft__process_free(struct weft__container *container, struct weft__process *process);
/** "worker 2 (pid 4711)" */
const char *weft__process_name(const struct weft__process *process, char text[48]);

/* health.c */

void weft__health_check(struct weft__container *container, int64_t now);

/* child.c */

/** Be a worker, until its end. */
_Noreturn void weft__child_run(struct weft__container *container, struct weft__process *process,
                               int control);

/* listeners.c */

/** Bind all addresses, or take what the service manager passed. 0; -1 and errno, weft_error(). */
int weft__listeners_open(struct weft__container *container);
void weft__listeners_close(struct weft__container *container);
/** The socket of a loop for an address. */
const struct weft__listener *weft__listeners_of(const struct weft__container *container,
                                                size_t address, size_t loop);

/* notify.c */

/** Sockets that the service manager has passed, from descriptor 3 on. */
size_t weft__manager_sockets(void);
void weft__manager_open(struct weft__manager *manager);
void weft__manager_close(struct weft__manager *manager);
/** Tell it, in lines of KEY=value. */
void weft__manager_tell(const struct weft__manager *manager, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void weft__manager_tick(struct weft__manager *manager, int64_t now);

/* supervise.c */

void weft__supervise_open(struct weft__container *container);
void weft__supervise_close(struct weft__container *container);
void weft__supervise_forget(const struct weft__container *container, pid_t pid);
void weft__supervise_accept(struct weft__container *container);
/** A client has said something, or its time is over. */
void weft__supervise_hear(struct weft__container *container, struct weft__client *client,
                          int64_t now);

/* title.c */

/** Make room for titles. Without it they are not set. */
void weft__title_prepare(void);
void weft__title_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
