/* Reading from streams; see stdio.h. */
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "hook/stdio.h"

static size_t buffered(const FILE *stream)
{
    return (size_t)(stream->_IO_read_end - stream->_IO_read_ptr);
}

/* Bytes pushed back by ungetc stand before those of the buffer, which need no wait. */
static bool has_more_behind(const FILE *stream)
{
    return stream->_flags & WEFT__STREAM_IN_BACKUP && stream->_IO_save_end > stream->_IO_save_base;
}

/* A prompt is seen before an answer is waited for. */
void weft__stream_show_prompt(struct weft__fiber *self, FILE *stream)
{
    bool prompts = stream->_flags & (WEFT__STREAM_LINES | WEFT__STREAM_UNBUFFERED) ||
                   (!stream->_IO_buf_base && isatty(stream->_fileno));
    struct weft__hold own;
    if (!prompts || !stdout || !__flbf(stdout) || __fpending(stdout) == 0 ||
        !weft__stream_waits(stdout))
        return;
    struct weft__hold *hold = weft__stream_enter(self, stdout, &own);
    if (!hold)
        return;
    weft__stream_drain(self, stdout);
    weft__stream_leave(hold);
}

static int await_bytes(struct weft__fiber *self, FILE *stream)
{
    int saved = errno, fd = stream->_fileno;
    struct weft__patience patience = { 0 };
    if (stream->_IO_write_ptr > stream->_IO_write_base && weft__stream_drain(self, stream) < 0)
        return -1;
    weft__stream_show_prompt(self, stream);
    errno = saved;
    int error = weft__checkpoint(self);
    while (!error && !weft__is_nonblocking(fd)) {
        if (weft__ready_now(fd, POLLIN))
            return 0;
        error = weft__await_blocking(self, fd, EPOLLIN, &patience);
    }
    if (!error)
        return 0;
    stream->_flags |= _IO_ERR_SEEN;
    return weft__fail(-error);
}

/* Have bytes in the buffer: how many; 0 at the end or after a failure. */
static size_t fill(struct weft__fiber *self, FILE *stream)
{
    if (buffered(stream) > 0)
        return buffered(stream);
    bool asks = !has_more_behind(stream) && !(stream->_flags & WEFT__STREAM_NO_READS);
    if (asks && (feof_unlocked(stream) || await_bytes(self, stream) < 0))
        return 0;
    return WEFT__REAL(__underflow)(stream) == EOF ? 0 : buffered(stream);
}

int weft__hook___underflow(struct weft__fiber *self, FILE *stream)
{
    if (!weft__stream_waits(stream))
        return WEFT__REAL(__underflow)(stream);
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return EOF;
    int result = fill(self, stream) > 0 ? (unsigned char)*stream->_IO_read_ptr : EOF;
    weft__stream_leave(hold);
    return result;
}

int weft__hook___uflow(struct weft__fiber *self, FILE *stream)
{
    if (!weft__stream_waits(stream))
        return WEFT__REAL(__uflow)(stream);
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return EOF;
    int result = fill(self, stream) > 0 ? (unsigned char)*stream->_IO_read_ptr++ : EOF;
    weft__stream_leave(hold);
    return result;
}

int weft__hook_fgetc(struct weft__fiber *self, FILE *stream)
{
    return weft__stream_waits(stream) ? weft__hook___uflow(self, stream)
                                      : WEFT__REAL(fgetc)(stream);
}

int weft__hook_fgetc_unlocked(struct weft__fiber *self, FILE *stream)
{
    return weft__stream_waits(stream) ? weft__hook___uflow(self, stream)
                                      : WEFT__REAL(fgetc_unlocked)(stream);
}

int weft__hook_getchar(struct weft__fiber *self)
{
    return weft__hook_fgetc(self, stdin);
}

int weft__hook_getchar_unlocked(struct weft__fiber *self)
{
    return weft__hook_fgetc_unlocked(self, stdin);
}

/* --- many */

/* Up to SIZE bytes, but not beyond the first DELIMITER if that is not negative. */
static size_t take(struct weft__fiber *self, FILE *stream, char *buffer, size_t size, int delimiter,
                   bool *found)
{
    size_t count = fill(self, stream);
    if (count == 0)
        return 0;
    if (count > size)
        count = size;
    const char *end = delimiter < 0 ? NULL : memchr(stream->_IO_read_ptr, delimiter, count);
    if (end)
        count = (size_t)(end + 1 - stream->_IO_read_ptr);
    *found = end != NULL;
    memcpy(buffer, stream->_IO_read_ptr, count);
    stream->_IO_read_ptr += count;
    return count;
}

