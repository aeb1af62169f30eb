/*
 * syslog: sent by another thread, since the daemon may be slow and its socket full. Who logs waits
 * for that, and no cancel cuts it short: a line is never lost in silence.
 */
#include <stdlib.h>
#include <syslog.h>

#include "hook/hook.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

struct line {
    int priority;
    char *text;
    struct weft__parker parker;
};

static void put_formatted(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    WEFT__REAL(vsyslog)(priority, format, arguments);
    va_end(arguments);
}

static int put(void *argument)
{
    struct line *line = argument;
    put_formatted(line->priority, "%s", line->text);
    weft__unpark(&line->parker); /* the line is gone with this */
    return 0;
}

static void put_elsewhere(struct weft__fiber *self, int priority, char *text)
{
    struct line line = { .priority = priority, .text = text };
    weft__parker_init(&line.parker, self);
    if (weft__offload_detached(0, put, &line) < 0) {
        put_formatted(priority, "%s", text);
        return;
    }
    self->runtime->offloads++;
    weft__parker_finish(&line.parker, WEFT__WAIT_OFFLOAD, (const void *)(uintptr_t)put);
    self->runtime->offloads--;
}

void weft__hook_vsyslog(struct weft__fiber *self, int priority, const char *format,
                        va_list arguments)
{
    char *text;
    int saved = errno;
    if (!self) {
        WEFT__REAL(vsyslog)(priority, format, arguments);
        return;
    }
    if (!(setlogmask(0) & LOG_MASK(LOG_PRI(priority))))
        return;
    if (vasprintf(&text, format, arguments) < 0)
        return;
    put_elsewhere(self, priority, text);
    free(text);
    errno = saved;
}

void weft__hook___vsyslog_chk(struct weft__fiber *self, int priority, int flag, const char *format,
                              va_list arguments)
{
    if (self)
        weft__hook_vsyslog(self, priority, format, arguments);
    else
        WEFT__REAL(__vsyslog_chk)(priority, flag, format, arguments);
}

/* --- any number of arguments */

#define EXPORT(name) __asm__(#name) __attribute__((visibility("default")))

void weft__export_syslog(int priority, const char *format, ...) EXPORT(syslog);
void weft__export___syslog_chk(int priority, int flag, const char *format, ...)
    EXPORT(__syslog_chk);

/* Those of the table, by the symbols they leave the library under. */
void weft__export_vsyslog(int priority, const char *format, va_list arguments) __asm__("vsyslog");
void weft__export___vsyslog_chk(int priority, int flag, const char *format,
                                va_list arguments) __asm__("__vsyslog_chk");

void weft__export_syslog(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weft__export_vsyslog(priority, format, arguments);
    va_end(arguments);
}

void weft__export___syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weft__export___vsyslog_chk(priority, flag, format, arguments);
    va_end(arguments);
}
