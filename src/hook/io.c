/* read, write and their vectors. */
#include <linux/fs.h>
#include <sys/stat.h>

#include "hook/files.h"

/* --- reading */

/*
 * A connection that a short read has emptied, on which nothing has come since, is known to have
 * nothing: waiting first spares the system call that would say so. Only where the flags are known
 * to be ours, since O_NONBLOCK would forbid the wait.
 */
static inline bool known_empty(struct weft__fiber *self, int fd, const struct weft__fd *entry)
{
    const struct weft__interest *interest = weft__interest_known(self, fd);
    unsigned flags = atomic_load_explicit(&entry->flags, memory_order_relaxed);
    return interest && interest->drained && !interest->hung_up && interest->armed & EPOLLIN &&
           interest->generation == atomic_load_explicit(&entry->generation, memory_order_acquire) &&
           (flags & (WEFT__FD_OURS | WEFT__FD_FLAGS_KNOWN | WEFT__FD_NONBLOCK)) ==
               (WEFT__FD_OURS | WEFT__FD_FLAGS_KNOWN);
}

void weft__note_short_read(struct weft__fiber *self, int fd)
{
    struct weft__interest *interest = weft__interest_known(self, fd);
    if (interest && interest->armed & EPOLLPRI)
        interest->drained = true;
}

/* -ENOTSOCK: the number has become something else behind our back. */
long weft__read_socket(struct weft__fiber *self, int fd, const struct weft__fd *entry, void *buffer,
                       size_t size)
{
    struct weft__patience patience = { 0 };
    bool skip = known_empty(self, fd, entry);
    for (;;) {
        if (!skip) {
            long count = weft__raw(SYS_recvfrom, fd, buffer, size, MSG_DONTWAIT);
            if (count > 0 && (size_t)count < size &&
                atomic_load_explicit(&entry->kind, memory_order_relaxed) == WEFT__FD_STREAM)
                weft__note_short_read(self, fd);
            if (count != -EAGAIN)
                return count;
        }
        skip = false;
        int error = weft__await(self, fd, EPOLLIN, &patience);
        if (error)
            return error;
    }
}

/* Poll first; the read that follows may still block if another reader is faster. */
static long read_slow(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        if (weft__is_nonblocking(fd))
            return weft__raw(SYS_readv, fd, parts, count);
        if (weft__ready_now(fd, POLLIN))
            return weft__offload_raw(SYS_readv, fd, (long)parts, count, 0, 0, 0);
        int error = weft__await_blocking(self, fd, EPOLLIN, &patience);
        if (error == -EPERM)
            return weft__offload_raw(SYS_readv, fd, (long)parts, count, 0, 0, 0);
        if (error)
            return error;
    }
}

/* An old kernel or a sandbox may not have the call at all. */
static long read_once(int fd, const struct iovec *parts, int count)
{
    long moved = weft__raw(SYS_preadv2, fd, parts, count, -1, -1, RWF_NOWAIT);
    return moved == -ENOSYS ? -EOPNOTSUPP : moved;
}

/* What the page cache has first; for the rest, being sure that it is a file, the disk. */
static long read_file(int fd, const struct iovec *parts, int count)
{
    struct weft__parts rest;
    long moved = read_once(fd, parts, count);
    if (moved == 0 || (moved < 0 && moved != -EAGAIN && moved != -EOPNOTSUPP))
        return moved;
    if (moved > 0 && (!weft__parts_init(&rest, parts, (size_t)count) || rest.left <= (size_t)moved))
        return moved;
    if (weft__kind_again(fd) != WEFT__FD_FILE)
        return moved > 0 ? moved : -EOPNOTSUPP;
    if (moved < 0)
        return weft__file_read(fd, parts, count, -1, 0);
    weft__parts_advance(&rest, (size_t)moved);
    return moved + weft__file_read_on(fd, &rest, -1, 0);
}

static long read_nowait(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        long moved = read_once(fd, parts, count);
        if (moved != -EAGAIN)
            return moved;
        int error = weft__await(self, fd, EPOLLIN, &patience);
        if (error == -EPERM)
            return -EOPNOTSUPP;
        if (error)
            return error;
    }
}

static ssize_t read_parts(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    enum weft__fd_kind kind = weft__kind(fd);
    long moved = -EOPNOTSUPP;
    if (kind == WEFT__FD_FILE)
        moved = read_file(fd, parts, count);
    if (moved == -EOPNOTSUPP && kind != WEFT__FD_SLOW)
        moved = read_nowait(self, fd, parts, count);
    if (moved == -EOPNOTSUPP) {
        kind = weft__kind_again(fd);
        if (kind == WEFT__FD_NOWAIT)
            weft__kind_set(fd, WEFT__FD_SLOW);
        moved = kind == WEFT__FD_FILE ? weft__raw(SYS_readv, fd, parts, count)
                                      : read_slow(self, fd, parts, count);
    }
    if (moved >= 0)
        weft__spend(self);
    return weft__result(moved);
}

ssize_t weft__hook_read(struct weft__fiber *self, int fd, void *buffer, size_t size)
{
    struct weft__fd *entry = weft__fd(fd);
    /* A read of nothing looks at nothing; a receive of nothing would wait for a message. */
    if (entry && size > 0 && weft__is_socket(weft__kind(fd))) {
        long count = weft__read_socket(self, fd, entry, buffer, size);
        if (__builtin_expect(count >= 0, 1)) {
            weft__spend(self);
            return count;
        }
        if (count != -ENOTSOCK)
            return weft__result(count);
        weft__kind_again(fd);
    }
    struct iovec part = { buffer, size };
    return read_parts(self, fd, &part, 1);
}

