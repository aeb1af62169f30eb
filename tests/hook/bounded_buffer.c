/*
 * A textbook bounded buffer of pthread mutex and conditions: its makers and takers are fibers of
 * one thread, then of two, with plain threads among them.
 */
#include "hook.h"

#include <stdatomic.h>

enum {
    PLACES = 8,
    ITEMS = 200,
    MAKERS = 50,
    TAKERS = 50
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    int items[PLACES];
    size_t first, count;
} buffer = { .mutex = PTHREAD_MUTEX_INITIALIZER,
             .not_empty = PTHREAD_COND_INITIALIZER,
             .not_full = PTHREAD_COND_INITIALIZER };

static atomic_long taken_sum;
static atomic_int inside, most_inside;

static void put(int item)
{
    pthread_mutex_lock(&buffer.mutex);
    while (buffer.count == PLACES)
        pthread_cond_wait(&buffer.not_full, &buffer.mutex);
    buffer.items[(buffer.first + buffer.count++) % PLACES] = item;
    pthread_cond_signal(&buffer.not_empty);
    pthread_mutex_unlock(&buffer.mutex);
}

static int take(void)
{
    pthread_mutex_lock(&buffer.mutex);
    while (buffer.count == 0)
        pthread_cond_wait(&buffer.not_empty, &buffer.mutex);
    int item = buffer.items[buffer.first];
    buffer.first = (buffer.first + 1) % PLACES;
    buffer.count--;
    pthread_cond_signal(&buffer.not_full);
    pthread_mutex_unlock(&buffer.mutex);
    return item;
}

static void enter_body(void)
{
    int now = atomic_fetch_add(&inside, 1) + 1;
    for (int most = most_inside;
         now > most && !atomic_compare_exchange_weak(&most_inside, &most, now);)
        ;
}

FIBER(make_items)
{
    enter_body();
    for (int i = 1; i <= ITEMS; i++)
        put(i);
    inside--;
    return 0;
}

FIBER(take_items)
{
    enter_body();
    for (int i = 0; i < ITEMS; i++)
        taken_sum += take();
    inside--;
    return 0;
}

static void *make_in_thread(void *unused)
{
    (void)unused;
    return make_items(NULL) < 0 ? (void *)1 : NULL;
}

static void *take_in_thread(void *unused)
{
    (void)unused;
    return take_items(NULL) < 0 ? (void *)1 : NULL;
}

FIBER(fifty_and_fifty)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < MAKERS; i++) {
        weft_go(&scope, make_items, NOTHING);
        weft_go(&scope, take_items, NOTHING);
    }
    return weft_scope_wait(&scope);
}

static void *run_fifty_and_fifty(void *unused)
{
    (void)unused;
    must(weft_run(fifty_and_fifty, NULL) == 0, "a runtime");
    return NULL;
}

int main(void)
{
    long each = (long)ITEMS * (ITEMS + 1) / 2;
    taken_sum = 0;
    in_runtime(fifty_and_fifty);
    is_int(taken_sum, MAKERS * each, "a bounded buffer of 50 makers and 50 takers on one thread");
    ok(most_inside > 90, "all at once (%d)", most_inside);

    pthread_t threads[6];
    taken_sum = 0;
    for (int i = 0; i < 2; i++) {
        must(pthread_create(&threads[i], NULL, run_fifty_and_fifty, NULL) == 0, "a loop");
        must(pthread_create(&threads[2 + i], NULL, make_in_thread, NULL) == 0, "a maker");
        must(pthread_create(&threads[4 + i], NULL, take_in_thread, NULL) == 0, "a taker");
    }
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    is_int(taken_sum, (2 * MAKERS + 2) * each, "and with two loops and four plain threads in it");
    return done_testing();
}
