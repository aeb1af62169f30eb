/*
 * What goes to stderr by the C library's own hand: perror, psignal, warn, err and error. Caught as
 * they print, and then written out. They are no cancellation points: a fiber that is cancelled
 * tells what it can without waiting.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "hook/stdio.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

struct telling {
    struct weft__hold own;
    struct weft__hold *hold;
    struct weft__capture capture;
};

static bool waits(const FILE *stream)
{
    return weft__stream_waits(stream) || weft__stream_waits_wide(stream);
}

/* false: nothing is caught. */
static bool telling_begin(struct weft__fiber *self, struct telling *telling)
{
    int saved = errno;
    telling->hold =
        self && stderr && waits(stderr) ? weft__stream_enter(self, stderr, &telling->own) : NULL;
    if (telling->hold) {
        weft__capture_begin(stderr, &telling->capture);
        telling->capture.whole = true;
    }
    errno = saved;
    return telling->hold != NULL;
}

static void telling_end(struct weft__fiber *self, struct telling *telling)
{
    int saved = errno;
    weft__capture_end(self, &telling->capture);
    weft__stream_leave(telling->hold);
    errno = saved;
}

/* EXPRESSION, with what it prints caught if that may wait. */
#define TELL(expression)                                                                           \
    struct telling telling;                                                                        \
    bool caught = telling_begin(self, &telling);                                                   \
    expression;                                                                                    \
    if (caught)                                                                                    \
    telling_end(self, &telling)

void weft__hook_perror(struct weft__fiber *self, const char *prefix)
{
    TELL(WEFT__REAL(perror)(prefix));
}

void weft__hook_psignal(struct weft__fiber *self, int number, const char *prefix)
{
    TELL(WEFT__REAL(psignal)(number, prefix));
}

/* The C library's is one write to the number, of less than PIPE_BUF: with room it does not wait. */
void weft__hook_psiginfo(struct weft__fiber *self, const siginfo_t *info, const char *prefix)
{
    int saved = errno;
    int error;
    do
        error = self ? weft__await_ready(self, STDERR_FILENO, POLLOUT) : 0;
    while (error == -EINTR);
    errno = saved;
    if (error == 0)
        WEFT__REAL(psiginfo)(info, prefix);
}

void weft__hook_vwarn(struct weft__fiber *self, const char *format, va_list arguments)
{
    TELL(WEFT__REAL(vwarn)(format, arguments));
}

void weft__hook_vwarnx(struct weft__fiber *self, const char *format, va_list arguments)
{
    TELL(WEFT__REAL(vwarnx)(format, arguments));
}

_Noreturn void weft__hook_verr(struct weft__fiber *self, int status, const char *format,
                               va_list arguments)
{
    weft__hook_vwarn(self, format, arguments);
    exit(status);
}

_Noreturn void weft__hook_verrx(struct weft__fiber *self, int status, const char *format,
                                va_list arguments)
{
    weft__hook_vwarnx(self, format, arguments);
    exit(status);
}

/* --- any number of arguments */

#define EXPORT(name) __asm__(#name) __attribute__((visibility("default")))

void weft__export_warn(const char *format, ...) EXPORT(warn);
void weft__export_warnx(const char *format, ...) EXPORT(warnx);
_Noreturn void weft__export_err(int status, const char *format, ...) EXPORT(err);
_Noreturn void weft__export_errx(int status, const char *format, ...) EXPORT(errx);
void weft__export_error(int status, int number, const char *format, ...) EXPORT(error);
void weft__export_error_at_line(int status, int number, const char *file, unsigned line,
                                const char *format, ...) EXPORT(error_at_line);

void weft__export_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weft__hook_vwarn(weft__hooked_fiber(WEFT__FAMILY_STDIO), format, arguments);
    va_end(arguments);
}

void weft__export_warnx(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weft__hook_vwarnx(weft__hooked_fiber(WEFT__FAMILY_STDIO), format, arguments);
    va_end(arguments);
}

void weft__export_err(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weft__hook_vwarn(weft__hooked_fiber(WEFT__FAMILY_STDIO), format, arguments);
    va_end(arguments);
    exit(status);
}

void weft__export_errx(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weft__hook_vwarnx(weft__hooked_fiber(WEFT__FAMILY_STDIO), format, arguments);
    va_end(arguments);
    exit(status);
}

/* stdout goes first; that one may wait. A status ends the program, after what was said is out. */
static void tell_error(int status, int number, const char *file, unsigned line, const char *text)
{
    struct weft__fiber *self = weft__hooked_fiber(WEFT__FAMILY_STDIO);
    void (*plain)(int, int, const char *, ...) = NULL;
    void (*at_line)(int, int, const char *, unsigned, const char *, ...) = NULL;
    *(void **)&plain = dlsym(RTLD_NEXT, "error"); /* what the table can't say: see hook.tbl */
    *(void **)&at_line = dlsym(RTLD_NEXT, "error_at_line");
    if (self && stdout)
        weft__hook_fflush(self, stdout);
    TELL(file ? at_line(0, number, file, line, "%s", text) : plain(0, number, "%s", text));
    if (status)
        exit(status);
}

static void tell_formatted(int status, int number, const char *file, unsigned line,
                           const char *format, va_list arguments)
{
    char *text = NULL;
    int saved = errno;
    bool made = vasprintf(&text, format, arguments) >= 0;
    errno = saved;
    tell_error(status, number, file, line, made ? text : format);
    if (made)
        free(text);
}

void weft__export_error(int status, int number, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell_formatted(status, number, NULL, 0, format, arguments);
    va_end(arguments);
}

void weft__export_error_at_line(int status, int number, const char *file, unsigned line,
                                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell_formatted(status, number, file, line, format, arguments);
    va_end(arguments);
}
