/*
 * Threads for what would hold the loop. Several pools, so that a thousand name look-ups that wait
 * for a server never stand before a computation. Threads are started on demand, up to a limit, and
 * end after a while without work; they are ordinary threads, where no hook parks.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/lock.h"
#include "base/thread.h"
#include "fiber/fiber.h"

enum {
    POOLS = 3,
    NAME_THREADS = 8,
    THREAD_STACK = 512 * 1024
};

#define IDLE_BEFORE_END (5 * WEFT_SECOND)

struct job {
    struct weft__list node;
    int (*function)(void *);
    void *argument;
    bool detached; /* nobody waits: on the heap, and freed by the thread */
    int value;
    int error;
    struct weft__parker parker;
};

static struct pool {
    struct weft__lock lock;
    _Atomic uint32_t submitted; /* threads without work sleep on it */
    struct weft__list queue;
    unsigned queued;
    unsigned threads;
    unsigned idle;
} pools[POOLS] = {
    { .queue = WEFT__LIST(pools[0].queue) },
    { .queue = WEFT__LIST(pools[1].queue) },
    { .queue = WEFT__LIST(pools[2].queue) },
};

static void perform(struct job *job)
{
    errno = 0;
    job->value = job->function(job->argument);
    job->error = errno;
    if (job->detached) {
        weft__free(job);
        return;
    }
    weft__unpark(&job->parker); /* the job is gone with this */
}

/* The next job, or NULL when the thread shall end. Called and left with the lock held. */
static struct job *next_job(struct pool *pool)
{
    struct weft__list *node;
    int64_t patience = weft__clock() + IDLE_BEFORE_END;
    while ((node = weft__list_pop(&pool->queue)) == NULL) {
        int64_t left = patience - weft__clock();
        if (left <= 0)
            return NULL;
        uint32_t seen = atomic_load(&pool->submitted);
        pool->idle++;
        weft__lock_leave(&pool->lock);
        weft__futex_wait(&pool->submitted, seen, left);
        weft__lock_enter(&pool->lock);
        pool->idle--;
    }
    pool->queued--;
    return weft__container_of(node, struct job, node);
}

static void *work(void *argument)
{
    struct pool *pool = argument;
    struct job *job;
    weft__lock_enter(&pool->lock);
    while ((job = next_job(pool)) != NULL) {
        weft__lock_leave(&pool->lock);
        perform(job);
        weft__lock_enter(&pool->lock);
    }
    pool->threads--;
    weft__lock_leave(&pool->lock);
    return NULL;
}

static unsigned limit_of(unsigned domain, const struct weft__runtime *runtime)
{
    if (domain == 2)
        return WEFT__RECALL_THREADS;
    return domain == 0 && runtime ? runtime->offload_threads : NAME_THREADS;
}

static int submit(struct pool *pool, struct job *job, unsigned limit)
{
    int error = 0;
    weft__lock_enter(&pool->lock);
    if (pool->idle <= pool->queued && pool->threads < limit) {
        error = weft__thread_start(work, pool, THREAD_STACK);
        if (error == 0)
            pool->threads++;
        else if (pool->threads > 0)
            error = 0; /* those that run will come to it */
    }
    if (error == 0) {
        weft__list_append(&pool->queue, &job->node);
        pool->queued++;
    }
    atomic_fetch_add(&pool->submitted, 1);
    weft__lock_leave(&pool->lock);
    if (error == 0)
        weft__futex_wake(&pool->submitted, 1);
    return error;
}

/* True if no thread has taken the job up, and none will. */
static bool withdraw(struct pool *pool, struct job *job)
{
    weft__lock_enter(&pool->lock);
    bool queued = !weft__list_empty(&job->node);
    weft__list_remove(&job->node);
    pool->queued -= queued;
    weft__lock_leave(&pool->lock);
    return queued;
}

static int wait_for(struct pool *pool, struct job *job)
{
    const void *object = (const void *)(uintptr_t)job->function;
    int error = weft__parker_wait(&job->parker, WEFT__WAIT_OFFLOAD, object, INT64_MAX, true);
    if (error == 0)
        return 0;
    if (withdraw(pool, job))
        return error;
    weft__parker_finish(&job->parker, WEFT__WAIT_OFFLOAD, object);
    return 0;
}

int weft__offload_on(unsigned domain, int (*function)(void *), void *argument)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return function(argument);
    int error = weft__checkpoint(self);
    if (error)
        return weft__fail(-error);
    struct weft__runtime *runtime = self->runtime;
    struct pool *pool = &pools[domain % POOLS];
    struct job job = { .function = function, .argument = argument };
    weft__parker_init(&job.parker, self);
    error = submit(pool, &job, limit_of(domain, runtime));
    if (error)
        return weft__fail_with(-error, "weft_offload: no thread could be started");
    runtime->offloads++;
    error = wait_for(pool, &job);
    runtime->offloads--;
    if (error)
        return weft__fail(-error);
    if (job.value < 0)
        errno = job.error;
    return job.value;
}

int weft__offload_detached(unsigned domain, int (*function)(void *), void *argument)
{
    struct job *job = weft__malloc(sizeof *job);
    if (!job)
        return -ENOMEM;
    *job = (struct job){ .function = function, .argument = argument, .detached = true };
    weft__list_init(&job->node);
    int error = submit(&pools[domain % POOLS], job, limit_of(domain, weft__runtime_current));
    if (error)
        weft__free(job);
    return error;
}

int weft_offload(int (*function)(void *), void *argument)
{
    return weft__offload_on(0, function, argument);
}

void weft__offload_reset(void)
{
    for (int i = 0; i < POOLS; i++) {
        struct pool *pool = &pools[i];
        atomic_store(&pool->lock.state, 0);
        weft__list_init(&pool->queue);
        pool->queued = 0;
        pool->threads = 0;
        pool->idle = 0;
    }
}
