#ifndef WEFT_BASE_LOCK_H
#define WEFT_BASE_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * A lock of the library's own, on futex(2): ordinary pthread locks are hooked, and would park the
 * fiber in the middle of the runtime. Held for a few instructions only.
 * Source: Drepper, "Futexes Are Tricky", mutex 2.
 */

struct weft__lock {
    _Atomic uint32_t state; /* 0 free, 1 held, 2 held and waited for */
};

void weft__lock_enter_slow(struct weft__lock *lock);
void weft__lock_wake(struct weft__lock *lock);

static inline void weft__lock_enter(struct weft__lock *lock)
{
    uint32_t expected = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->state, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        weft__lock_enter_slow(lock);
}

static inline void weft__lock_leave(struct weft__lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        weft__lock_wake(lock);
}

/** Sleep while *WORD is VALUE, up to TIMEOUT ns (INT64_MAX: for ever); may wake for no reason. */
void weft__futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t timeout);

/** Wake up to COUNT threads that sleep on WORD. */
void weft__futex_wake(_Atomic uint32_t *word, int count);

#endif
