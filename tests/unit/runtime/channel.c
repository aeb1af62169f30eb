/* weft_channel: a bounded queue of messages. */
#include <stdlib.h>

#include "runtime.h"

struct end {
    struct weft_channel *channel;
    int number;
};

FIBER(send_one)
{
    struct end *mine = argument;
    int result = weft_channel_send(mine->channel, &mine->number);
    int error = errno;
    trace("s%d%s", mine->number, result == 0 ? "" : error == EPIPE ? "|" : "!");
    errno = error;
    return result;
}

FIBER(receive_one)
{
    struct end *mine = argument;
    int message = -1;
    int result = weft_channel_receive(mine->channel, &message);
    int error = errno;
    if (result == 0)
        trace("r%d=%d", mine->number, message);
    else
        trace("r%d%s", mine->number, error == EPIPE ? "|" : "!");
    errno = error;
    return result;
}

static struct weft_task *sender(struct weft_scope *scope, struct weft_channel *channel, int number)
{
    struct weft_task *task = weft_go(scope, send_one, (struct end){ channel, number });
    must(task != NULL, "start");
    return task;
}

static struct weft_task *receiver(struct weft_scope *scope, struct weft_channel *channel, int n)
{
    struct weft_task *task = weft_go(scope, receive_one, (struct end){ channel, n });
    must(task != NULL, "start");
    return task;
}

static int take(struct weft_channel *channel)
{
    int message = -1;
    return weft_channel_receive(channel, &message) == 0 ? message : -errno;
}

FIBER(buffered)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 3);
    must(channel != NULL, "new");
    for (int i = 0; i < 5; i++)
        sender(&scope, channel, i);
    is_trace("s0 s1 s2", "a sender waits only when the channel is full");
    is_int(weft_channel_count(channel), 3, "it holds its capacity");
    for (int i = 0; i < 5; i++)
        is_int(take(channel), i, "message %d comes in its turn", i);
    is_int(weft_channel_count(channel), 0, "then it is empty");
    settle();
    is_trace("s3 s4", "waiting senders went on in the order in which they came");
    weft_channel_free(channel);
    return 0;
}

FIBER(wraps_around)
{
    struct weft_channel *channel = weft_channel_new(sizeof(int), 3);
    bool in_order = true;
    int expected = 0;
    for (int i = 0; i < 100; i++) {
        must(weft_channel_send(channel, &i) == 0, "send");
        while (weft_channel_count(channel) > (size_t)(i * 7 % 3))
            in_order &= take(channel) == expected++;
    }
    while (weft_channel_count(channel) > 0)
        in_order &= take(channel) == expected++;
    ok(in_order && expected == 100, "the order holds wherever the queue begins in its ring");
    weft_channel_free(channel);
    return 0;
}

FIBER(rendezvous)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 0);
    int message = 9;
    fails(weft_channel_try_send(channel, &message), EAGAIN, "without capacity nothing is kept");
    sender(&scope, channel, 1);
    is_trace("", "a sender waits for a receiver");
    is_int(weft_channel_count(channel), 0, "the channel holds nothing meanwhile");
    is_int(take(channel), 1, "who gets the message from its hand");
    settle();
    is_trace("s1", "then the sender goes on");

    receiver(&scope, channel, 1);
    receiver(&scope, channel, 2);
    is_int(weft_channel_try_send(channel, &message), 0, "a receiver that waits can be given one");
    message = 10;
    is_int(weft_channel_send(channel, &message), 0, "so can the next, without a wait");
    fails(weft_channel_try_send(channel, &message), EAGAIN, "but no third");
    settle();
    is_trace("r1=9 r2=10", "receivers are served in the order in which they came");
    weft_channel_free(channel);
    return 0;
}

FIBER(closing)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 2);
    int message = 3;
    for (int i = 0; i < 4; i++)
        sender(&scope, channel, i);
    weft_channel_close(channel);
    settle();
    is_trace("s0 s1 s2| s3|", "closing a channel fails the senders that wait");
    fails(weft_channel_send(channel, &message), EPIPE, "and those to come");
    fails(weft_channel_try_send(channel, &message), EPIPE, "also such as do not wait");
    is_int(weft_channel_count(channel), 2, "what is in it stays");
    is_int(take(channel), 0, "for receivers to drain");
    is_int(weft_channel_try_receive(channel, &message), 0, "to the last");
    is_int(message, 1, "message");
    fails(weft_channel_receive(channel, &message), EPIPE, "then they fail too");
    fails(weft_channel_try_receive(channel, &message), EPIPE, "with or without waiting");
    is_int(message, 1, "and write no message");
    weft_channel_close(channel);
    weft_channel_free(channel);

    channel = weft_channel_new(sizeof(int), 2);
    receiver(&scope, channel, 1);
    receiver(&scope, channel, 2);
    weft_channel_close(channel);
    settle();
    is_trace("r1| r2|", "closing an empty channel fails the receivers that wait");
    weft_channel_free(channel);
    return 0;
}

FIBER(cancelled_ends)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 1);
    sender(&scope, channel, 0);
    struct weft_task *second = sender(&scope, channel, 1);
    sender(&scope, channel, 2);
    weft_cancel(second);
    must(weft_join(second, NULL) == 0, "join");
    is_int(take(channel), 0, "a cancelled sender");
    is_int(take(channel), 2, "has sent nothing");
    settle();
    is_trace("s0 s1! s2", "the next one takes its place");

    struct weft_task *first = receiver(&scope, channel, 0);
    receiver(&scope, channel, 1);
    weft_cancel(first);
    must(weft_join(first, NULL) == 0, "join");
    sender(&scope, channel, 5);
    settle();
    trace_text[trace_length] = '\0';
    trace_length = 0;
    ok(strstr(trace_text, "r0!") && strstr(trace_text, "r1=5"),
       "a message passes over a receiver that was cancelled before");
    weft_channel_free(channel);
    return 0;
}

