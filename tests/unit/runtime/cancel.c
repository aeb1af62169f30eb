/* Cancellation: level-triggered, for the whole subtree, at every blocking call. */
#include "runtime.h"

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

FIBER(every_call_fails)
{
    struct weft_condition condition = { 0 };
    struct weft_semaphore semaphore = { 0 };
    struct weft_promise promise = { 0 };
    struct weft_scope scope = { 0 };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 0);
    struct weft_select_case one = { .channel = channel, .message = &(int){ 0 } };
    struct weft_task *child = weft_go(&scope, park_forever, NOTHING);
    int message = 1;

    is_int(weft_cancelled(), 0, "at first nobody is cancelled");
    must(weft_cancel(weft_self()) == 0, "cancel");
    is_int(weft_cancelled(), ECANCELED, "weft_cancelled says so without blocking");
    for (int round = 1; round <= 2; round++) {
        fails(weft_sleep(1), ECANCELED, "weft_sleep fails, time %d", round);
        fails(weft_sleep(0), ECANCELED, "weft_sleep of nothing fails, time %d", round);
        fails(weft_yield(), ECANCELED, "weft_yield fails, time %d", round);
        fails(weft_condition_wait(&condition), ECANCELED, "a condition fails, time %d", round);
        fails(weft_semaphore_acquire(&semaphore), ECANCELED, "a semaphore fails, time %d", round);
        fails(weft_promise_wait(&promise, NULL), ECANCELED, "a promise fails, time %d", round);
        fails(weft_channel_send(channel, &message), ECANCELED, "send fails, time %d", round);
        fails(weft_channel_receive(channel, &message), ECANCELED, "receive fails, time %d", round);
        fails(weft_select(&one, 1, WEFT_FOREVER), ECANCELED, "select fails, time %d", round);
        fails(weft_join(child, NULL), ECANCELED, "join fails, time %d", round);
        fails(weft_offload(nothing, NULL), ECANCELED, "offload fails, time %d", round);
        if (round == 1)
            fails(weft_scope_next(&scope, NULL), ECANCELED, "next fails");
    }
    fails(weft_scope_wait(&scope), ECANCELED, "and waiting for the scope says so in its end");
    weft_channel_free(channel);
    return 0;
}

FIBER(level_triggered)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_result result = { .cancelled = true };
    must(weft_join(weft_go(&scope, every_call_fails, NOTHING), &result) == 0, "join");
    is_int(result.value, 0, "a task may end well in spite of it");
    return 0;
}

FIBER(what_need_not_wait)
{
    struct weft_promise promise = { 0 };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 2);
    int message = 5;
    weft_promise_resolve(&promise, &message);
    weft_cancel(weft_self());
    is_int(weft_channel_send(channel, &message), 0, "a send that need not wait is done");
    message = 0;
    is_int(weft_channel_receive(channel, &message), 0, "so is a receive");
    is_int(message, 5, "with its message");
    is_int(weft_channel_try_send(channel, &message), 0, "the calls that never wait go on");
    weft_channel_free(channel);
    return 0;
}

FIBER(never_waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    return weft_join(weft_go(&scope, what_need_not_wait, NOTHING), NULL);
}

FIBER(ignore_errors)
{
    bool *stop = *(bool **)argument;
    int calls = 0;
    while (!*stop && calls < 1000000) {
        (void)weft_sleep(WEFT_MINUTE);
        calls++;
    }
    return calls;
}

FIBER(set_after_yields)
{
    bool *stop = *(bool **)argument;
    for (int i = 0; i < 20; i++)
        must(weft_yield() == 0, "yield");
    *stop = true;
    return 0;
}

FIBER(cannot_starve)
{
    bool stop = false;
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *deaf = weft_go(&scope, ignore_errors, (bool *){ &stop });
    weft_cancel(deaf);
    weft_go(&scope, set_after_yields, (bool *){ &stop });
    must(weft_join(deaf, &result) == 0, "join");
    ok(stop && result.value < 1000000, "a loop that ignores errors lets the others run");
    diag("it called %d times", result.value);
    return 0;
}

struct level {
    int depth;
    int *ended;
};

