/*
 * What the C library writes by itself, caught: for the time of one of its calls a stream has a file
 * in memory as its descriptor, and what has come there is written out by the hooked write. Nothing
 * parks in between, and the stream is held. See docs/decisions/024-recall.md.
 */
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "hook/stdio.h"

void weft__capture_begin(FILE *stream, struct weft__capture *capture)
{
    int saved = errno;
    *capture = (struct weft__capture){ .stream = stream,
                                       .fd = stream->_fileno,
                                       .offset = stream->_offset };
    capture->sink = (int)weft__raw(SYS_memfd_create, "stream", MFD_CLOEXEC);
    if (capture->sink >= 0) /* else it goes around: better late than lost */
        stream->_fileno = capture->sink;
    errno = saved;
}

/* The bytes, on the heap; 0 if there are none, or a negative errno. */
static long take(int sink, char **data)
{
    long size = weft__raw(SYS_lseek, sink, 0, SEEK_END);
    if (size <= 0)
        return size;
    *data = weft__malloc((size_t)size);
    if (!*data)
        return -ENOMEM;
    return weft__raw(SYS_pread64, sink, *data, size, 0);
}

static int write_all(struct weft__fiber *self, const struct weft__capture *capture,
                     const char *data, size_t size)
{
    size_t put = 0;
    while (put < size) {
        ssize_t wrote = weft__hook_write(self, capture->fd, data + put, size - put);
        if (wrote < 0 && !(errno == EINTR && capture->whole))
            return -1;
        put += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

int weft__capture_end(struct weft__fiber *self, const struct weft__capture *capture)
{
    if (capture->sink < 0)
        return 0;
    FILE *stream = capture->stream;
    int saved = errno, result = 0;
    char *data = NULL;
    stream->_fileno = capture->fd;
    stream->_offset = capture->offset;
    long size = take(capture->sink, &data);
    weft__fd_forget(capture->sink);
    weft__raw(SYS_close, capture->sink);
    if (size < 0)
        result = weft__fail((int)-size);
    else if (size > 0)
        result = write_all(self, capture, data, (size_t)size);
    int error = errno;
    weft__free(data);
    if (result < 0)
        stream->_flags |= _IO_ERR_SEEN;
    errno = result < 0 ? error : saved;
    return result;
}
