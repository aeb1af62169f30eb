/* weft_select(): exactly one of several channel operations. */
#include "runtime.h"

/** Two channels of int and a case for each. */
struct two {
    struct weft_channel *a;
    struct weft_channel *b;
    int from_a;
    int from_b;
    struct weft_select_case cases[2];
};

static void two_init(struct two *two, size_t capacity)
{
    *two = (struct two){ weft_channel_new(sizeof(int), capacity),
                         weft_channel_new(sizeof(int), capacity),
                         -1,
                         -1,
                         { { 0 } } };
    must(two->a && two->b, "new");
    two->cases[0] = (struct weft_select_case){ .channel = two->a, .message = &two->from_a };
    two->cases[1] = (struct weft_select_case){ .channel = two->b, .message = &two->from_b };
}

static void two_fini(struct two *two)
{
    weft_channel_free(two->a);
    weft_channel_free(two->b);
}

static void put(struct weft_channel *channel, int message)
{
    must(weft_channel_send(channel, &message) == 0, "send");
}

FIBER(at_once)
{
    struct two two;
    two_init(&two, 2);
    fails(weft_select(two.cases, 2, 0), EAGAIN, "with nothing to do and no time it says so");
    put(two.b, 5);
    two.cases[1].error = 99;
    is_int(weft_select(two.cases, 2, 0), 1, "the case that is possible happens");
    is_int(two.from_b, 5, "with its message");
    is_int(two.cases[1].error, 0, "and no error");

    put(two.a, 6);
    put(two.b, 7);
    is_int(weft_select(two.cases, 2, 0), 0, "of two that are possible the first happens");
    ok(two.from_a == 6 && two.from_b == 5, "and only that one");
    is_int(weft_channel_count(two.b), 1, "the other's message stays");
    two_fini(&two);
    return 0;
}

FIBER(put_later)
{
    struct weft_channel *channel = *(struct weft_channel **)argument;
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    put(channel, 8);
    return 0;
}

FIBER(waits)
{
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct two two;
        two_init(&two, capacity);
        int64_t began = weft_now();
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        weft_go(&scope, put_later, (struct weft_channel *){ two.b });
        is_int(weft_select(two.cases, 2, WEFT_FOREVER), 1, "it waits (capacity %zu)", capacity);
        is_int(two.from_b, 8, "for a message");
        is_int(weft_now() - began, WEFT_SECOND, "until it comes");
        must(weft_scope_wait(&scope) == 0, "wait");

        int got = weft_channel_try_send(two.a, &(int){ 1 });
        is_int(got, capacity ? 0 : -1, "it no longer waits on the other channel");
        is_int(two.from_a, -1, "whose message it doesn't take any more");
        two_fini(&two);
    }
    return 0;
}

FIBER(times_out)
{
    struct two two;
    two_init(&two, 0);
    int64_t began = weft_now();
    fails(weft_select(two.cases, 2, WEFT_SECOND), EAGAIN, "its own time may pass");
    is_int(weft_now() - began, WEFT_SECOND, "exactly");
    fails(weft_channel_try_send(two.a, &(int){ 1 }), EAGAIN, "then it waits nowhere");
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        fails(weft_select(two.cases, 2, WEFT_MINUTE), ETIMEDOUT,
              "a deadline around it is told apart");
    }
    {
        WEFT_TIMEOUT(WEFT_MINUTE);
        fails(weft_select(two.cases, 2, WEFT_SECOND), EAGAIN, "whichever comes first");
    }
    two_fini(&two);
    return 0;
}

FIBER(take_one)
{
    struct weft_channel *channel = *(struct weft_channel **)argument;
    int message = -1;
    if (weft_channel_receive(channel, &message) < 0)
        return -1;
    trace("%d", message);
    return 0;
}

