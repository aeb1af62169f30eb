/*
 * Bugs that runtimes of this kind have shipped, one function each; the claim says which.
 */
#include <sys/socket.h>

#include "runtime.h"

/* A lost wake-up between the look and the sleep: other threads finish while the fiber parks. */

static int at_once(void *argument)
{
    (void)argument;
    return 1;
}

FIBER(offload_often)
{
    int sum = 0;
    for (int i = 0; i < 500; i++)
        sum += weft_offload(at_once, NULL);
    return sum;
}

FIBER(no_lost_wake_up)
{
    int sum = 0;
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 4; i++)
        weft_go(&scope, offload_often, NOTHING);
    while (weft_scope_next(&scope, &result) == 1)
        sum += result.value;
    is_int(sum, 2000, "no wake-up is lost between the last look and the sleep");
    return 0;
}

/* A stale completion resumes a waiter that has been used again for something else. */

FIBER(wait_a_little)
{
    struct weft_condition *conditions = *(struct weft_condition **)argument;
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        must(weft_condition_wait(&conditions[0]) == -1 && errno == ETIMEDOUT, "late");
    }
    int64_t began = weft_now();
    must(weft_condition_wait(&conditions[1]) == 0, "second");
    return weft_now() - began == 2 * WEFT_SECOND ? 0 : 1;
}

FIBER(no_stale_wake_up)
{
    struct weft_condition conditions[2] = { 0 };
    struct weft_result result = { .value = -1 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task =
        weft_go(&scope, wait_a_little, (struct weft_condition *){ conditions });
    must(weft_sleep(2 * WEFT_SECOND) == 0, "sleep");
    ok(!weft_condition_signal(&conditions[0]), "who gave up waiting is not found there any more");
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    ok(weft_condition_signal(&conditions[1]), "only where it waits now");
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 0, "a stale wake-up does not resume a waiter's next wait");
    return 0;
}

/* A descriptor's number is used again while somebody still waits for the old one. */

struct side {
    int fd;
    int runs;
};

static int on_side(void *argument)
{
    struct side *side = argument;
    char byte;
    side->runs++;
    if (weft_cancelled())
        return 0;
    return syscall(SYS_recvfrom, side->fd, &byte, 1, MSG_DONTWAIT, NULL, NULL) > 0 ? 1 : 0;
}

FIBER(number_used_again)
{
    int number = -1;
    int wrong = 0;
    for (int i = 0; i < 20; i++) {
        int pair[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
        must(number < 0 || pair[0] == number, "the number comes again");
        number = pair[0];
        struct side side = { .fd = pair[0] };
        WEFT_AUTO(weft_scope) struct weft_scope inner = { 0 };
        must(weft_watch(&inner, pair[0], on_side, &side) != NULL, "watch");
        must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
        wrong += side.runs != 0;
        must(syscall(SYS_write, pair[1], "x", 1) == 1, "write");
        for (int j = 0; j < 1000 && side.runs < 1; j++)
            must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
        wrong += side.runs != 1;
        close(pair[1]);
        (void)weft_scope_wait(&inner);
        close(pair[0]);
    }
    is_int(wrong, 0, "a descriptor whose number was used before gets its own events only");
    return 0;
}

/* A cancel during a hand-over loses the item or the permit. */

struct handover {
    struct weft_channel *channel;
    int got;
};

FIBER(receive_into)
{
    struct handover *handover = *(struct handover **)argument;
    int message = -1;
    if (weft_channel_receive(handover->channel, &message) < 0)
        return -1;
    handover->got += message;
    return 0;
}

FIBER(cancel_in_hand_over)
{
    struct handover handover = { weft_channel_new(sizeof(int), 0), 0 };
    int sent = 0;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    for (int i = 1; i <= 50; i++) {
        struct weft_task *task = weft_go(&scope, receive_into, (struct handover *){ &handover });
        if (i % 2)
            weft_cancel(task);
        sent += weft_channel_try_send(handover.channel, &i) == 0 ? i : 0;
        weft_cancel(task);
        must(weft_join(task, NULL) == 0, "join");
    }
    ok(sent > 0, "items are handed to receivers that are cancelled right before or after");
    is_int(handover.got, sent, "every item that was sent has been received");
    weft_channel_free(handover.channel);
    return 0;
}

/* The canceller is below what it cancels. */

FIBER(cancel_owner)
{
    struct weft_task *owner = *(struct weft_task **)argument;
    weft_cancel(owner);
    fails(weft_sleep(1), ECANCELED, "who cancels what it lives in is cancelled with it");
    trace("canceller");
    errno = ECANCELED;
    return -1;
}

FIBER(own_canceller)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, cancel_owner, (struct weft_task *){ weft_self() });
    return weft_scope_wait(&scope);
}

