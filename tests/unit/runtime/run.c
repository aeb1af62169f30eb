/* weft_run(): from a thread into a runtime and back. */
#include <stdlib.h>

#include "runtime.h"

FIBER(return_seven)
{
    return 7;
}

FIBER(note_running)
{
    ok(weft_running(), "inside, the thread runs a fiber");
    ok(weft_self() != NULL, "inside, there is a task");
    return 0;
}

FIBER(note_argument)
{
    *(int *)argument = 42;
    return 0;
}

static void results(void)
{
    int error = EPROTO;
    int seen = 0;
    is_int(weft_run(return_seven, NULL), 7, "what the function returned comes back");
    fails(weft_run(fail_with, &error), EPROTO, "its failure comes back with its errno");
    is_int(weft_run(note_argument, &seen), 0, "an argument is handed over as it is");
    is_int(seen, 42, "so that the function can fill it");

    ok(!weft_running() && !weft_self(), "outside, there is neither fiber nor task");
    must(weft_run(note_running, NULL) == 0, "note_running");
    ok(!weft_running() && !weft_self(), "afterwards neither");

    errno = EXDEV;
    must(weft_run(return_seven, NULL) == 7, "return_seven");
    is_int(errno, EXDEV, "success leaves errno as it was");
}

struct counter {
    int *ended;
    int depth;
};

FIBER(count_below)
{
    struct counter counter = *(struct counter *)argument;
    if (counter.depth > 0)
        weft_go(NULL, count_below, (struct counter){ counter.ended, counter.depth - 1 });
    must(weft_sleep(WEFT_SECOND * counter.depth) == 0, "sleep");
    ++*counter.ended;
    return 0;
}

FIBER(start_tree_and_leave)
{
    weft_go(NULL, count_below, (struct counter){ argument, 5 });
    weft_go(NULL, count_below, (struct counter){ argument, 3 });
    return 5;
}

static void waits_for_all(void)
{
    int ended = 0;
    is_int(run_virtual(start_tree_and_leave, &ended), 5, "the root's own result is the run's");
    is_int(ended, 10, "the run is over only when every task below the root has ended");
}

struct nested {
    struct weft_task *outer;
    int64_t began;
};

FIBER(nested_body)
{
    struct nested *nested = argument;
    ok(weft_self() != nested->outer, "a nested run is a task of its own");
    must(weft_sleep(WEFT_MINUTE) == 0, "sleep");
    is_int(weft_now() - nested->began, WEFT_MINUTE, "it shares the outer runtime's clock");
    return 11;
}

FIBER(nesting)
{
    struct weft_options real = { .virtual_clock = false, .backend = WEFT_BACKEND_EPOLL };
    struct nested nested = { weft_self(), weft_now() };
    int error = ENOTDIR;
    is_int(weft_run(nested_body, &nested), 11, "a run inside a fiber is a child that is awaited");
    nested.began = weft_now();
    is_int(weft_run_with(&real, nested_body, &nested), 11, "whose options are ignored");
    fails(weft_run(fail_with, &error), ENOTDIR, "and whose failure is the caller's to see");
    is_int(weft_sleep(1), 0, "which it survives");
    return 0;
}

/** The environment overrides the backend, so it has to be out of the way. */
static int run_without_environment(const struct weft_options *options)
{
    char *saved = getenv("WEFT_BACKEND") ? strdup(getenv("WEFT_BACKEND")) : NULL;
    unsetenv("WEFT_BACKEND");
    int result = weft_run_with(options, return_seven, NULL);
    int error = errno;
    if (saved)
        setenv("WEFT_BACKEND", saved, 1);
    free(saved);
    errno = error;
    return result;
}

static void out_of_range(void)
{
    const struct weft_error *error;
    struct weft_options small = { .stack_size = 1024 };
    struct weft_options large = { .stack_size = (size_t)2 << 30 };
    struct weft_options backend = { .backend = (enum weft_backend)77 };
    fails(weft_run_with(&small, return_seven, NULL), EINVAL, "a stack below 16 KiB is refused");
    error = weft_error();
    ok(error && strstr(error->message, "stack"), "and the record names the stack");
    fails(weft_run_with(&large, return_seven, NULL), EINVAL, "one above 1 GiB too");
    fails(run_without_environment(&backend), EINVAL, "an unknown backend too");

    small.stack_size = 16384;
    is_int(weft_run_with(&small, return_seven, NULL), 7, "16 KiB is enough to run");
    small.stack_size = 16385;
    is_int(weft_run_with(&small, return_seven, NULL), 7, "an odd size is rounded up");
    large.stack_size = (size_t)1 << 30;
    is_int(weft_run_with(&large, return_seven, NULL), 7, "1 GiB can be reserved");
}

static void bad_environment(const char *name, const char *value)
{
    const char *before = getenv(name);
    char *saved = before ? strdup(before) : NULL;
    setenv(name, value, 1);
    fails(weft_run(return_seven, NULL), EINVAL, "%s=%s is refused", name, value);
    const struct weft_error *error = weft_error();
    ok(error && strstr(error->message, name), "and the record names %s", name);
    if (saved)
        setenv(name, saved, 1);
    else
        unsetenv(name);
    free(saved);
}

FIBER(clock_is_virtual)
{
    int64_t began = weft_now();
    must(weft_sleep(24 * 60 * WEFT_MINUTE) == 0, "sleep");
    is_int(weft_now() - began, 24 * 60 * WEFT_MINUTE, "a day passes at once");
    return 0;
}

static void good_environment(void)
{
    setenv("WEFT_VIRTUAL_CLOCK", "1", 1);
    must(weft_run(clock_is_virtual, NULL) == 0, "clock_is_virtual");
    unsetenv("WEFT_VIRTUAL_CLOCK");

    setenv("WEFT_STACK_SIZE", "65536", 1);
    is_int(weft_run(return_seven, NULL), 7, "WEFT_STACK_SIZE in its range is taken");
    unsetenv("WEFT_STACK_SIZE");
}

static void again_and_again(void)
{
    must(weft_run(return_seven, NULL) == 7, "warm-up");
    int before = open_descriptors();
    for (int i = 0; i < 50; i++)
        must(weft_run(return_seven, NULL) == 7, "run %d", i);
    is_int(open_descriptors(), before, "50 runs leave no descriptor");
}

int main(void)
{
    results();
    waits_for_all();
    in_runtime(nesting);
    out_of_range();
    bad_environment("WEFT_BACKEND", "kqueue");
    bad_environment("WEFT_STACK_SIZE", "big");
    bad_environment("WEFT_STACK_SIZE", "1");
    bad_environment("WEFT_SEED", "0x");
    bad_environment("WEFT_VIRTUAL_CLOCK", "maybe");
    good_environment();
    again_and_again();
    return done_testing();
}
