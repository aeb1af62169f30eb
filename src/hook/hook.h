#ifndef WEFT_HOOK_HOOK_H
#define WEFT_HOOK_HOOK_H

/* The wrappers carry the very names that fortified headers would define inline. */
#undef _FORTIFY_SOURCE
#include <features.h>
#undef __USE_EXTERN_INLINES

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/fail.h"
#include "base/raw.h"
#include "fiber/fiber.h"

/*
 * How a hooked call goes.
 *
 *      program ── write() ──> wrapper (made from hook.tbl)
 *                               │ no fiber, or in a block that goes around: the real write()
 *                               │ cancelled: one turn of the others, -1 with ECANCELED
 *                               └─ weft__hook_write(): try without blocking
 *                                     done: result          EAGAIN: weft__await(), try again
 *
 * The tries are raw system calls that cannot block the thread whatever O_NONBLOCK says:
 * MSG_DONTWAIT on sockets, RWF_NOWAIT where the kernel has it, poll first and then another thread
 * for the rest. The flags of a descriptor are never touched (but see connect).
 */

/* What a sanitizer calls while it begins must not be instrumented by it. */
#if defined(__SANITIZE_THREAD__)
#define WEFT__EARLY __attribute__((no_sanitize("thread")))
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT__EARLY __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef WEFT__EARLY
#define WEFT__EARLY
#endif

#include "hook/hook_real.inc"

extern struct weft__real weft__real;

/** Find all real functions; any thread, any number of times, also from inside a look-up. */
void weft__resolve(void);

/** The real function, also before the library's constructor has run. */
#define WEFT__REAL(name)                                                                           \
    (*(__builtin_expect(weft__real.name != NULL, 1) ? weft__real.name                              \
                                                    : (weft__resolve(), weft__real.name)))

/** End the program as the C library does when a fortified call would overrun its buffer. */
_Noreturn void weft__check_failed(void);

/** The fiber whose calls of a family are to park; NULL where the real function must answer. */
WEFT__EARLY static inline struct weft__fiber *weft__hooked_fiber(enum weft__family family)
{
    struct weft__fiber *self = weft__current;
    const unsigned around = 1U << family | WEFT__AROUND_ASKED | WEFT__AROUND_HANDLER;
    return __builtin_expect(self != NULL, 1) && !(self->around & around) ? self : NULL;
}

/** A raw result in libc's form; success leaves errno as it was. */
static inline ssize_t weft__result(long result)
{
    return __builtin_expect(result < 0, 0) ? weft__fail((int)-result) : (ssize_t)result;
}

/* descriptor.c */

/** What a descriptor is, found out at first use. Numbers out of range are looked at every time. */
enum weft__fd_kind weft__kind(int fd);

/** Look again: a call was answered as this kind never does. */
enum weft__fd_kind weft__kind_again(int fd);

/** Correct the kind that was guessed. */
void weft__kind_set(int fd, enum weft__fd_kind kind);

static inline bool weft__is_socket(enum weft__fd_kind kind)
{
    return kind == WEFT__FD_STREAM || kind == WEFT__FD_SOCKET;
}

/** Whether the program has asked for O_NONBLOCK. */
bool weft__is_nonblocking(int fd);

/** WEFT__FD_* flags of a descriptor; 0 when nothing is known. */
unsigned weft__flags(int fd);

/** Somebody else may change its flags, or take what comes to it, from now on. */
void weft__share(int fd);

/** How often a descriptor's number has changed hands. */
uint32_t weft__generation(int fd);

/** Whether the next call on a socket will report an error that came from the network. */
bool weft__error_pending(int fd);

/** Take note of a descriptor that was just made, if it is one; returns it. */
int weft__note_opened(int fd);

/** Patience: what waiting for one descriptor during one call has found out already. */
struct weft__patience {
    int64_t deadline; /* of SO_RCVTIMEO or SO_SNDTIMEO */
    uint32_t generation;
    bool begun;
    bool again;    /* has waited before */
    bool moved;    /* some of it has happened: whatever interrupts ends the call */
    bool restarts; /* in spite of a deadline, which is a moment, a handler may let it go on */
};