FIBER(cancelling_the_canceller)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    must(weft_join(weft_go(&scope, own_canceller, NOTHING), &result) == 0, "join");
    ok(result.cancelled, "cancelling the canceller ends all");
    is_trace("canceller", "each once");
    return 0;
}

/* A timer fires into a fiber that has been resumed already. */

FIBER(resumed_in_time)
{
    struct weft_condition *condition = *(struct weft_condition **)argument;
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        must(weft_condition_wait(condition) == 0, "in time");
    }
    return weft_sleep(WEFT_MINUTE);
}

FIBER(late_timer)
{
    struct weft_condition condition = { 0 };
    struct weft_result result = { .value = -1 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task =
        weft_go(&scope, resumed_in_time, (struct weft_condition *){ &condition });
    must(weft_sleep(WEFT_SECOND - 1) == 0, "sleep");
    weft_condition_signal(&condition);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 0, "a timer does not fire into a fiber that has been resumed before");
    return 0;
}

struct sleeper {
    struct weft_condition condition;
    int result;
};

FIBER(wait_with_deadline_now)
{
    struct sleeper *sleeper = *(struct sleeper **)argument;
    WEFT_TIMEOUT(WEFT_SECOND);
    sleeper->result = weft_condition_wait(&sleeper->condition);
    return 0;
}

FIBER(signal_at_the_deadline)
{
    struct sleeper *sleeper = *(struct sleeper **)argument;
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    return weft_condition_signal(&sleeper->condition) ? 1 : 0;
}

FIBER(same_moment)
{
    for (int order = 0; order < 2; order++) {
        struct sleeper sleeper = { .result = 9 };
        struct weft_result result = { 0 };
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        struct weft_task *signaller = NULL;
        if (order == 0)
            signaller = weft_go(&scope, signal_at_the_deadline, (struct sleeper *){ &sleeper });
        weft_go(&scope, wait_with_deadline_now, (struct sleeper *){ &sleeper });
        if (order == 1)
            signaller = weft_go(&scope, signal_at_the_deadline, (struct sleeper *){ &sleeper });
        must(weft_join(signaller, &result) == 0, "join");
        must(weft_scope_wait(&scope) == 0, "wait");
        is_int(sleeper.result, result.value ? 0 : -1,
               "a signal at the very moment of a deadline is taken, or tells that nobody waited");
    }
    return 0;
}

/* What destructors do while a fiber ends. */

static void park_in_destroy(void *value)
{
    *(int *)value = weft_sleep(WEFT_SECOND) == 0 ? 1 : 2;
}

static const struct weft_local parking = { park_in_destroy };

FIBER(set_and_end)
{
    return weft_local_set(&parking, *(int **)argument);
}

FIBER(blocking_destructor)
{
    int state = 0;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, set_and_end, (int *){ &state });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_int(state, 1, "a destructor may block while its fiber ends: the scope waits for it");
    return 0;
}

/* A stack is given back while something still points into it. */

FIBER(touch_stack)
{
    volatile unsigned char room[16384];
    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = (unsigned char)(i ^ (size_t) * (int *)argument);
    must(weft_yield() == 0, "yield");
    for (size_t i = 0; i < sizeof(room); i++)
        if (room[i] != (unsigned char)(i ^ (size_t) * (int *)argument))
            return -1;
    return 0;
}

FIBER(stacks_reused)
{
    for (int round = 0; round < 20; round++) {
        struct weft_scope scope = { 0 };
        for (int i = 0; i < 40; i++)
            weft_go(&scope, touch_stack, (int){ i });
        must(weft_scope_wait(&scope) == 0, "round %d", round);
    }
    ok(true, "stacks that are used again belong to one fiber at a time");
    return 0;
}

/* Tasks that come and go while the tree is walked. */

struct ring {
    struct weft_task *tasks[7];
    int ended;
};

struct seat {
    struct ring *ring;
    int number;
};