FIBER(sends)
{
    struct two two;
    two_init(&two, 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    two.from_a = 11;
    two.from_b = 12;
    two.cases[0].operation = WEFT_SELECT_SEND;
    two.cases[1].operation = WEFT_SELECT_SEND;
    fails(weft_select(two.cases, 2, 0), EAGAIN, "a send that nobody takes is not possible");
    weft_go(&scope, take_one, (struct weft_channel *){ two.b });
    is_int(weft_select(two.cases, 2, 0), 1, "a receiver that waits makes it so");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("12", "it has the message");
    two_fini(&two);

    two_init(&two, 1);
    two.cases[0].operation = WEFT_SELECT_SEND;
    is_int(weft_select(two.cases, 2, WEFT_FOREVER), 0, "so does room in the channel");
    is_int(weft_channel_count(two.a), 1, "where it is then");
    two_fini(&two);
    return 0;
}

FIBER(select_to_send)
{
    struct weft_channel *channel = *(struct weft_channel **)argument;
    int message = 21;
    struct weft_select_case cases[] = {
        { .channel = NULL, .message = &message },
        { .channel = channel, .operation = WEFT_SELECT_SEND, .message = &message },
    };
    is_int(weft_select(cases, 2, WEFT_FOREVER), 1, "a select that sends");
    return 0;
}

FIBER(face_to_face)
{
    struct two two;
    two_init(&two, 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, select_to_send, (struct weft_channel *){ two.b });
    is_int(weft_select(two.cases, 2, WEFT_FOREVER), 1, "meets one that receives");
    is_int(two.from_b, 21, "and hands over its message");
    must(weft_scope_wait(&scope) == 0, "wait");
    two_fini(&two);
    return 0;
}

FIBER(not_with_itself)
{
    int in = -1;
    int out = 3;
    struct weft_channel *channel = weft_channel_new(sizeof(int), 0);
    struct weft_select_case cases[] = {
        { .channel = channel, .message = &in },
        { .channel = channel, .operation = WEFT_SELECT_SEND, .message = &out },
    };
    fails(weft_select(cases, 2, WEFT_SECOND), EAGAIN, "a select does not talk to itself");
    is_int(in, -1, "whatever its cases");
    weft_channel_free(channel);
    return 0;
}

FIBER(same_channel_twice)
{
    int first = -1;
    int second = -1;
    struct weft_channel *channel = weft_channel_new(sizeof(int), 0);
    struct weft_select_case cases[] = {
        { .channel = channel, .message = &first },
        { .channel = channel, .message = &second },
    };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, put_later, (struct weft_channel *){ channel });
    int got = weft_select(cases, 2, WEFT_FOREVER);
    ok(got == 0 || got == 1, "one channel may stand in two cases");
    ok((first == 8) != (second == 8), "of which one gets the message");
    must(weft_scope_wait(&scope) == 0, "wait");
    fails(weft_channel_try_send(channel, &first), EAGAIN, "and none waits on");
    weft_channel_free(channel);
    return 0;
}

FIBER(close_later)
{
    struct weft_channel *channel = *(struct weft_channel **)argument;
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    weft_channel_close(channel);
    return 0;
}

FIBER(closed)
{
    struct two two;
    two_init(&two, 1);
    put(two.a, 4);
    weft_channel_close(two.a);
    is_int(weft_select(two.cases, 2, 0), 0, "a closed channel is drained");
    ok(two.from_a == 4 && two.cases[0].error == 0, "message by message");
    is_int(weft_select(two.cases, 2, 0), 0, "then its case happens");
    is_int(two.cases[0].error, EPIPE, "with EPIPE");
    two.cases[0].channel = NULL;
    fails(weft_select(two.cases, 2, 0), EAGAIN, "a case without a channel never happens");

    two.cases[1].operation = WEFT_SELECT_SEND;
    weft_channel_close(two.b);
    is_int(weft_select(two.cases, 2, 0), 1, "sending into a closed channel happens too");
    is_int(two.cases[1].error, EPIPE, "with EPIPE");
    two_fini(&two);

    two_init(&two, 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, close_later, (struct weft_channel *){ two.b });
    is_int(weft_select(two.cases, 2, WEFT_FOREVER), 1, "a close wakes a select that waits");
    is_int(two.cases[1].error, EPIPE, "with EPIPE");
    must(weft_scope_wait(&scope) == 0, "wait");
    two_fini(&two);
    return 0;
}

