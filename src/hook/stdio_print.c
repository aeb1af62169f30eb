/*
 * The printf family: what it prints is put together in memory first, since nobody can say before
 * how much it will be.
 */
#include <stdlib.h>

#include "hook/stdio.h"

int __vasprintf_chk(char **text, int flag, const char *format, va_list arguments);

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static int print(struct weft__fiber *self, FILE *stream, int flag, const char *format,
                 va_list arguments)
{
    char *text;
    struct weft__hold own, *hold;
    int size = flag < 0 ? vasprintf(&text, format, arguments)
                        : __vasprintf_chk(&text, flag, format, arguments);
    if (size < 0)
        return -1;
    hold = weft__stream_enter(self, stream, &own);
    size_t put = hold ? weft__stream_put(self, stream, text, (size_t)size) : 0;
    int error = errno;
    if (hold)
        weft__stream_leave(hold);
    free(text);
    errno = error;
    return hold && put == (size_t)size ? size : -1;
}

int weft__hook_vfprintf(struct weft__fiber *self, FILE *stream, const char *format,
                        va_list arguments)
{
    return weft__stream_waits(stream) ? print(self, stream, -1, format, arguments)
                                      : WEFT__REAL(vfprintf)(stream, format, arguments);
}

int weft__hook_vprintf(struct weft__fiber *self, const char *format, va_list arguments)
{
    return weft__hook_vfprintf(self, stdout, format, arguments);
}

int weft__hook___vfprintf_chk(struct weft__fiber *self, FILE *stream, int flag, const char *format,
                              va_list arguments)
{
    return weft__stream_waits(stream) ? print(self, stream, flag < 0 ? 0 : flag, format, arguments)
                                      : WEFT__REAL(__vfprintf_chk)(stream, flag, format, arguments);
}

int weft__hook___vprintf_chk(struct weft__fiber *self, int flag, const char *format,
                             va_list arguments)
{
    return weft__hook___vfprintf_chk(self, stdout, flag, format, arguments);
}

/* --- onto a descriptor */

static int print_to(struct weft__fiber *self, int fd, int flag, const char *format,
                    va_list arguments)
{
    char *text;
    int size = flag < 0 ? vasprintf(&text, format, arguments)
                        : __vasprintf_chk(&text, flag, format, arguments);
    if (size < 0)
        return -1;
    ssize_t put = 0, wrote = 1;
    while (put < size && wrote > 0) {
        wrote = weft__hook_write(self, fd, text + put, (size_t)(size - put));
        put += wrote > 0 ? wrote : 0;
    }
    int error = errno;
    free(text);
    errno = error;
    return put == size ? size : -1;
}

int weft__hook_vdprintf(struct weft__fiber *self, int fd, const char *format, va_list arguments)
{
    return print_to(self, fd, -1, format, arguments);
}

int weft__hook___vdprintf_chk(struct weft__fiber *self, int fd, int flag, const char *format,
                              va_list arguments)
{
    return print_to(self, fd, flag < 0 ? 0 : flag, format, arguments);
}

/* --- the names that take any number of arguments, which the table can't say */

#define EXPORT(name) __asm__(#name) __attribute__((visibility("default")))

int weft__export_printf(const char *format, ...) EXPORT(printf);
int weft__export_fprintf(FILE *stream, const char *format, ...) EXPORT(fprintf);
int weft__export_dprintf(int fd, const char *format, ...) EXPORT(dprintf);
int weft__export___printf_chk(int flag, const char *format, ...) EXPORT(__printf_chk);
int weft__export___fprintf_chk(FILE *stream, int flag, const char *format, ...)
    EXPORT(__fprintf_chk);
int weft__export___dprintf_chk(int fd, int flag, const char *format, ...) EXPORT(__dprintf_chk);

int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list arguments);
int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments);

/* EXPRESSION by the va_list form of the same call, which is hooked. */
#define FORWARD(last, expression)                                                                  \
    va_list arguments;                                                                             \
    va_start(arguments, last);                                                                     \
    int result = (expression);                                                                     \
    va_end(arguments);                                                                             \
    return result

int weft__export_printf(const char *format, ...)
{
    FORWARD(format, vfprintf(stdout, format, arguments));
}

int weft__export_fprintf(FILE *stream, const char *format, ...)
{
    FORWARD(format, vfprintf(stream, format, arguments));
}

int weft__export_dprintf(int fd, const char *format, ...)
{
    FORWARD(format, vdprintf(fd, format, arguments));
}

int weft__export___printf_chk(int flag, const char *format, ...)
{
    FORWARD(format, __vfprintf_chk(stdout, flag, format, arguments));
}

int weft__export___fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
    FORWARD(format, __vfprintf_chk(stream, flag, format, arguments));
}

int weft__export___dprintf_chk(int fd, int flag, const char *format, ...)
{
    FORWARD(format, __vdprintf_chk(fd, flag, format, arguments));
}
