/*
 * Wide streams.
 *
 * The C library converts between its two buffers, the wide one and that of bytes, in the middle of
 * reading and writing. For reading it is given bytes one read at a time: without a descriptor its
 * own read fails once the bytes do not make a character, and then more are waited for. What it
 * writes is caught: stdio_capture.c.
 */
#include <stdio_ext.h>
#include <string.h>
#include <wchar.h>

#include "hook/stdio.h"

void _IO_doallocbuf(FILE *stream);
void _IO_wdoallocbuf(FILE *stream);
wint_t __wunderflow(FILE *stream);
extern const char _IO_file_jumps[], _IO_wfile_jumps[];

/* The beginning of the C library's record, which its old inline functions fixed for ever. */
struct wide {
    wchar_t *read_ptr, *read_end, *read_base;
    wchar_t *write_base, *write_ptr, *write_end;
    wchar_t *buf_base, *buf_end;
};

static struct wide *wide_of(const FILE *stream)
{
    return (struct wide *)(void *)stream->_wide_data;
}

bool weft__stream_waits_wide(const FILE *stream)
{
    const void *jumps = *(const void *const *)(const void *)(stream + 1);
    bool ours = (stream->_mode == 0 && jumps == (const void *)_IO_file_jumps) ||
                (stream->_mode > 0 && jumps == (const void *)_IO_wfile_jumps);
    return ours && stream->_fileno >= 0 && weft__kind(stream->_fileno) != WEFT__FD_FILE;
}

/* Both buffers, as large as its descriptor asks for. */
static void orient(FILE *stream)
{
    int saved = errno;
    fwide(stream, 1);
    if (!wide_of(stream)->buf_base)
        _IO_wdoallocbuf(stream);
    if (!stream->_IO_buf_base)
        _IO_doallocbuf(stream);
    errno = saved;
}

/* --- writing */

struct writing {
    struct weft__hold own;
    struct weft__hold *hold;
    struct weft__capture capture;
};

static bool writing_begin(struct weft__fiber *self, FILE *stream, struct writing *writing)
{
    writing->hold = weft__stream_enter(self, stream, &writing->own);
    if (!writing->hold)
        return false;
    orient(stream);
    int error = weft__checkpoint(self);
    if (error) {
        stream->_flags |= _IO_ERR_SEEN;
        weft__stream_leave(writing->hold);
        weft__fail(-error);
        return false;
    }
    weft__capture_begin(stream, &writing->capture);
    return true;
}

static bool writing_end(struct weft__fiber *self, struct writing *writing)
{
    int result = weft__capture_end(self, &writing->capture);
    weft__stream_leave(writing->hold);
    return result == 0;
}

int weft__stream_flush_wide(struct weft__fiber *self, FILE *stream)
{
    struct weft__capture capture;
    weft__capture_begin(stream, &capture);
    int result = WEFT__REAL(fflush_unlocked)(stream);
    return weft__capture_end(self, &capture) < 0 ? EOF : result;
}

static wint_t put(struct weft__fiber *self, wchar_t character, FILE *stream)
{
    struct writing writing;
    if (!writing_begin(self, stream, &writing))
        return WEOF;
    wint_t result = WEFT__REAL(fputwc_unlocked)(character, stream);
    return writing_end(self, &writing) ? result : WEOF;
}

wint_t weft__hook_fputwc(struct weft__fiber *self, wchar_t character, FILE *stream)
{
    return weft__stream_waits_wide(stream) ? put(self, character, stream)
                                           : WEFT__REAL(fputwc)(character, stream);
}

wint_t weft__hook_fputwc_unlocked(struct weft__fiber *self, wchar_t character, FILE *stream)
{
    const struct wide *wide = wide_of(stream);
    bool room = stream->_mode > 0 && wide->write_ptr < wide->write_end;
    return !room && weft__stream_waits_wide(stream)
               ? put(self, character, stream)
               : WEFT__REAL(fputwc_unlocked)(character, stream);
}

wint_t weft__hook_putwchar(struct weft__fiber *self, wchar_t character)
{
    return weft__hook_fputwc(self, character, stdout);
}

wint_t weft__hook_putwchar_unlocked(struct weft__fiber *self, wchar_t character)
{
    return weft__hook_fputwc_unlocked(self, character, stdout);
}

