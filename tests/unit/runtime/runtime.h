/*
 * What the runtime's tests share: runs under a virtual clock, a trace to compare orders with, and
 * a few bodies of tasks.
 */
#ifndef TESTS_UNIT_RUNTIME_H
#define TESTS_UNIT_RUNTIME_H

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include <weft/weft.h>

/** 1 in builds whose sanitizer takes over faults and the address space. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/** Seconds after which a test is taken to hang. Sanitizers and valgrind are slow. */
#define FUSE 60

/** The head of a function that runs as a fiber; its parameter is `argument`. */
#define FIBER(name) static int name(__attribute__((unused)) void *argument)

/** The argument of tasks that need none. */
#define NOTHING ((int){ 0 })

static char trace_text[16384];
static size_t trace_length;

static void fuse_blown(int number)
{
    static const char text[] = "Bail out! No end after the fuse's time: something hangs\n";
    (void)number;
    long wrote = syscall(SYS_write, STDOUT_FILENO, text, sizeof(text) - 1);
    _exit(wrote < 0 ? 2 : 1);
}

__attribute__((constructor)) static void fuse_light(void)
{
    signal(SIGALRM, fuse_blown);
    alarm(FUSE);
}

/** Run a function as the root fiber, under a clock that never waits. */
__attribute__((unused)) static int run_virtual(int (*function)(void *), void *argument)
{
    struct weft_options options = { .virtual_clock = true };
    return weft_run_with(&options, function, argument);
}

/** Run a test's body as the root fiber under a virtual clock; it has to return 0. */
#define in_runtime(function) must(run_virtual(function, NULL) == 0, "%s ran to its end", #function)

/** Append one word to the trace. */
__attribute__((unused, format(printf, 1, 2))) static void trace(const char *format, ...)
{
    size_t room = sizeof(trace_text) - trace_length;
    va_list args;
    va_start(args, format);
    if (trace_length > 0 && room > 1) {
        trace_text[trace_length++] = ' ';
        room--;
    }
    int length = vsnprintf(trace_text + trace_length, room, format, args);
    va_end(args);
    must(length >= 0 && (size_t)length < room, "the trace has room");
    trace_length += (size_t)length;
}

/** Compare the trace, and start a new one. */
#define is_trace(expected, ...)                                                                    \
    do {                                                                                           \
        trace_text[trace_length] = '\0';                                                           \
        is_str(trace_text, expected, __VA_ARGS__);                                                 \
        trace_length = 0;                                                                          \
    } while (0)

/** Claim that a call fails with an errno. */
#define fails(call, expected, ...)                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long long fails_got = (long long)(call);                                                   \
        int fails_errno = errno;                                                                   \
        ok(fails_got == -1 && fails_errno == (expected), __VA_ARGS__);                             \
        if (fails_got != -1 || fails_errno != (expected))                                          \
            diag("got %lld with errno %d (%s), expected -1 with %d (%s)", fails_got, fails_errno,  \
                 strerror(fails_errno), (expected), strerror(expected));                           \
    } while (0)

/** Claim that a call which returns a pointer fails with an errno. */
#define fails_null(call, expected, ...) fails((call) ? 0 : -1, expected, __VA_ARGS__)

/** Descriptors that the process holds, the one that counts excluded. */
__attribute__((unused)) static int open_descriptors(void)
{
    int count = -1;
    DIR *folder = opendir("/proc/self/fd");
    must(folder != NULL, "/proc/self/fd can be read");
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/** Memory of a test that several fibers look at. */
struct shared {
    struct weft_condition condition;
    int started;
    int ended;
    int error;
};

/** Parks until it is cancelled or late; 0 never comes. */
__attribute__((unused)) static int park_forever(void *argument)
{
    struct weft_condition never = { 0 };
    (void)argument;
    return weft_condition_wait(&never);
}

/** Sleeps for the int64_t it gets. */
__attribute__((unused)) static int sleep_for(void *argument)
{
    return weft_sleep(*(int64_t *)argument);
}

/** Returns the int it gets, at once. */
__attribute__((unused)) static int return_int(void *argument)
{
    return *(int *)argument;
}

/** Fails at once with the errno it gets. */
__attribute__((unused)) static int fail_with(void *argument)
{
    errno = *(int *)argument;
    return -1;
}

/** Yields so often that all that can run has run. */
__attribute__((unused)) static void settle(void)
{
    for (int i = 0; i < 8; i++)
        (void)weft_yield();
}

#endif
