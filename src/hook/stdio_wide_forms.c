/* The wide printf and scanf families: the names that take any number of arguments, and scanning. */
#include <locale.h>
#include <stdio_ext.h>

#include "hook/recall.h"
#include "hook/stdio.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/*
 * --- scanning
 *
 * How much it will read nobody can say before, and a stream of fopencookie, which scanf uses, can't
 * be wide. So once there is something to read, it is scanned on a thread that can be called back.
 */

typedef int scanner(FILE *stream, const wchar_t *format, va_list arguments);

struct scan {
    FILE *stream;
    const wchar_t *format;
    va_list *arguments;
    scanner *real;
    locale_t locale;
    int result;
    int error;
};

static long perform(void *argument)
{
    struct scan *scan = argument;
    locale_t own = uselocale(scan->locale);
    errno = scan->error;
    scan->result = scan->real(scan->stream, scan->format, *scan->arguments);
    scan->error = errno;
    uselocale(own);
    return scan->result == EOF && scan->error == EINTR ? -EINTR : 0;
}

static int perform_offloaded(void *scan)
{
    perform(scan);
    return 0;
}

/* The stream is locked by the fiber's thread: the other one does not ask. */
static long scan_elsewhere(struct weft__fiber *self, struct scan *scan)
{
    int locking = __fsetlocking(scan->stream, FSETLOCKING_BYCALLER);
    long ended = weft__recallable_function(self, INT64_MAX, perform, scan);
    if (ended == WEFT__RECALL_BUSY)
        ended = weft__offload_on(0, perform_offloaded, scan) < 0 ? -errno : 0;
    __fsetlocking(scan->stream, locking);
    return ended;
}

static int scan(struct weft__fiber *self, FILE *stream, const wchar_t *format, va_list *arguments,
                scanner *real)
{
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    if (!hold)
        return EOF;
    struct scan scan = { stream, format, arguments, real, uselocale((locale_t)0), EOF, errno };
    bool begins = weft__stream_has_wide(self, stream) || !ferror_unlocked(stream);
    long ended = begins ? scan_elsewhere(self, &scan) : -errno;
    weft__stream_leave(hold);
    if (ended == 0 && scan.error == EINTR && self->frame->effective)
        scan.error = self->frame->effective; /* called back in the middle */
    errno = ended < 0 ? (int)-ended : scan.error;
    return ended < 0 ? EOF : scan.result;
}

static int scan_with(struct weft__fiber *self, FILE *stream, const wchar_t *format,
                     va_list arguments, scanner *real)
{
    va_list own;
    va_copy(own, arguments);
    int result = scan(self, stream, format, &own, real);
    va_end(own);
    return result;
}

int weft__hook_vfwscanf(struct weft__fiber *self, FILE *stream, const wchar_t *format,
                        va_list arguments)
{
    return weft__stream_waits_wide(stream)
               ? scan_with(self, stream, format, arguments, WEFT__REAL(vfwscanf))
               : WEFT__REAL(vfwscanf)(stream, format, arguments);
}

int weft__hook_vwscanf(struct weft__fiber *self, const wchar_t *format, va_list arguments)
{
    return weft__hook_vfwscanf(self, stdin, format, arguments);
}

int weft__hook___isoc99_vfwscanf(struct weft__fiber *self, FILE *stream, const wchar_t *format,
                                 va_list arguments)
{
    return weft__stream_waits_wide(stream)
               ? scan_with(self, stream, format, arguments, WEFT__REAL(__isoc99_vfwscanf))
               : WEFT__REAL(__isoc99_vfwscanf)(stream, format, arguments);
}

int weft__hook___isoc99_vwscanf(struct weft__fiber *self, const wchar_t *format, va_list arguments)
{
    return weft__hook___isoc99_vfwscanf(self, stdin, format, arguments);
}

/* --- any number of arguments */

#define EXPORT(name) __asm__(#name) __attribute__((visibility("default")))

int weft__export_wprintf(const wchar_t *format, ...) EXPORT(wprintf);
int weft__export_fwprintf(FILE *stream, const wchar_t *format, ...) EXPORT(fwprintf);
int weft__export___wprintf_chk(int flag, const wchar_t *format, ...) EXPORT(__wprintf_chk);
int weft__export___fwprintf_chk(FILE *stream, int flag, const wchar_t *format, ...)
    EXPORT(__fwprintf_chk);
int weft__export_wscanf(const wchar_t *format, ...) EXPORT(wscanf);
int weft__export_fwscanf(FILE *stream, const wchar_t *format, ...) EXPORT(fwscanf);
int weft__export___isoc99_wscanf(const wchar_t *format, ...) EXPORT(__isoc99_wscanf);
int weft__export___isoc99_fwscanf(FILE *stream, const wchar_t *format, ...)
    EXPORT(__isoc99_fwscanf);

/* Those of the table, by the symbols they leave the library under. */
int weft__export_vfwprintf(FILE *stream, const wchar_t *format,
                           va_list arguments) __asm__("vfwprintf");
int weft__export___vfwprintf_chk(FILE *stream, int flag, const wchar_t *format,
                                 va_list arguments) __asm__("__vfwprintf_chk");
int weft__export_vfwscanf(FILE *stream, const wchar_t *format,
                          va_list arguments) __asm__("vfwscanf");
int weft__export___isoc99_vfwscanf(FILE *stream, const wchar_t *format,
                                   va_list arguments) __asm__("__isoc99_vfwscanf");

#define FORWARD(expression)                                                                        \
    va_list arguments;                                                                             \
    va_start(arguments, format);                                                                   \
    int result = (expression);                                                                     \
    va_end(arguments);                                                                             \
    return result

int weft__export_wprintf(const wchar_t *format, ...)
{
    FORWARD(weft__export_vfwprintf(stdout, format, arguments));
}

int weft__export_fwprintf(FILE *stream, const wchar_t *format, ...)
{
    FORWARD(weft__export_vfwprintf(stream, format, arguments));
}

int weft__export___wprintf_chk(int flag, const wchar_t *format, ...)
{
    FORWARD(weft__export___vfwprintf_chk(stdout, flag, format, arguments));
}

int weft__export___fwprintf_chk(FILE *stream, int flag, const wchar_t *format, ...)
{
    FORWARD(weft__export___vfwprintf_chk(stream, flag, format, arguments));
}

int weft__export_wscanf(const wchar_t *format, ...)
{
    FORWARD(weft__export_vfwscanf(stdin, format, arguments));
}

int weft__export_fwscanf(FILE *stream, const wchar_t *format, ...)
{
    FORWARD(weft__export_vfwscanf(stream, format, arguments));
}

int weft__export___isoc99_wscanf(const wchar_t *format, ...)
{
    FORWARD(weft__export___isoc99_vfwscanf(stdin, format, arguments));
}

int weft__export___isoc99_fwscanf(FILE *stream, const wchar_t *format, ...)
{
    FORWARD(weft__export___isoc99_vfwscanf(stream, format, arguments));
}
