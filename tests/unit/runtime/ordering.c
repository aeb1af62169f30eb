/*
 * The orders and edge cases that Async Ruby's own tests fix, read for scopes and a level-triggered
 * cancel. One function a case; the claim says which.
 */
#include "runtime.h"

FIBER(print_child)
{
    trace("child");
    return 0;
}

FIBER(nested_start)
{
    trace("head");
    weft_go(NULL, print_child, NOTHING);
    trace("tail");
    is_trace("head child tail", "a child runs before its start returns: head, child, tail");
    return 0;
}

FIBER(resume_numbered)
{
    struct weft_condition *condition = ((struct weft_condition **)argument)[0];
    static int numbers;
    int number = numbers++;
    if (weft_condition_wait(condition) < 0)
        return -1;
    trace("%d", number);
    return 0;
}

FIBER(five_waiters)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *last = NULL;
    for (int i = 0; i < 6; i++)
        last = weft_go(&scope, resume_numbered, (struct weft_condition *){ &condition });
    weft_cancel(last);
    settle();
    is_int(weft_condition_broadcast(&condition), 5,
           "signalling after a waiter's cancel is harmless");
    is_trace("", "nobody is resumed inside the signal");
    settle();
    is_trace("0 1 2 3 4", "five waiters of one condition resume in their order");
    return 0;
}

FIBER(never_yields_back)
{
    if (park_forever(NULL) < 0)
        trace("child");
    return 0;
}

FIBER(cancel_child_in_clean_up)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *child = weft_go(&scope, never_yields_back, NOTHING);
    int result = park_forever(NULL);
    weft_cancel(child);
    trace("parent");
    errno = ECANCELED;
    return result;
}

FIBER(cancel_in_clean_up)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *parent = weft_go(&scope, cancel_child_in_clean_up, NOTHING);
    weft_cancel(parent);
    is_int(weft_join(parent, NULL), 0,
           "cancel and wait ends although the parent's clean-up cancels a child that never yields");
    is_trace("parent child", "both once");
    return 0;
}

struct family {
    struct weft_task *grandparent;
    int siblings;
    int cancelled;
};

FIBER(sibling)
{
    struct family *family = *(struct family **)argument;
    int result = weft_sleep(WEFT_MINUTE);
    int error = errno;
    family->cancelled += result < 0 && error == ECANCELED;
    errno = error;
    return result;
}

FIBER(grandchild)
{
    struct family *family = *(struct family **)argument;
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    weft_cancel(family->grandparent);
    int result = weft_sleep(WEFT_MINUTE);
    family->cancelled += result < 0 && errno == ECANCELED;
    errno = ECANCELED;
    return result;
}

FIBER(middle)
{
    struct family *family = *(struct family **)argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < family->siblings; i++)
        weft_go(&scope, sibling, (struct family *){ family });
    weft_go(&scope, grandchild, (struct family *){ family });
    for (int i = 0; i < family->siblings; i++)
        weft_go(&scope, sibling, (struct family *){ family });
    return weft_scope_wait(&scope);
}

FIBER(grandparent)
{
    struct family *family = *(struct family **)argument;
    family->grandparent = weft_self();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < family->siblings; i++)
        weft_go(&scope, sibling, (struct family *){ family });
    weft_go(&scope, middle, (struct family *){ family });
    for (int i = 0; i < family->siblings; i++)
        weft_go(&scope, sibling, (struct family *){ family });
    return weft_scope_wait(&scope);
}

FIBER(stop_the_stopper)
{
    for (int siblings = 0; siblings < 4; siblings++) {
        struct family family = { .siblings = siblings };
        struct weft_result result = { 0 };
        int64_t began = weft_now();
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        struct weft_task *task = weft_go(&scope, grandparent, (struct family *){ &family });
        must(weft_join(task, &result) == 0, "join");
        ok(result.cancelled && weft_now() - began == WEFT_SECOND,
           "a grandchild cancels its grandparent: everything ends (%d siblings each side)",
           siblings);
        is_int(family.cancelled, 4 * siblings + 1, "and no sibling is skipped");
    }
    return 0;
}

FIBER(inner_run)
{
    fails(weft_sleep(WEFT_MINUTE), ECANCELED, "a cancel reaches the inner run");
    errno = ECANCELED;
    return -1;
}

FIBER(outer_run)
{
    return weft_run(inner_run, NULL);
}

FIBER(inner_fiber)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, outer_run, NOTHING);
    weft_cancel(task);
    must(weft_join(task, &result) == 0, "join");
    ok(result.cancelled, "of a task that waits for it, and ends the task");
    return 0;
}

FIBER(deferring)
{
    {
        WEFT_SHIELD(WEFT_MINUTE);
        {
            WEFT_SHIELD(WEFT_MINUTE);
            must(weft_sleep(WEFT_SECOND) == 0, "inner");
        }
        must(weft_sleep(WEFT_SECOND) == 0, "outer");
        trace("still-running");
    }
    int result = weft_sleep(WEFT_SECOND);
    trace(result < 0 ? "cancelled" : "not-cancelled");
    return result;
}

