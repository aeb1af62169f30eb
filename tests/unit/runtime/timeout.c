/* WEFT_TIMEOUT: limits on blocking for the rest of a block. */
#include "runtime.h"

FIBER(expires)
{
    int64_t began = weft_now();
    {
        WEFT_TIMEOUT_AS(limit, 50 * WEFT_MILLISECOND);
        ok(!weft_timeout_expired(&limit), "a fresh limit has not expired");
        is_int(weft_sleep(10 * WEFT_MILLISECOND), 0, "what is quick enough is not disturbed");
        fails(weft_sleep(WEFT_MINUTE), ETIMEDOUT, "what is not fails with ETIMEDOUT");
        is_int(weft_now() - began, 50 * WEFT_MILLISECOND, "exactly then");
        ok(weft_timeout_expired(&limit), "and the limit says that it has expired");
        is_int(weft_cancelled(), ETIMEDOUT, "weft_cancelled names the reason");
        fails(weft_sleep(1), ETIMEDOUT, "the next call fails again");
        fails(weft_yield(), ETIMEDOUT, "and a yield");
        is_int(weft_now() - began, 50 * WEFT_MILLISECOND, "without waiting");
    }
    is_int(weft_cancelled(), 0, "after the block the reason is gone");
    is_int(weft_sleep(WEFT_MINUTE), 0, "and calls block again");
    return 0;
}

FIBER(left_in_time)
{
    for (int i = 0; i < 10; i++) {
        WEFT_TIMEOUT(WEFT_SECOND);
        must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    }
    is_int(weft_sleep(WEFT_MINUTE), 0, "a limit that was left never fires");
    return 0;
}

FIBER(outer_first)
{
    int64_t began = weft_now();
    WEFT_TIMEOUT_AS(outer, WEFT_SECOND);
    {
        WEFT_TIMEOUT_AS(inner, WEFT_MINUTE);
        fails(weft_sleep(2 * WEFT_MINUTE), ETIMEDOUT, "of nested limits the earliest wins");
        is_int(weft_now() - began, WEFT_SECOND, "here the outer one");
        ok(weft_timeout_expired(&outer), "the outer says that it has expired");
        ok(!weft_timeout_expired(&inner), "the inner that it has not");
    }
    fails(weft_sleep(1), ETIMEDOUT, "leaving the inner block changes nothing");
    return 0;
}

FIBER(inner_first)
{
    WEFT_TIMEOUT_AS(outer, WEFT_MINUTE);
    {
        WEFT_TIMEOUT_AS(inner, WEFT_SECOND);
        fails(weft_sleep(2 * WEFT_MINUTE), ETIMEDOUT, "the inner limit comes first");
        ok(weft_timeout_expired(&inner), "it says that it has expired");
        ok(!weft_timeout_expired(&outer), "the outer says that it has not");
    }
    is_int(weft_sleep(WEFT_SECOND), 0, "under the outer one calls block again");
    fails(weft_sleep(WEFT_MINUTE), ETIMEDOUT, "until it expires too");
    ok(weft_timeout_expired(&outer), "and says so");
    return 0;
}

FIBER(expired_at_once)
{
    struct weft_condition never = { 0 };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 1);
    int64_t began = weft_now();
    for (int64_t duration = 0; duration >= -WEFT_SECOND; duration -= WEFT_SECOND) {
        int message = 3;
        WEFT_TIMEOUT(duration);
        fails(weft_condition_wait(&never), ETIMEDOUT, "a limit of %lld s never waits",
              (long long)(duration / WEFT_SECOND));
        is_int(weft_channel_send(channel, &message), 0, "but what need not wait is done");
        is_int(weft_channel_receive(channel, &message), 0, "in both directions");
    }
    is_int(weft_now(), began, "no time has passed");
    weft_channel_free(channel);
    return 0;
}

