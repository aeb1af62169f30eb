/*
 * open of a FIFO, which waits for the other side.
 *
 * A thread that blocks there can't be called back, so the file is opened with O_NONBLOCK, which is
 * taken off before anybody sees the descriptor. For writing that is refused until a reader is
 * there, and is tried again and again; for reading it succeeds, and then tee, which takes nothing
 * away, tells an empty FIFO from one that nobody has opened for writing
 * (docs/decisions/014-files.md). A device's driver, which may wait for a carrier, is called on
 * another thread.
 */
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "hook/recall.h"

#define TRY_FIRST (50 * WEFT_MICROSECOND)
#define TRY_LAST (5 * WEFT_MILLISECOND)

enum waits_for {
    NOBODY,
    OTHER_SIDE, /* of a FIFO */
    CARRIER,    /* or whatever else a device's driver waits for */
};

enum {
    MAJOR_MEMORY = 1,
    MAJOR_TTY = 5, /* /dev/tty, /dev/console, /dev/ptmx */
    MAJOR_MISC = 10,
    MAJOR_PTY = 136, /* to 143 */
};

static bool is_quick(dev_t device)
{
    unsigned number = major(device);
    return number == MAJOR_MEMORY || number == MAJOR_TTY || number == MAJOR_MISC ||
           (number >= MAJOR_PTY && number < MAJOR_PTY + 8);
}

/* What the other calls say of a path that can't be looked at, they say themselves. */
static enum waits_for waits_for(int folder, const char *path, int flags)
{
    struct stat status;
    bool excluded = flags & (O_NONBLOCK | O_PATH | O_DIRECTORY) ||
                    (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    if (excluded || !path ||
        weft__raw(SYS_newfstatat, folder, path, &status,
                  flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) != 0)
        return NOBODY;
    if (S_ISFIFO(status.st_mode))
        return (flags & O_ACCMODE) == O_RDWR ? NOBODY : OTHER_SIDE;
    return S_ISCHR(status.st_mode) && !is_quick(status.st_rdev) ? CARRIER : NOBODY;
}

bool weft__open_waits(int folder, const char *path, int flags)
{
    return waits_for(folder, path, flags) != NOBODY;
}

static int pause_for(struct weft__fiber *self, int64_t *pause)
{
    int64_t next = weft__deadline(weft__now(self->runtime), *pause);
    int ended = weft__park_until(self, WEFT__WAIT_IO, NULL, next, true);
    *pause = *pause * 2 < TRY_LAST ? *pause * 2 : TRY_LAST;
    return ended < 0 ? ended : 0;
}

/* A writer is there, or was: what it left, or its end, can be read. */
static bool has_writer(int fd, int scratch)
{
    return weft__ready_now(fd, POLLIN) ||
           weft__raw(SYS_tee, fd, scratch, 1, SPLICE_F_NONBLOCK) != 0;
}

static int await_writer(struct weft__fiber *self, int fd)
{
    int scratch[2] = { -1, -1 };
    struct statfs system;
    if (weft__raw(SYS_fstatfs, fd, &system) == 0 && system.f_type == PIPEFS_MAGIC)
        return 0; /* a pipe, by its name below /proc: its open waits for nobody */
    int error = (int)weft__raw(SYS_pipe2, scratch, O_CLOEXEC | O_NONBLOCK);
    if (error)
        return error;
    int64_t pause = TRY_FIRST;
    while (!error && !has_writer(fd, scratch[1]))
        error = pause_for(self, &pause);
    weft__raw(SYS_close, scratch[0]);
    weft__raw(SYS_close, scratch[1]);
    return error;
}

static long open_once(struct weft__fiber *self, int folder, const char *path, int flags,
                      mode_t mode)
{
    int64_t pause = TRY_FIRST;
    bool writes = (flags & O_ACCMODE) == O_WRONLY;
    int error = weft__checkpoint(self);
    long fd = -ENXIO;
    while (!error && fd == -ENXIO) {
        fd = weft__raw(SYS_openat, folder, path, flags | O_NONBLOCK, mode);
        if (fd == -ENXIO && writes)
            error = pause_for(self, &pause);
        else
            break;
    }
    if (error || fd < 0)
        return error ? error : fd;
    if (!writes)
        error = await_writer(self, (int)fd);
    long status = weft__raw(SYS_fcntl, fd, F_GETFL);
    weft__raw(SYS_fcntl, fd, F_SETFL, status & ~O_NONBLOCK);
    if (error)
        weft__raw(SYS_close, fd);
    return error ? error : fd;
}

/* A serial line waits in its driver. */
static long open_device(struct weft__fiber *self, int folder, const char *path, int flags,
                        mode_t mode)
{
    const long arguments[6] = { folder, (long)path, flags, mode };
    long fd = weft__recallable(self, INT64_MAX, SYS_openat, arguments);
    return fd == WEFT__RECALL_BUSY
               ? weft__offload_raw(SYS_openat, folder, (long)path, flags, mode, 0, 0)
               : fd;
}

/* A handler may jump away: by then nothing is open. */
static long open_waiting(struct weft__fiber *self, enum waits_for whom, int folder,
                         const char *path, int flags, mode_t mode)
{
    int error = weft__checkpoint(self);
    if (error)
        return error;
    for (;;) {
        weft__interruptible_begin(self, WEFT__RESTARTS);
        long fd = whom == OTHER_SIDE ? open_once(self, folder, path, flags, mode)
                                     : open_device(self, folder, path, flags, mode);
        bool again = fd == -EINTR;
        fd = weft__interruptible_end(self, fd);
        if (fd || !again)
            return fd;
    }
}

int weft__hook_openat(struct weft__fiber *self, int folder, const char *path, int flags,
                      mode_t mode)
{
    enum waits_for whom = self ? waits_for(folder, path, flags) : NOBODY;
    if (whom == NOBODY)
        return weft__note_opened(WEFT__REAL(openat)(folder, path, flags, mode));
    long fd = open_waiting(self, whom, folder, path, flags, mode);
    return weft__note_opened((int)weft__result(fd));
}

int weft__hook_open(struct weft__fiber *self, const char *path, int flags, mode_t mode)
{
    enum waits_for whom = self ? waits_for(AT_FDCWD, path, flags) : NOBODY;
    if (whom == NOBODY)
        return weft__note_opened(WEFT__REAL(open)(path, flags, mode));
    return weft__note_opened(
        (int)weft__result(open_waiting(self, whom, AT_FDCWD, path, flags, mode)));
}

int weft__hook_creat(struct weft__fiber *self, const char *path, mode_t mode)
{
    return weft__hook_open(self, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* The fortified ones have no mode, and end a program that needs it. */
int weft__hook___open_2(struct weft__fiber *self, const char *path, int flags)
{
    return __OPEN_NEEDS_MODE(flags) ? WEFT__REAL(__open_2)(path, flags)
                                    : weft__hook_open(self, path, flags, 0);
}

int weft__hook___openat_2(struct weft__fiber *self, int folder, const char *path, int flags)
{
    return __OPEN_NEEDS_MODE(flags) ? WEFT__REAL(__openat_2)(folder, path, flags)
                                    : weft__hook_openat(self, folder, path, flags, 0);
}
