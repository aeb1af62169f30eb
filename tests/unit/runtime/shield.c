/* WEFT_SHIELD: a bounded time in which clean-up may block. */
#include "runtime.h"

/** Run a body as a task that is cancelled at its first park; it has to return 0. */
static void cancelled_run(int (*body)(void *))
{
    struct weft_result result = { .value = -1 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, body, NOTHING);
    weft_cancel(task);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 0, "its clean-up came to its end");
}

FIBER(clean_up)
{
    must(weft_sleep(WEFT_MINUTE) == -1 && errno == ECANCELED, "cancelled");
    int64_t began = weft_now();
    {
        WEFT_SHIELD_AS(shield, WEFT_SECOND);
        is_int(weft_cancelled(), 0, "under a shield nobody is cancelled");
        is_int(weft_sleep(100 * WEFT_MILLISECOND), 0, "a cancelled task can block there");
        is_int(weft_yield(), 0, "and yield");
        ok(!weft_timeout_expired(&shield), "the shield has time left");
    }
    is_int(weft_now() - began, 100 * WEFT_MILLISECOND, "as long as it needs");
    is_int(weft_cancelled(), ECANCELED, "after the block the cancel is back");
    fails(weft_sleep(1), ECANCELED, "for blocking calls too");
    return 0;
}

FIBER(too_slow)
{
    must(weft_sleep(WEFT_MINUTE) == -1, "cancelled");
    int64_t began = weft_now();
    {
        WEFT_SHIELD_AS(shield, WEFT_SECOND);
        fails(weft_sleep(WEFT_MINUTE), ETIMEDOUT, "a shield's time is bounded");
        is_int(weft_now() - began, WEFT_SECOND, "by what it was given");
        ok(weft_timeout_expired(&shield), "and it says that it has expired");
        fails(weft_sleep(1), ETIMEDOUT, "then every call in it fails");
    }
    fails(weft_sleep(1), ECANCELED, "outside it is the cancel again");
    return 0;
}

FIBER(nested)
{
    must(weft_sleep(WEFT_MINUTE) == -1, "cancelled");
    WEFT_SHIELD_AS(outer, WEFT_MINUTE);
    {
        WEFT_SHIELD_AS(inner, WEFT_SECOND);
        fails(weft_sleep(2 * WEFT_SECOND), ETIMEDOUT, "a shorter shield within strikes first");
        ok(weft_timeout_expired(&inner) && !weft_timeout_expired(&outer), "it alone has expired");
    }
    is_int(weft_sleep(WEFT_SECOND), 0, "the outer one goes on");
    return 0;
}

FIBER(limit_within)
{
    must(weft_sleep(WEFT_MINUTE) == -1, "cancelled");
    WEFT_SHIELD(WEFT_MINUTE);
    {
        WEFT_TIMEOUT_AS(limit, WEFT_SECOND);
        fails(weft_sleep(2 * WEFT_SECOND), ETIMEDOUT, "a limit within a shield holds");
        ok(weft_timeout_expired(&limit), "and knows it");
    }
    is_int(weft_sleep(WEFT_SECOND), 0, "while the shield does");
    return 0;
}

FIBER(against_a_limit)
{
    WEFT_TIMEOUT(WEFT_SECOND);
    fails(weft_sleep(WEFT_MINUTE), ETIMEDOUT, "late");
    {
        WEFT_SHIELD(WEFT_SECOND);
        is_int(weft_sleep(WEFT_MILLISECOND), 0, "a shield holds off an expired limit too");
    }
    fails(weft_sleep(1), ETIMEDOUT, "which is back after it");
    return 0;
}

FIBER(limit_expires_meanwhile)
{
    WEFT_TIMEOUT_AS(limit, WEFT_SECOND);
    {
        WEFT_SHIELD(WEFT_MINUTE);
        is_int(weft_sleep(2 * WEFT_SECOND), 0, "a limit that passes under a shield waits");
    }
    fails(weft_sleep(1), ETIMEDOUT, "until the shield's end");
    ok(weft_timeout_expired(&limit), "and has expired then");
    return 0;
}

FIBER(shielded_first)
{
    {
        WEFT_SHIELD(WEFT_MINUTE);
        is_int(weft_sleep(WEFT_SECOND), 0, "a cancel that comes under a shield waits");
        is_int(weft_sleep(WEFT_SECOND), 0, "also when it comes twice");
        is_int(weft_cancelled(), 0, "and isn't told");
    }
    fails(weft_yield(), ECANCELED, "until the block is left");
    return 0;
}

FIBER(deferred)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, shielded_first, NOTHING);
    weft_cancel(task);
    weft_sleep(WEFT_MILLISECOND);
    weft_cancel(task);
    return weft_join(task, NULL);
}

FIBER(nothing_pending)
{
    {
        WEFT_SHIELD(WEFT_SECOND);
        is_int(weft_sleep(WEFT_MILLISECOND), 0, "a shield that nothing strikes");
    }
    is_int(weft_sleep(WEFT_MINUTE), 0, "leaves nothing behind");
    return 0;
}

FIBER(children_within)
{
    must(weft_sleep(WEFT_MINUTE) == -1, "cancelled");
    int64_t began = weft_now();
    WEFT_SHIELD(WEFT_MINUTE);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    weft_go(&scope, sleep_for, (int64_t){ 2 * WEFT_SECOND });
    is_int(weft_scope_wait(&scope), 0, "tasks of a scope opened within are shielded with it");
    is_int(weft_now() - began, 2 * WEFT_SECOND, "and can do their work");
    return 0;
}

FIBER(children_too_slow)
{
    must(weft_sleep(WEFT_MINUTE) == -1, "cancelled");
    WEFT_SHIELD(WEFT_SECOND);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, park_forever, NOTHING);
    fails(weft_scope_wait(&scope), ETIMEDOUT, "a shield's end reaches the tasks within");
    return 0;
}

FIBER(under_siblings_failure)
{
    WEFT_SHIELD(WEFT_MINUTE);
    is_int(weft_sleep(WEFT_SECOND), 0, "a sibling's failure does not break a shield");
    trace("kept");
    return 0;
}

FIBER(failure_waits)
{
    struct weft_scope scope = { 0 };
    int64_t began = weft_now();
    weft_go(&scope, under_siblings_failure, NOTHING);
    weft_go(&scope, fail_with, (int){ EDOM });
    fails(weft_scope_wait(&scope), EDOM, "the scope waits for the shielded one");
    is_int(weft_now() - began, WEFT_SECOND, "to its end");
    is_trace("kept", "which it reached");
    return 0;
}

FIBER(all)
{
    cancelled_run(clean_up);
    cancelled_run(too_slow);
    cancelled_run(nested);
    cancelled_run(limit_within);
    cancelled_run(children_within);
    cancelled_run(children_too_slow);
    return 0;
}

int main(void)
{
    in_runtime(all);
    in_runtime(against_a_limit);
    in_runtime(limit_expires_meanwhile);
    in_runtime(deferred);
    in_runtime(nothing_pending);
    in_runtime(failure_waits);
    return done_testing();
}
