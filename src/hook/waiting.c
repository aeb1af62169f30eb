/* The queues of fibers that wait for pthread objects; see waiting.h. */
#include "hook/waiting.h"

#include "fiber/held.h"

struct weft__bucket weft__buckets[WEFT__BUCKETS];

/* In the child of a fork no fiber waits, and whoever held a bucket is gone. */
static void clear_buckets(void)
{
    for (size_t i = 0; i < WEFT__BUCKETS; i++) {
        struct weft__bucket *bucket = &weft__buckets[i];
        atomic_store(&bucket->lock.state, 0);
        atomic_store(&bucket->count, 0);
        weft__list_init(&bucket->waiters);
        weft__list_init(&bucket->owned);
    }
}

__attribute__((constructor(101))) static void begin(void)
{
    clear_buckets();
    pthread_atfork(NULL, NULL, clear_buckets);
}

void weft__waiting_init(struct weft__waiting *waiting, struct weft__fiber *self, const void *object,
                        bool exclusive)
{
    *waiting = (struct weft__waiting){ .object = object, .exclusive = exclusive };
    weft__list_init(&waiting->node);
    weft__parker_init(&waiting->parker, self);
}

void weft__waiting_enter(struct weft__waiting *waiting, bool front)
{
    struct weft__bucket *bucket = weft__bucket(waiting->object);
    weft__lock_enter(&bucket->lock);
    atomic_fetch_add(&bucket->count, 1);
    waiting->queued = true;
    if (front)
        weft__list_prepend(&bucket->waiters, &waiting->node);
    else
        weft__list_append(&bucket->waiters, &waiting->node);
    weft__lock_leave(&bucket->lock);
    __sync_synchronize();
}

static void take_out(struct weft__bucket *bucket, struct weft__waiting *waiting)
{
    weft__list_remove(&waiting->node);
    waiting->queued = false;
    atomic_fetch_sub(&bucket->count, 1);
}

bool weft__waiting_leave(struct weft__waiting *waiting)
{
    struct weft__bucket *bucket = weft__bucket(waiting->object);
    weft__lock_enter(&bucket->lock);
    bool queued = waiting->queued;
    if (queued)
        take_out(bucket, waiting);
    weft__lock_leave(&bucket->lock);
    return queued;
}

static int wait_in_queue(struct weft__waiting *waiting, int64_t deadline, bool cancellable)
{
    return weft__parker_wait(&waiting->parker, WEFT__WAIT_LOCK, waiting->object, deadline,
                             cancellable);
}

/* Out of the queue after a wait: what ended it, or 0 if it was woken meanwhile. */
static int come_out(struct weft__waiting *waiting, int result)
{
    if (result == 0 || weft__waiting_leave(waiting))
        return result;
    weft__parker_finish(&waiting->parker, WEFT__WAIT_LOCK, waiting->object);
    return 0;
}

int weft__waiting_park(struct weft__waiting *waiting, int64_t deadline, bool cancellable)
{
    return come_out(waiting, wait_in_queue(waiting, deadline, cancellable));
}

/* --- waking */

static struct weft__waiting *first_of(struct weft__bucket *bucket, const void *object)
{
    weft__list_each(node, &bucket->waiters) {
        struct weft__waiting *waiting = weft__container_of(node, struct weft__waiting, node);
        if (waiting->object == object)
            return waiting;
    }
    return NULL;
}

/* Those taken out are woken once the bucket is free again: a wake-up may post to another loop. */
static void wake_taken(struct weft__list *taken)
{
    struct weft__list *node;
    while ((node = weft__list_pop(taken)) != NULL)
        weft__unpark(&weft__container_of(node, struct weft__waiting, node)->parker);
}

enum how_many {
    ONE,
    SHARED,
    ALL
};

static bool wake(const void *object, enum how_many how_many)
{
    struct weft__bucket *bucket = weft__bucket(object);
    struct weft__list taken = WEFT__LIST(taken);
    weft__lock_enter(&bucket->lock);
    struct weft__waiting *waiting;
    while ((waiting = first_of(bucket, object)) != NULL) {
        take_out(bucket, waiting);
        weft__list_append(&taken, &waiting->node);
        if (how_many == ONE || (how_many == SHARED && waiting->exclusive))
            break;
    }
    weft__lock_leave(&bucket->lock);
    bool any = !weft__list_empty(&taken);
    wake_taken(&taken);
    return any;
}

bool weft__wake_one(const void *object)
{
    return wake(object, ONE);
}

void weft__wake_shared(const void *object)
{
    wake(object, SHARED);
}

void weft__wake_all(const void *object)
{
    wake(object, ALL);
}

bool weft__exclusive_waits(const void *object)
{
    struct weft__bucket *bucket = weft__bucket(object);
    bool found = false;
    weft__lock_enter(&bucket->lock);
    weft__list_each(node, &bucket->waiters) {
        const struct weft__waiting *waiting = weft__container_of(node, struct weft__waiting, node);
        found |= waiting->object == object && waiting->exclusive;
    }
    weft__lock_leave(&bucket->lock);
    return found;
}

