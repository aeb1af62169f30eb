/*
 * flock, lockf and fcntl's F_SETLKW and F_OFD_SETLKW: tried again and again, soon at first, at most
 * every 10 ms.
 *
 * On another thread the lock could be granted after its fiber has been cancelled, and giving it
 * back would also give back what the process has locked in the same range since. So nobody waits in
 * the kernel; the price is that EDEADLK is not found out (docs/decisions/014-files.md).
 */
#include <sys/file.h>

#include "hook/files.h"

#define TRY_FIRST (50 * WEFT_MICROSECOND)
#define TRY_LAST (10 * WEFT_MILLISECOND)

static bool is_held(long result, int command)
{
    return result == -EAGAIN || (result == -EACCES && command >= 0);
}

/* Try until it is granted, refused, or the fiber is woken for something else. */
static long await_grant(struct weft__fiber *self, int fd, int command, long argument)
{
    uint32_t generation = weft__generation(fd);
    int64_t pause = TRY_FIRST;
    for (;;) {
        if (generation != weft__generation(fd))
            return -EBADF;
        long result = command < 0 ? weft__raw(SYS_flock, fd, argument)
                                  : weft__raw(SYS_fcntl, fd, command, argument);
        if (!is_held(result, command))
            return result;
        int64_t next = weft__deadline(weft__now(self->runtime), pause);
        int ended = weft__park_until(self, WEFT__WAIT_LOCK, (const void *)(intptr_t)fd, next, true);
        if (ended < 0)
            return ended;
        pause = pause * 2 < TRY_LAST ? pause * 2 : TRY_LAST;
    }
}

/* COMMAND of fcntl, or -1 for flock with ARGUMENT as its operation. */
static int lock(struct weft__fiber *self, int fd, int command, long argument)
{
    long result = weft__checkpoint(self);
    bool again = result == 0;
    while (again) {
        weft__interruptible_begin(self, WEFT__RESTARTS);
        result = await_grant(self, fd, command, argument);
        again = result == -EINTR;
        result = weft__interruptible_end(self, result);
        again = again && result == 0;
    }
    if (result >= 0)
        weft__spend(self);
    return (int)weft__result(result);
}

int weft__lock_range(struct weft__fiber *self, int fd, int command, void *argument)
{
    return lock(self, fd, command == F_SETLKW ? F_SETLK : F_OFD_SETLK, (long)argument);
}

int weft__hook_flock(struct weft__fiber *self, int fd, int operation)
{
    if (operation & (LOCK_NB | LOCK_UN))
        return (int)weft__result(weft__raw(SYS_flock, fd, operation));
    return lock(self, fd, -1, operation | LOCK_NB);
}

int weft__hook_lockf(struct weft__fiber *self, int fd, int command, off_t length)
{
    struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = length };
    if (command != F_LOCK)
        return WEFT__REAL(lockf)(fd, command, length);
    return weft__lock_range(self, fd, F_SETLKW, &range);
}