FIBER(deferred)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, deferring, NOTHING);
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    is_trace("still-running cancelled", "a deferred cancel, nested too, strikes at the outer end");
    must(weft_join(weft_go(&scope, deferring, NOTHING), NULL) == 0, "join");
    is_trace("still-running not-cancelled", "with nothing pending, leaving it raises nothing");
    return 0;
}

FIBER(count_cancels)
{
    int *cancels = *(int **)argument;
    WEFT_SHIELD(WEFT_MINUTE);
    for (int i = 0; i < 5; i++)
        *cancels += weft_sleep(WEFT_SECOND) < 0;
    return 0;
}

FIBER(transient_deferring)
{
    int *cancels = *(int **)argument;
    (void)count_cancels(argument);
    *cancels += weft_sleep(WEFT_SECOND) < 0;
    return 0;
}

FIBER(start_deferring)
{
    return weft_go_transient(NULL, transient_deferring, (int *){ argument }) ? 0 : -1;
}

static void transient_sees_one(void)
{
    int cancels = 0;
    must(run_virtual(start_deferring, &cancels) == 0, "run");
    is_int(cancels, 1, "a deferring transient task sees one cancel of the closing loop");
}

struct race {
    struct weft_promise promise;
    int winners;
};

FIBER(compete)
{
    struct race *race = *(struct race **)argument;
    must(weft_yield() == 0, "yield");
    race->winners += weft_promise_resolve(&race->promise, race);
    race->winners += weft_promise_fail(&race->promise, EIO);
    return 0;
}

FIBER(one_winner)
{
    struct race race = { 0 };
    void *value = NULL;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 10; i++)
        weft_go(&scope, compete, (struct race *){ &race });
    is_int(weft_promise_wait(&race.promise, &value), 0, "of ten that resolve and fail");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_int(race.winners, 1, "a promise has exactly one winner");
    return 0;
}

FIBER(hold_at_barrier)
{
    int64_t duration = *(int64_t *)argument;
    must(weft_yield() == 0, "yield before it registers anything");
    if (weft_sleep(duration) < 0)
        return -1;
    trace("%lld", (long long)(duration / WEFT_SECOND));
    return 0;
}

FIBER(barrier)
{
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        for (int i = 5; i > 0; i--)
            weft_go(&scope, hold_at_barrier, (int64_t){ i * WEFT_SECOND });
        for (int i = 0; i < 3; i++)
            must(weft_scope_next(&scope, NULL) == 1, "next");
    }
    is_trace("1 2 3", "a barrier yields in completion order and stops the rest after N");

    struct weft_scope tracked = { 0 };
    weft_go(&tracked, hold_at_barrier, (int64_t){ WEFT_SECOND });
    is_int(weft_scope_count(&tracked), 1, "a task that yields before it does anything is tracked");
    must(weft_scope_wait(&tracked) == 0, "wait");
    is_trace("1", "and waited for");
    return 0;
}

FIBER(sit_in_clean_up)
{
    (void)park_forever(NULL);
    WEFT_SHIELD(WEFT_MINUTE);
    must(weft_sleep(WEFT_SECOND) == 0, "clean-up");
    trace("cleaned");
    errno = ECANCELED;
    return -1;
}

FIBER(cancel_during_clean_up)
{
    struct weft_scope scope = { 0 };
    for (int i = 0; i < 3; i++)
        weft_go(&scope, sit_in_clean_up, NOTHING);
    weft_scope_cancel(&scope);
    must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    weft_scope_cancel(&scope);
    fails(weft_scope_wait(&scope), ECANCELED, "a barrier cancelled while its tasks clean up");
    is_trace("cleaned cleaned cleaned", "lets each come to its end");
    return 0;
}

FIBER(interrupted_root)
{
    weft_cancel(weft_self());
    int result = weft_sleep(WEFT_MINUTE);
    {
        WEFT_SHIELD_AS(clean_up, 2 * WEFT_SECOND);
        is_int(weft_sleep(WEFT_SECOND), 0, "after an interrupt the clean-up may block");
        weft_cancel(weft_self());
        fails(weft_sleep(WEFT_MINUTE), ETIMEDOUT, "but not for ever: its time strikes");
        ok(weft_timeout_expired(&clean_up), "as it says");
    }
    errno = ECANCELED;
    return result;
}

static void interrupt(void)
{
    fails(run_virtual(interrupted_root, NULL), ECANCELED,
          "and the interrupt itself is never lost: the run ends with it");
}

FIBER(fail_the_root)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 3; i++)
        weft_go(&scope, sleep_for, (int64_t){ 1000 * WEFT_MINUTE });
    errno = EDOM;
    return -1;
}

FIBER(note_time)
{
    int64_t began = weft_now();
    fails(weft_run(fail_the_root, NULL), EDOM, "a failure at the top");
    is_int(weft_now(), began, "skips the sleepers that remain instead of waiting for them");
    return 0;
}

int main(void)
{
    in_runtime(nested_start);
    in_runtime(five_waiters);
    in_runtime(cancel_in_clean_up);
    in_runtime(stop_the_stopper);
    in_runtime(inner_fiber);
    in_runtime(deferred);
    transient_sees_one();
    in_runtime(one_winner);
    in_runtime(barrier);
    in_runtime(cancel_during_clean_up);
    interrupt();
    in_runtime(note_time);
    return done_testing();
}
