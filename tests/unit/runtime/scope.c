/* Scopes: what ends when, and with which outcome. */
#include "runtime.h"

struct nap {
    int64_t duration;
    const char *name;
};

FIBER(nap)
{
    struct nap *mine = argument;
    int result = weft_sleep(mine->duration);
    int error = errno;
    trace("%s%s", mine->name, result == 0 ? "" : error == ECANCELED ? "!" : "?");
    errno = error;
    return result;
}

struct failing {
    int64_t after;
    int error;
};

FIBER(fail_after)
{
    struct failing *mine = argument;
    if (weft_sleep(mine->after) < 0)
        return -1;
    errno = mine->error;
    return -1;
}

static int start_two_and_leave(void)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, "a" });
    weft_go(&scope, nap, (struct nap){ WEFT_MINUTE, "b" });
    weft_sleep(2 * WEFT_SECOND);
    return 5;
}

FIBER(ends_with_its_children)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ 3 * WEFT_SECOND, "c" });
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, "a" });
    weft_go(&scope, nap, (struct nap){ 2 * WEFT_SECOND, "b" });
    is_int(weft_scope_count(&scope), 3, "running children are counted");
    is_int(weft_scope_wait(&scope), 0, "waiting succeeds when all did");
    is_int(weft_scope_count(&scope), 0, "then none is left");
    is_trace("a b c", "and every child has ended before");

    is_int(start_two_and_leave(), 5, "leaving the block early keeps what is returned");
    is_trace("a b!", "and cancels what still runs, and waits for it");
    return 0;
}

FIBER(first_failure)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ WEFT_MINUTE, "a" });
    weft_go(&scope, fail_after, (struct failing){ WEFT_SECOND, EDOM });
    weft_go(&scope, nap, (struct nap){ WEFT_MILLISECOND, "b" });
    weft_go(&scope, nap, (struct nap){ WEFT_MINUTE, "c" });
    int64_t began = weft_now();
    fails(weft_scope_wait(&scope), EDOM, "the first failure is the scope's");
    is_int(weft_now() - began, WEFT_SECOND, "at once");
    is_trace("b a! c!", "because it cancels the siblings, each of them");
    return 0;
}

FIBER(keep_going)
{
    struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, fail_after, (struct failing){ 2 * WEFT_SECOND, ERANGE });
    weft_go(&scope, fail_after, (struct failing){ WEFT_SECOND, EDOM });
    weft_go(&scope, nap, (struct nap){ WEFT_MINUTE, "a" });
    fails(weft_scope_wait(&scope), EDOM, "with keep_going the first failure in time is reported");
    is_trace("a", "after the siblings have gone on to their end");
    return 0;
}

struct gauge {
    int now;
    int most;
};

FIBER(measured)
{
    struct gauge *gauge = *(struct gauge **)argument;
    gauge->now++;
    gauge->most = gauge->now > gauge->most ? gauge->now : gauge->most;
    int result = weft_sleep(WEFT_SECOND);
    gauge->now--;
    return result;
}

FIBER(limit)
{
    struct gauge gauge = { 0 };
    struct weft_scope scope = { .limit = 4 };
    int64_t began = weft_now();
    for (int i = 0; i < 20; i++)
        must(weft_go(&scope, measured, (struct gauge *){ &gauge }) != NULL, "start");
    is_int(weft_now() - began, 4 * WEFT_SECOND, "starting waits while the scope is full");
    is_int(weft_scope_wait(&scope), 0, "all of them end");
    is_int(gauge.most, 4, "never more than the limit run at once");
    return 0;
}

FIBER(limit_and_deadline)
{
    struct weft_scope scope = { .limit = 1 };
    must(weft_go(&scope, park_forever, NOTHING) != NULL, "start");
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        fails_null(weft_go(&scope, park_forever, NOTHING), ETIMEDOUT,
                   "a deadline ends the wait for a place");
    }
    is_int(weft_scope_count(&scope), 1, "nothing has been started");
    weft_scope_cancel(&scope);
    fails(weft_scope_wait(&scope), ETIMEDOUT, "the scope remembers the first that went wrong");
    return 0;
}

