/* Leaving a look-up that goes on without its fiber; see lookup.h. */
#include "hook/lookup.h"

#include "base/alloc.h"
#include "base/lock.h"

struct weft__lookup {
    struct weft__lock lock;
    struct weft__parker *waiter; /* NULL: woken, or gone */
    struct weft__lookup_job *job;
};

static void dispose(struct weft__lookup *lookup)
{
    lookup->job->dispose(lookup->job);
    weft__free(lookup);
}

static bool is_abandoned(struct weft__lookup *lookup)
{
    weft__lock_enter(&lookup->lock);
    bool abandoned = lookup->waiter == NULL;
    weft__lock_leave(&lookup->lock);
    return abandoned;
}

static int perform(void *argument)
{
    struct weft__lookup *lookup = argument;
    if (is_abandoned(lookup)) { /* before a thread came to it: the next one is waited for */
        dispose(lookup);
        return 0;
    }
    errno = 0;
    lookup->job->perform(lookup->job);
    lookup->job->error = errno;
    weft__lock_enter(&lookup->lock);
    struct weft__parker *waiter = lookup->waiter;
    lookup->waiter = NULL;
    weft__lock_leave(&lookup->lock);
    if (waiter)
        weft__unpark(waiter); /* the look-up may be gone after this */
    else
        dispose(lookup);
    return 0;
}

/* true: the thread will find nobody, and dispose of everything. */
static bool abandon(struct weft__lookup *lookup)
{
    weft__lock_enter(&lookup->lock);
    bool first = lookup->waiter != NULL;
    lookup->waiter = NULL;
    weft__lock_leave(&lookup->lock);
    return first;
}

static int wait_for(struct weft__fiber *self, struct weft__lookup *lookup,
                    struct weft__parker *parker)
{
    const void *object = (const void *)(uintptr_t)lookup->job->perform;
    self->runtime->offloads++;
    int error = weft__parker_wait(parker, WEFT__WAIT_OFFLOAD, object, INT64_MAX, true);
    if (error && !abandon(lookup)) {
        weft__parker_finish(parker, WEFT__WAIT_OFFLOAD, object);
        error = 0;
    }
    self->runtime->offloads--;
    return error;
}

int weft__lookup(struct weft__fiber *self, struct weft__lookup_job *job)
{
    struct weft__lookup *lookup = weft__calloc(1, sizeof *lookup);
    if (!lookup) {
        job->dispose(job);
        return -ENOMEM;
    }
    struct weft__parker parker;
    weft__parker_init(&parker, self);
    lookup->job = job;
    lookup->waiter = &parker;
    int error = weft__offload_detached(1, perform, lookup);
    if (error) {
        dispose(lookup);
        return error;
    }
    error = wait_for(self, lookup, &parker);
    if (error == 0)
        weft__free(lookup); /* the thread let go of it before it woke us */
    return error;
}
