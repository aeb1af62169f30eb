/*
 * The scanf family.
 *
 * How much it will read nobody can say before, so it scans another stream: one of fopencookie's,
 * without a buffer, whose bytes come one by one from the hooked fgetc of the real one. It stops
 * behind the byte that decided, which goes back where it came from.
 */
#include "hook/stdio.h"

int __isoc99_vfscanf(FILE *stream, const char *format, va_list arguments);

struct source {
    struct weft__fiber *fiber;
    FILE *stream;
    bool failed;
};

static ssize_t give(void *cookie, char *buffer, size_t size)
{
    struct source *source = cookie;
    if (size == 0)
        return 0;
    int byte = weft__hook___uflow(source->fiber, source->stream);
    if (byte == EOF) {
        source->failed = ferror_unlocked(source->stream);
        return source->failed ? -1 : 0;
    }
    *buffer = (char)byte;
    return 1;
}

/* What the scan has looked at and not used. */
static void give_back(FILE *scanned, FILE *stream)
{
    if (scanned->_IO_read_end > scanned->_IO_read_ptr)
        ungetc((unsigned char)*scanned->_IO_read_ptr, stream);
}

static int scan(struct weft__fiber *self, FILE *stream, const char *format, va_list arguments,
                int (*real)(FILE *stream, const char *format, va_list arguments))
{
    struct source source = { self, stream, false };
    struct weft__hold own, *hold = weft__stream_enter(self, stream, &own);
    FILE *scanned =
        hold ? fopencookie(&source, "r", (cookie_io_functions_t){ .read = give }) : NULL;
    int result = EOF;
    if (scanned) {
        setvbuf(scanned, NULL, _IONBF, 0);
        int before = errno;
        result = real(scanned, format, arguments);
        int error = errno;
        give_back(scanned, stream);
        WEFT__REAL(fclose)(scanned);
        errno = source.failed ? error : result == EOF ? error : before;
    }
    if (hold)
        weft__stream_leave(hold);
    return result;
}

int weft__hook_vfscanf(struct weft__fiber *self, FILE *stream, const char *format,
                       va_list arguments)
{
    return weft__stream_waits(stream) ? scan(self, stream, format, arguments, WEFT__REAL(vfscanf))
                                      : WEFT__REAL(vfscanf)(stream, format, arguments);
}

int weft__hook_vscanf(struct weft__fiber *self, const char *format, va_list arguments)
{
    return weft__hook_vfscanf(self, stdin, format, arguments);
}

int weft__hook___isoc99_vfscanf(struct weft__fiber *self, FILE *stream, const char *format,
                                va_list arguments)
{
    return weft__stream_waits(stream)
               ? scan(self, stream, format, arguments, WEFT__REAL(__isoc99_vfscanf))
               : WEFT__REAL(__isoc99_vfscanf)(stream, format, arguments);
}

int weft__hook___isoc99_vscanf(struct weft__fiber *self, const char *format, va_list arguments)
{
    return weft__hook___isoc99_vfscanf(self, stdin, format, arguments);
}

/* --- the names that take any number of arguments */

#define EXPORT(name) __asm__(#name) __attribute__((visibility("default")))

int weft__export_scanf(const char *format, ...) EXPORT(scanf);
int weft__export_fscanf(FILE *stream, const char *format, ...) EXPORT(fscanf);
int weft__export___isoc99_scanf(const char *format, ...) EXPORT(__isoc99_scanf);
int weft__export___isoc99_fscanf(FILE *stream, const char *format, ...) EXPORT(__isoc99_fscanf);

/* Those of the table, by the symbols they leave the library under. */
int weft__export_vfscanf(FILE *stream, const char *format, va_list arguments) __asm__("vfscanf");
int weft__export___isoc99_vfscanf(FILE *stream, const char *format,
                                  va_list arguments) __asm__("__isoc99_vfscanf");

#define FORWARD(call, stream)                                                                      \
    va_list arguments;                                                                             \
    va_start(arguments, format);                                                                   \
    int result = call(stream, format, arguments);                                                  \
    va_end(arguments);                                                                             \
    return result

int weft__export_scanf(const char *format, ...)
{
    FORWARD(weft__export_vfscanf, stdin);
}

int weft__export_fscanf(FILE *stream, const char *format, ...)
{
    FORWARD(weft__export_vfscanf, stream);
}

int weft__export___isoc99_scanf(const char *format, ...)
{
    FORWARD(weft__export___isoc99_vfscanf, stdin);
}

int weft__export___isoc99_fscanf(FILE *stream, const char *format, ...)
{
    FORWARD(weft__export___isoc99_vfscanf, stream);
}
