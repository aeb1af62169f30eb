/*
 * Test Anything Protocol, one process a test file.
 *
 *     int main(void)
 *     {
 *         must(setup() == 0, "setup");            a precondition: silent, or the process ends here
 *         ok(works(), "it works");                a claim: one line each
 *         is_int(count(), 3, "counts to %d", 3);
 *         is_str(name(), "weft", "has a name");
 *         return done_testing();
 *     }
 *
 * Lines go out by the bare system call: a claim made inside a fiber must neither park it nor run
 * through the very hooks under test. errno survives every call. Claims may come from any thread.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Claim that `condition` holds; the rest says in printf's way what that means. */
#define ok(condition, ...) tap__claim(!!(condition), #condition, __FILE__, __LINE__, __VA_ARGS__)

/** Claim that two integers are equal. Both are compared as long long. */
#define is_int(got, expected, ...)                                                                 \
    tap__is_int((long long)(got), (long long)(expected), __FILE__, __LINE__, __VA_ARGS__)

/** Claim that two strings are equal; NULL equals only NULL. */
#define is_str(got, expected, ...) tap__is_str(got, expected, __FILE__, __LINE__, __VA_ARGS__)

/** Claim that `size` bytes are equal. */
#define is_mem(got, expected, size, ...)                                                           \
    tap__is_mem(got, expected, size, __FILE__, __LINE__, __VA_ARGS__)

/** Require `condition`: silent when it holds, otherwise a failure that ends the process. */
#define must(condition, ...)                                                                       \
    ((condition) ? (void)0 : tap__abort(#condition, __FILE__, __LINE__, __VA_ARGS__))

static atomic_int tap__count;
static atomic_int tap__failures;

__attribute__((unused, format(printf, 1, 0))) static void tap__line(const char *format,
                                                                    va_list args)
{
    char line[1024];
    int length = vsnprintf(line, sizeof(line) - 1, format, args);
    if (length < 0) {
        return;
    }
    if ((size_t)length > sizeof(line) - 2) {
        length = sizeof(line) - 2;
    }
    for (int i = 0; i < length; i++) {
        if (line[i] == '\n') {
            line[i] = ' ';
        }
    }
    line[length++] = '\n';

    for (int sent = 0; sent < length;) {
        long wrote = syscall(SYS_write, STDOUT_FILENO, line + sent, (size_t)(length - sent));
        if (wrote < 0 && errno != EINTR && errno != EAGAIN) {
            return;
        }
        sent += wrote > 0 ? (int)wrote : 0;
    }
}

__attribute__((unused, format(printf, 1, 2))) static void tap__say(const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    tap__line(format, args);
    va_end(args);
    errno = saved;
}

/** A comment beside the results. */
#define diag(...) tap__say("# " __VA_ARGS__)

__attribute__((unused, format(printf, 5, 0))) static bool
tap__record(bool passed, const char *condition, const char *file, int line, const char *format,
            va_list args)
{
    int saved = errno;
    int number = atomic_fetch_add(&tap__count, 1) + 1;
    char name[768];
    vsnprintf(name, sizeof(name), format, args);
    for (char *c = name; *c; c++) {
        if (*c == '#') {
            *c = '_'; /* the protocol reads a directive after it */
        }
    }
    tap__say("%sok %d - %s", passed ? "" : "not ", number, name);
    if (!passed) {
        atomic_fetch_add(&tap__failures, 1);
        tap__say("#   at %s:%d", file, line);
        if (condition) {
            tap__say("#   %s (errno %d: %s)", condition, saved, strerror(saved));
        }
    }
    errno = saved;
    return passed;
}

__attribute__((unused, format(printf, 5, 6))) static bool
tap__claim(bool passed, const char *condition, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tap__record(passed, condition, file, line, format, args);
    va_end(args);
    return passed;
}

__attribute__((unused, format(printf, 5, 6))) static bool
tap__is_int(long long got, long long expected, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool passed = tap__record(got == expected, NULL, file, line, format, args);
    va_end(args);
    if (!passed) {
        tap__say("#   got %lld, expected %lld", got, expected);
    }
    return passed;
}

__attribute__((unused, format(printf, 5, 6))) static bool tap__is_str(const char *got,
                                                                      const char *expected,
                                                                      const char *file, int line,
                                                                      const char *format, ...)
{
    bool equal = got && expected ? strcmp(got, expected) == 0 : got == expected;
    va_list args;
    va_start(args, format);
    tap__record(equal, NULL, file, line, format, args);
    va_end(args);
    if (!equal) {
        tap__say("#   got      %s", got ? got : "(null)");
        tap__say("#   expected %s", expected ? expected : "(null)");
    }
    return equal;
}

__attribute__((unused, format(printf, 6, 7))) static bool
tap__is_mem(const void *got, const void *expected, size_t size, const char *file, int line,
            const char *format, ...)
{
    const unsigned char *a = got;
    const unsigned char *b = expected;
    size_t same = 0;
    while (same < size && a[same] == b[same]) {
        same++;
    }
    va_list args;
    va_start(args, format);
    tap__record(same == size, NULL, file, line, format, args);
    va_end(args);
    if (same < size) {
        tap__say("#   byte %zu of %zu: got 0x%02x, expected 0x%02x", same, size, a[same], b[same]);
    }
    return same == size;
}

/*
 * Ends the process without unwinding: a jump off a fiber's stack would leave the scheduler inside
 * a fiber that is gone, and the next test would fail for it.
 */
__attribute__((unused, noreturn, format(printf, 4, 5))) static void
tap__abort(const char *condition, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tap__record(false, condition, file, line, format, args);
    va_end(args);
    tap__say("1..%d", atomic_load(&tap__count));
    _exit(1);
}

/** One claim that cannot be checked here, and why. */
#define skip(reason, ...)                                                                          \
    tap__say("ok %d - # SKIP " reason, atomic_fetch_add(&tap__count, 1) + 1, ##__VA_ARGS__)

/** Nothing of this file can be checked here. Before the first claim; ends the process. */
#define skip_all(...) (tap__say("1..0 # SKIP " __VA_ARGS__), exit(0))

/** Close the report. Returns main's result: a file without a single claim has failed. */
__attribute__((unused)) static int done_testing(void)
{
    int count = atomic_load(&tap__count);
    if (count == 0) {
        tap__say("not ok 1 - no claim was made");
        tap__say("1..1");
        return 1;
    }
    tap__say("1..%d", count);
    return atomic_load(&tap__failures) > 0;
}

#endif
