/*
 * What is known of descriptors, and the calls by which a number changes hands.
 *
 * Kinds and flags are only ever hints for which try to make first: a wrong one costs a system call,
 * never a blocked thread.
 */
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hook/children.h"
#include "hook/files.h"
#include "hook/hook.h"
#include "hook/stdio.h"
#include "loop/private.h"

/* --- kinds */

static long socket_option(int fd, int name, void *value, socklen_t size)
{
    return weft__raw(SYS_getsockopt, fd, SOL_SOCKET, name, value, &size);
}

/* Only TCP: a local socket's read also ends short at passed descriptors, with more behind them. */
static enum weft__fd_kind socket_kind(int domain, int type, int protocol)
{
    bool internet = domain == AF_INET || domain == AF_INET6;
    if (internet && type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
        return WEFT__FD_STREAM;
    return WEFT__FD_SOCKET;
}

/* null, zero, full, random, urandom: nobody waits for them, and they are read whole. */
static bool is_memory(const struct stat *status)
{
    enum {
        MEMORY_DEVICES = 1 /* Documentation/admin-guide/devices.txt of Linux */
    };
    if (!S_ISCHR(status->st_mode) || major(status->st_rdev) != MEMORY_DEVICES)
        return false;
    unsigned number = minor(status->st_rdev);
    return number == 3 || number == 5 || (number >= 7 && number <= 9);
}

static enum weft__fd_kind find_kind(int fd)
{
    int type = 0, domain = 0, protocol = 0;
    if (socket_option(fd, SO_TYPE, &type, sizeof type) == 0) {
        socket_option(fd, SO_DOMAIN, &domain, sizeof domain);
        socket_option(fd, SO_PROTOCOL, &protocol, sizeof protocol);
        return socket_kind(domain, type, protocol);
    }
    struct stat status;
    if (fstat(fd, &status) < 0)
        return WEFT__FD_UNKNOWN;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode) ||
        is_memory(&status))
        return WEFT__FD_FILE;
    return WEFT__FD_NOWAIT; /* until a call says that it does not work */
}

void weft__kind_set(int fd, enum weft__fd_kind kind)
{
    struct weft__fd *entry = weft__fd(fd);
    if (entry)
        atomic_store_explicit(&entry->kind, (uint8_t)kind, memory_order_relaxed);
}

enum weft__fd_kind weft__kind_again(int fd)
{
    int saved = errno;
    enum weft__fd_kind kind = find_kind(fd);
    weft__kind_set(fd, kind);
    errno = saved;
    return kind;
}

enum weft__fd_kind weft__kind(int fd)
{
    struct weft__fd *entry = weft__fd(fd);
    enum weft__fd_kind kind =
        entry ? atomic_load_explicit(&entry->kind, memory_order_acquire) : WEFT__FD_UNKNOWN;
    return kind != WEFT__FD_UNKNOWN ? kind : weft__kind_again(fd);
}

/* --- flags */

enum {
    KNOWN = WEFT__FD_OURS | WEFT__FD_FLAGS_KNOWN
};

unsigned weft__flags(int fd)
{
    struct weft__fd *entry = weft__fd(fd);
    return entry ? atomic_load_explicit(&entry->flags, memory_order_relaxed) : 0;
}

static void flag_set(int fd, unsigned flag, bool on)
{
    struct weft__fd *entry = weft__fd(fd);
    if (entry && on)
        atomic_fetch_or_explicit(&entry->flags, (uint8_t)flag, memory_order_relaxed);
    else if (entry)
        atomic_fetch_and_explicit(&entry->flags, (uint8_t)~flag, memory_order_relaxed);
}

void weft__share(int fd)
{
    flag_set(fd, KNOWN, false);
}

bool weft__is_nonblocking(int fd)
{
    unsigned flags = weft__flags(fd);
    if ((flags & KNOWN) == KNOWN)
        return flags & WEFT__FD_NONBLOCK;
    long status = weft__raw(SYS_fcntl, fd, F_GETFL);
    return status >= 0 && status & O_NONBLOCK;
}

/* After a fork both sides may change the flags of what they share. */
static void share_all(void)
{
    for (size_t i = 0; i < WEFT__FD_CHUNKS; i++) {
        struct weft__fd *chunk = atomic_load_explicit(&weft__fd_chunks[i], memory_order_acquire);
        for (size_t j = 0; chunk && j < WEFT__FD_CHUNK; j++)
            atomic_fetch_and_explicit(&chunk[j].flags, (uint8_t)~KNOWN, memory_order_relaxed);
    }
}

