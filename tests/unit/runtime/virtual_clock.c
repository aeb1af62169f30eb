/* A clock that never waits: timers fire, in order, whenever nothing else can run. */
#include "runtime.h"

FIBER(stands_still)
{
    int64_t began = weft_now();
    for (int i = 0; i < 1000; i++)
        must(weft_yield() == 0, "yield");
    is_int(weft_now(), began, "a virtual clock stands still while somebody can run");
    struct weft_stats stats;
    must(weft_stats(&stats) == 0, "stats");
    is_int(stats.now, began, "weft_stats tells the same time");
    return 0;
}

FIBER(year)
{
    int64_t began = weft_now();
    for (int i = 0; i < 365; i++)
        must(weft_sleep(24 * 60 * WEFT_MINUTE) == 0, "sleep");
    is_int((weft_now() - began) / WEFT_MINUTE, 365 * 24 * 60, "a year passes");
    return 0;
}

FIBER(work_until_late)
{
    int turns = 0;
    while (turns < 500 && weft_yield() == 0)
        turns++;
    trace("%d", turns);
    return 0;
}

FIBER(nobody_is_late)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .timeout = 1 };
    weft_go(&scope, work_until_late, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "who does not wait is never late");
    is_trace("500", "however long it works");
    return 0;
}

FIBER(tick)
{
    int64_t every = *(int64_t *)argument;
    for (int i = 0; i < 3; i++) {
        must(weft_sleep(every) == 0, "sleep");
        trace("%lld@%lld", (long long)every, (long long)(weft_now() % 1000));
    }
    return 0;
}

FIBER(interleaved)
{
    int64_t left = 1000 - weft_now() % 1000;
    must(weft_sleep(left) == 0, "sleep");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, tick, (int64_t){ 30 });
    weft_go(&scope, tick, (int64_t){ 20 });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("20@20 30@30 20@40 30@60 20@60 30@90", "timers fire at their times, in their order");
    return 0;
}

static int take_a_while(void *argument)
{
    struct timespec time = { 0, 5000000 };
    (void)argument;
    syscall(SYS_nanosleep, &time, NULL);
    trace("thread");
    return 0;
}

FIBER(offload_while)
{
    return weft_offload(take_a_while, NULL);
}

FIBER(waits_for_threads)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, offload_while, NOTHING);
    must(weft_sleep(WEFT_MINUTE) == 0, "sleep");
    trace("timer");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("thread timer", "the clock waits for work that other threads do");
    return 0;
}

int main(void)
{
    in_runtime(stands_still);
    in_runtime(year);
    in_runtime(nobody_is_late);
    in_runtime(interleaved);
    in_runtime(waits_for_threads);
    return done_testing();
}
