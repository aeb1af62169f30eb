/* The library's own lock; see lock.h. */
#include "base/lock.h"

#include <linux/futex.h>
#include <stddef.h>
#include <time.h>

#include "base/raw.h"

void weft__futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t timeout)
{
    struct timespec limit = { timeout / 1000000000, timeout % 1000000000 };
    weft__raw(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout == INT64_MAX ? NULL : &limit);
}

void weft__futex_wake(_Atomic uint32_t *word, int count)
{
    weft__raw(SYS_futex, word, FUTEX_WAKE_PRIVATE, count);
}

void weft__lock_enter_slow(struct weft__lock *lock)
{
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0)
        weft__futex_wait(&lock->state, 2, INT64_MAX);
}

void weft__lock_wake(struct weft__lock *lock)
{
    weft__futex_wake(&lock->state, 1);
}