bool weft__hand_over(const void *object)
{
    struct weft__bucket *bucket = weft__bucket(object);
    weft__lock_enter(&bucket->lock);
    struct weft__waiting *waiting = first_of(bucket, object);
    bool starved = waiting && waiting->starved;
    if (starved) {
        take_out(bucket, waiting);
        waiting->granted = true;
    }
    weft__lock_leave(&bucket->lock);
    if (starved)
        weft__unpark(&waiting->parker);
    return starved;
}

/* --- acquiring */

#define LOOK_FIRST WEFT_MILLISECOND
#define LOOK_LAST (16 * WEFT_MILLISECOND)

/* After this long it is time to ask whether the wait can ever end. */
#define LONG_WAIT WEFT_SECOND

struct looks {
    int64_t pause;     /* until the next look at what may change unseen */
    int64_t long_wait; /* when to look for a deadlock; INT64_MAX: never */
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The end of one wait: the deadline, or the next look. */
static int64_t wait_end(const struct weft__fiber *self, const struct weft__acquisition *wanted,
                        struct looks *looks)
{
    int64_t end = earlier(wanted->deadline, looks->long_wait);
    if (!wanted->unseen || !wanted->unseen(wanted->object))
        return end;
    int64_t next = weft__deadline(weft__now(self->runtime), looks->pause);
    if (looks->pause < LOOK_LAST)
        looks->pause *= 2;
    return earlier(next, end);
}

/* Only who holds a lock can be in a circle: of the thousands that may stand here, few look. */
static void postpone(const struct weft__fiber *self, struct looks *looks)
{
    looks->long_wait =
        self->held_count > 0 ? weft__deadline(weft__now(self->runtime), LONG_WAIT) : INT64_MAX;
}

/*
 * weft__waiting_park(), with a look for a deadlock from time to time. It keeps its place in the
 * queue for that, unless there is something to tell: a callback may wait for anything.
 */
static int park(struct weft__waiting *waiting, const struct weft__acquisition *wanted,
                struct looks *looks)
{
    struct weft__fiber *self = waiting->parker.fiber;
    int result;
    for (;;) {
        int64_t end = wait_end(self, wanted, looks);
        result = wait_in_queue(waiting, end, wanted->cancellable);
        if (result <= 0 || weft__now(self->runtime) < looks->long_wait || end == wanted->deadline ||
            weft__deadlock_found(self))
            return come_out(waiting, result);
        postpone(self, looks);
    }
}

static int acquire(struct weft__fiber *self, const struct weft__acquisition *wanted)
{
    struct looks looks = { .pause = LOOK_FIRST };
    postpone(self, &looks);
    for (bool starved = false;; starved = true) {
        struct weft__waiting waiting;
        weft__waiting_init(&waiting, self, wanted->object, wanted->exclusive);
        waiting.starved = starved;
        weft__waiting_enter(&waiting, starved);
        int error = wanted->attempt(self, wanted->object);
        if (error != EBUSY) {
            if (!weft__waiting_leave(&waiting))
                weft__parker_finish(&waiting.parker, WEFT__WAIT_LOCK, wanted->object);
            return error;
        }
        int result = park(&waiting, wanted, &looks);
        if (waiting.granted)
            return 0;
        if (result != 0 && (error = wanted->attempt(self, wanted->object)) != EBUSY)
            return error;
        if (result < 0)
            return result;
        if (result > 0 && weft__now(self->runtime) >= wanted->deadline)
            return ETIMEDOUT;
        if (result > 0)
            weft__deadlock_tell(self);
    }
}

int weft__acquire(struct weft__fiber *self, const struct weft__acquisition *wanted)
{
    const struct weft__wanted note = { wanted->thread_of, wanted->deadline != INT64_MAX };
    const struct weft__wanted *outer = self->wanted; /* a report's callback may wait, too */
    uint8_t outer_wait = self->lock_wait;
    self->wanted = &note;
    self->lock_wait = WEFT__LOCK_WANTED;
    int error = acquire(self, wanted);
    self->wanted = outer;
    self->lock_wait = outer_wait;
    return error;
}

int weft__deadline_at(const struct weft__fiber *self, clockid_t clock, const struct timespec *time,
                      int64_t *deadline)
{
    if (time->tv_nsec < 0 || time->tv_nsec >= 1000000000 ||
        (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
        return EINVAL;
    struct timespec now;
    clock_gettime(clock, &now);
    int64_t left = time->tv_sec < 0 ? 0 : weft__timespec_ns(time) - weft__timespec_ns(&now);
    *deadline = weft__deadline(weft__now(self->runtime), left < 0 ? 0 : left);
    return 0;
}
