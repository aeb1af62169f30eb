/* Writing to streams; see stdio.h. */
#include <stdio_ext.h>
#include <string.h>

#include "hook/stdio.h"

extern const char _IO_file_jumps[]; /* what a stream of the C library's own on a descriptor has */

bool weft__stream_waits(const FILE *stream)
{
    const void *jumps = *(const void *const *)(const void *)(stream + 1);
    return stream->_mode <= 0 && jumps == (const void *)_IO_file_jumps && stream->_fileno >= 0 &&
           weft__kind(stream->_fileno) != WEFT__FD_FILE;
}

static int failed(FILE *stream)
{
    stream->_flags |= _IO_ERR_SEEN;
    return -1;
}

/* Success leaves errno as it was. */
static ssize_t write_out(struct weft__fiber *self, FILE *stream, const char *data, size_t size)
{
    int error = weft__checkpoint(self);
    if (error)
        return weft__fail(-error);
    return weft__hook_write(self, stream->_fileno, data, size);
}

static size_t pending(const FILE *stream)
{
    return stream->_flags & WEFT__STREAM_PUTTING ? __fpending((FILE *)(uintptr_t)stream) : 0;
}

/* As in the C library what can't be written is dropped; but a fiber that is late may try again. */
int weft__stream_drain(struct weft__fiber *self, FILE *stream)
{
    size_t size;
    while ((size = pending(stream)) > 0) {
        ssize_t wrote = write_out(self, stream, stream->_IO_write_base, size);
        if (wrote < 0) {
            if (errno != ECANCELED && errno != ETIMEDOUT)
                stream->_IO_write_ptr = stream->_IO_write_base;
            return failed(stream);
        }
        memmove(stream->_IO_write_base, stream->_IO_write_base + wrote, size - (size_t)wrote);
        stream->_IO_write_ptr -= wrote;
    }
    return 0;
}

/* A fiber that is cancelled or late closes all the same: what needs no wait is still written. */
static int last_drain(struct weft__fiber *self, FILE *stream)
{
    if (stream->_mode > 0)
        return __fwriting(stream) ? weft__stream_flush_wide(self, stream) : 0;
    size_t size;
    while ((size = pending(stream)) > 0) {
        ssize_t wrote = weft__hook_write(self, stream->_fileno, stream->_IO_write_base, size);
        if (wrote < 0)
            return failed(stream);
        memmove(stream->_IO_write_base, stream->_IO_write_base + wrote, size - (size_t)wrote);
        stream->_IO_write_ptr -= wrote;
    }
    return 0;
}

int weft__stream_finish(struct weft__fiber *self, FILE *stream)
{
    struct weft__hold own, *hold;
    if (!self ||
        !(weft__stream_waits(stream) || (stream->_mode > 0 && weft__stream_waits_wide(stream))))
        return 0;
    hold = weft__stream_enter(self, stream, &own);
    int result = hold ? last_drain(self, stream) : -1;
    if (result < 0 && hold)
        __fpurge(stream);
    if (hold)
        weft__stream_leave(hold);
    return result;
}

static size_t put_through(struct weft__fiber *self, FILE *stream, const char *data, size_t size)
{
    size_t put = 0;
    while (put < size) {
        ssize_t wrote = write_out(self, stream, data + put, size - put);
        if (wrote < 0) {
            failed(stream);
            break;
        }
        put += (size_t)wrote;
    }
    return put;
}

static void keep(FILE *stream, const char *data, size_t size)
{
    memcpy(stream->_IO_write_ptr, data, size);
    stream->_IO_write_ptr += size;
}

static size_t lines_of(const FILE *stream, const char *data, size_t size)
{
    const char *end = stream->_flags & WEFT__STREAM_LINES ? memrchr(data, '\n', size) : NULL;
    return end ? (size_t)(end + 1 - data) : 0;
}

