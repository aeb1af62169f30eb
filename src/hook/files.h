#ifndef WEFT_HOOK_FILES_H
#define WEFT_HOOK_FILES_H

#include "hook/hook.h"

/** A kind is only a hint: for what is done to nothing but a file, a second look. */
static inline bool weft__is_file(int fd)
{
    return weft__kind(fd) == WEFT__FD_FILE && weft__kind_again(fd) == WEFT__FD_FILE;
}

/** filelock.c: fcntl with F_SETLKW or F_OFD_SETLKW. */
int weft__lock_range(struct weft__fiber *self, int fd, int command, void *argument);

/**
 * positioned.c: read and write a file at a position: what the page cache can do here, the rest on
 * another thread. -1 stands for the current position. The count or a negative errno.
 */
long weft__file_read(int fd, const struct iovec *parts, int count, off_t offset, int flags);
long weft__file_write(int fd, const struct iovec *parts, int count, off_t offset, int flags);

/** The rest of a read that ended early: until all is there, the end or an error. The count. */
long weft__file_read_on(int fd, struct weft__parts *rest, off_t offset, int flags);

#endif
