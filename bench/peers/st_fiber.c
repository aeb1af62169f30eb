/* State Threads doing what bench/weft/fiber.c does. Its channel is the queue that its manual
 * suggests: a ring with two condition variables. It has no yield; st_usleep(0) is its nearest. */
#include "bench.h"

#include <st.h>

enum {
    STACK = 16 * 1024,
    CAPACITY = 64
};

static void *empty(void *arg)
{
    return arg;
}

static void create_join(int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        st_thread_t thread = st_thread_create(empty, NULL, 1, STACK);
        if (!thread)
            abort();
        st_thread_join(thread, NULL);
    }
}

static void *yield_many(void *arg)
{
    for (int64_t i = *(int64_t *)arg; i > 0; i--)
        st_usleep(0);
    return NULL;
}

static void yield(int64_t count)
{
    int64_t half = count / 2;
    st_thread_t threads[2];

    for (int i = 0; i < 2; i++)
        threads[i] = st_thread_create(yield_many, &half, 1, STACK);
    for (int i = 0; i < 2; i++)
        st_thread_join(threads[i], NULL);
}

struct queue {
    st_cond_t filled;
    st_cond_t drained;
    int64_t capacity;
    int64_t head;
    int64_t tail;
    int64_t count;
    int64_t slots[CAPACITY];
};

static void queue_send(struct queue *queue, int64_t value)
{
    while (queue->tail - queue->head == queue->capacity)
        st_cond_wait(queue->drained);
    queue->slots[queue->tail++ & (queue->capacity - 1)] = value;
    st_cond_signal(queue->filled);
}

static int64_t queue_receive(struct queue *queue)
{
    while (queue->tail == queue->head)
        st_cond_wait(queue->filled);
    int64_t value = queue->slots[queue->head++ & (queue->capacity - 1)];
    st_cond_signal(queue->drained);
    return value;
}

static void *send_many(void *arg)
{
    struct queue *queue = arg;

    for (int64_t i = 0; i < queue->count; i++)
        queue_send(queue, i);
    return NULL;
}

static void channel(int64_t count, int64_t capacity)
{
    struct queue queue = {
        .filled = st_cond_new(),
        .drained = st_cond_new(),
        .capacity = capacity,
        .count = count,
    };
    st_thread_t sender = st_thread_create(send_many, &queue, 1, STACK);

    for (int64_t i = 0; i < count; i++) {
        if (queue_receive(&queue) != i)
            abort();
    }
    st_thread_join(sender, NULL);
    st_cond_destroy(queue.filled);
    st_cond_destroy(queue.drained);
}

static void channel_handover(int64_t count)
{
    channel(count, 1);
}

static void channel_buffered(int64_t count)
{
    channel(count, CAPACITY);
}

int main(void)
{
    if (st_init() < 0)
        return 1;
    bench_report("create_join", bench_measure(create_join, 200000));
    bench_report("yield", bench_measure(yield, 200000));
    bench_report("channel_handover", bench_measure(channel_handover, 1000000));
    bench_report("channel_buffered", bench_measure(channel_buffered, 1000000));
    return 0;
}
