/* scanf and its kin on a pipe: they park, stop where the C library stops, and leave the rest. */
#include "hook.h"

#include <stdarg.h>
#include <stdio.h>

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static int scan_list(FILE *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = vfscanf(stream, format, arguments);
    va_end(arguments);
    return result;
}

/* What a program sees of a scan: its result, what it stored, what comes next, end and error. */
struct sight {
    int result, number, next;
    char word[32];
    bool end, error;
};

static struct sight look(const char *bytes, const char *format)
{
    int pair[2];
    must(pipe(pair) == 0, "a pipe");
    must(write(pair[1], bytes, strlen(bytes)) == (ssize_t)strlen(bytes), "bytes");
    close(pair[1]);
    FILE *stream = fdopen(pair[0], "r");
    struct sight sight = { .number = -1, .word = "(none)" };
    sight.result = fscanf(stream, format, &sight.number, sight.word);
    sight.end = feof(stream);
    sight.error = ferror(stream);
    sight.next = fgetc(stream);
    fclose(stream);
    return sight;
}

static const struct {
    const char *bytes, *format;
} cases[] = {
    { "12 apples", "%d %31s" }, { "12apples", "%d%31s" }, { "x", "%d %31s" },
    { "", "%d %31s" },          { "7", "%d %31s" },       { "  8 \n\n pears!", "%d %31[a-z]" },
    { "9:ten", "%d:%31s" },     { "9;ten", "%d:%31s" },   { "0x1f rest", "%i %31s" },
    { "-", "%d %31s" },         { "1 2 3", "%d %31s" },   { "12", "%1d%31s" },
};

static struct sight in_fiber[COUNT(cases)];

FIBER(look_at_all)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        in_fiber[i] = look(cases[i].bytes, cases[i].format);
    return 0;
}

static void same_as_outside(void)
{
    in_runtime(look_at_all);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sight bare = look(cases[i].bytes, cases[i].format), hooked = in_fiber[i];
        ok(bare.result == hooked.result && bare.number == hooked.number &&
               bare.next == hooked.next && strcmp(bare.word, hooked.word) == 0 &&
               bare.end == hooked.end && bare.error == hooked.error,
           "\"%s\" by \"%s\": %d, %d, '%s', next %d, as outside (%d, %d, '%s', next %d)",
           cases[i].bytes, cases[i].format, hooked.result, hooked.number, hooked.word, hooked.next,
           bare.result, bare.number, bare.word, bare.next);
    }
}

static FILE *reading;
static int values[3];

static long scan_two(int unused)
{
    (void)unused;
    return fscanf(reading, "%d %d", &values[0], &values[1]);
}

static long scan_by_list(int unused)
{
    (void)unused;
    return scan_list(reading, "%d", &values[2]);
}

static void put(int fd, const char *text)
{
    must(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "bytes");
}

FIBER(parks)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    must(pipe(pair) == 0 && (reading = fdopen(pair[0], "r")) != NULL, "a pipe");
    struct trial trial = { .call = scan_two };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "a scan parks");
    put(pair[1], "12");
    usleep(1000);
    must(!trial.ended, "in the middle of a number, too");
    put(pair[1], "3 4");
    usleep(1000);
    must(!trial.ended, "and of the next");
    put(pair[1], "56\n");
    trial_join(task);
    ok(trial.result == 2 && values[0] == 123 && values[1] == 456, "two numbers, come in pieces");
    ok(trial.error == UNTOUCHED, "errno is left as it was");
    struct trial late = { .call = scan_by_list, .timeout = 5 * WEFT_MILLISECOND };
    task = trial_start(&scope, &late);
    trial_join(task);
    ok(late.result == EOF && late.error == ETIMEDOUT && ferror(reading), "a late one fails");
    clearerr(reading);
    struct trial cancelled = { .call = scan_by_list };
    task = trial_start(&scope, &cancelled);
    must(!cancelled.ended, "it waits");
    weft_cancel(task);
    trial_join(task);
    ok(cancelled.result == EOF && cancelled.error == ECANCELED, "a cancelled one, too");
    clearerr(reading);
    put(pair[1], "78 ");
    is_int(scan_by_list(0), 1, "what comes later is scanned");
    is_int(values[2], 78, "as it is");
    close(pair[1]);
    is_int(scan_by_list(0), EOF, "then the end");
    fclose(reading);
    return 0;
}

int main(void)
{
    same_as_outside();
    in_runtime(parks);
    return done_testing();
}