__attribute__((constructor)) static void share_at_fork(void)
{
    pthread_atfork(NULL, share_all, share_all);
}

bool weft__error_pending(int fd)
{
    struct pollfd one = { .fd = fd };
    struct timespec now = { 0 };
    return weft__raw(SYS_ppoll, &one, 1, &now, NULL, 8) > 0 && one.revents & POLLERR;
}

/* A handler may end even a system call that does not wait. */
bool weft__ready_now(int fd, short events)
{
    struct pollfd one = { .fd = fd, .events = events };
    struct timespec now = { 0 };
    long ready;
    do
        ready = weft__raw(SYS_ppoll, &one, 1, &now, NULL, 8);
    while (ready == -EINTR);
    return ready != 0;
}

/* --- waiting */

/* The socket's own limit; 0 s means none. */
static int64_t socket_deadline(struct weft__fiber *self, int fd, uint32_t events)
{
    bool sending = events & EPOLLOUT;
    unsigned flag = sending ? WEFT__FD_SNDTIMEO : WEFT__FD_RCVTIMEO;
    unsigned flags = weft__flags(fd);
    if ((flags & KNOWN) == KNOWN && !(flags & flag))
        return INT64_MAX;
    struct timeval limit = { 0 };
    if (socket_option(fd, sending ? SO_SNDTIMEO : SO_RCVTIMEO, &limit, sizeof limit) < 0)
        return INT64_MAX;
    if (limit.tv_sec == 0 && limit.tv_usec == 0) {
        if ((flags & KNOWN) == KNOWN)
            flag_set(fd, flag, false);
        return INT64_MAX;
    }
    struct timespec duration = { limit.tv_sec, limit.tv_usec * 1000 };
    return weft__deadline_after(self, &duration);
}

uint32_t weft__generation(int fd)
{
    struct weft__fd *entry = weft__fd(fd);
    return entry ? atomic_load_explicit(&entry->generation, memory_order_acquire) : 0;
}

int weft__await_blocking(struct weft__fiber *self, int fd, uint32_t events,
                         struct weft__patience *patience)
{
    if (!patience->begun) {
        patience->begun = true;
        patience->generation = weft__generation(fd);
        patience->deadline =
            weft__is_socket(weft__kind(fd)) ? socket_deadline(self, fd, events) : INT64_MAX;
    } else if (patience->generation != weft__generation(fd)) {
        return -EBADF;
    }
    /* With a time limit a call is never begun again: signal(7). */
    bool ends = patience->moved || (patience->deadline != INT64_MAX && !patience->restarts);
    enum weft__interruption how = ends ? WEFT__ENDS : WEFT__RESTARTS;
    if (patience->again && weft__was_interrupted(self, how))
        return -EINTR;
    patience->again = true;
    weft__interruptible_begin(self, how);
    long ready = weft__wait_fd(self, fd, events, patience->deadline);
    if (ready == 0)
        ready = -EAGAIN;
    ready = weft__interruptible_end(self, ready);
    if (ready < 0)
        return (int)ready;
    return patience->generation == weft__generation(fd) ? 0 : -EBADF;
}

int weft__await(struct weft__fiber *self, int fd, uint32_t events, struct weft__patience *patience)
{
    if (!patience->begun && weft__is_nonblocking(fd))
        return -EAGAIN;
    return weft__await_blocking(self, fd, events, patience);
}

int64_t weft__deadline_after(const struct weft__fiber *self, const struct timespec *duration)
{
    if (!duration)
        return INT64_MAX;
    return weft__deadline(weft__now(self->runtime), weft__timespec_ns(duration));
}

/* --- making descriptors */

int weft__note_opened(int fd)
{
    int saved = errno;
    if (fd >= 0)
        weft__fd_opened(fd, WEFT__FD_UNKNOWN, 0);
    errno = saved;
    return fd;
}

int weft__hook_socket(struct weft__fiber *self, int domain, int type, int protocol)
{
    (void)self;
    int fd = WEFT__REAL(socket)(domain, type, protocol);
    if (fd >= 0)
        weft__fd_opened(fd, socket_kind(domain, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), protocol),
                        KNOWN | (type & SOCK_NONBLOCK ? WEFT__FD_NONBLOCK : 0));
    return fd;
}