/* How much goes into the buffer before anything is written; LINE: it ends one. */
static size_t first_part(const FILE *stream, const char *data, size_t size, bool *line)
{
    bool lines = stream->_flags & WEFT__STREAM_LINES;
    const char *end = lines ? stream->_IO_buf_end : stream->_IO_write_end;
    size_t room = end > stream->_IO_write_ptr ? (size_t)(end - stream->_IO_write_ptr) : 0;
    size_t whole = lines && room >= size ? lines_of(stream, data, size) : 0;
    *line = whole > 0;
    if (whole > 0)
        return whole;
    return room < size ? room : size;
}

/* The buffer is empty. Whole blocks go past it. */
static size_t put_rest(struct weft__fiber *self, FILE *stream, const char *data, size_t size)
{
    size_t block = (size_t)(stream->_IO_buf_end - stream->_IO_buf_base);
    size_t through = size - (block >= 128 ? size % block : 0);
    size_t put = put_through(self, stream, data, through);
    if (put < through || put == size)
        return put;
    size_t lines = lines_of(stream, data + put, size - put);
    if (lines > 0) {
        keep(stream, data + put, lines);
        put += lines;
        if (weft__stream_drain(self, stream) < 0)
            return put - 1;
    }
    keep(stream, data + put, size - put);
    return size;
}

/* In the order of the C library, so that what has been written when is the same. */
size_t weft__stream_put(struct weft__fiber *self, FILE *stream, const char *data, size_t size)
{
    if (size == 0)
        return 0;
    bool line = false, fresh = !(stream->_flags & WEFT__STREAM_PUTTING);
    /* Without a byte to write this only makes the buffer ready. */
    if (fresh && WEFT__REAL(__overflow)(stream, EOF) == EOF)
        return 0;
    size_t put = fresh ? 0 : first_part(stream, data, size, &line);
    keep(stream, data, put);
    if (put == size && !line)
        return size;
    if (weft__stream_drain(self, stream) < 0)
        return put == size ? WEFT__STREAM_KEPT : put;
    return put + put_rest(self, stream, data + put, size - put);
}

static size_t put_held(struct weft__fiber *self, FILE *stream, const char *data, size_t size)
{
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return 0;
    size_t put = weft__stream_put(self, stream, data, size);
    weft__stream_leave(hold);
    return put;
}

/* --- characters and strings */

static int put_byte(struct weft__fiber *self, FILE *stream, char byte)
{
    if (!(stream->_flags & WEFT__STREAM_PUTTING) && WEFT__REAL(__overflow)(stream, EOF) == EOF)
        return EOF;
    if (stream->_IO_write_ptr == stream->_IO_buf_end && weft__stream_drain(self, stream) < 0)
        return EOF;
    keep(stream, &byte, 1);
    bool now = stream->_flags & WEFT__STREAM_UNBUFFERED ||
               (stream->_flags & WEFT__STREAM_LINES && byte == '\n');
    return now && weft__stream_drain(self, stream) < 0 ? EOF : (unsigned char)byte;
}

static int put_character(struct weft__fiber *self, int character, FILE *stream)
{
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return EOF;
    int result = put_byte(self, stream, (char)character);
    weft__stream_leave(hold);
    return result;
}

int weft__hook___overflow(struct weft__fiber *self, FILE *stream, int character)
{
    return character != EOF && weft__stream_waits(stream)
               ? put_character(self, character, stream)
               : WEFT__REAL(__overflow)(stream, character);
}

int weft__hook_fputc(struct weft__fiber *self, int character, FILE *stream)
{
    return weft__stream_waits(stream) ? put_character(self, character, stream)
                                      : WEFT__REAL(fputc)(character, stream);
}

int weft__hook_fputc_unlocked(struct weft__fiber *self, int character, FILE *stream)
{
    return weft__stream_waits(stream) ? put_character(self, character, stream)
                                      : WEFT__REAL(fputc_unlocked)(character, stream);
}

int weft__hook_putchar(struct weft__fiber *self, int character)
{
    return weft__hook_fputc(self, character, stdout);
}