int weft__hook_fputws(struct weft__fiber *self, const wchar_t *text, FILE *stream)
{
    struct writing writing;
    if (!weft__stream_waits_wide(stream))
        return WEFT__REAL(fputws)(text, stream);
    if (!writing_begin(self, stream, &writing))
        return -1;
    int result = WEFT__REAL(fputws_unlocked)(text, stream);
    return writing_end(self, &writing) ? result : -1;
}

int weft__hook_fputws_unlocked(struct weft__fiber *self, const wchar_t *text, FILE *stream)
{
    return weft__hook_fputws(self, text, stream);
}

int weft__hook_vfwprintf(struct weft__fiber *self, FILE *stream, const wchar_t *format,
                         va_list arguments)
{
    struct writing writing;
    if (!weft__stream_waits_wide(stream))
        return WEFT__REAL(vfwprintf)(stream, format, arguments);
    if (!writing_begin(self, stream, &writing))
        return -1;
    int result = WEFT__REAL(vfwprintf)(stream, format, arguments);
    return writing_end(self, &writing) ? result : -1;
}

int weft__hook_vwprintf(struct weft__fiber *self, const wchar_t *format, va_list arguments)
{
    return weft__hook_vfwprintf(self, stdout, format, arguments);
}

int weft__hook___vfwprintf_chk(struct weft__fiber *self, FILE *stream, int flag,
                               const wchar_t *format, va_list arguments)
{
    struct writing writing;
    if (!weft__stream_waits_wide(stream))
        return WEFT__REAL(__vfwprintf_chk)(stream, flag, format, arguments);
    if (!writing_begin(self, stream, &writing))
        return -1;
    int result = WEFT__REAL(__vfwprintf_chk)(stream, flag, format, arguments);
    return writing_end(self, &writing) ? result : -1;
}

int weft__hook___vwprintf_chk(struct weft__fiber *self, int flag, const wchar_t *format,
                              va_list arguments)
{
    return weft__hook___vfwprintf_chk(self, stdout, flag, format, arguments);
}

/* --- reading */

enum {
    LONGEST = 16 /* bytes of a character: MB_LEN_MAX */
};

/* What is left in the other one moves over, if there is room: what is no character stays. */
static void use_buffer(FILE *stream, char *base, char *end)
{
    const char *first = stream->_IO_read_ptr;
    size_t left = (size_t)(stream->_IO_read_end - first);
    if (left > (size_t)(end - base))
        left = 0;
    memcpy(base, first, left);
    stream->_IO_buf_base = base;
    stream->_IO_buf_end = end;
    stream->_IO_read_base = stream->_IO_read_ptr = base;
    stream->_IO_read_end = base + left;
    stream->_IO_write_base = stream->_IO_write_ptr = stream->_IO_write_end = base;
}

static wint_t failed(FILE *stream, int error)
{
    stream->_flags |= _IO_ERR_SEEN;
    weft__fail(error);
    return WEOF;
}

/* What can be had without a read: a character, or WEOF; WANTS: for want of bytes. */
static wint_t convert(FILE *stream, bool *wants)
{
    int saved = errno, fd = stream->_fileno, before = stream->_flags & _IO_ERR_SEEN;
    bool readable = !(stream->_flags & (WEFT__STREAM_NO_READS | _IO_EOF_SEEN));
    *wants = false;
    if (!readable)
        return __wunderflow(stream);
    stream->_flags &= ~_IO_ERR_SEEN;
    stream->_fileno = -1;
    wint_t character = __wunderflow(stream);
    stream->_fileno = fd;
    *wants = character == WEOF && stream->_flags & _IO_ERR_SEEN && errno == EBADF;
    if (*wants)
        stream->_flags &= ~_IO_ERR_SEEN;
    stream->_flags |= before;
    if (*wants || character != WEOF)
        errno = saved;
    return character;
}

/* More bytes behind those that make no character yet: 1; 0 at the end; -1 and errno. */
static int more_bytes(struct weft__fiber *self, FILE *stream, size_t most)
{
    int error = weft__checkpoint(self);
    if (error)
        return weft__fail(-error);
    size_t room = (size_t)(stream->_IO_buf_end - stream->_IO_read_end);
    ssize_t count =
        weft__hook_read(self, stream->_fileno, stream->_IO_read_end, room < most ? room : most);
    if (count > 0)
        stream->_IO_read_end += count;
    return count > 0 ? 1 : (int)count;
}

