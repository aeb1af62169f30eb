#ifndef WEFT_LOOP_TIMER_H
#define WEFT_LOOP_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Timers of one loop: a 4-ary heap of (deadline, order, timer). Keys stand in the heap's array, so
 * sifting touches no timer but the ones it moves; a timer knows its slot, so removal needs no
 * search. Equal deadlines fire in the order in which they were set.
 */

struct weft__timer {
    void (*fire)(struct weft__timer *timer); /* called with the timer already out of the heap */
    size_t slot;                             /* 1-based; 0: not in the heap */
};

struct weft__timer_entry {
    int64_t deadline;
    uint64_t order;
    struct weft__timer *timer;
};

struct weft__timers {
    struct weft__timer_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t order;
};

/** Set a timer that is not set. 0, or -ENOMEM. */
int weft__timer_set(struct weft__timers *timers, struct weft__timer *timer, int64_t deadline);

/** Take a timer out, if it is in. */
void weft__timer_clear(struct weft__timers *timers, struct weft__timer *timer);

static inline bool weft__timer_is_set(const struct weft__timer *timer)
{
    return timer->slot != 0;
}

/** The earliest deadline, INT64_MAX when there is none. */
static inline int64_t weft__timers_next(const struct weft__timers *timers)
{
    return timers->count ? timers->entries[0].deadline : INT64_MAX;
}

/** Fire every timer whose deadline is not after NOW; their number. */
size_t weft__timers_fire(struct weft__timers *timers, int64_t now);

/** Free the heap; no timer may be set. */
void weft__timers_fini(struct weft__timers *timers);

#endif