FIBER(cancel_neighbours)
{
    struct seat mine = *(struct seat *)argument;
    int result = park_forever(NULL);
    for (int i = 0; i < 7; i++)
        if (mine.ring->tasks[i])
            weft_cancel(mine.ring->tasks[i]);
    mine.ring->tasks[mine.number] = NULL;
    mine.ring->ended++;
    errno = ECANCELED;
    return result;
}

FIBER(walk_while_it_changes)
{
    for (int first = 0; first < 7; first++) {
        struct ring ring = { .ended = 0 };
        struct weft_scope scope = { .reap = true, .keep_going = true };
        for (int i = 0; i < 7; i++)
            ring.tasks[i] = weft_go(&scope, cancel_neighbours, (struct seat){ &ring, i });
        weft_cancel(ring.tasks[first]);
        (void)weft_scope_wait(&scope);
        must(ring.ended == 7, "all ended from %d", first);
    }
    ok(true, "a tree that is cancelled from within, from any place, loses nobody");
    return 0;
}

/* Everybody is woken in the wrong order. */

struct numbered {
    struct weft_promise *promise;
    int number;
};

FIBER(await_numbered)
{
    struct numbered *mine = argument;
    must(weft_promise_wait(mine->promise, NULL) == 0, "wait");
    trace("%d", mine->number);
    return 0;
}

FIBER(wake_all_in_order)
{
    struct weft_promise promise = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 8; i++)
        weft_go(&scope, await_numbered, (struct numbered){ &promise, i });
    weft_promise_resolve(&promise, NULL);
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("0 1 2 3 4 5 6 7", "waking all is first in, first out");
    return 0;
}

/* Code that swallows a level-triggered cancel spins and starves the thread. */

FIBER(swallow)
{
    struct weft_condition condition = { 0 };
    bool *stop = *(bool **)argument;
    int64_t began = weft_now();
    while (!*stop && weft_now() - began < 20 * WEFT_SECOND)
        (void)weft_condition_wait(&condition);
    return 0;
}

FIBER(stop_after_sleep)
{
    bool *stop = *(bool **)argument;
    must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    *stop = true;
    return 0;
}

FIBER(swallowed_cancel)
{
    bool stop = false;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, swallow, (bool *){ &stop });
    weft_go(&scope, stop_after_sleep, (bool *){ &stop });
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    ok(stop, "code that swallows a cancel doesn't starve the thread's timers");
    return 0;
}

/* A deferred cancel swallows the children's. */

FIBER(shielded_parent)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, sleep_for, (int64_t){ WEFT_MINUTE });
    {
        WEFT_SHIELD(WEFT_SECOND);
        must(weft_sleep(WEFT_MILLISECOND) == 0, "shielded");
        is_int(weft_scope_count(&scope), 0, "children outside a shield don't wait for its end");
    }
    return weft_scope_wait(&scope);
}

FIBER(deferred_children)
{
    struct weft_result result = { 0 };
    int64_t began = weft_now();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, shielded_parent, NOTHING);
    weft_cancel(task);
    must(weft_join(task, &result) == 0, "join");
    ok(result.cancelled && weft_now() - began < WEFT_SECOND,
       "a cancel deferred by a shield is not swallowed for the children");
    return 0;
}

/* A deadline strikes inside the clean-up that it has caused. */

FIBER(clean_up_after_deadline)
{
    int cleaned = 0;
    WEFT_TIMEOUT(WEFT_SECOND);
    if (weft_sleep(WEFT_MINUTE) < 0) {
        WEFT_SHIELD(WEFT_SECOND);
        for (int i = 0; i < 5; i++)
            cleaned += weft_sleep(WEFT_MILLISECOND) == 0;
    }
    is_int(cleaned, 5, "a deadline does not strike inside a shielded clean-up");
    return 0;
}

#define in_real_time(function) must(weft_run(function, NULL) == 0, "%s ran to its end", #function)

int main(void)
{
    in_real_time(no_lost_wake_up);
    in_runtime(no_stale_wake_up);
    in_real_time(number_used_again);
    in_runtime(cancel_in_hand_over);
    in_runtime(cancelling_the_canceller);
    in_runtime(late_timer);
    in_runtime(same_moment);
    in_runtime(blocking_destructor);
    in_runtime(stacks_reused);
    in_runtime(walk_while_it_changes);
    in_runtime(wake_all_in_order);
    in_real_time(swallowed_cancel);
    in_runtime(deferred_children);
    in_runtime(clean_up_after_deadline);
    return done_testing();
}
