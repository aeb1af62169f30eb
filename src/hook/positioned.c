/*
 * Files: pread, preadv, pwritev and their kin, and bringing to the disk.
 *
 * What the page cache has is read here; what must come from the disk is read on another thread, and
 * so is everything that waits for the disk to have it.
 */
#include <linux/fs.h>
#include <sys/stat.h>

#include "hook/files.h"

/* A kernel or a sandbox without the calls that take flags has the older ones. */
static long move(long number, int fd, const struct iovec *parts, size_t count, off_t offset,
                 int flags)
{
    long moved = weft__raw(number, fd, parts, count, offset, 0, flags);
    if (moved != -ENOSYS || flags & ~RWF_NOWAIT)
        return moved;
    if (offset == -1)
        return weft__raw(number == SYS_preadv2 ? SYS_readv : SYS_writev, fd, parts, count);
    return weft__raw(number == SYS_preadv2 ? SYS_preadv : SYS_pwritev, fd, parts, count, offset);
}

static long move_elsewhere(long number, int fd, const struct iovec *parts, size_t count,
                           off_t offset, int flags)
{
    return weft__offload_raw(number, fd, (long)parts, (long)count, offset, 0, flags);
}

long weft__file_read_on(int fd, struct weft__parts *rest, off_t offset, int flags)
{
    size_t whole = rest->left;
    while (rest->left > 0) {
        struct iovec window[WEFT__WINDOW];
        size_t filled = weft__parts_window(rest, window);
        off_t at = offset >= 0 ? offset + (off_t)(whole - rest->left) : offset;
        long more = move(SYS_preadv2, fd, window, filled, at, flags | RWF_NOWAIT);
        if (more == -EAGAIN)
            more = move_elsewhere(SYS_preadv2, fd, window, filled, at, flags);
        if (more <= 0)
            break;
        weft__parts_advance(rest, (size_t)more);
    }
    return (long)(whole - rest->left);
}

/*
 * A read that ends early may have come to what is not in the cache, to the end, or to where another
 * thread wanted the processor: devices of memory then stop when they must not wait.
 */
long weft__file_read(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    long moved = move(SYS_preadv2, fd, parts, (size_t)count, offset, flags | RWF_NOWAIT);
    if (flags & RWF_NOWAIT || moved == 0)
        return moved;
    if (moved == -EAGAIN)
        return move_elsewhere(SYS_preadv2, fd, parts, (size_t)count, offset, flags);
    if (moved == -EOPNOTSUPP)
        return move(SYS_preadv2, fd, parts, (size_t)count, offset, flags);
    struct weft__parts rest;
    if (moved < 0 || !weft__parts_init(&rest, parts, (size_t)count) || rest.left <= (size_t)moved)
        return moved;
    weft__parts_advance(&rest, (size_t)moved);
    return moved + weft__file_read_on(fd, &rest, offset >= 0 ? offset + moved : offset, flags);
}

/* Not every file system can say whether a write would wait; those that can't, have it done here. */
long weft__file_write(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    long moved = move(SYS_pwritev2, fd, parts, (size_t)count, offset, flags | RWF_NOWAIT);
    if (flags & RWF_NOWAIT)
        return moved;
    if (moved == -EAGAIN)
        return move_elsewhere(SYS_pwritev2, fd, parts, (size_t)count, offset, flags);
    if (moved == -EOPNOTSUPP)
        return move(SYS_pwritev2, fd, parts, (size_t)count, offset, flags);
    struct weft__parts rest;
    if (moved <= 0 || !weft__parts_init(&rest, parts, (size_t)count) || rest.left <= (size_t)moved)
        return moved;
    weft__parts_advance(&rest, (size_t)moved);
    struct iovec window[WEFT__WINDOW];
    size_t filled = weft__parts_window(&rest, window);
    long more = move_elsewhere(SYS_pwritev2, fd, window, filled,
                               offset >= 0 ? offset + moved : offset, flags);
    return more > 0 ? moved + more : moved;
}

static ssize_t spent(struct weft__fiber *self, long result)
{
    if (result >= 0)
        weft__spend(self);
    return weft__result(result);
}

/* What is no file refuses a position at once. */
static ssize_t read_at(struct weft__fiber *self, int fd, const struct iovec *parts, int count,
                       off_t offset, int flags)
{
    return spent(self, weft__is_file(fd) && offset >= 0
                           ? weft__file_read(fd, parts, count, offset, flags)
                           : move(SYS_preadv2, fd, parts, (size_t)count, offset, flags));
}

