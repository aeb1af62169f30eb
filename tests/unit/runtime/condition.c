/* weft_condition: an event without memory. */
#include "runtime.h"

struct waiter {
    struct weft_condition *condition;
    int number;
};

FIBER(wait_once)
{
    struct waiter *mine = argument;
    int result = weft_condition_wait(mine->condition);
    int error = errno;
    trace("%d%s", mine->number, result == 0 ? "" : error == ECANCELED ? "!" : "?");
    errno = error;
    return result;
}

FIBER(wait_twice)
{
    struct waiter *mine = argument;
    must(weft_condition_wait(mine->condition) == 0, "first");
    trace("%d", mine->number);
    must(weft_condition_wait(mine->condition) == 0, "second");
    trace("%d", mine->number);
    return 0;
}

static void start(struct weft_scope *scope, struct weft_condition *condition, int count)
{
    for (int i = 0; i < count; i++)
        must(weft_go(scope, wait_once, (struct waiter){ condition, i }) != NULL, "start");
}

FIBER(signals)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    ok(!weft_condition_signal(&condition), "a signal without a waiter tells so");
    start(&scope, &condition, 3);
    settle();
    is_trace("", "and is not remembered");
    ok(weft_condition_signal(&condition), "with one it tells that");
    is_trace("", "nobody runs inside the signal");
    settle();
    is_trace("0", "the one that has waited longest is woken");
    weft_condition_signal(&condition);
    weft_condition_signal(&condition);
    ok(!weft_condition_signal(&condition), "each signal takes one waiter");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("1 2", "in the order in which they came");
    return 0;
}

FIBER(broadcasts)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    is_int(weft_condition_broadcast(&condition), 0, "a broadcast counts who waits");
    start(&scope, &condition, 5);
    is_int(weft_condition_broadcast(&condition), 5, "here five");
    is_trace("", "nobody runs inside the broadcast");
    is_int(weft_condition_broadcast(&condition), 0, "once woken they no longer wait");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("0 1 2 3 4", "they run in the order in which they came");
    return 0;
}

FIBER(waits_again)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, wait_twice, (struct waiter){ &condition, 0 });
    weft_go(&scope, wait_twice, (struct waiter){ &condition, 1 });
    is_int(weft_condition_broadcast(&condition), 2, "a broadcast wakes who waits now");
    settle();
    is_trace("0 1", "not who comes to wait again");
    is_int(weft_condition_broadcast(&condition), 2, "they need another");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("0 1", "to go on");
    return 0;
}

FIBER(cancelled_waiter)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *first = weft_go(&scope, wait_once, (struct waiter){ &condition, 0 });
    start(&scope, &condition, 1);
    weft_cancel(first);
    must(weft_join(first, NULL) == 0, "join");
    is_trace("0!", "a waiter can be cancelled");
    ok(weft_condition_signal(&condition), "a signal after that");
    settle();
    is_trace("0", "goes to the next");
    ok(!weft_condition_signal(&condition), "nobody is left");
    return 0;
}

FIBER(all_cancelled)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    start(&scope, &condition, 3);
    weft_scope_cancel(&scope);
    (void)weft_scope_wait(&scope);
    is_int(weft_condition_broadcast(&condition), 0, "cancelled waiters leave the queue");
    is_trace("0! 1! 2!", "in order");
    return 0;
}

FIBER(signal_then_cancel)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *first = weft_go(&scope, wait_once, (struct waiter){ &condition, 0 });
    start(&scope, &condition, 1);
    must(weft_condition_signal(&condition), "signal");
    weft_cancel(first);
    settle();
    trace_text[trace_length] = '\0';
    trace_length = 0;
    ok(strchr(trace_text, '0') && (!strchr(trace_text, '!') || strstr(trace_text, " 0")),
       "a wake-up whose waiter is cancelled before it runs is taken or passed on, not lost");
    diag("%s", trace_text);
    return 0;
}

FIBER(cancel_then_signal)
{
    trace_length = 0;
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *first = weft_go(&scope, wait_once, (struct waiter){ &condition, 7 });
    start(&scope, &condition, 1);
    weft_cancel(first);
    must(weft_condition_signal(&condition), "signal");
    settle();
    is_trace("7! 0", "a signal passes over a waiter that was cancelled before");
    return 0;
}

FIBER(limited)
{
    struct waiter mine = *(struct waiter *)argument;
    WEFT_TIMEOUT(mine.number * WEFT_SECOND);
    if (weft_condition_wait(mine.condition) == 0)
        trace("%d", mine.number);
    else if (errno == ETIMEDOUT)
        trace("%d?", mine.number);
    return 0;
}

FIBER(deadlines)
{
    struct weft_condition condition = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 5; i > 0; i--)
        weft_go(&scope, limited, (struct waiter){ &condition, i });
    must(weft_sleep(3 * WEFT_SECOND + 1) == 0, "sleep");
    is_int(weft_condition_broadcast(&condition), 2, "waiters with different limits");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("1? 2? 3? 5 4", "are split by them");
    return 0;
}

static void outside(void)
{
    struct weft_condition condition = { 0 };
    fails(weft_condition_wait(&condition), EPERM, "outside a fiber nobody can wait");
    ok(!weft_condition_signal(&condition), "so that a signal finds nobody");
    is_int(weft_condition_broadcast(&condition), 0, "nor a broadcast");
}

int main(void)
{
    in_runtime(signals);
    in_runtime(broadcasts);
    in_runtime(waits_again);
    in_runtime(cancelled_waiter);
    in_runtime(all_cancelled);
    in_runtime(signal_then_cancel);
    in_runtime(cancel_then_signal);
    in_runtime(deadlines);
    outside();
    return done_testing();
}
