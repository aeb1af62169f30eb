/*
 * The seven ways in which a formal model of such a runtime found it could go wrong: freeing what is
 * pending, a cancel-and-wait that returns early, a loop that stops driving its fibers, a cancel
 * swallowed in a cancel-and-wait, an error overwritten by a later wake-up, a child's end or an
 * unrelated event that wakes a waiter.
 */
#include "runtime.h"

FIBER(slow_to_end)
{
    int *alive = *(int **)argument;
    ++*alive;
    (void)park_forever(NULL);
    {
        WEFT_SHIELD(WEFT_MINUTE);
        must(weft_sleep(WEFT_SECOND) == 0, "clean-up");
    }
    --*alive;
    errno = ECANCELED;
    return -1;
}

static void leave(int *alive)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, slow_to_end, (int *){ alive });
}

FIBER(pending_is_not_freed)
{
    int alive = 0;
    leave(&alive);
    is_int(alive, 0, "1: leaving a block with a pending task ends the task before it is freed");
    return 0;
}

FIBER(cancel_and_wait)
{
    int alive = 0;
    struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, slow_to_end, (int *){ &alive });
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    is_int(alive, 0, "2: cancel and wait returns when the task has ended, not when it was asked");
    return weft_scope_wait(&scope);
}

FIBER(leave_many_behind)
{
    int *alive = argument;
    for (int i = 0; i < 10; i++)
        must(weft_go_transient(NULL, slow_to_end, (int *){ alive }) != NULL, "start");
    return 0;
}

static void loop_drives_to_the_end(void)
{
    int alive = 0;
    must(run_virtual(leave_many_behind, &alive) == 0, "run");
    is_int(alive, 0, "3: a loop that is about to end drives its fibers to their ends");
}

struct outcome {
    int joined;
    int next;
};

FIBER(cancel_and_wait_below)
{
    struct outcome *outcome = *(struct outcome **)argument;
    int alive = 0;
    struct weft_scope scope = { 0 };
    weft_go(&scope, slow_to_end, (int *){ &alive });
    weft_scope_cancel(&scope);
    outcome->joined = weft_scope_wait(&scope);
    must(alive == 0, "ended");
    outcome->next = weft_sleep(WEFT_SECOND) < 0 ? errno : 0;
    return 0;
}

FIBER(cancelled_in_cancel_and_wait)
{
    struct outcome outcome = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, cancel_and_wait_below, (struct outcome *){ &outcome });
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    is_int(outcome.joined, -1, "4: who is cancelled in a cancel and wait still waits to its end");
    is_int(outcome.next, ECANCELED, "and the cancel is not swallowed by it");
    return 0;
}

struct early {
    struct weft_condition condition;
    int error;
};

FIBER(wait_for_signal)
{
    struct early *early = *(struct early **)argument;
    early->error = weft_condition_wait(&early->condition) < 0 ? errno : 0;
    return 0;
}

FIBER(first_outcome_stays)
{
    struct early early = { .error = -1 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, wait_for_signal, (struct early *){ &early });
    weft_cancel(task);
    ok(!weft_condition_signal(&early.condition), "5: a later wake-up finds nobody to wake");
    must(weft_join(task, NULL) == 0, "join");
    is_int(early.error, ECANCELED, "and the error that came first stays");
    return 0;
}

FIBER(late_then_cancelled)
{
    struct early *early = *(struct early **)argument;
    WEFT_TIMEOUT(WEFT_SECOND);
    early->error = weft_sleep(WEFT_MINUTE) < 0 ? errno : 0;
    return 0;
}

FIBER(cancel_at_the_same_time)
{
    struct early early = { .error = -1 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, late_then_cancelled, (struct early *){ &early });
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    is_int(early.error, ETIMEDOUT, "a deadline that woke it is not overwritten by a cancel after");
    return 0;
}

FIBER(creator)
{
    int64_t began = weft_now();
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    weft_go(&scope, fail_with, (int){ EDOM });
    weft_go(NULL, sleep_for, (int64_t){ 2 * WEFT_SECOND });
    WEFT_TIMEOUT(WEFT_MINUTE);
    fails(weft_condition_wait(&condition), ETIMEDOUT,
          "6: the end of a child wakes nobody who waits");
    is_int(weft_now() - began, WEFT_MINUTE, "for something else");
    return 0;
}

struct crossed {
    struct weft_condition mine;
    struct weft_condition other;
    struct weft_semaphore semaphore;
    struct weft_channel *channel;
    bool woken;
};

FIBER(wait_for_mine)
{
    struct crossed *crossed = *(struct crossed **)argument;
    int result = weft_condition_wait(&crossed->mine);
    crossed->woken = true;
    return result;
}

FIBER(unrelated)
{
    struct crossed crossed = { .channel = weft_channel_new(sizeof(int), 1) };
    int message = 1;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, wait_for_mine, (struct crossed *){ &crossed });
    weft_condition_broadcast(&crossed.other);
    weft_semaphore_release(&crossed.semaphore);
    must(weft_channel_send(crossed.channel, &message) == 0, "send");
    weft_go(&scope, return_int, (int){ 0 });
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    weft_channel_close(crossed.channel);
    settle();
    ok(!crossed.woken, "7: no unrelated event wakes a waiter");
    weft_condition_signal(&crossed.mine);
    must(weft_join(task, NULL) == 0, "join");
    ok(crossed.woken, "its own does");
    weft_channel_free(crossed.channel);
    return 0;
}

int main(void)
{
    in_runtime(pending_is_not_freed);
    in_runtime(cancel_and_wait);
    loop_drives_to_the_end();
    in_runtime(cancelled_in_cancel_and_wait);
    in_runtime(first_outcome_stays);
    in_runtime(cancel_at_the_same_time);
    in_runtime(creator);
    in_runtime(unrelated);
    return done_testing();
}
