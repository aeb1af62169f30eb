/* weft_go_transient(): background work that keeps nothing alive. */
#include "runtime.h"

FIBER(tick_until_cancelled)
{
    int ticks = 0;
    while (weft_sleep(WEFT_SECOND) == 0)
        ticks++;
    must(errno == ECANCELED, "cancelled");
    trace("%d-ticks", ticks);
    errno = ECANCELED;
    return -1;
}

FIBER(root_with_background)
{
    must(weft_go_transient(NULL, tick_until_cancelled, NOTHING) != NULL, "start");
    must(weft_sleep(3 * WEFT_SECOND + 1) == 0, "sleep");
    trace("root");
    return 9;
}

FIBER(five_yields)
{
    (void)park_forever(NULL);
    WEFT_SHIELD(WEFT_SECOND);
    for (int i = 0; i < 5; i++) {
        must(weft_yield() == 0, "yield %d", i);
        trace("%d", i);
    }
    must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    trace("done");
    return 0;
}

FIBER(start_five_yields)
{
    return weft_go_transient(NULL, five_yields, NOTHING) ? 0 : -1;
}

static void with_the_loop(void)
{
    is_int(run_virtual(root_with_background, NULL), 9, "a transient task doesn't keep a run alive");
    is_trace("root 3-ticks", "it is cancelled at the end, not before");
    is_int(run_virtual(start_five_yields, NULL), 0, "its clean-up");
    is_trace("0 1 2 3 4 done", "runs to its end before the run is over");
}

FIBER(creator)
{
    must(weft_go_transient(NULL, tick_until_cancelled, NOTHING) != NULL, "start");
    trace("creator");
    return 0;
}

FIBER(outlives)
{
    must(weft_join(weft_go(NULL, creator, NOTHING), NULL) == 0, "join");
    trace("joined");
    must(weft_sleep(2 * WEFT_SECOND + 1) == 0, "sleep");
    return 0;
}

FIBER(in_scope)
{
    struct weft_scope scope = { 0 };
    weft_go_transient(&scope, tick_until_cancelled, NOTHING);
    weft_go(&scope, sleep_for, (int64_t){ 2 * WEFT_SECOND + 1 });
    is_int(weft_scope_count(&scope), 2, "it counts as a child");
    is_int(weft_scope_wait(&scope), 0, "a scope ends when the others have");
    is_trace("2-ticks", "and cancels it then");

    struct weft_scope alone = { 0 };
    weft_go_transient(&alone, five_yields, NOTHING);
    is_int(weft_scope_wait(&alone), 0, "a scope of transient tasks only ends at once");
    is_trace("0 1 2 3 4 done", "after their clean-up");
    return 0;
}

FIBER(failing)
{
    struct weft_scope scope = { 0 };
    weft_go_transient(&scope, fail_with, (int){ EDOM });
    struct weft_task *task = weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    struct weft_result result = { .value = -1 };
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 0, "its failure does not cancel siblings");
    (void)weft_scope_wait(&scope);
    return 0;
}

FIBER(sleep_then_four)
{
    return weft_sleep(WEFT_SECOND) == 0 ? 4 : -1;
}

FIBER(ends_early)
{
    struct weft_scope scope = { 0 };
    struct weft_result result = { 0 };
    struct weft_task *task = weft_go_transient(&scope, sleep_then_four, NOTHING);
    is_int(weft_join(task, &result), 0, "one that ends by itself can be joined while it runs");
    is_int(result.value, 4, "as any other");
    is_int(weft_scope_count(&scope), 0, "its scope has one child less");
    return weft_scope_wait(&scope);
}

FIBER(over_the_limit)
{
    struct weft_scope scope = { .limit = 1 };
    int64_t began = weft_now();
    weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    ok(weft_go_transient(&scope, tick_until_cancelled, NOTHING) != NULL, "it starts");
    is_int(weft_now(), began, "without waiting for a place");
    must(weft_scope_wait(&scope) == 0, "wait");
    trace_length = 0;
    return 0;
}

FIBER(parent_of_plain)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, tick_until_cancelled, NOTHING);
    int result = weft_scope_wait(&scope);
    int error = errno;
    trace("parent");
    errno = error;
    return result;
}

FIBER(with_children)
{
    struct weft_scope scope = { 0 };
    weft_go_transient(&scope, parent_of_plain, NOTHING);
    weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND + 1 });
    is_int(weft_scope_wait(&scope), 0, "plain tasks below a transient one keep nobody alive");
    is_trace("1-ticks parent", "they end with it, before it");
    return 0;
}

FIBER(deaf)
{
    (void)park_forever(NULL);
    for (int i = 0; i < 100; i++)
        (void)weft_sleep(WEFT_SECOND);
    trace("deaf");
    return 0;
}

FIBER(many)
{
    struct weft_scope scope = { 0 };
    for (int i = 0; i < 50; i++)
        weft_go_transient(&scope, i % 2 ? park_forever : deaf, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "many end, also such as ignore the cancel for a while");
    is_int(weft_scope_count(&scope), 0, "all of them");
    trace_length = 0;
    return 0;
}

FIBER(starts_at_the_end)
{
    (void)park_forever(NULL);
    fails_null(weft_go(NULL, return_int, (int){ 0 }), ECANCELED,
               "a cancelled task starts no new one");
    {
        WEFT_SHIELD(WEFT_SECOND);
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        ok(weft_go(&scope, return_int, (int){ 0 }) != NULL, "except under a shield");
    }
    return 0;
}

FIBER(start_starter)
{
    return weft_go_transient(NULL, starts_at_the_end, NOTHING) ? 0 : -1;
}

int main(void)
{
    with_the_loop();
    in_runtime(outlives);
    is_trace("creator joined 2-ticks", "without a scope it may outlive its creator");
    in_runtime(in_scope);
    in_runtime(failing);
    in_runtime(ends_early);
    in_runtime(over_the_limit);
    in_runtime(with_children);
    in_runtime(many);
    in_runtime(start_starter);
    return done_testing();
}
