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
 *
 * A mutex may be unlocked by another loop's fiber or by a thread, which leaves the record as it is:
 * so whoever waits for a lock can tell which thread has it, and a record of any other is no proof.
 */

/** What a fiber wants that waits for a lock; on its own stack. */
struct weft__wanted {
    int (*thread_of)(const void *lock); /* the thread that has it; 0: none, or nobody can tell */
    bool limited;                       /* a time limit ends the wait */
};

/** As weft__held_push() where the places are taken. */
void weft__held_overflow(struct weft__fiber *self, const void *lock);

/** LOCK is SELF's from now on. */
static inline void weft__held_push(struct weft__fiber *self, const void *lock)
{
    unsigned count = self->held_count;
    if (__builtin_expect(count >= WEFT__HELD, 0)) {
        weft__held_overflow(self, lock);
        return;
    }
    self->held[count] = lock;
    self->held_count = (uint16_t)(count + 1);
}

/** Whether SELF is known to have LOCK. */
static inline bool weft__held_has(const struct weft__fiber *self, const void *lock)
{
    unsigned known = self->held_count < WEFT__HELD ? self->held_count : WEFT__HELD;
    for (unsigned i = 0; i < known; i++)
        if (self->held[i] == lock)
            return true;
    return false;
}

/** As weft__held_pop() where LOCK is not the last one. */
void weft__held_remove(struct weft__fiber *self, const void *lock);

/** SELF gives LOCK up. */
static inline void weft__held_pop(struct weft__fiber *self, const void *lock)
{
    unsigned last = self->held_count - 1;
    if (__builtin_expect(last < WEFT__HELD && self->held[last] == lock, 1))
        self->held_count = (uint16_t)last;
    else
        weft__held_remove(self, lock);
}

/** The thread, not its own, that has the lock that FIBER waits for; 0: none, or nobody can tell. */
int weft__lock_other_thread(const struct weft__fiber *fiber);

/** The fiber that has the lock that FIBER waits for; NULL if none of its loop is known to. */
const struct weft__fiber *weft__lock_holder(const struct weft__fiber *fiber);

/** SELF has waited long for a lock: whether it waits in a circle that has not been told. */
bool weft__deadlock_found(struct weft__fiber *self);

/**
 * If it does, log who waits for whom, once a circle. In SELF, which is about to go on waiting, but
 * stands in no queue: the program's callback may wait.
 */
void weft__deadlock_tell(struct weft__fiber *self);

#endif