ssize_t weft__hook_readv(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    return read_parts(self, fd, parts, count);
}

/* --- writing: a blocking call moves everything, or tells how much it did */

static long write_once(int fd, const struct iovec *parts, size_t count)
{
    long moved = weft__raw(SYS_pwritev2, fd, parts, count, -1, -1, RWF_NOWAIT);
    return moved == -ENOSYS ? -EOPNOTSUPP : moved;
}

static long send_window(int fd, struct iovec *window, size_t count, int flags)
{
    struct msghdr message = { .msg_iov = window, .msg_iovlen = count };
    return weft__raw(SYS_sendmsg, fd, &message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * A socket's error is left for the next call, as the kernel leaves it when bytes have moved; a pipe
 * without readers raises its signal at once, as it does within one call.
 */
long weft__write_rest(struct weft__fiber *self, int fd, struct weft__parts *rest, int flags)
{
    struct weft__patience patience = { .moved = true };
    size_t whole = rest->left;
    while (rest->left > 0) {
        struct iovec window[WEFT__WINDOW];
        size_t count = weft__parts_window(rest, window);
        long moved;
        if (flags < 0)
            moved = write_once(fd, window, count);
        else if (weft__error_pending(fd))
            break;
        else
            moved = send_window(fd, window, count, flags);
        if (moved > 0)
            weft__parts_advance(rest, (size_t)moved);
        if (moved == -EAGAIN)
            moved = weft__await(self, fd, EPOLLOUT, &patience);
        if (moved < 0)
            break;
    }
    return (long)(whole - rest->left);
}

static int send_flags(int fd)
{
    return weft__is_socket(weft__kind(fd)) ? 0 : -1;
}

static long write_nowait(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        long moved = write_once(fd, parts, (size_t)count);
        if (moved >= 0) {
            struct weft__parts rest;
            if (!weft__parts_init(&rest, parts, (size_t)count) || rest.left == (size_t)moved)
                return moved;
            weft__parts_advance(&rest, (size_t)moved);
            return moved + weft__write_rest(self, fd, &rest, send_flags(fd));
        }
        if (moved != -EAGAIN)
            return moved;
        int error = weft__await(self, fd, EPOLLOUT, &patience);
        if (error == -EPERM)
            return -EOPNOTSUPP;
        if (error)
            return error;
    }
}

/* An eventfd that is writable takes a one; so does nothing else that is eight bytes long. */
static bool small_event(int fd, const struct iovec *parts, int count)
{
    struct weft__fd *entry = weft__fd(fd);
    return count == 1 && parts->iov_len == sizeof(uint64_t) && parts->iov_base && entry &&
           atomic_load_explicit(&entry->flags, memory_order_relaxed) & WEFT__FD_EVENT &&
           *(const uint64_t *)parts->iov_base == 1;
}

static long write_slow(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        if (weft__is_nonblocking(fd))
            return weft__raw(SYS_writev, fd, parts, count);
        if (weft__ready_now(fd, POLLOUT))
            return small_event(fd, parts, count)
                       ? weft__raw(SYS_writev, fd, parts, count)
                       : weft__offload_raw(SYS_writev, fd, (long)parts, count, 0, 0, 0);
        int error = weft__await_blocking(self, fd, EPOLLOUT, &patience);
        if (error == -EPERM)
            return weft__offload_raw(SYS_writev, fd, (long)parts, count, 0, 0, 0);
        if (error)
            return error;
    }
}

static ssize_t write_parts(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    enum weft__fd_kind kind = weft__kind(fd);
    long moved = -EOPNOTSUPP;
    if (kind == WEFT__FD_FILE && weft__kind_again(fd) == WEFT__FD_FILE) {
        moved = weft__file_write(fd, parts, count, -1, 0);
    } else {
        if (kind != WEFT__FD_SLOW)
            moved = write_nowait(self, fd, parts, count);
        if (moved == -EOPNOTSUPP)
            moved = write_slow(self, fd, parts, count);
    }
    if (moved >= 0)
        weft__spend(self);
    return weft__result(moved);
}

ssize_t weft__hook_write(struct weft__fiber *self, int fd, const void *buffer, size_t size)
{
    if (weft__kind(fd) == WEFT__FD_STREAM) {
        long count = weft__raw(SYS_sendto, fd, buffer, size, MSG_DONTWAIT);
        if (__builtin_expect(count >= 0 && (size_t)count == size, 1)) {
            weft__spend(self);
            return count;
        }
        if (count >= 0) {
            struct iovec part = { (char *)(uintptr_t)buffer + count, size - (size_t)count };
            struct weft__parts rest;
            weft__parts_init(&rest, &part, 1);
            return count + weft__write_rest(self, fd, &rest, 0);
        }
        if (count == -ENOTSOCK)
            weft__kind_again(fd);
        else if (count != -EAGAIN)
            return weft__result(count);
    }
    struct iovec part = { (void *)(uintptr_t)buffer, size };
    return write_parts(self, fd, &part, 1);
}

ssize_t weft__hook_writev(struct weft__fiber *self, int fd, const struct iovec *parts, int count)
{
    return write_parts(self, fd, parts, count);
}