FIBER(timeout)
{
    struct weft_scope scope = { .timeout = WEFT_SECOND };
    weft_sleep(WEFT_MINUTE);
    int64_t began = weft_now();
    weft_go(&scope, nap, (struct nap){ WEFT_MINUTE, "a" });
    weft_go(&scope, nap, (struct nap){ WEFT_MILLISECOND, "b" });
    is_int(weft_scope_count(&scope), 2, "a scope's time does not run before its first use");
    fails(weft_scope_wait(&scope), ETIMEDOUT, "a scope's timeout is its outcome");
    is_int(weft_now() - began, WEFT_SECOND, "when the time is over");
    is_trace("b a?", "its children's calls have failed with ETIMEDOUT");

    struct weft_scope quick = { .timeout = WEFT_SECOND };
    weft_go(&quick, nap, (struct nap){ WEFT_MILLISECOND, "a" });
    is_int(weft_scope_wait(&quick), 0, "children that are quick enough end well");
    is_int(weft_sleep(WEFT_MINUTE), 0, "and the timeout is gone with the scope");
    is_trace("a", "no child was late");
    return 0;
}

FIBER(timeout_spares_its_owner)
{
    struct weft_scope scope = { .timeout = WEFT_SECOND };
    weft_go(&scope, park_forever, NOTHING);
    is_int(weft_sleep(WEFT_MINUTE), 0, "the timeout is for the children, the owner may sleep on");
    is_int(weft_scope_count(&scope), 0, "the children have ended meanwhile");
    fails_null(weft_go(&scope, park_forever, NOTHING), ETIMEDOUT, "a late scope starts nobody");
    fails(weft_scope_wait(&scope), ETIMEDOUT, "and ends with ETIMEDOUT");
    return 0;
}

FIBER(never_used)
{
    struct weft_scope scope = { 0 };
    is_int(weft_scope_count(&scope), 0, "a fresh scope is empty");
    is_int(weft_scope_cancel(&scope), 0, "cancelling one never used does nothing");
    is_int(weft_scope_wait(&scope), 0, "waiting for it succeeds at once");

    struct weft_scope other = { 0 };
    weft_scope_fini(&other);
    weft_scope_fini(NULL);
    is_int(weft_scope_count(&other), 0, "ending one never used does nothing, nor does NULL");
    return 0;
}

FIBER(next)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ 3 * WEFT_SECOND, "c" });
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, "a" });
    weft_go(&scope, return_int, (int){ 41 });
    weft_go(&scope, nap, (struct nap){ 2 * WEFT_SECOND, "b" });

    is_int(weft_scope_next(&scope, &result), 1, "the next child to end is taken");
    is_int(result.value, 41, "first the one that has ended already");
    is_int(weft_scope_next(&scope, &result), 1, "then");
    is_int(weft_scope_next(&scope, NULL), 1, "the others");
    is_trace("a b", "in the order in which they end");
    is_int(weft_scope_next(&scope, NULL), 1, "to the last");
    result.value = 77;
    is_int(weft_scope_next(&scope, &result), 0, "then none is left");
    is_int(result.value, 77, "and no result is written");
    is_trace("c", "every child was waited for");
    is_int(weft_scope_wait(&scope), 0, "the scope ends well");
    return 0;
}

FIBER(first_of_many)
{
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        for (int i = 0; i < 5; i++)
            weft_go(&scope, nap, (struct nap){ (5 - i) * WEFT_SECOND, "x" });
        is_int(weft_scope_next(&scope, NULL), 1, "the first");
        is_int(weft_scope_next(&scope, NULL), 1, "and the second are enough");
    }
    is_trace("x x x! x! x!", "the rest is stopped when the block is left");
    return 0;
}

FIBER(next_takes_failures)
{
    struct weft_result result = { 0 };
    struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, fail_with, (int){ EDOM });
    is_int(weft_scope_next(&scope, &result), 1, "a failed child is taken as any other");
    ok(result.value == -1 && result.error == EDOM, "with its errno");
    (void)weft_scope_wait(&scope);

    struct weft_scope reaping = { .reap = true };
    weft_go(&reaping, return_int, (int){ 0 });
    fails(weft_scope_next(&reaping, NULL), EINVAL, "a scope that reaps has no next");
    is_int(weft_scope_wait(&reaping), 0, "it can only be waited for");
    return 0;
}

FIBER(interrupted_next)
{
    struct weft_result result = { .value = 9 };
    struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, "a" });
    {
        WEFT_TIMEOUT(WEFT_MILLISECOND);
        fails(weft_scope_next(&scope, &result), ETIMEDOUT, "a deadline interrupts next");
    }
    is_int(result.value, 9, "which writes no result then");
    is_int(weft_scope_next(&scope, &result), 1, "and takes the same child later");
    is_int(result.value, 0, "unharmed");
    is_trace("a", "the child was not cancelled by it");
    return weft_scope_wait(&scope);
}

