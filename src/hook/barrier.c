/*
 * pthread barriers, and spin locks.
 *
 * To arrive at a barrier can't be taken back, so there is nothing to try: a fiber arrives by the C
 * library's own protocol, on its object, and only waits otherwise. Fibers and threads count alike.
 *
 *      in              arrivals ever (since the last reset)
 *      current_round   arrivals of the rounds that are complete
 *      out             departures; when all of a long run have left, the three begin anew
 *
 * The layout is glibc's since 2.25. Like a mutex, a barrier is no cancellation point.
 */
#include <limits.h>
#include <linux/futex.h>

#include "hook/waiting.h"

struct barrier {
    uint32_t in;
    uint32_t current_round;
    uint32_t count;
    int shared; /* 0, or FUTEX_PRIVATE_FLAG for one that is shared between processes */
    uint32_t out;
};

_Static_assert(sizeof(struct barrier) <= sizeof(pthread_barrier_t), "glibc's barrier");

#define RUN_MOST (UINT32_MAX / 2) /* arrivals between two resets */

static void wake_threads(uint32_t *word, int shared)
{
    weft__raw(SYS_futex, word, FUTEX_WAKE | (shared ^ FUTEX_PRIVATE_FLAG), INT_MAX, NULL, NULL, 0);
}

struct condition {
    uint32_t *word;
    uint32_t least;
    bool below; /* wait until the word is at most LEAST, not at least */
};

static bool holds(const struct condition *condition)
{
    uint32_t value = __atomic_load_n(condition->word, __ATOMIC_ACQUIRE);
    return condition->below ? value <= condition->least : value >= condition->least;
}

/* Threads of other processes wake nobody here: then it is looked at from time to time. */
static void wait_until(struct weft__fiber *self, struct barrier *barrier,
                       const struct condition *condition)
{
    while (!holds(condition)) {
        struct weft__waiting waiting;
        weft__waiting_init(&waiting, self, barrier, false);
        weft__waiting_enter(&waiting, false);
        if (holds(condition)) {
            if (!weft__waiting_leave(&waiting))
                weft__parker_finish(&waiting.parker, WEFT__WAIT_LOCK, barrier);
            return;
        }
        int64_t end = barrier->shared ? weft__deadline(weft__now(self->runtime), WEFT_MILLISECOND)
                                      : INT64_MAX;
        weft__waiting_park(&waiting, end, false);
    }
}

static uint32_t arrive(struct weft__fiber *self, struct barrier *barrier, uint32_t most)
{
    for (;;) {
        uint32_t number = __atomic_add_fetch(&barrier->in, 1, __ATOMIC_ACQ_REL);
        if (number <= most)
            return number;
        wait_until(self, barrier, &(struct condition){ &barrier->in, most, true });
    }
}

/* The last one of a round declares it complete. */
static void complete(struct barrier *barrier, uint32_t number)
{
    uint32_t round = __atomic_load_n(&barrier->current_round, __ATOMIC_RELAXED);
    while (round + barrier->count <= number) {
        uint32_t next = number - number % barrier->count;
        if (__atomic_compare_exchange_n(&barrier->current_round, &round, next, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            wake_threads(&barrier->current_round, barrier->shared);
            __sync_synchronize();
            if (weft__anybody(barrier))
                weft__wake_all(barrier);
            return;
        }
    }
}

/* Whoever destroys the barrier may go on as soon as IN is 0: it is not looked at after that. */
static void leave(struct barrier *barrier, uint32_t most)
{
    int shared = barrier->shared;
    if (__atomic_add_fetch(&barrier->out, 1, __ATOMIC_ACQ_REL) != most)
        return;
    __atomic_store_n(&barrier->current_round, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&barrier->out, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&barrier->in, 0, __ATOMIC_RELEASE);
    wake_threads(&barrier->in, shared);
    __sync_synchronize();
    if (weft__anybody(barrier))
        weft__wake_all(barrier);
}

int weft__hook_pthread_barrier_wait(struct weft__fiber *self, pthread_barrier_t *object)
{
    if (!self) {
        int result = WEFT__REAL(pthread_barrier_wait)(object);
        __sync_synchronize();
        if (weft__anybody(object))
            weft__wake_all(object);
        return result;
    }
    struct barrier *barrier = (struct barrier *)(void *)object;
    uint32_t count = barrier->count;
    uint32_t most = RUN_MOST - RUN_MOST % count;
    uint32_t number = arrive(self, barrier, most);
    complete(barrier, number);
    wait_until(self, barrier, &(struct condition){ &barrier->current_round, number, false });
    leave(barrier, most);
    return number % count == 0 ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

/* The real one would hold the thread until all have left, which fibers of it may still have to. */
int weft__hook_pthread_barrier_destroy(struct weft__fiber *self, pthread_barrier_t *object)
{
    struct barrier *barrier = (struct barrier *)(void *)object;
    uint32_t most = RUN_MOST - RUN_MOST % barrier->count;
    uint32_t in = __atomic_load_n(&barrier->in, __ATOMIC_RELAXED);
    if (__atomic_fetch_add(&barrier->out, most - in, __ATOMIC_ACQ_REL) < in)
        wait_until(self, barrier, &(struct condition){ &barrier->in, 0, true });
    return 0;
}

/* Whoever has it may be a fiber of this thread, which must run to give it up. */
int weft__hook_pthread_spin_lock(struct weft__fiber *self, pthread_spinlock_t *lock)
{
    int error;
    while ((error = WEFT__REAL(pthread_spin_trylock)(lock)) == EBUSY)
        weft__reschedule(self);
    return error;
}