static int note_pair(int result, const int fds[2], enum weft__fd_kind kind, bool nonblocking)
{
    for (int i = 0; result == 0 && i < 2; i++)
        weft__fd_opened(fds[i], kind, KNOWN | (nonblocking ? WEFT__FD_NONBLOCK : 0));
    return result;
}

int weft__hook_socketpair(struct weft__fiber *self, int domain, int type, int protocol, int *fds)
{
    (void)self;
    return note_pair(WEFT__REAL(socketpair)(domain, type, protocol, fds), fds, WEFT__FD_SOCKET,
                     type & SOCK_NONBLOCK);
}

int weft__hook_pipe(struct weft__fiber *self, int *fds)
{
    (void)self;
    return note_pair(WEFT__REAL(pipe)(fds), fds, WEFT__FD_NOWAIT, false);
}

int weft__hook_pipe2(struct weft__fiber *self, int *fds, int flags)
{
    (void)self;
    return note_pair(WEFT__REAL(pipe2)(fds, flags), fds, WEFT__FD_NOWAIT, flags & O_NONBLOCK);
}

int weft__hook_eventfd(struct weft__fiber *self, unsigned count, int flags)
{
    (void)self;
    int fd = WEFT__REAL(eventfd)(count, flags);
    if (fd >= 0)
        weft__fd_opened(fd, WEFT__FD_NOWAIT,
                        KNOWN | WEFT__FD_EVENT | (flags & EFD_NONBLOCK ? WEFT__FD_NONBLOCK : 0));
    return fd;
}

int weft__hook_signalfd(struct weft__fiber *self, int fd, const sigset_t *mask, int flags)
{
    (void)self;
    int made = WEFT__REAL(signalfd)(fd, mask, flags);
    return made == fd ? made : weft__note_opened(made);
}

/* --- closing them */

/* An invalid number is left to the kernel; waiters hear of the close before it happens. */
int weft__hook_close(struct weft__fiber *self, int fd)
{
    if (weft__is_private(fd))
        return weft__fail(EBADF); /* as far as the program knows */
    int saved = errno;
    uint32_t closing = weft__fd_closing(fd);
    errno = saved;
    int result = self ? (int)weft__result(weft__raw(SYS_close, fd)) : WEFT__REAL(close)(fd);
    weft__fd_closed(fd, closing);
    return result;
}

/* Chunks that were never used hold nothing to forget. */
static void forget_range(unsigned first, unsigned last)
{
    unsigned end = (unsigned)WEFT__FD_CHUNK * WEFT__FD_CHUNKS;
    for (unsigned fd = first; fd < end && fd <= last; fd++) {
        if (!atomic_load_explicit(&weft__fd_chunks[fd / WEFT__FD_CHUNK], memory_order_acquire))
            fd |= WEFT__FD_CHUNK - 1;
        else
            weft__fd_forget((int)fd);
    }
}

/* All of a range but what is the library's own. */
static int close_between(unsigned first, unsigned last, int flags)
{
    unsigned from = first;
    for (unsigned own;
         from <= last && (own = (unsigned)weft__private_from((int)from)) <= last && own < INT_MAX;
         from = own + 1)
        if (own > from && WEFT__REAL(close_range)(from, own - 1, flags) < 0)
            return -1;
    return from <= last || first > last ? WEFT__REAL(close_range)(from, last, flags) : 0;
}

int weft__hook_close_range(struct weft__fiber *self, unsigned first, unsigned last, int flags)
{
    (void)self;
    int saved = errno;
    if (first <= last && !(flags & CLOSE_RANGE_CLOEXEC))
        forget_range(first, last);
    errno = saved;
    return first > INT_MAX ? WEFT__REAL(close_range)(first, last, flags)
                           : close_between(first, last, flags);
}

void weft__hook_closefrom(struct weft__fiber *self, int lowest)
{
    unsigned first = lowest < 0 ? 0 : (unsigned)lowest;
    (void)self;
    forget_range(first, UINT_MAX);
    if (weft__private_from((int)first) == INT_MAX)
        WEFT__REAL(closefrom)(lowest);
    else if (close_between(first, UINT_MAX, 0) < 0) /* a kernel before 5.9: one by one */
        for (long fd = sysconf(_SC_OPEN_MAX) - 1; fd >= (long)first; fd--)
            if (!weft__is_private((int)fd))
                weft__raw(SYS_close, fd);
}

