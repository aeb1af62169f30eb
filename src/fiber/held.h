#ifndef WEFT_FIBER_HELD_H
#define WEFT_FIBER_HELD_H

#include "fiber/fiber.h"

/*
 * Which locks a fiber holds, so that one who waits for a lock can be told who has it, and a circle
 * of those who wait for each other is seen.
 *
 *      lock:    push                unlock: pop, if it is the last one; else look for it
 *
 * A handful of places in the fiber's own record: locks are nested, and seldom deep. Beyond that
 * nothing is known, so nothing is claimed: a report may be missing, it is never wrong.
 */

/** LOCK is SELF's from now on. */
static inline void weft__held_push(struct weft__fiber *self, const void *lock)
{
    unsigned count = self->held_count++;
    if (__builtin_expect(count < WEFT__HELD, 1))
        self->held[count] = lock;
}

/** As weft__held_pop() where LOCK is not the last one. */
void weft__held_remove(struct weft__fiber *self, const void *lock);

/** SELF gives LOCK up. */
static inline void weft__held_pop(struct weft__fiber *self, const void *lock)
{
    unsigned last = self->held_count - 1;
    if (__builtin_expect(last < WEFT__HELD && self->held[last] == lock, 1))
        self->held_count = last;
    else
        weft__held_remove(self, lock);
}

/** The fiber of this runtime that has LOCK; NULL if none is known, or more than one. */
const struct weft__fiber *weft__held_by(struct weft__runtime *runtime, const void *lock);

/**
 * SELF has waited long for LOCK: if it waits in a circle, log who waits for whom, once a circle.
 *
 * Called in SELF, which is about to go on waiting.
 */
void weft__deadlock_look(struct weft__fiber *self, const void *lock);

#endif