FIBER(bounds)
{
    struct weft_channel *channel = weft_channel_new(sizeof(int), 1);
    struct weft_select_case cases[WEFT_SELECT_MAX + 1];
    int message = -1;
    for (int i = 0; i <= WEFT_SELECT_MAX; i++)
        cases[i] = (struct weft_select_case){ .message = &message };
    cases[WEFT_SELECT_MAX - 1].channel = channel;
    put(channel, 2);
    fails(weft_select(cases, 0, 0), EINVAL, "no case is refused");
    fails(weft_select(cases, WEFT_SELECT_MAX + 1, 0), EINVAL, "more than the most too");
    is_int(weft_select(cases, WEFT_SELECT_MAX, 0), WEFT_SELECT_MAX - 1, "the most are served");
    is_int(message, 2, "to the last");
    weft_channel_free(channel);
    return 0;
}

FIBER(select_and_tell)
{
    struct two *two = *(struct two **)argument;
    int got = weft_select(two->cases, 2, WEFT_FOREVER);
    int error = errno;
    trace(got < 0 ? "!" : "%d", got);
    errno = error;
    return got;
}

FIBER(cancelled)
{
    struct two two;
    two_init(&two, 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, select_and_tell, (struct two *){ &two });
    weft_cancel(task);
    must(weft_join(task, NULL) == 0, "join");
    is_trace("!", "a select can be cancelled");
    fails(weft_channel_try_send(two.a, &(int){ 1 }), EAGAIN, "then it waits on none");
    fails(weft_channel_try_send(two.b, &(int){ 1 }), EAGAIN, "of its channels");

    struct weft_result result = { 0 };
    task = weft_go(&scope, select_and_tell, (struct two *){ &two });
    must(weft_channel_try_send(two.b, &(int){ 31 }) == 0, "send");
    weft_cancel(task);
    must(weft_join(task, &result) == 0, "join");
    ok(result.value == 1 && two.from_b == 31,
       "a message it has been given stays with it, also when it is cancelled then");
    trace_length = 0;
    two_fini(&two);
    return 0;
}

FIBER(only_one)
{
    struct two two;
    two_init(&two, 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, select_and_tell, (struct two *){ &two });
    is_int(weft_channel_try_send(two.b, &(int){ 41 }), 0, "of two messages sent at once");
    fails(weft_channel_try_send(two.a, &(int){ 42 }), EAGAIN, "a select takes one only");
    must(weft_scope_wait(&scope) == 0, "wait");
    ok(two.from_a == -1 && two.from_b == 41, "the first");
    is_trace("1", "and says which");
    two_fini(&two);
    return 0;
}

FIBER(in_line)
{
    struct two two;
    two_init(&two, 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, take_one, (struct weft_channel *){ two.b });
    weft_go(&scope, select_and_tell, (struct two *){ &two });
    put(two.b, 51);
    put(two.b, 52);
    must(weft_scope_wait(&scope) == 0, "wait");
    is_int(two.from_b, 52, "a select waits in line with plain receivers");
    is_trace("51 1", "and is served after those that came before");
    two_fini(&two);
    return 0;
}

static void outside(void)
{
    struct two two;
    two_init(&two, 1);
    fails(weft_select(two.cases, 2, WEFT_SECOND), EPERM, "outside a fiber it can't wait");
    put(two.b, 61);
    is_int(weft_select(two.cases, 2, WEFT_SECOND), 1, "but do what is possible");
    is_int(two.from_b, 61, "as inside");
    two_fini(&two);
}

int main(void)
{
    in_runtime(at_once);
    in_runtime(waits);
    in_runtime(times_out);
    in_runtime(sends);
    in_runtime(face_to_face);
    in_runtime(not_with_itself);
    in_runtime(same_channel_twice);
    in_runtime(closed);
    in_runtime(bounds);
    in_runtime(cancelled);
    in_runtime(only_one);
    in_runtime(in_line);
    outside();
    return done_testing();
}
