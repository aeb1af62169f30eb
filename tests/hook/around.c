/* Calls that are not to park: WEFT_BLOCKING, and whole families by WEFT_HOOKS. */
#include "hook.h"

static bool other_ran;

FIBER(other)
{
    usleep(1000);
    other_ran = true;
    return 0;
}

/* Whether another fiber runs while one sleeps for a while. */
static bool parks(void)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    other_ran = false;
    struct weft_task *task = weft_go(&scope, other, NOTHING);
    bool at_once = other_ran; /* its own sleep has held the thread */
    usleep(20000);
    bool ran = other_ran && !at_once;
    weft_join(task, NULL);
    return ran;
}

FIBER(blocks)
{
    ok(parks(), "a sleep parks");
    {
        WEFT_BLOCKING();
        ok(!parks(), "but in a block that holds the thread");
        {
            WEFT_BLOCKING();
            ok(!parks(), "or in one within");
        }
        ok(!parks(), "which does not end the outer one");
        errno = UNTOUCHED;
    }
    is_int(errno, UNTOUCHED, "its end leaves errno");
    ok(parks(), "after it, it parks again");
    return 0;
}

/* A child is its own: it parks though its parent does not. */
static int child_parks(void *argument)
{
    bool *result = *(bool **)argument;
    *result = parks();
    return 0;
}

FIBER(children)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    bool result = false;
    bool *place = &result;
    struct weft_task *task;
    {
        WEFT_BLOCKING();
        task = weft_go(&scope, child_parks, place);
    }
    weft_join(task, NULL);
    ok(result, "a child started within parks");
    return 0;
}

static bool sleep_parks, read_parks;

static int read_byte(void *argument)
{
    char byte;
    return read(*(int *)argument, &byte, 1) == 1 ? 0 : -1;
}

FIBER(families)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    sleep_parks = parks();
    must(pipe(pair) == 0, "a pipe");
    struct weft_task *task = weft_go(&scope, read_byte, (int){ pair[0] });
    read_parks = weft_scope_count(&scope) == 1;
    must(write(pair[1], "x", 1) == 1 && weft_join(task, NULL) == 0, "a byte");
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static int errno_with(const char *value)
{
    setenv("WEFT_HOOKS", value, 1);
    int error = weft_run(families, NULL) == 0 ? 0 : errno;
    unsetenv("WEFT_HOOKS");
    return error;
}

int main(void)
{
    {
        WEFT_BLOCKING(); /* outside a fiber it is nothing */
        in_runtime(blocks);
    }
    in_runtime(children);
    is_int(errno_with("-time"), 0, "WEFT_HOOKS=-time is understood");
    ok(!sleep_parks && read_parks, "sleeping holds the thread, reading does not");
    is_int(errno_with("-time,-dns,-stdio"), 0, "a list, too");
    ok(!sleep_parks && read_parks, "with the same effect");
    is_int(errno_with("-dns"), 0, "another family");
    ok(sleep_parks && read_parks, "changes nothing for these");
    is_int(errno_with("-tim"), EINVAL, "a word that is no family is refused");
    is_int(errno_with("time"), EINVAL, "one without a minus, too");
    is_int(errno_with("-time;-dns"), EINVAL, "and other separators");
    ok(weft_error() && strstr(weft_error()->message, "WEFT_HOOKS"), "which the error says");
    is_int(errno_with(""), 0, "empty is nothing");
    ok(sleep_parks, "and all parks");
    return done_testing();
}