FIBER(cancelled_scope)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, "a" });
    weft_go(&scope, nap, (struct nap){ WEFT_SECOND, "b" });
    is_int(weft_scope_cancel(&scope), 0, "a scope can be cancelled");
    fails_null(weft_go(&scope, nap, (struct nap){ 1, "c" }), ECANCELED,
               "children to come are refused");
    is_int(weft_sleep(1), 0, "its owner is not cancelled");
    is_int(weft_scope_cancel(&scope), 0, "cancelling again does nothing");
    fails(weft_scope_wait(&scope), ECANCELED, "that is its outcome");
    is_trace("a! b!", "every child was cancelled, in order");
    return 0;
}

FIBER(keeps_errno)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, fail_after, (struct failing){ WEFT_SECOND, EDOM });
    errno = EXDEV;
    weft_scope_fini(&scope);
    is_int(errno, EXDEV, "ending a scope keeps errno");
    return 0;
}

struct adder {
    struct weft_scope *scope;
    int depth;
};

FIBER(add_to_outer)
{
    struct adder mine = *(struct adder *)argument;
    if (weft_sleep(WEFT_SECOND) < 0)
        return -1;
    trace("%d", mine.depth);
    if (mine.depth == 0)
        return 0;
    return weft_go(mine.scope, add_to_outer, (struct adder){ mine.scope, mine.depth - 1 }) ? 0 : -1;
}

FIBER(growing)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, add_to_outer, (struct adder){ &scope, 4 });
    is_int(weft_scope_wait(&scope), 0, "a scope that grows while it is awaited");
    is_trace("4 3 2 1 0", "ends with the last that was added");
    return 0;
}

FIBER(wait_as_stranger)
{
    struct weft_scope *scope = *(struct weft_scope **)argument;
    fails(weft_scope_wait(scope), EPERM, "only the fiber that opened a scope may end it");
    return 0;
}

FIBER(ended_scope)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, wait_as_stranger, (struct weft_scope *){ &scope });
    is_int(weft_scope_wait(&scope), 0, "its owner may");
    fails(weft_scope_wait(&scope), EINVAL, "once only");
    fails(weft_scope_next(&scope, NULL), EINVAL, "no next after the end");
    fails_null(weft_go(&scope, return_int, (int){ 0 }), EINVAL, "no start after the end");
    is_int(weft_scope_cancel(&scope), 0, "cancelling does nothing then");
    weft_scope_fini(&scope);
    weft_scope_fini(&scope);
    is_int(weft_scope_count(&scope), 0, "ending it again does nothing");
    return 0;
}

FIBER(late_waiter)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, nap, (struct nap){ WEFT_MINUTE, "a" });
    int64_t began = weft_now();
    WEFT_TIMEOUT(WEFT_SECOND);
    fails(weft_scope_wait(&scope), ETIMEDOUT, "a deadline around the wait is the children's too");
    is_int(weft_now() - began, WEFT_SECOND, "they end with it");
    is_int(weft_scope_count(&scope), 0, "and have ended when the wait returns");
    trace_length = 0;
    return 0;
}

FIBER(slow_clean_up)
{
    if (weft_sleep(WEFT_MINUTE) < 0) {
        WEFT_SHIELD(WEFT_MINUTE);
        must(weft_sleep(WEFT_SECOND) == 0, "clean-up");
        trace("cleaned");
    }
    errno = ECANCELED;
    return -1;
}

FIBER(wait_and_tell)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, slow_clean_up, NOTHING);
    int result = weft_scope_wait(&scope);
    int error = errno;
    trace("waited");
    errno = error;
    return result;
}

FIBER(cancelled_waiter)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, wait_and_tell, NOTHING);
    weft_cancel(task);
    must(weft_join(task, &result) == 0, "join");
    ok(result.cancelled && result.error == ECANCELED, "a cancel reaches who waits for a scope");
    is_trace("cleaned waited", "and the children in it, for whose clean-up it still waits");
    return 0;
}

FIBER(count_one)
{
    ++**(int **)argument;
    return weft_yield();
}

FIBER(reaping)
{
    int count = 0;
    struct weft_stats before;
    struct weft_stats after;
    struct weft_scope scope = { .limit = 4, .reap = true };
    for (int i = 0; i < 100; i++)
        weft_go(&scope, count_one, (int *){ &count });
    weft_stats(&before);
    for (int i = 0; i < 10000; i++)
        weft_go(&scope, count_one, (int *){ &count });
    weft_stats(&after);
    is_int(weft_scope_wait(&scope), 0, "a scope that reaps ends as any other");
    is_int(count, 10100, "all its tasks have run");
    is_int(after.stacks, before.stacks, "and their stacks were used again");
    return 0;
}