static size_t take_all(struct weft__fiber *self, FILE *stream, char *buffer, size_t size,
                       int delimiter)
{
    bool found = false;
    size_t whole = 0, count = 1;
    while (whole < size && count > 0 && !found) {
        count = take(self, stream, buffer + whole, size - whole, delimiter, &found);
        whole += count;
    }
    return whole;
}

static size_t read_items(struct weft__fiber *self, void *buffer, size_t size, size_t count,
                         FILE *stream)
{
    size_t whole, got = 0;
    struct weft__hold own, *hold;
    if (size == 0 || count == 0 || __builtin_mul_overflow(size, count, &whole))
        return 0;
    hold = weft__stream_enter(self, stream, &own);
    if (hold) {
        got = take_all(self, stream, buffer, whole, -1);
        weft__stream_leave(hold);
    }
    return got / size;
}

size_t weft__hook_fread(struct weft__fiber *self, void *buffer, size_t size, size_t count,
                        FILE *stream)
{
    return weft__stream_waits(stream) ? read_items(self, buffer, size, count, stream)
                                      : WEFT__REAL(fread)(buffer, size, count, stream);
}

size_t weft__hook_fread_unlocked(struct weft__fiber *self, void *buffer, size_t size, size_t count,
                                 FILE *stream)
{
    return weft__stream_waits(stream) ? read_items(self, buffer, size, count, stream)
                                      : WEFT__REAL(fread_unlocked)(buffer, size, count, stream);
}

/* A failure after some bytes is a failure, unless it is O_NONBLOCK's; as in the C library. */
static char *read_line(struct weft__fiber *self, char *buffer, size_t size, FILE *stream)
{
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return NULL;
    int before = stream->_flags & _IO_ERR_SEEN;
    stream->_flags &= ~_IO_ERR_SEEN;
    size_t got = take_all(self, stream, buffer, size - 1, '\n');
    bool failed = got == 0 || (stream->_flags & _IO_ERR_SEEN && errno != EAGAIN);
    stream->_flags |= before;
    if (!failed)
        buffer[got] = '\0';
    weft__stream_leave(hold);
    return failed ? NULL : buffer;
}

char *weft__hook_fgets(struct weft__fiber *self, char *buffer, int size, FILE *stream)
{
    return size > 1 && weft__stream_waits(stream) ? read_line(self, buffer, (size_t)size, stream)
                                                  : WEFT__REAL(fgets)(buffer, size, stream);
}

char *weft__hook_fgets_unlocked(struct weft__fiber *self, char *buffer, int size, FILE *stream)
{
    return size > 1 && weft__stream_waits(stream)
               ? read_line(self, buffer, (size_t)size, stream)
               : WEFT__REAL(fgets_unlocked)(buffer, size, stream);
}

/* Room for MORE bytes after the first USED. */
static bool grow(char **line, size_t *size, size_t used, size_t more)
{
    size_t wanted = used + more;
    if (*line && wanted <= *size)
        return true;
    if (wanted < 2 * *size)
        wanted = 2 * *size;
    if (wanted < 120)
        wanted = 120;
    char *grown = realloc(*line, wanted);
    if (!grown)
        return false;
    *line = grown;
    *size = wanted;
    return true;
}

static ssize_t read_delimited(struct weft__fiber *self, char **line, size_t *size, int delimiter,
                              FILE *stream)
{
    bool found = false;
    size_t used = 0, count = 1;
    while (!found && (count = fill(self, stream)) > 0) {
        if (!grow(line, size, used, count + 1))
            return -1;
        used += take(self, stream, *line + used, count, delimiter, &found);
    }
    if (used == 0)
        return -1;
    (*line)[used] = '\0';
    return (ssize_t)used;
}

ssize_t weft__hook_getdelim(struct weft__fiber *self, char **line, size_t *size, int delimiter,
                            FILE *stream)
{
    if (!line || !size || !weft__stream_waits(stream))
        return WEFT__REAL(getdelim)(line, size, delimiter, stream);
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return -1;
    if (!*line)
        *size = 0;
    ssize_t result = read_delimited(self, line, size, (unsigned char)delimiter, stream);
    weft__stream_leave(hold);
    return result;
}

ssize_t weft__hook_getline(struct weft__fiber *self, char **line, size_t *size, FILE *stream)
{
    return weft__hook_getdelim(self, line, size, '\n', stream);
}

/* --- words of memory */

int weft__hook_getw(struct weft__fiber *self, FILE *stream)
{
    int word;
    return weft__hook_fread(self, &word, sizeof word, 1, stream) == 1 ? word : EOF;
}