FIBER(extremes)
{
    {
        WEFT_TIMEOUT(WEFT_FOREVER);
        is_int(weft_sleep(WEFT_MINUTE), 0, "a limit of WEFT_FOREVER limits nothing");
    }
    {
        WEFT_TIMEOUT(WEFT_FOREVER - 1);
        is_int(weft_sleep(WEFT_MINUTE), 0, "nor does one beyond the clock's end");
    }
    WEFT_TIMEOUT(INT64_MIN);
    fails(weft_sleep(1), ETIMEDOUT, "the most negative one has expired");
    return 0;
}

struct late {
    int64_t *ended;
};

FIBER(note_end)
{
    struct late *mine = argument;
    int result = weft_sleep(WEFT_MINUTE);
    int error = errno;
    *mine->ended = weft_now();
    errno = error;
    return result;
}

FIBER(inherited)
{
    struct weft_result result = { 0 };
    int64_t ended = 0;
    int64_t began = weft_now();
    WEFT_TIMEOUT(WEFT_SECOND);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, note_end, (struct late){ &ended });
    {
        WEFT_SHIELD(WEFT_MINUTE);
        must(weft_join(task, &result) == 0, "join");
    }
    is_int(result.error, ETIMEDOUT, "a task of a scope opened within is late too");
    ok(result.cancelled, "which counts as cancelled");
    is_int(ended - began, WEFT_SECOND, "at the same moment");
    return 0;
}

FIBER(not_inherited)
{
    struct weft_result result = { 0 };
    int64_t ended = 0;
    int64_t began = weft_now();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    must(weft_go(&scope, sleep_for, (int64_t){ 1 }) != NULL, "open");
    struct weft_task *task;
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        task = weft_go(&scope, note_end, (struct late){ &ended });
        fails(weft_join(task, NULL), ETIMEDOUT, "a limit around a join ends the join");
    }
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 0, "not the task, when its scope is older than the limit");
    is_int(ended - began, WEFT_MINUTE, "it runs to its end");
    return 0;
}

FIBER(grandchild)
{
    int64_t *ended = *(int64_t **)argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, note_end, (struct late){ ended });
    return weft_scope_wait(&scope);
}

FIBER(deeply_inherited)
{
    int64_t ended = 0;
    int64_t began = weft_now();
    WEFT_TIMEOUT(WEFT_SECOND);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, grandchild, (int64_t *){ &ended });
    fails(weft_scope_wait(&scope), ETIMEDOUT, "a scope within ends late");
    is_int(ended - began, WEFT_SECOND, "the limit has reached its grandchildren");
    return 0;
}

FIBER(child_has_its_own)
{
    WEFT_TIMEOUT(WEFT_SECOND);
    fails(weft_sleep(WEFT_MINUTE), ETIMEDOUT, "a child's limit expires");
    return 0;
}

FIBER(not_upwards)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, child_has_its_own, NOTHING);
    is_int(weft_sleep(2 * WEFT_SECOND), 0, "and is nothing to its parent");
    return weft_scope_wait(&scope);
}

FIBER(moved)
{
    int64_t began = weft_now();
    WEFT_TIMEOUT_AS(limit, WEFT_SECOND);
    is_int(weft_timeout_set(&limit, WEFT_MINUTE), 0, "a limit can be moved away");
    is_int(weft_sleep(30 * WEFT_SECOND), 0, "then it lets more time pass");
    is_int(weft_timeout_set(&limit, WEFT_FOREVER), 0, "or put off for ever");
    is_int(weft_sleep(60 * WEFT_MINUTE), 0, "then it lets all pass");
    began = weft_now();
    is_int(weft_timeout_set(&limit, WEFT_MILLISECOND), 0, "or brought near");
    fails(weft_sleep(WEFT_SECOND), ETIMEDOUT, "then it strikes");
    is_int(weft_now() - began, WEFT_MILLISECOND, "counted from its move");
    fails(weft_timeout_set(&limit, WEFT_MINUTE), ETIMEDOUT, "once expired it stays so");
    fails(weft_sleep(1), ETIMEDOUT, "also for the calls under it");
    return 0;
}

