/* weft_semaphore: a number of permits. */
#include "runtime.h"

struct user {
    struct weft_semaphore *semaphore;
    int number;
};

FIBER(take_and_keep)
{
    struct user *mine = argument;
    int result = weft_semaphore_acquire(mine->semaphore);
    int error = errno;
    trace("%d%s", mine->number, result == 0 ? "" : error == ECANCELED ? "!" : "?");
    errno = error;
    return result;
}

static struct weft_task *taker(struct weft_scope *scope, struct weft_semaphore *semaphore, int n)
{
    struct weft_task *task = weft_go(scope, take_and_keep, (struct user){ semaphore, n });
    must(task != NULL, "start");
    return task;
}

FIBER(counts)
{
    struct weft_semaphore semaphore = { .permits = 2 };
    is_int(weft_semaphore_acquire(&semaphore), 0, "a free permit is taken");
    is_int(weft_semaphore_try_acquire(&semaphore), 0, "also without waiting");
    is_int(semaphore.permits, 0, "then none is free");
    fails(weft_semaphore_try_acquire(&semaphore), EAGAIN, "and trying tells so");
    weft_semaphore_release(&semaphore);
    is_int(semaphore.permits, 1, "a release frees one");
    is_int(weft_semaphore_try_acquire(&semaphore), 0, "for the next");
    return 0;
}

FIBER(in_order)
{
    struct weft_semaphore semaphore = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 4; i++)
        taker(&scope, &semaphore, i);
    settle();
    is_trace("", "without a permit everybody waits");
    weft_semaphore_release(&semaphore);
    is_trace("", "nobody runs inside a release");
    is_int(semaphore.permits, 0, "a permit goes straight to who waits");
    fails(weft_semaphore_try_acquire(&semaphore), EAGAIN, "nobody can snatch it");
    settle();
    is_trace("0", "who has waited longest has it");
    for (int i = 0; i < 3; i++)
        weft_semaphore_release(&semaphore);
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("1 2 3", "then the others in the order in which they came");
    is_int(semaphore.permits, 0, "no permit was made up");
    return 0;
}

struct gauge {
    struct weft_semaphore semaphore;
    int now;
    int most;
    int served;
};

FIBER(use)
{
    struct gauge *gauge = *(struct gauge **)argument;
    must(weft_semaphore_acquire(&gauge->semaphore) == 0, "acquire");
    gauge->now++;
    gauge->most = gauge->now > gauge->most ? gauge->now : gauge->most;
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    gauge->now--;
    gauge->served++;
    weft_semaphore_release(&gauge->semaphore);
    return 0;
}

static int64_t serve(struct gauge *gauge, int users)
{
    int64_t began = weft_now();
    struct weft_scope scope = { .reap = true };
    for (int i = 0; i < users; i++)
        must(weft_go(&scope, use, (struct gauge *){ gauge }) != NULL, "start");
    must(weft_scope_wait(&scope) == 0, "wait");
    return weft_now() - began;
}

FIBER(never_more)
{
    struct gauge gauge = { .semaphore.permits = 4 };
    is_int(serve(&gauge, 102), 26 * WEFT_SECOND, "102 users, four at a time, take 26 turns");
    is_int(gauge.most, 4, "never more than four are in");
    is_int(gauge.served, 102, "everybody was served");
    is_int(gauge.semaphore.permits, 4, "and all permits are back");
    return 0;
}

FIBER(late_waiters)
{
    struct weft_semaphore semaphore = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true, .timeout = WEFT_SECOND };
    for (int i = 0; i < 3; i++)
        taker(&scope, &semaphore, i);
    must(weft_scope_wait(&scope) == -1 && errno == ETIMEDOUT, "late");
    is_trace("0? 1? 2?", "waiters can be late");
    weft_semaphore_release(&semaphore);
    is_int(semaphore.permits, 1, "and have left the queue: a release finds nobody");
    is_int(weft_semaphore_try_acquire(&semaphore), 0, "the permit is free to take");
    return 0;
}

FIBER(cancelled_waiter)
{
    struct weft_semaphore semaphore = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    taker(&scope, &semaphore, 0);
    struct weft_task *second = taker(&scope, &semaphore, 1);
    taker(&scope, &semaphore, 2);
    weft_cancel(second);
    weft_semaphore_adjust(&semaphore, 2);
    settle();
    trace_text[trace_length] = '\0';
    ok(strstr(trace_text, "1!") && strstr(trace_text, "0") && strstr(trace_text, "2"),
       "a cancelled waiter leaves its permit to the next");
    trace_length = 0;
    is_int(semaphore.permits, 0, "both permits are in use");
    return 0;
}

FIBER(cancel_at_handover)
{
    struct weft_semaphore semaphore = { 0 };
    struct weft_result first = { 0 };
    struct weft_result second = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *one = taker(&scope, &semaphore, 0);
    struct weft_task *two = taker(&scope, &semaphore, 1);
    weft_semaphore_release(&semaphore);
    weft_cancel(one);
    must(weft_join(one, &first) == 0, "join");
    weft_semaphore_adjust(&semaphore, first.value == 0 ? 1 : 0);
    must(weft_join(two, &second) == 0, "join");
    is_int(second.value, 0, "a permit handed to a task that is then cancelled is not lost");
    is_int(semaphore.permits, 0, "nor doubled");
    trace_length = 0;
    return 0;
}

FIBER(adjusted)
{
    struct weft_semaphore semaphore = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 3; i++)
        taker(&scope, &semaphore, i);
    weft_semaphore_adjust(&semaphore, 2);
    settle();
    is_trace("0 1", "raising the limit wakes as many as it allows");
    weft_semaphore_adjust(&semaphore, -1);
    is_int(semaphore.permits, -1, "lowering it below what is in use goes below 0");
    weft_semaphore_release(&semaphore);
    settle();
    is_trace("", "so that the next release wakes nobody");
    is_int(semaphore.permits, 0, "it has vanished");
    weft_semaphore_release(&semaphore);
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("2", "the one after that does");
    return 0;
}

FIBER(lowered_while_free)
{
    struct gauge gauge = { .semaphore.permits = 3 };
    weft_semaphore_adjust(&gauge.semaphore, -2);
    is_int(gauge.semaphore.permits, 1, "free permits are taken away at once");
    is_int(serve(&gauge, 3), 3 * WEFT_SECOND, "then one at a time gets in");
    is_int(gauge.most, 1, "and never two");
    return 0;
}

static void outside(void)
{
    struct weft_semaphore semaphore = { 0 };
    fails(weft_semaphore_try_acquire(&semaphore), EAGAIN, "trying works outside a fiber");
    fails(weft_semaphore_acquire(&semaphore), EPERM, "waiting does not");
    weft_semaphore_release(&semaphore);
    is_int(weft_semaphore_try_acquire(&semaphore), 0, "a released permit can be taken");
}

int main(void)
{
    in_runtime(counts);
    in_runtime(in_order);
    in_runtime(never_more);
    in_runtime(late_waiters);
    in_runtime(cancelled_waiter);
    in_runtime(cancel_at_handover);
    in_runtime(adjusted);
    in_runtime(lowered_while_free);
    outside();
    return done_testing();
}
