/* weft_sleep() and weft_now(). */
#include "runtime.h"

FIBER(exact)
{
    static const int64_t durations[] = { 1, WEFT_MICROSECOND, WEFT_SECOND, 1000 * WEFT_MINUTE };
    for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
        int64_t began = weft_now();
        errno = EXDEV;
        is_int(weft_sleep(durations[i]), 0, "a sleep of %lld ns", (long long)durations[i]);
        is_int(weft_now() - began, durations[i], "takes as long");
        is_int(errno, EXDEV, "and leaves errno");
    }
    return 0;
}

FIBER(yield_then_note)
{
    must(weft_yield() == 0, "yield");
    trace("other");
    return 0;
}

FIBER(nothing)
{
    int64_t began = weft_now();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, yield_then_note, NOTHING);
    is_int(weft_sleep(0), 0, "a sleep of nothing");
    is_trace("other", "yields");
    weft_go(&scope, yield_then_note, NOTHING);
    is_int(weft_sleep(-WEFT_MINUTE), 0, "so does one of less");
    is_trace("other", "just as well");
    is_int(weft_now(), began, "neither takes time");
    return weft_scope_wait(&scope);
}

struct nap {
    int64_t duration;
    int number;
};

FIBER(nap)
{
    struct nap *mine = argument;
    int result = weft_sleep(mine->duration);
    trace("%d", mine->number);
    return result;
}

FIBER(in_order)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ 3 * WEFT_SECOND, 3 });
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, 1 });
    weft_go(&scope, nap, (struct nap){ 2 * WEFT_SECOND, 2 });
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, 11 });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("1 11 2 3",
             "sleepers wake in the order of their times, of equal ones the first first");
    return 0;
}

FIBER(sleep_without_end)
{
    fails(weft_sleep(WEFT_FOREVER), ECANCELED, "a sleep for ever ends with a cancel");
    return 0;
}

FIBER(for_ever)
{
    int64_t began = weft_now();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, sleep_without_end, NOTHING);
    must(weft_sleep(WEFT_MINUTE) == 0, "sleep");
    is_int(weft_scope_count(&scope), 1, "it has not ended before");
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    is_int(weft_now() - began, WEFT_MINUTE, "and time went on beside it");
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        fails(weft_sleep(WEFT_FOREVER - 1), ETIMEDOUT, "or with a deadline");
    }
    return 0;
}

FIBER(real)
{
    int64_t began = weft_now();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 10; i++)
        weft_go(&scope, sleep_for, (int64_t){ 20 * WEFT_MILLISECOND });
    must(weft_scope_wait(&scope) == 0, "wait");
    ok(weft_now() - began >= 20 * WEFT_MILLISECOND, "in real time no sleep is too short");
    return 0;
}

static void outside(void)
{
    int64_t began = weft_now();
    is_int(weft_sleep(5 * WEFT_MILLISECOND), 0, "outside a fiber the thread sleeps");
    ok(weft_now() - began >= 5 * WEFT_MILLISECOND, "as long");
    is_int(weft_sleep(-1), 0, "or not at all");
}

int main(void)
{
    in_runtime(exact);
    in_runtime(nothing);
    in_runtime(in_order);
    in_runtime(for_ever);
    must(weft_run(real, NULL) == 0, "real");
    outside();
    return done_testing();
}