static wint_t fill_from(struct weft__fiber *self, FILE *stream, size_t most)
{
    for (bool read_some = false;; read_some = true) {
        bool wants;
        wint_t character = convert(stream, &wants);
        if (!wants)
            return character;
        int got = more_bytes(self, stream, most);
        if (got < 0)
            return failed(stream, errno);
        if (got == 0 && read_some) /* half a character that was begun before is just the end */
            return failed(stream, EILSEQ);
        if (got == 0) {
            stream->_flags |= _IO_EOF_SEEN;
            return WEOF;
        }
    }
}

/* The next character, left in the wide buffer. */
static wint_t fill(struct weft__fiber *self, FILE *stream)
{
    char few[LONGEST];
    const struct wide *wide = wide_of(stream);
    if (wide->read_ptr < wide->read_end)
        return (wint_t)*wide->read_ptr;
    bool writes =
        wide->write_ptr > wide->write_base || stream->_IO_write_ptr > stream->_IO_write_base;
    if (writes && weft__stream_flush_wide(self, stream) < 0)
        return WEOF;
    weft__stream_show_prompt(self, stream);
    char *base = stream->_IO_buf_base, *end = stream->_IO_buf_end;
    if (end - base >= LONGEST)
        return fill_from(self, stream, SIZE_MAX);
    use_buffer(stream, few, few + sizeof few);
    wint_t character = fill_from(self, stream, 1);
    use_buffer(stream, base, end);
    return character;
}

bool weft__stream_has_wide(struct weft__fiber *self, FILE *stream)
{
    orient(stream);
    return fill(self, stream) != WEOF;
}

static wint_t next(struct weft__fiber *self, FILE *stream)
{
    wint_t character = fill(self, stream);
    if (character != WEOF)
        wide_of(stream)->read_ptr++;
    return character;
}

static wint_t get(struct weft__fiber *self, FILE *stream)
{
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return WEOF;
    orient(stream);
    wint_t character = next(self, stream);
    weft__stream_leave(hold);
    return character;
}

wint_t weft__hook_fgetwc(struct weft__fiber *self, FILE *stream)
{
    return weft__stream_waits_wide(stream) ? get(self, stream) : WEFT__REAL(fgetwc)(stream);
}

wint_t weft__hook_fgetwc_unlocked(struct weft__fiber *self, FILE *stream)
{
    return weft__stream_waits_wide(stream) ? get(self, stream)
                                           : WEFT__REAL(fgetwc_unlocked)(stream);
}

wint_t weft__hook_getwchar(struct weft__fiber *self)
{
    return weft__hook_fgetwc(self, stdin);
}

wint_t weft__hook_getwchar_unlocked(struct weft__fiber *self)
{
    return weft__hook_fgetwc_unlocked(self, stdin);
}

/* A failure after some characters is a failure, unless it is O_NONBLOCK's; as for bytes. */
static wchar_t *read_line(struct weft__fiber *self, wchar_t *buffer, size_t size, FILE *stream)
{
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return NULL;
    orient(stream);
    int before = stream->_flags & _IO_ERR_SEEN;
    stream->_flags &= ~_IO_ERR_SEEN;
    size_t got = 0;
    wint_t character = 0;
    while (got < size - 1 && character != L'\n' && (character = next(self, stream)) != WEOF)
        buffer[got++] = (wchar_t)character;
    bool refused = got == 0 || (stream->_flags & _IO_ERR_SEEN && errno != EAGAIN);
    stream->_flags |= before;
    if (!refused)
        buffer[got] = L'\0';
    weft__stream_leave(hold);
    return refused ? NULL : buffer;
}

wchar_t *weft__hook_fgetws(struct weft__fiber *self, wchar_t *buffer, int size, FILE *stream)
{
    return size > 1 && weft__stream_waits_wide(stream)
               ? read_line(self, buffer, (size_t)size, stream)
               : WEFT__REAL(fgetws)(buffer, size, stream);
}

wchar_t *weft__hook_fgetws_unlocked(struct weft__fiber *self, wchar_t *buffer, int size,
                                    FILE *stream)
{
    return size > 1 && weft__stream_waits_wide(stream)
               ? read_line(self, buffer, (size_t)size, stream)
               : WEFT__REAL(fgetws_unlocked)(buffer, size, stream);
}
