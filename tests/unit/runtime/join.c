/* weft_join(): waiting for one task. */
#include "runtime.h"

FIBER(end_late)
{
    if (weft_sleep(WEFT_SECOND) < 0)
        return -1;
    return 7;
}

FIBER(before_and_after)
{
    struct weft_result result = { 0 };
    int64_t began = weft_now();
    struct weft_task *task = weft_go(NULL, end_late, NOTHING);
    is_int(weft_join(task, &result), 0, "join waits for the end");
    is_int(weft_now() - began, WEFT_SECOND, "which takes its time");
    is_int(result.value, 7, "and tells the value");

    task = weft_go(NULL, return_int, (int){ 8 });
    is_int(weft_join(task, &result), 0, "a task that has ended is joined at once");
    is_int(result.value, 8, "its value was kept");
    is_int(weft_join(weft_go(NULL, return_int, (int){ 0 }), NULL), 0, "the result may be unwanted");
    return 0;
}

FIBER(interrupted)
{
    struct weft_result result = { .value = 55, .error = 56 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, end_late, NOTHING);
    {
        WEFT_TIMEOUT(WEFT_MILLISECOND);
        fails(weft_join(task, &result), ETIMEDOUT, "a deadline ends the wait");
    }
    ok(result.value == 55 && result.error == 56, "and leaves the result untouched");
    is_int(weft_join(task, &result), 0, "the task runs on and can be joined again");
    is_int(result.value, 7, "with its own result");
    return 0;
}

FIBER(join_given)
{
    struct weft_task *task = *(struct weft_task **)argument;
    struct weft_result result = { .value = 55 };
    int got = weft_join(task, &result);
    int error = errno;
    trace("%d/%d", got, got < 0 ? error : result.value);
    errno = error;
    return got;
}

FIBER(cancelled_joiner)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, end_late, NOTHING);
    struct weft_task *joiner = weft_go(&scope, join_given, (struct weft_task *){ task });
    weft_cancel(joiner);
    must(weft_join(joiner, &result) == 0, "join");
    ok(result.cancelled, "a cancelled joiner stops waiting");
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 7, "the task it waited for is not cancelled by that");
    trace_length = 0;
    return 0;
}

FIBER(own_or_failed)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, fail_with, (int){ ECANCELED });
    is_int(weft_join(task, &result), 0, "a child that failed with ECANCELED was waited for");
    ok(result.error == ECANCELED && !result.cancelled,
       "it made that errno up: nobody cancelled it");
    task = weft_go(&scope, fail_with, (int){ ETIMEDOUT });
    is_int(weft_join(task, &result), 0, "the same with ETIMEDOUT");
    ok(result.error == ETIMEDOUT && !result.cancelled, "the wait's outcome is not the child's");
    return 0;
}

FIBER(join_above)
{
    struct weft_task *above = *(struct weft_task **)argument;
    fails(weft_join(above, NULL), EDEADLK, "joining a task that waits for oneself is refused");
    return 0;
}

FIBER(pass_down)
{
    weft_go(NULL, join_above, (struct weft_task *){ *(struct weft_task **)argument });
    weft_go(NULL, join_above, (struct weft_task *){ weft_self() });
    return 0;
}

FIBER(deadlocks)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    fails(weft_join(weft_self(), NULL), EDEADLK, "joining oneself is refused");
    weft_go(&scope, pass_down, (struct weft_task *){ weft_self() });
    return weft_scope_wait(&scope);
}

FIBER(refused)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, end_late, NOTHING);
    weft_go(&scope, join_given, (struct weft_task *){ task });
    fails(weft_join(task, NULL), EBUSY, "a second joiner is refused");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("0/7", "the first one gets the result");

    WEFT_AUTO(weft_scope) struct weft_scope reaping = { .reap = true };
    task = weft_go(&reaping, end_late, NOTHING);
    fails(weft_join(task, NULL), EINVAL, "tasks of a scope that reaps cannot be joined");
    return weft_scope_wait(&reaping);
}

