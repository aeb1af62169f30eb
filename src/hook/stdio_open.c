/*
 * fopen and freopen of a FIFO or a terminal line, whose open may wait.
 *
 * The C library reads the mode and makes the stream, on /dev/null; the descriptor that was waited
 * for then takes that one's place. A stream that is reopened is written out before, by the hooks.
 */
#include <string.h>

#include "hook/stdio.h"

/* What fopen would open with; -1: the C library refuses it. */
static int flags_of(const char *mode)
{
    int flags = *mode == 'r'   ? O_RDONLY
                : *mode == 'w' ? O_WRONLY | O_CREAT | O_TRUNC
                : *mode == 'a' ? O_WRONLY | O_CREAT | O_APPEND
                               : -1;
    for (int i = 1; flags >= 0 && i < 7 && mode[i] && mode[i] != ','; i++) {
        if (mode[i] == '+')
            flags = (flags & ~O_ACCMODE) | O_RDWR;
        else if (mode[i] == 'x')
            flags |= O_EXCL;
        else if (mode[i] == 'e')
            flags |= O_CLOEXEC;
    }
    return flags;
}

/* FD under the number of the stream's own. */
static int put_under(FILE *stream, int fd, int flags)
{
    long put = weft__raw(SYS_dup3, fd, stream->_fileno, flags & O_CLOEXEC);
    weft__raw(SYS_close, fd);
    weft__fd_forget(fd);
    weft__fd_forget(stream->_fileno);
    return put < 0 ? weft__fail((int)-put) : 0;
}

static bool waits(const char *path, const char *mode)
{
    int flags = mode ? flags_of(mode) : -1;
    return flags >= 0 && weft__open_waits(AT_FDCWD, path, flags);
}

FILE *weft__hook_fopen(struct weft__fiber *self, const char *path, const char *mode)
{
    if (!path || !waits(path, mode))
        return WEFT__REAL(fopen)(path, mode);
    int flags = flags_of(mode);
    int fd = weft__hook_open(self, path, flags, 0666);
    if (fd < 0)
        return NULL;
    FILE *stream = WEFT__REAL(fopen)("/dev/null", mode);
    if (!stream && errno == ENOENT && (stream = fdopen(fd, mode)) != NULL)
        return stream; /* no devices here: all but a character set of its own */
    if (!stream) {
        int error = errno;
        weft__raw(SYS_close, fd);
        weft__fd_forget(fd);
        errno = error;
    } else if (put_under(stream, fd, flags) < 0) {
        int error = errno;
        WEFT__REAL(fclose)(stream);
        errno = error;
        stream = NULL;
    }
    return stream;
}

/* --- again */

static FILE *reopen(struct weft__fiber *self, const char *path, const char *mode, FILE *stream)
{
    int flags = flags_of(mode);
    int fd = weft__hook_open(self, path, flags, 0666), error = errno;
    /* A stream whose file can't be opened is closed. */
    FILE *reopened = WEFT__REAL(freopen)(fd < 0 ? "/dev/null/" : "/dev/null", mode, stream);
    if (fd < 0)
        errno = error;
    else if (reopened && put_under(reopened, fd, flags) < 0)
        reopened = NULL;
    return reopened;
}

FILE *weft__hook_freopen(struct weft__fiber *self, const char *path, const char *mode, FILE *stream)
{
    char own[32];
    int fd = fileno_unlocked(stream);
    if (self)
        weft__stream_finish(self, stream);
    if (!path && fd >= 0)
        snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    const char *name = path ? path : fd >= 0 ? own : NULL;
    if (fd >= 0)
        weft__fd_forget(fd);
    if (self && name && waits(name, mode))
        return reopen(self, name, mode, stream);
    return WEFT__REAL(freopen)(path, mode, stream);
}
