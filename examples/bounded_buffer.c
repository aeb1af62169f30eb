/*
 * The bounded buffer of every textbook on threads, used by two hundred fibers on one thread.
 *
 * The first half is plain POSIX and knows nothing of Weft. Inside a fiber its locks park the fiber:
 * the fiber is the owner of a mutex, and a condition wakes fibers and threads alike.
 */
#include <pthread.h>
#include <stdio.h>

enum {
    CAPACITY = 8
};

struct buffer {
    pthread_mutex_t mutex;
    pthread_cond_t not_full;
    pthread_cond_t not_empty;
    int items[CAPACITY];
    int first;
    int count;
};

static void buffer_put(struct buffer *buffer, int item)
{
    pthread_mutex_lock(&buffer->mutex);
    while (buffer->count == CAPACITY)
        pthread_cond_wait(&buffer->not_full, &buffer->mutex);
    buffer->items[(buffer->first + buffer->count++) % CAPACITY] = item;
    pthread_cond_signal(&buffer->not_empty);
    pthread_mutex_unlock(&buffer->mutex);
}

static int buffer_take(struct buffer *buffer)
{
    pthread_mutex_lock(&buffer->mutex);
    while (buffer->count == 0)
        pthread_cond_wait(&buffer->not_empty, &buffer->mutex);
    int item = buffer->items[buffer->first];
    buffer->first = (buffer->first + 1) % CAPACITY;
    buffer->count--;
    pthread_cond_signal(&buffer->not_full);
    pthread_mutex_unlock(&buffer->mutex);
    return item;
}

/* From here on, fibers. */
#include <weft/weft.h>

enum {
    PRODUCERS = 100,
    CONSUMERS = 100,
    ITEMS_EACH = 50
};

static struct buffer buffer = { .mutex = PTHREAD_MUTEX_INITIALIZER,
                                .not_full = PTHREAD_COND_INITIALIZER,
                                .not_empty = PTHREAD_COND_INITIALIZER };
static long produced, consumed; /* one thread: nobody else touches them meanwhile */

static int produce(void *argument)
{
    int *first = argument;
    for (int item = *first; item < *first + ITEMS_EACH; item++) {
        buffer_put(&buffer, item);
        produced += item;
    }
    return 0;
}

static int consume(void *argument)
{
    (void)argument;
    for (int i = 0; i < ITEMS_EACH; i++)
        consumed += buffer_take(&buffer);
    return 0;
}

static int run(void *argument)
{
    (void)argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .timeout = 30 * WEFT_SECOND };
    for (int i = 0; i < CONSUMERS; i++)
        weft_go(&scope, consume, (int){ i });
    for (int i = 0; i < PRODUCERS; i++)
        weft_go(&scope, produce, (int){ i * ITEMS_EACH });
    return weft_scope_wait(&scope);
}

int main(void)
{
    if (weft_run(run, NULL) < 0)
        return perror("bounded_buffer"), 1;
    printf("produced %ld, consumed %ld\n", produced, consumed);
    return produced != consumed;
}
