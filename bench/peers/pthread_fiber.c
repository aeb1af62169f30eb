/* POSIX threads doing what bench/weft/fiber.c does. */
#include "bench.h"

#include <pthread.h>
#include <sched.h>

static void *empty(void *arg)
{
    return arg;
}

static void create_join(int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, empty, NULL) != 0)
            abort();
        pthread_join(thread, NULL);
    }
}

static void *yield_many(void *arg)
{
    for (int64_t i = *(int64_t *)arg; i > 0; i--)
        sched_yield();
    return NULL;
}

/* Two threads yield: each call hands the core to the other one. */
static void yield(int64_t count)
{
    int64_t half = count / 2;
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, yield_many, &half) != 0)
            abort();
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    bench_report("create_join", bench_measure(create_join, 4000));
    bench_report("yield", bench_measure(yield, 200000));
    return 0;
}