int weft__hook_putchar_unlocked(struct weft__fiber *self, int character)
{
    return weft__hook_fputc_unlocked(self, character, stdout);
}

static int put_string(struct weft__fiber *self, const char *text, FILE *stream)
{
    size_t size = strlen(text);
    return put_held(self, stream, text, size) == size ? 1 : EOF;
}

int weft__hook_fputs(struct weft__fiber *self, const char *text, FILE *stream)
{
    return weft__stream_waits(stream) ? put_string(self, text, stream)
                                      : WEFT__REAL(fputs)(text, stream);
}

int weft__hook_fputs_unlocked(struct weft__fiber *self, const char *text, FILE *stream)
{
    return weft__stream_waits(stream) ? put_string(self, text, stream)
                                      : WEFT__REAL(fputs_unlocked)(text, stream);
}

int weft__hook_puts(struct weft__fiber *self, const char *text)
{
    struct weft__hold own, *hold;
    if (!weft__stream_waits(stdout))
        return WEFT__REAL(puts)(text);
    hold = weft__stream_enter(self, stdout, &own);
    if (!hold)
        return EOF;
    size_t size = strlen(text);
    bool whole =
        weft__stream_put(self, stdout, text, size) == size && put_byte(self, stdout, '\n') != EOF;
    weft__stream_leave(hold);
    return whole ? (int)(size + 1) : EOF;
}

static size_t write_items(struct weft__fiber *self, const void *data, size_t size, size_t count,
                          FILE *stream)
{
    size_t whole;
    if (size == 0 || count == 0 || __builtin_mul_overflow(size, count, &whole))
        return 0;
    size_t put = put_held(self, stream, data, whole);
    return put == WEFT__STREAM_KEPT ? count : put / size;
}

size_t weft__hook_fwrite(struct weft__fiber *self, const void *data, size_t size, size_t count,
                         FILE *stream)
{
    return weft__stream_waits(stream) ? write_items(self, data, size, count, stream)
                                      : WEFT__REAL(fwrite)(data, size, count, stream);
}

size_t weft__hook_fwrite_unlocked(struct weft__fiber *self, const void *data, size_t size,
                                  size_t count, FILE *stream)
{
    return weft__stream_waits(stream) ? write_items(self, data, size, count, stream)
                                      : WEFT__REAL(fwrite_unlocked)(data, size, count, stream);
}

int weft__hook_putw(struct weft__fiber *self, int word, FILE *stream)
{
    return weft__hook_fwrite(self, &word, sizeof word, 1, stream) == 1 ? 0 : EOF;
}

/* --- flushing */

/* Not begun in a fiber that is late, which may come again. */
static int flush_wide(struct weft__fiber *self, FILE *stream)
{
    int error = weft__checkpoint(self);
    if (error) {
        failed(stream);
        return weft__fail(-error);
    }
    return weft__stream_flush_wide(self, stream);
}

static int flush(struct weft__fiber *self, FILE *stream)
{
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return EOF;
    int result = stream->_mode > 0 ? flush_wide(self, stream) : weft__stream_drain(self, stream);
    if (result == 0 && stream->_mode <= 0)
        result = WEFT__REAL(fflush_unlocked)(stream);
    weft__stream_leave(hold);
    return result < 0 ? EOF : 0;
}

static bool may_wait(const FILE *stream)
{
    return weft__stream_waits(stream) || (stream->_mode > 0 && weft__stream_waits_wide(stream));
}

int weft__hook_fflush(struct weft__fiber *self, FILE *stream)
{
    if (!stream)
        return weft__flush_all(self);
    return may_wait(stream) ? flush(self, stream) : WEFT__REAL(fflush)(stream);
}

int weft__hook_fflush_unlocked(struct weft__fiber *self, FILE *stream)
{
    if (!stream)
        return weft__flush_all(self);
    return may_wait(stream) ? flush(self, stream) : WEFT__REAL(fflush_unlocked)(stream);
}
