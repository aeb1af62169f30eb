/*
 * splice, tee, vmsplice.
 *
 * SPLICE_F_NONBLOCK keeps a call from waiting for a pipe, and only for that: a socket or a file at
 * the other end may still hold the thread. So both ends are waited for, and then the call is made
 * here if both are pipes, else on another thread. One call moves what there is, as the kernel's.
 */
#include <sys/stat.h>

#include "hook/hook.h"

static bool is_pipe(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

static bool is_ready(int fd, short events)
{
    struct pollfd one = { .fd = fd, .events = events };
    struct timespec now = { 0 };
    return weft__raw(SYS_ppoll, &one, 1, &now, NULL, 8) != 0;
}

/* 0 ready, or a file, which always is; or a negative errno. */
int weft__await_ready(struct weft__fiber *self, int fd, short events)
{
    struct weft__patience patience = { 0 };
    while (!is_ready(fd, events)) {
        int error = weft__await(self, fd, (uint32_t)events, &patience);
        if (error == -EPERM)
            return 0;
        if (error)
            return error;
    }
    return 0;
}

static int await_ends(struct weft__fiber *self, int from, int to)
{
    int error = from >= 0 ? weft__await_ready(self, from, POLLIN) : 0;
    return error || to < 0 ? error : weft__await_ready(self, to, POLLOUT);
}

struct transfer {
    int from; /* -1: none is waited for */
    int to;
    long (*call)(const struct transfer *transfer, unsigned more);
    off64_t *from_offset, *to_offset;
    const struct iovec *parts;
    size_t size;
    unsigned flags;
};

/* A rival may have been faster than we: then it is waited for anew. */
static ssize_t move(struct weft__fiber *self, const struct transfer *transfer, bool here)
{
    long moved;
    do {
        int error = transfer->flags & SPLICE_F_NONBLOCK || transfer->size == 0
                        ? 0
                        : await_ends(self, transfer->from, transfer->to);
        if (error)
            return weft__result(error);
        moved = transfer->call(transfer, here ? SPLICE_F_NONBLOCK : 0);
    } while (moved == -EAGAIN && here && !(transfer->flags & SPLICE_F_NONBLOCK) &&
             (transfer->from < 0 || !weft__is_nonblocking(transfer->from)) &&
             (transfer->to < 0 || !weft__is_nonblocking(transfer->to)));
    if (moved >= 0)
        weft__spend(self);
    return weft__result(moved);
}

static long call_splice(const struct transfer *it, unsigned more)
{
    return more ? weft__raw(SYS_splice, it->from, it->from_offset, it->to, it->to_offset, it->size,
                            it->flags | more)
                : weft__offload_raw(SYS_splice, it->from, (long)it->from_offset, it->to,
                                    (long)it->to_offset, (long)it->size, it->flags);
}

ssize_t weft__hook_splice(struct weft__fiber *self, int from, off64_t *from_offset, int to,
                          off64_t *to_offset, size_t size, unsigned flags)
{
    struct transfer transfer = { .from = from,
                                 .to = to,
                                 .call = call_splice,
                                 .from_offset = from_offset,
                                 .to_offset = to_offset,
                                 .size = size,
                                 .flags = flags };
    return move(self, &transfer, is_pipe(from) && is_pipe(to));
}

static long call_tee(const struct transfer *it, unsigned more)
{
    return weft__raw(SYS_tee, it->from, it->to, it->size, it->flags | more);
}

ssize_t weft__hook_tee(struct weft__fiber *self, int from, int to, size_t size, unsigned flags)
{
    struct transfer transfer = {
        .from = from, .to = to, .call = call_tee, .size = size, .flags = flags
    };
    return move(self, &transfer, true);
}

static long call_vmsplice(const struct transfer *it, unsigned more)
{
    int fd = it->from >= 0 ? it->from : it->to;
    return weft__raw(SYS_vmsplice, fd, it->parts, it->size, it->flags | more);
}

/* The descriptor's mode tells the direction. */
ssize_t weft__hook_vmsplice(struct weft__fiber *self, int fd, const struct iovec *parts,
                            size_t count, unsigned flags)
{
    long mode = weft__raw(SYS_fcntl, fd, F_GETFL);
    bool reads = mode >= 0 && (mode & O_ACCMODE) == O_RDONLY;
    struct transfer transfer = { .from = reads ? fd : -1,
                                 .to = reads ? -1 : fd,
                                 .call = call_vmsplice,
                                 .parts = parts,
                                 .size = count,
                                 .flags = flags };
    return move(self, &transfer, true);
}
