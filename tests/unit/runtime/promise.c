/* weft_promise: a value that comes once. */
#include "runtime.h"

struct reader {
    struct weft_promise *promise;
    int number;
};

FIBER(read_it)
{
    struct reader *mine = argument;
    void *value = NULL;
    int result = weft_promise_wait(mine->promise, &value);
    int error = errno;
    if (result == 0)
        trace("%d=%s", mine->number, (char *)value);
    else
        trace("%d%s", mine->number, error == ECANCELED ? "!" : error == ETIMEDOUT ? "?" : "-");
    errno = error;
    return result;
}

FIBER(read_limited)
{
    struct reader *mine = argument;
    WEFT_TIMEOUT(mine->number * WEFT_SECOND);
    (void)read_it(argument);
    return 0;
}

static char first[] = "one";
static char second[] = "two";

FIBER(resolved)
{
    struct weft_promise promise = { 0 };
    void *value = second;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 4; i++)
        weft_go(&scope, read_it, (struct reader){ &promise, i });
    ok(weft_promise_resolve(&promise, first), "the first outcome decides");
    is_int(promise.state, 1, "the promise says that it is resolved");
    is_trace("", "nobody runs inside");
    ok(!weft_promise_resolve(&promise, second), "a second value does not");
    ok(!weft_promise_fail(&promise, EDOM), "nor does a failure");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("0=one 1=one 2=one 3=one", "all who waited get the value, in order");
    is_int(weft_promise_wait(&promise, &value), 0, "who comes later gets it at once");
    ok(value == first, "the same");
    is_int(weft_promise_wait(&promise, NULL), 0, "or nothing, if it wants nothing");
    return 0;
}

FIBER(failed)
{
    struct weft_promise promise = { 0 };
    void *value = second;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, read_it, (struct reader){ &promise, 0 });
    struct weft_result result = { 0 };
    ok(weft_promise_fail(&promise, EDOM), "a failure decides too");
    is_int(promise.state, 2, "the promise says so");
    is_int(promise.error, EDOM, "and why");
    ok(!weft_promise_resolve(&promise, first), "no value comes after that");
    must(weft_join(task, &result) == 0, "join");
    ok(result.error == EDOM && !result.cancelled, "who waited gets its errno");
    fails(weft_promise_wait(&promise, &value), EDOM, "and who comes later");
    ok(value == second, "without a value");
    trace_length = 0;
    return 0;
}

FIBER(deadlines)
{
    struct weft_promise promise = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 1; i <= 5; i++)
        weft_go(&scope, read_limited, (struct reader){ &promise, i });
    must(weft_sleep(3 * WEFT_SECOND + 1) == 0, "sleep");
    weft_promise_resolve(&promise, first);
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("1? 2? 3? 4=one 5=one", "waiters with different limits are split by them");
    return 0;
}

FIBER(no_time)
{
    struct weft_promise promise = { 0 };
    void *value = NULL;
    int64_t began = weft_now();
    {
        WEFT_TIMEOUT(0);
        fails(weft_promise_wait(&promise, &value), ETIMEDOUT, "a limit of nothing never waits");
    }
    is_int(weft_now(), began, "no time passes");
    is_int(promise.state, 0, "the promise is open as before");
    return 0;
}

FIBER(cancelled)
{
    struct weft_promise promise = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, read_it, (struct reader){ &promise, 0 });
    weft_go(&scope, read_it, (struct reader){ &promise, 1 });
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    weft_promise_resolve(&promise, first);
    settle();
    is_trace("0! 1=one", "a waiter that was cancelled is not missed");
    return 0;
}

static void outside(void)
{
    struct weft_promise promise = { 0 };
    void *value = NULL;
    fails(weft_promise_wait(&promise, &value), EPERM, "outside a fiber nobody can wait");
    ok(weft_promise_resolve(&promise, first), "a promise can be resolved there");
    is_int(weft_promise_wait(&promise, &value), 0, "and read once it is");
    ok(value == first, "with its value");
}

int main(void)
{
    in_runtime(resolved);
    in_runtime(failed);
    in_runtime(deadlines);
    in_runtime(no_time);
    in_runtime(cancelled);
    outside();
    return done_testing();
}