FIBER(tree)
{
    struct level mine = *(struct level *)argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 3 && mine.depth > 0; i++)
        weft_go(&scope, tree, (struct level){ mine.depth - 1, mine.ended });
    int result = weft_scope_count(&scope) ? weft_scope_wait(&scope) : park_forever(NULL);
    int error = errno;
    must(result == -1 && error == ECANCELED, "every level of the tree sees the cancel");
    ++*mine.ended;
    errno = error;
    return -1;
}

FIBER(subtree)
{
    int ended = 0;
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *root = weft_go(&scope, tree, (struct level){ 3, &ended });
    struct weft_task *bystander = weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    weft_cancel(root);
    must(weft_join(root, &result) == 0, "join");
    is_int(ended, 1 + 3 + 9 + 27, "a cancel reaches every task below");
    ok(result.cancelled, "and the task itself");
    must(weft_join(bystander, &result) == 0, "join");
    is_int(result.value, 0, "and nobody beside it");
    return 0;
}

FIBER(only_asks)
{
    bool stop = false;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, ignore_errors, (bool *){ &stop });
    is_int(weft_cancel(task), 0, "a cancel returns");
    is_int(weft_scope_count(&scope), 1, "before its task has ended");
    is_int(weft_cancel(task), 0, "asking twice changes nothing");
    stop = true;
    is_int(weft_join(task, NULL), 0, "joining tells when it has");
    return 0;
}

FIBER(cancel_then_park)
{
    weft_cancel(weft_self());
    trace("goes-on");
    int result = weft_sleep(WEFT_SECOND);
    int error = errno;
    trace("stopped");
    errno = error;
    return result;
}

FIBER(own_cancel)
{
    struct weft_result result = { 0 };
    int64_t began = weft_now();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    must(weft_join(weft_go(&scope, cancel_then_park, NOTHING), &result) == 0, "join");
    is_trace("goes-on stopped", "a task that cancels itself runs on to its next blocking call");
    ok(result.cancelled && result.error == ECANCELED, "and has then been cancelled");
    is_int(weft_now(), began, "without a wait");
    return 0;
}

struct pair {
    struct weft_task *other;
    const char *name;
};

FIBER(cancel_other_in_clean_up)
{
    struct pair *mine = *(struct pair **)argument;
    int result = park_forever(NULL);
    int error = errno;
    if (mine->other)
        weft_cancel(mine->other);
    trace("%s", mine->name);
    errno = error;
    return result;
}

FIBER(mutual)
{
    struct pair a = { NULL, "a" };
    struct pair b = { NULL, "b" };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    b.other = weft_go(&scope, cancel_other_in_clean_up, (struct pair *){ &a });
    a.other = weft_go(&scope, cancel_other_in_clean_up, (struct pair *){ &b });
    weft_cancel(b.other);
    is_int(weft_scope_wait(&scope), 0, "two tasks that cancel each other both end");
    is_trace("a b", "each once");
    return 0;
}

FIBER(cancel_root)
{
    struct weft_task *root = *(struct weft_task **)argument;
    weft_cancel(root);
    return 0;
}

FIBER(cancelled_root)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, cancel_root, (struct weft_task *){ weft_self() });
    return weft_sleep(WEFT_SECOND);
}

FIBER(on_purpose)
{
    struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, park_forever, NOTHING);
    struct weft_task *sibling = weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    struct weft_result result = { .value = -1 };
    weft_cancel(task);
    must(weft_join(sibling, &result) == 0, "join");
    is_int(result.value, 0, "a task that is cancelled on purpose does not take its siblings along");
    is_int(weft_scope_wait(&scope), 0, "and is no failure of its scope");
    return 0;
}

int main(void)
{
    in_runtime(level_triggered);
    in_runtime(never_waits);
    in_runtime(cannot_starve);
    in_runtime(subtree);
    in_runtime(only_asks);
    in_runtime(own_cancel);
    in_runtime(mutual);
    in_runtime(on_purpose);
    fails(run_virtual(cancelled_root, NULL), ECANCELED, "a child may cancel the root");
    return done_testing();
}
