/*
 * A file by sendfile(2): its bytes go from the page cache to the socket without being copied here.
 *
 * The socket is made not to block for as long as that takes, which nobody else can see: it is the
 * server's alone. What the page cache does not have yet is read on another thread before, so that
 * the disk does not hold the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <weft/offload.h>
#include <weft/run.h>

#include "http/exchange.h"

enum {
    WINDOW = 256 * 1024 /* bytes that are looked for in the page cache at once */
};

struct window {
    int fd;
    off_t at;
    size_t length;
};

/* On another thread: bring a window into the page cache. */
static int fetch(void *argument)
{
    const struct window *window = argument;
    char last;
    readahead(window->fd, window->at, window->length);
    return pread(window->fd, &last, 1, window->at + (off_t)window->length - 1) < 0 ? -1 : 0;
}

/* Is the end of the window at hand? A file system that can't tell is taken to be fast. */
static bool is_cached(const struct window *window)
{
    char last;
    struct iovec part = { &last, 1 };
    off_t at = window->at + (off_t)window->length - 1;
    return syscall(SYS_preadv2, window->fd, &part, 1, at, 0, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

static int broken(struct weft_http_stream *stream, int error)
{
    stream->broken = error;
    errno = error;
    return -1;
}

/* Wait for room. 0; -1 and the stream is broken. */
static int wait_room(struct weft_http_stream *stream)
{
    int room = weft__stream_wait_writable(&stream->connection->stream);
    return room > 0 ? 0 : broken(stream, room == 0 ? ETIMEDOUT : errno);
}

static int send_window(struct weft_http_stream *stream, struct window *window)
{
    if (!is_cached(window) && weft_offload(fetch, window) < 0) {
        return broken(stream, errno);
    }
    while (window->length > 0) {
        off_t at = window->at;
        ssize_t sent =
            syscall(SYS_sendfile, stream->connection->stream.fd, window->fd, &at, window->length);
        if (sent == 0) {
            return broken(stream, EIO); /* it has become shorter than was told */
        }
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return broken(stream, errno);
        }
        if (sent < 0 && errno == EAGAIN && wait_room(stream) < 0) {
            return -1;
        }
        if (sent > 0) {
            window->at += sent;
            window->length -= (size_t)sent;
            stream->remaining -= (uint64_t)sent;
            stream->last = stream->connection->server->clock;
        }
    }
    return weft_yield() < 0 ? broken(stream, errno) : 0;
}

static int send_all(struct weft_http_stream *stream, int fd, off_t *at, off_t end)
{
    while (*at < end) {
        off_t left = end - *at;
        struct window window = { fd, *at, left < WINDOW ? (size_t)left : WINDOW };
        if (send_window(stream, &window) < 0) {
            return -1;
        }
        *at = window.at;
    }
    return 0;
}

int weft__output_file(struct weft_http_stream *stream, int fd, off_t *at, off_t end)
{
    if (stream->sink || stream->filter || stream->connection->stream.tls ||
        stream->framing != WEFT__FRAMING_LENGTH || (uint64_t)(end - *at) > stream->remaining ||
        end - *at < WEFT__OUT_INLINE) {
        return 0;
    }
    if (weft_http_stream_flush(stream) < 0) {
        return -1;
    }
    int socket = stream->connection->stream.fd;
    int flags = fcntl(socket, F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0)) {
        return 0; /* then by writing */
    }
    stream->sending = true;
    int result = send_all(stream, fd, at, end);
    int error = errno;
    stream->sending = false;
    fcntl(socket, F_SETFL, flags);
    errno = error;
    return result;
}