static ssize_t write_at(struct weft__fiber *self, int fd, const struct iovec *parts, int count,
                        off_t offset, int flags)
{
    return spent(self, weft__is_file(fd) && offset >= 0
                           ? weft__file_write(fd, parts, count, offset, flags)
                           : move(SYS_pwritev2, fd, parts, (size_t)count, offset, flags));
}

ssize_t weft__hook_pread(struct weft__fiber *self, int fd, void *buffer, size_t size, off_t offset)
{
    struct iovec part = { buffer, size };
    return offset < 0 ? weft__result(-EINVAL) : read_at(self, fd, &part, 1, offset, 0);
}

ssize_t weft__hook_pwrite(struct weft__fiber *self, int fd, const void *buffer, size_t size,
                          off_t offset)
{
    struct iovec part = { (void *)(uintptr_t)buffer, size };
    return offset < 0 ? weft__result(-EINVAL) : write_at(self, fd, &part, 1, offset, 0);
}

ssize_t weft__hook_preadv(struct weft__fiber *self, int fd, const struct iovec *parts, int count,
                          off_t offset)
{
    return offset < 0 ? weft__result(-EINVAL) : read_at(self, fd, parts, count, offset, 0);
}

ssize_t weft__hook_pwritev(struct weft__fiber *self, int fd, const struct iovec *parts, int count,
                           off_t offset)
{
    return offset < 0 ? weft__result(-EINVAL) : write_at(self, fd, parts, count, offset, 0);
}

/* --- with flags; at -1, the current position, they are readv and writev */

static long moving(struct weft__fiber *self, long number, int fd, const struct iovec *parts,
                   int count, int flags)
{
    struct weft__patience patience = { 0 };
    uint32_t events = number == SYS_preadv2 ? EPOLLIN : EPOLLOUT;
    for (;;) {
        long moved = move(number, fd, parts, (size_t)count, -1, flags | RWF_NOWAIT);
        if (moved == -EOPNOTSUPP)
            return move_elsewhere(number, fd, parts, (size_t)count, -1, flags);
        if (moved != -EAGAIN || flags & RWF_NOWAIT)
            return moved;
        int error = weft__await(self, fd, events, &patience);
        if (error)
            return error;
    }
}

ssize_t weft__hook_preadv2(struct weft__fiber *self, int fd, const struct iovec *parts, int count,
                           off_t offset, int flags)
{
    if (offset != -1)
        return read_at(self, fd, parts, count, offset, flags);
    if (flags == 0)
        return weft__hook_readv(self, fd, parts, count);
    return spent(self, weft__is_file(fd) ? weft__file_read(fd, parts, count, -1, flags)
                                         : moving(self, SYS_preadv2, fd, parts, count, flags));
}

ssize_t weft__hook_pwritev2(struct weft__fiber *self, int fd, const struct iovec *parts, int count,
                            off_t offset, int flags)
{
    if (offset != -1)
        return write_at(self, fd, parts, count, offset, flags);
    if (flags == 0)
        return weft__hook_writev(self, fd, parts, count);
    return spent(self, weft__is_file(fd) ? weft__file_write(fd, parts, count, -1, flags)
                                         : moving(self, SYS_pwritev2, fd, parts, count, flags));
}

/* --- to the disk; what is no open file is told at once */

static int bring(long number, int fd, long a, long b, long c)
{
    if (weft__raw(SYS_fcntl, fd, F_GETFD) < 0)
        return weft__fail(EBADF);
    return (int)weft__result(weft__offload_raw(number, fd, a, b, c, 0, 0));
}

int weft__hook_fsync(struct weft__fiber *self, int fd)
{
    (void)self;
    return bring(SYS_fsync, fd, 0, 0, 0);
}

int weft__hook_fdatasync(struct weft__fiber *self, int fd)
{
    (void)self;
    return bring(SYS_fdatasync, fd, 0, 0, 0);
}

int weft__hook_syncfs(struct weft__fiber *self, int fd)
{
    (void)self;
    return bring(SYS_syncfs, fd, 0, 0, 0);
}

int weft__hook_sync_file_range(struct weft__fiber *self, int fd, off64_t offset, off64_t length,
                               unsigned flags)
{
    (void)self;
    return bring(SYS_sync_file_range, fd, offset, length, flags);
}

/* Another thread copies; nothing but a file can be either side. */
ssize_t weft__hook_copy_file_range(struct weft__fiber *self, int from, off64_t *from_offset, int to,
                                   off64_t *to_offset, size_t size, unsigned flags)
{
    if (!weft__is_file(from) || !weft__is_file(to))
        return spent(self,
                     weft__raw(SYS_copy_file_range, from, from_offset, to, to_offset, size, flags));
    return weft__result(weft__offload_raw(SYS_copy_file_range, from, (long)from_offset, to,
                                          (long)to_offset, (long)size, flags));
}
