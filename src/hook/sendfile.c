/*
 * sendfile. The kernel's waits for room on a blocking descriptor, and for the disk: here a file is
 * read as pread does, and written as write does, neither of which holds the thread.
 */
#include "base/alloc.h"
#include "hook/files.h"

enum {
    CHUNK = 64 * 1024,
    MOST = 0x7ffff000
};

/* Only a failure with nothing moved is told. */
static long copy(struct weft__fiber *self, int to, int from, off_t *at, size_t count, char *buffer)
{
    int saved = errno;
    size_t moved = 0;
    while (moved < count) {
        size_t left = count - moved;
        struct iovec part = { buffer, left < CHUNK ? left : CHUNK };
        long got = weft__file_read(from, &part, 1, *at, 0);
        ssize_t sent = got > 0 ? weft__hook_write(self, to, buffer, (size_t)got) : -1;
        long error = got > 0 ? (sent < 0 ? -errno : 0) : got;
        errno = saved;
        if (sent < 0)
            return moved > 0 ? (long)moved : error;
        moved += (size_t)sent;
        *at += sent;
        if (sent < got)
            break;
    }
    return (long)moved;
}

/*
 * What the kernel's says before it moves anything. Into a full pipe it waits even to move nothing,
 * so there both sides are asked alone.
 */
static long refusal(int to, int from, const off_t *offset)
{
    enum weft__fd_kind kind = weft__kind(to);
    if (kind != WEFT__FD_NOWAIT && kind != WEFT__FD_SLOW)
        return weft__raw(SYS_sendfile, to, from, offset, 0);
    long refused = weft__raw(SYS_pread64, from, NULL, 0, offset ? *offset : 0);
    return refused < 0 ? refused : weft__raw(SYS_write, to, NULL, 0);
}

static long send_file(struct weft__fiber *self, int to, int from, off_t *offset, size_t count)
{
    long refused = refusal(to, from, offset);
    if (refused < 0)
        return refused;
    off_t at = offset ? *offset : (off_t)weft__raw(SYS_lseek, from, 0, SEEK_CUR);
    char *buffer = weft__malloc(CHUNK);
    if (!buffer)
        return -ENOMEM;
    long moved = copy(self, to, from, &at, count < MOST ? count : MOST, buffer);
    weft__free(buffer);
    if (offset)
        *offset = at;
    else if (moved > 0)
        weft__raw(SYS_lseek, from, at, SEEK_SET);
    return moved;
}

ssize_t weft__hook_sendfile(struct weft__fiber *self, int to, int from, off_t *offset, size_t count)
{
    long moved;
    if (!weft__is_file(from) || weft__is_file(to))
        moved = weft__offload_raw(SYS_sendfile, to, from, (long)offset, (long)count, 0, 0);
    else if (weft__is_nonblocking(to))
        moved = weft__raw(SYS_sendfile, to, from, offset, count);
    else
        moved = send_file(self, to, from, offset, count);
    if (moved >= 0)
        weft__spend(self);
    return weft__result(moved);
}