FIBER(reaped_failure)
{
    struct weft_scope scope = { .reap = true };
    weft_go(&scope, nap, (struct nap){ WEFT_MINUTE, "a" });
    weft_go(&scope, fail_with, (int){ EDOM });
    fails(weft_scope_wait(&scope), EDOM, "a failure is kept when its task is reaped");
    is_trace("a!", "and cancels the siblings too");
    return 0;
}

FIBER(implicit_parent)
{
    weft_go(NULL, nap, (struct nap){ WEFT_SECOND, "child" });
    trace("parent");
    return 3;
}

FIBER(implicit)
{
    struct weft_result result = { 0 };
    int64_t began = weft_now();
    struct weft_task *task = weft_go(NULL, implicit_parent, NOTHING);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 3, "a task's own scope doesn't change a result of success");
    is_int(weft_now() - began, WEFT_SECOND, "a task has ended when its own children have");
    is_trace("parent child", "which are not cancelled by its success");
    return 0;
}

FIBER(clean_up_for_long)
{
    (void)weft_sleep(WEFT_MINUTE);
    WEFT_SHIELD(WEFT_MINUTE);
    must(weft_sleep(2 * WEFT_SECOND) == 0, "clean-up");
    return 0;
}

FIBER(first_reason)
{
    struct weft_scope scope = { .timeout = WEFT_SECOND };
    weft_go(&scope, clean_up_for_long, NOTHING);
    weft_scope_cancel(&scope);
    fails(weft_scope_wait(&scope), ECANCELED,
          "a scope that was cancelled stays so, though its time passes in the clean-up");

    struct weft_scope late = { .timeout = WEFT_SECOND };
    weft_go(&late, clean_up_for_long, NOTHING);
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    weft_scope_cancel(&late);
    fails(weft_scope_wait(&late), ETIMEDOUT, "and one that was late stays late");

    struct weft_scope failed = { .timeout = WEFT_SECOND };
    weft_go(&failed, clean_up_for_long, NOTHING);
    weft_go(&failed, fail_with, (int){ EDOM });
    fails(weft_scope_wait(&failed), EDOM, "a failure before either stays the outcome");
    return 0;
}

struct starter {
    struct weft_scope *scope;
    const char *name;
};

FIBER(start_two)
{
    struct starter *mine = argument;
    for (int i = 0; i < 2; i++)
        if (!weft_go(mine->scope, nap, (struct nap){ WEFT_SECOND, mine->name }))
            return -1;
    return 0;
}

FIBER(in_line)
{
    struct weft_scope full = { .limit = 1 };
    WEFT_AUTO(weft_scope) struct weft_scope starters = { 0 };
    weft_go(&full, nap, (struct nap){ WEFT_SECOND, "first" });
    weft_go(&starters, start_two, (struct starter){ &full, "a" });
    weft_go(&starters, start_two, (struct starter){ &full, "b" });
    weft_go(&starters, start_two, (struct starter){ &full, "c" });
    must(weft_scope_wait(&starters) == 0, "starters");
    must(weft_scope_wait(&full) == 0, "wait");
    is_trace("first a b c a b c", "who waits for a place gets it in the order of coming");
    return 0;
}

FIBER(load)
{
    struct weft_scope scope = { .load = 100 };
    must(weft_go(&scope, return_int, (int){ 0 }) != NULL, "start");
    is_int(weft_scope_wait(&scope), 0, "a load limit that isn't reached holds nobody");
    return 0;
}

int main(void)
{
    in_runtime(ends_with_its_children);
    in_runtime(first_failure);
    in_runtime(keep_going);
    in_runtime(limit);
    in_runtime(limit_and_deadline);
    in_runtime(timeout);
    in_runtime(timeout_spares_its_owner);
    in_runtime(never_used);
    in_runtime(next);
    in_runtime(first_of_many);
    in_runtime(next_takes_failures);
    in_runtime(interrupted_next);
    in_runtime(cancelled_scope);
    in_runtime(keeps_errno);
    in_runtime(growing);
    in_runtime(ended_scope);
    in_runtime(late_waiter);
    in_runtime(cancelled_waiter);
    in_runtime(reaping);
    in_runtime(reaped_failure);
    in_runtime(implicit);
    in_runtime(first_reason);
    in_runtime(in_line);
    in_runtime(load);
    return done_testing();
}