FIBER(move_anothers)
{
    struct weft_timeout *timeout = *(struct weft_timeout **)argument;
    fails(weft_timeout_set(timeout, WEFT_MINUTE), EPERM, "another fiber's limit can't be moved");
    return 0;
}

FIBER(moved_while_parked)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    WEFT_TIMEOUT_AS(limit, WEFT_SECOND);
    weft_go(&scope, move_anothers, (struct weft_timeout *){ &limit });
    weft_timeout_set(&limit, 0);
    ok(weft_sleep(WEFT_SECOND) == -1 && weft_timeout_expired(&limit),
       "a limit moved to now has expired at the next call");
    return 0;
}

FIBER(after_its_end)
{
    struct weft_timeout late;
    struct weft_timeout early;
    weft_timeout_init(&late, WEFT_MILLISECOND);
    weft_sleep(WEFT_SECOND);
    errno = EXDEV;
    weft_timeout_fini(&late);
    is_int(errno, EXDEV, "ending a limit keeps errno");
    ok(weft_timeout_expired(&late), "an ended limit still tells that it expired");

    weft_timeout_init(&early, WEFT_SECOND);
    weft_timeout_fini(&early);
    weft_sleep(WEFT_MINUTE);
    ok(!weft_timeout_expired(&early), "or that it did not, however much time has passed");
    return 0;
}

FIBER(busy)
{
    {
        WEFT_TIMEOUT_AS(limit, WEFT_MILLISECOND);
        int found = 0;
        for (int i = 0; i < 1000; i++)
            found += open_descriptors() > 0;
        is_int(found, 1000, "a limit does not cut computation short");
        is_int(weft_cancelled(), 0, "code that does not block is not interrupted");
        ok(!weft_timeout_expired(&limit), "a virtual clock stands still meanwhile");
    }
    return 0;
}

FIBER(cancelled_and_late)
{
    WEFT_TIMEOUT(WEFT_SECOND);
    fails(weft_sleep(WEFT_MINUTE), ECANCELED, "a cancel comes before a limit that has not expired");
    WEFT_SHIELD(WEFT_MINUTE);
    is_int(weft_sleep(2 * WEFT_SECOND), 0, "clean-up outlives the limit");
    return 0;
}

FIBER(cancel_under_limit)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, cancelled_and_late, NOTHING);
    weft_cancel(task);
    return weft_join(task, NULL);
}

FIBER(limited)
{
    int number = *(int *)argument;
    WEFT_TIMEOUT((100 - number) * WEFT_MILLISECOND);
    if (weft_sleep(WEFT_MINUTE) == -1 && errno == ETIMEDOUT)
        trace("%d", number);
    return 0;
}

FIBER(in_order)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 5; i++)
        weft_go(&scope, limited, (int){ i });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("4 3 2 1 0", "limits of many fibers expire in the order of their times");
    return 0;
}

static void outside(void)
{
    WEFT_TIMEOUT_AS(limit, 0);
    is_int(weft_sleep(WEFT_MILLISECOND), 0, "outside a fiber a limit limits nothing");
    ok(!weft_timeout_expired(&limit), "and never expires");
    WEFT_SHIELD(0);
    is_int(weft_sleep(WEFT_MILLISECOND), 0, "nor does a shield there");
    is_int(weft_cancelled(), 0, "where nobody is ever cancelled");
}

int main(void)
{
    in_runtime(expires);
    in_runtime(left_in_time);
    in_runtime(outer_first);
    in_runtime(inner_first);
    in_runtime(expired_at_once);
    in_runtime(extremes);
    in_runtime(inherited);
    in_runtime(not_inherited);
    in_runtime(deeply_inherited);
    in_runtime(not_upwards);
    in_runtime(moved);
    in_runtime(moved_while_parked);
    in_runtime(after_its_end);
    in_runtime(busy);
    in_runtime(cancel_under_limit);
    in_runtime(in_order);
    outside();
    return done_testing();
}