FIBER(cancel_at_handover)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct weft_channel *channel = weft_channel_new(sizeof(int), capacity);
        struct weft_task *first = receiver(&scope, channel, 1);
        struct weft_task *second = receiver(&scope, channel, 2);
        int message = 7;
        must(weft_channel_send(channel, &message) == 0, "send");
        weft_cancel(first);
        must(weft_join(first, &result) == 0, "join");
        if (result.value == 0)
            must(weft_channel_send(channel, &message) == 0, "send");
        must(weft_join(second, &result) == 0, "join");
        is_int(result.value, 0,
               "a message given to a cancelled receiver is not lost (capacity %zu)", capacity);
        is_int(weft_channel_count(channel), 0, "nor doubled");
        weft_channel_free(channel);
    }
    trace_length = 0;
    return 0;
}

FIBER(cancelled_sender_at_handover)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_channel *channel = weft_channel_new(sizeof(int), 0);
    struct weft_task *task = sender(&scope, channel, 7);
    is_int(take(channel), 7, "a message that was taken");
    weft_cancel(task);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 0, "was sent, whatever befalls its sender before it runs");
    weft_channel_free(channel);
    trace_length = 0;
    return 0;
}

FIBER(sizes)
{
    static unsigned char big[100000];
    static unsigned char copy[100000];
    struct weft_channel *channel = weft_channel_new(sizeof(big), 2);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (unsigned char)(i * 31 + i / 256);
    must(channel && weft_channel_send(channel, big) == 0, "send");
    big[0]++;
    must(weft_channel_receive(channel, copy) == 0, "receive");
    big[0]--;
    is_mem(copy, big, sizeof(big), "a large message is copied when it is sent");
    weft_channel_free(channel);

    channel = weft_channel_new(0, 2);
    is_int(weft_channel_send(channel, NULL), 0, "messages may carry nothing");
    is_int(weft_channel_count(channel), 1, "and count all the same");
    is_int(weft_channel_receive(channel, NULL), 0, "in and out");
    weft_channel_free(channel);

    fails_null(weft_channel_new(SIZE_MAX / 2, 3), EINVAL, "an impossible size is refused");
    fails_null(weft_channel_new(3, SIZE_MAX / 2), EINVAL, "whichever factor it is");
    weft_channel_free(NULL);
    return 0;
}

FIBER(produce)
{
    struct end mine = *(struct end *)argument;
    for (int i = 0; i < 1000; i++)
        must(weft_channel_send(mine.channel, &(int){ mine.number * 1000 + i }) == 0, "send");
    return 0;
}

FIBER(pipeline)
{
    for (size_t capacity = 0; capacity < 8; capacity += 7) {
        int last[3] = { -1, -1, -1 };
        bool in_order = true;
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        struct weft_channel *channel = weft_channel_new(sizeof(int), capacity);
        for (int i = 0; i < 3; i++)
            weft_go(&scope, produce, (struct end){ channel, i });
        for (int i = 0; i < 3000; i++) {
            int message = take(channel);
            must(message >= 0 && message < 3000, "message");
            in_order &= message % 1000 == last[message / 1000] + 1;
            last[message / 1000] = message % 1000;
        }
        ok(in_order, "of three senders each keeps its order (capacity %zu)", capacity);
        must(weft_scope_wait(&scope) == 0, "wait");
        weft_channel_free(channel);
    }
    return 0;
}

FIBER(late)
{
    struct weft_channel *channel = weft_channel_new(sizeof(int), 1);
    int message = 4;
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        fails(weft_channel_receive(channel, &message), ETIMEDOUT, "a receiver can be late");
        is_int(message, 4, "its message is untouched");
    }
    must(weft_channel_send(channel, &message) == 0, "send");
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        fails(weft_channel_send(channel, &message), ETIMEDOUT, "a sender too");
    }
    is_int(weft_channel_count(channel), 1, "it has sent nothing");
    weft_channel_free(channel);
    return 0;
}

static void outside(void)
{
    struct weft_channel *channel = weft_channel_new(sizeof(int), 1);
    int message = 6;
    must(channel != NULL, "new");
    fails(weft_channel_receive(channel, &message), EPERM, "outside a fiber nobody can wait");
    is_int(weft_channel_send(channel, &message), 0, "what needs no waiting works");
    fails(weft_channel_send(channel, &message), EPERM, "what does doesn't");
    message = 0;
    is_int(weft_channel_receive(channel, &message), 0, "in both directions");
    is_int(message, 6, "the message is right");
    must(weft_channel_send(channel, &message) == 0, "send");
    weft_channel_free(channel);
}

int main(void)
{
    in_runtime(buffered);
    in_runtime(wraps_around);
    in_runtime(rendezvous);
    in_runtime(closing);
    in_runtime(cancelled_ends);
    in_runtime(cancel_at_handover);
    in_runtime(cancelled_sender_at_handover);
    in_runtime(sizes);
    in_runtime(pipeline);
    in_runtime(late);
    outside();
    return done_testing();
}