/**
 * After a try that gave EAGAIN: 0 to try again, or a negative errno for the caller.
 *
 * -EAGAIN O_NONBLOCK, or the socket's own time limit; -EBADF closed meanwhile; -EPERM it can't be
 * polled; -ECANCELED, -ETIMEDOUT; -EINTR a handler
 * has ended the call.
 */
int weft__await(struct weft__fiber *self, int fd, uint32_t events, struct weft__patience *patience);

/**
 * Until a poll() finds the events, if the descriptor blocks; splice.c. 0, or a negative errno.
 */
int weft__await_ready(struct weft__fiber *self, int fd, short events);

/** weft__await() on a descriptor known to be blocking. */
int weft__await_blocking(struct weft__fiber *self, int fd, uint32_t events,
                         struct weft__patience *patience);

/** What the fiber's loop remembers of a descriptor if it has ever waited for it, else NULL. */
static inline struct weft__interest *weft__interest_known(struct weft__fiber *self, int fd)
{
    struct weft__loop *loop = &self->runtime->loop;
    size_t chunk = (size_t)(unsigned)fd / WEFT__INTEREST_CHUNK;
    if (chunk >= loop->interest_chunks || !loop->interests[chunk])
        return NULL;
    return &loop->interests[chunk][(size_t)(unsigned)fd % WEFT__INTEREST_CHUNK];
}

/** Whether a descriptor is ready for POLL... events, or in error, without waiting. */
bool weft__ready_now(int fd, short events);

/** The moment DURATION (of a timespec) from now; INT64_MAX for NULL. */
int64_t weft__deadline_after(const struct weft__fiber *self, const struct timespec *duration);

static inline bool weft__timespec_valid(const struct timespec *time)
{
    return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < 1000000000;
}

/** In ns, at most INT64_MAX. */
static inline int64_t weft__timespec_ns(const struct timespec *time)
{
    if (time->tv_sec >= INT64_MAX / 1000000000)
        return INT64_MAX;
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/** What is left until DEADLINE, not below 0. */
static inline int64_t weft__left(const struct weft__fiber *self, int64_t deadline)
{
    int64_t left = deadline - weft__now(self->runtime);
    return left < 0 ? 0 : left;
}

static inline struct timespec weft__timespec(int64_t ns)
{
    return (struct timespec){ ns / 1000000000, ns % 1000000000 };
}

/* offloaded.c: a call that has to be made where it may block */

/** A system call on another thread, the fiber parked: the result or a negative errno. */
long weft__offload_raw(long number, long a, long b, long c, long d, long e, long f);

/* opening.c */

/** Whether an open may wait for somebody: of a FIFO, or a terminal line. */
bool weft__open_waits(int folder, const char *path, int flags);

/* parts.c: an I/O vector of which a part has been moved */

enum {
    WEFT__WINDOW = 64
};

struct weft__parts {
    const struct iovec *parts;
    size_t count;
    size_t offset; /* into the first */
    size_t left;   /* bytes */
};

/** false: more than SSIZE_MAX bytes, or a count that is refused. */
bool weft__parts_init(struct weft__parts *parts, const struct iovec *vector, size_t count);

void weft__parts_advance(struct weft__parts *parts, size_t moved);

/** Fill WINDOW with what comes next; how many were filled. */
size_t weft__parts_window(const struct weft__parts *parts, struct iovec window[WEFT__WINDOW]);

/* io.c */

/** read(2) on a socket, SIZE above 0: the count or a negative errno. */
long weft__read_socket(struct weft__fiber *self, int fd, const struct weft__fd *entry, void *buffer,
                       size_t size);

/**
 * Go on writing after a part has been moved: the bytes moved from here on, until something stops
 * it.
 *
 * With FLAGS of send(2) for sockets; -1 for anything else.
 */
long weft__write_rest(struct weft__fiber *self, int fd, struct weft__parts *rest, int flags);

/** A stream gave fewer bytes than asked for: it is empty until the next event. */
void weft__note_short_read(struct weft__fiber *self, int fd);

#endif