int weft__hook_fclose(struct weft__fiber *self, FILE *stream)
{
    if (weft__popen_owns(stream))
        return weft__hook_pclose(self, stream);
    if (!self && (weft__stream_waits(stream) || weft__stream_waits_wide(stream))) {
        /* A fiber may be writing: it is waited for before the C library locks all streams. */
        WEFT__REAL(flockfile)(stream);
        WEFT__REAL(funlockfile)(stream);
    }
    int unwritten = weft__stream_finish(self, stream), error = errno;
    weft__stream_forget(stream);
    int fd = fileno(stream);
    if (fd >= 0)
        weft__fd_forget(fd);
    errno = error;
    int result = WEFT__REAL(fclose)(stream);
    if (unwritten < 0)
        errno = error;
    return unwritten < 0 ? EOF : result;
}

int weft__hook_closedir(struct weft__fiber *self, DIR *directory)
{
    (void)self;
    int saved = errno;
    int fd = directory ? dirfd(directory) : -1;
    if (fd >= 0)
        weft__fd_forget(fd);
    errno = saved;
    return WEFT__REAL(closedir)(directory);
}

/* --- duplicates share their flags with the original */

static int note_duplicate(int fd, int made)
{
    if (made < 0 || made == fd)
        return made;
    int saved = errno;
    weft__share(fd);
    weft__fd_opened(made, weft__kind(fd), 0);
    errno = saved;
    return made;
}

int weft__hook_dup(struct weft__fiber *self, int fd)
{
    (void)self;
    return note_duplicate(fd, WEFT__REAL(dup)(fd));
}

/* The target is closed by a call that succeeds. */
static void forget_target(int fd, int target)
{
    int saved = errno;
    if (target != fd && weft__raw(SYS_fcntl, fd, F_GETFD) >= 0)
        weft__fd_forget(target);
    errno = saved;
}

int weft__hook_dup2(struct weft__fiber *self, int fd, int target)
{
    (void)self;
    if (weft__is_private(target))
        return weft__fail(EBADF);
    forget_target(fd, target);
    return note_duplicate(fd, WEFT__REAL(dup2)(fd, target));
}

int weft__hook_dup3(struct weft__fiber *self, int fd, int target, int flags)
{
    (void)self;
    if (weft__is_private(target))
        return weft__fail(EBADF);
    forget_target(fd, target);
    return note_duplicate(fd, WEFT__REAL(dup3)(fd, target, flags));
}

/* --- changing their flags */

int weft__hook_fcntl(struct weft__fiber *self, int fd, int command, void *argument)
{
    if (self && (command == F_SETLKW || command == F_OFD_SETLKW))
        return weft__lock_range(self, fd, command, argument);
    int result = WEFT__REAL(fcntl)(fd, command, argument);
    if (result < 0)
        return result;
    if (command == F_SETFL)
        flag_set(fd, WEFT__FD_NONBLOCK, (intptr_t)argument & O_NONBLOCK);
    else if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        note_duplicate(fd, result);
    return result;
}

int weft__hook_ioctl(struct weft__fiber *self, int fd, unsigned long request, void *argument)
{
    (void)self;
    int result = WEFT__REAL(ioctl)(fd, request, argument);
    if (result == 0 && request == FIONBIO)
        flag_set(fd, WEFT__FD_NONBLOCK, *(const int *)argument != 0);
    return result;
}

int weft__hook_setsockopt(struct weft__fiber *self, int fd, int level, int name, const void *value,
                          socklen_t length)
{
    (void)self;
    int result = WEFT__REAL(setsockopt)(fd, level, name, value, length);
    if (result < 0)
        return result;
    if (level == SOL_SOCKET && (name == SO_RCVTIMEO_OLD || name == SO_RCVTIMEO_NEW))
        flag_set(fd, WEFT__FD_RCVTIMEO, true);
    else if (level == SOL_SOCKET && (name == SO_SNDTIMEO_OLD || name == SO_SNDTIMEO_NEW))
        flag_set(fd, WEFT__FD_SNDTIMEO, true);
    else if (level == SOL_SOCKET && name == SO_RCVLOWAT)
        weft__kind_set(fd, WEFT__FD_SOCKET); /* a read may leave bytes behind */
    else if (level == IPPROTO_TCP && name == TCP_ULP)
        weft__kind_set(fd, WEFT__FD_SOCKET); /* records: a short read leaves bytes behind */
    return result;
}