FIBER(after_an_interrupted_join)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, end_late, NOTHING);
    {
        WEFT_TIMEOUT(0);
        fails(weft_join(task, NULL), ETIMEDOUT, "a joiner gives up");
    }
    weft_go(&scope, join_given, (struct weft_task *){ task });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("0/7", "and another may take its place");
    return 0;
}

FIBER(shielded_end)
{
    (void)weft_sleep(WEFT_MINUTE);
    WEFT_SHIELD(WEFT_MINUTE);
    must(weft_sleep(WEFT_SECOND) == 0, "clean-up");
    trace("cleaned");
    errno = ECANCELED;
    return -1;
}

FIBER(cancel_and_join)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, shielded_end, NOTHING);
    weft_cancel(task);
    trace("cancelled");
    must(weft_join(task, NULL) == 0, "join");
    trace("joined");
    is_trace("cancelled cleaned joined", "cancel and join returns after the clean-up");
    return 0;
}

FIBER(cousin)
{
    struct weft_task *task = *(struct weft_task **)argument;
    struct weft_result result = { 0 };
    must(weft_join(task, &result) == 0, "join");
    return result.value;
}

FIBER(by_others)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, end_late, NOTHING);
    struct weft_task *other = weft_go(&scope, cousin, (struct weft_task *){ task });
    must(weft_join(other, &result) == 0, "join");
    is_int(result.value, 7, "a sibling may join a task it can see");
    is_int(weft_scope_next(&scope, NULL), 0, "joined tasks are not handed out again");
    return weft_scope_wait(&scope);
}

FIBER(with_children)
{
    weft_go(NULL, sleep_for, (int64_t){ WEFT_MINUTE });
    return 3;
}

FIBER(subtree)
{
    int64_t began = weft_now();
    struct weft_result result = { 0 };
    must(weft_join(weft_go(NULL, with_children, NOTHING), &result) == 0, "join");
    is_int(result.value, 3, "the result is the task's own");
    is_int(weft_now() - began, WEFT_MINUTE, "a joined task has no children left");
    return 0;
}

struct stale {
    struct weft_condition start;
    struct weft_task *first;
    int result;
};

FIBER(wait_for_start)
{
    return weft_condition_wait(&(*(struct stale **)argument)->start);
}

FIBER(end_and_start_anew)
{
    struct stale *stale = *(struct stale **)argument;
    struct weft_scope scope = { 0 };
    stale->first = weft_go(&scope, wait_for_start, (struct stale *){ stale });
    must(weft_condition_wait(&stale->start) == 0, "start");
    must(weft_scope_wait(&scope) == 0, "wait");
    WEFT_AUTO(weft_scope) struct weft_scope again = { 0 };
    WEFT_TIMEOUT(WEFT_MINUTE);
    struct weft_task *second = weft_go(&again, end_late, NOTHING);
    stale->result = weft_join(second, NULL);
    return 0;
}

FIBER(cancelled_joiner_of_the_dead)
{
    struct stale stale = { .result = 9 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, end_and_start_anew, (struct stale *){ &stale });
    struct weft_task *joiner = weft_go(&scope, join_given, (struct weft_task *){ stale.first });
    weft_condition_broadcast(&stale.start);
    weft_cancel(joiner);
    (void)weft_scope_wait(&scope);
    is_int(stale.result, 0,
           "a joiner that is cancelled as its task ends lets go of the task, "
           "whose record may serve another by then");
    trace_length = 0;
    return 0;
}

int main(void)
{
    in_runtime(before_and_after);
    in_runtime(interrupted);
    in_runtime(cancelled_joiner);
    in_runtime(own_or_failed);
    in_runtime(deadlocks);
    in_runtime(refused);
    in_runtime(after_an_interrupted_join);
    in_runtime(cancel_and_join);
    in_runtime(by_others);
    in_runtime(subtree);
    in_runtime(cancelled_joiner_of_the_dead);
    return done_testing();
}
