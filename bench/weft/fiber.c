/* What the runtime's own operations cost: create and join, yield, channels. */
#include "bench.h"

#include <weft/weft.h>

enum {
    CAPACITY = 64
};

static int empty(void *arg)
{
    (void)arg;
    return 0;
}

static void create_join(int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        struct weft_task *task = weft_go(NULL, empty, (int){ 0 });
        if (!task || weft_join(task, NULL) < 0)
            abort();
    }
}

static int yield_many(void *arg)
{
    for (int64_t i = *(int64_t *)arg; i > 0; i--)
        weft_yield();
    return 0;
}

/* Two fibers yield: each call hands the thread to the other one, through the scheduler. */
static void yield(int64_t count)
{
    struct weft_task *tasks[2];

    for (int i = 0; i < 2; i++)
        tasks[i] = weft_go(NULL, yield_many, (int64_t){ count / 2 });
    for (int i = 0; i < 2; i++) {
        if (!tasks[i] || weft_join(tasks[i], NULL) < 0)
            abort();
    }
}

struct sender {
    struct weft_channel *channel;
    int64_t count;
};

static int send_many(void *arg)
{
    struct sender *sender = arg;

    for (int64_t i = 0; i < sender->count; i++) {
        if (weft_channel_send(sender->channel, &i) < 0)
            abort();
    }
    return 0;
}

static void channel(int64_t count, size_t capacity)
{
    struct weft_channel *channel = weft_channel_new(sizeof(int64_t), capacity);
    struct weft_task *sender = weft_go(NULL, send_many, (struct sender){ channel, count });

    for (int64_t i = 0; i < count; i++) {
        int64_t message = -1;
        if (weft_channel_receive(channel, &message) < 0 || message != i)
            abort();
    }
    if (!sender || weft_join(sender, NULL) < 0)
        abort();
    weft_channel_free(channel);
}

static void channel_handover(int64_t count)
{
    channel(count, 1);
}

static void channel_buffered(int64_t count)
{
    channel(count, CAPACITY);
}

static void channel_rendezvous(int64_t count)
{
    channel(count, 0);
}

static int measure_all(void *arg)
{
    (void)arg;
    bench_report("create_join", bench_measure(create_join, 200000));
    bench_report("yield", bench_measure(yield, 1000000));
    bench_report("channel_handover", bench_measure(channel_handover, 1000000));
    bench_report("channel_buffered", bench_measure(channel_buffered, 1000000));
    bench_report("channel_rendezvous", bench_measure(channel_rendezvous, 1000000));
    return 0;
}

int main(void)
{
    return weft_run(measure_all, NULL) < 0;
}
