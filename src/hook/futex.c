/*
 * syscall(SYS_futex): what std::future, std::atomic::wait() and the locks of other languages stand
 * on, by the C library's syscall(). Every other system call passes.
 *
 *      wait    a fiber stands in the queue of the word's address, looks at the word, and parks
 *      wake    fibers first, then, with what is left of the number, the kernel's waiters
 *
 * A futex wait may return for no reason, and its callers look at the word again: so a requeue
 * simply wakes the fibers. It is no cancellation point, since those callers do not expect one.
 * Waits for what another process may wake are looked at again from time to time.
 */
#include <linux/futex.h>

#include "hook/waiting.h"

#define LOOK_FIRST WEFT_MILLISECOND
#define LOOK_LAST (128 * WEFT_MILLISECOND)

struct futex {
    uint32_t *word;
    int operation;
    uint32_t value;
    const struct timespec *time; /* or, for a requeue, a number */
    uint32_t *other;
    uint32_t mask;
};

static int command_of(const struct futex *futex)
{
    return futex->operation & FUTEX_CMD_MASK;
}

static long pass_on(const struct futex *futex)
{
    return weft__raw(SYS_futex, futex->word, futex->operation, futex->value, futex->time,
                     futex->other, futex->mask);
}

/* Relative for FUTEX_WAIT, else a moment of the clock that the flag names. */
static int deadline_of(const struct weft__fiber *self, const struct futex *futex, int64_t *deadline)
{
    *deadline = INT64_MAX;
    if (!futex->time)
        return 0;
    if (!weft__timespec_valid(futex->time))
        return EINVAL;
    if (command_of(futex) == FUTEX_WAIT) {
        *deadline = weft__deadline_after(self, futex->time);
        return 0;
    }
    clockid_t clock = futex->operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    return weft__deadline_at(self, clock, futex->time, deadline);
}

static bool unchanged(const struct futex *futex)
{
    return __atomic_load_n(futex->word, __ATOMIC_ACQUIRE) == futex->value;
}

/* 0: woken; 1: the pause is over; -EAGAIN, -EINTR. */
static long park_once(struct weft__fiber *self, const struct futex *futex, int64_t end)
{
    struct weft__waiting waiting;
    weft__waiting_init(&waiting, self, futex->word, false);
    weft__waiting_enter(&waiting, false);
    if (unchanged(futex)) {
        self->interruptible.wakeable = true;
        int result = weft__waiting_park(&waiting, end, false);
        self->interruptible.wakeable = false;
        return result;
    }
    if (!weft__waiting_leave(&waiting))
        weft__parker_finish(&waiting.parker, WEFT__WAIT_LOCK, futex->word);
    return -EAGAIN;
}

/* Until woken: 0; or a negative errno. */
static long park(struct weft__fiber *self, const struct futex *futex, int64_t deadline)
{
    enum weft__interruption how = futex->time ? WEFT__ENDS : WEFT__RESTARTS;
    bool private = futex->operation & FUTEX_PRIVATE_FLAG;
    int64_t pause = LOOK_FIRST;
    for (;;) {
        int64_t next = private ? INT64_MAX : weft__deadline(weft__now(self->runtime), pause);
        weft__interruptible_begin(self, how);
        long parked = park_once(self, futex, next < deadline ? next : deadline);
        bool woken = parked == 0;
        long result = weft__interruptible_end(self, parked);
        if (result < 0)
            return result;
        if (woken || !unchanged(futex))
            return 0;
        if (weft__now(self->runtime) >= deadline)
            return -ETIMEDOUT;
        pause = pause < LOOK_LAST ? pause * 2 : pause;
    }
}

static long wait_on(struct weft__fiber *self, const struct futex *futex)
{
    int64_t deadline;
    if ((uintptr_t)futex->word % sizeof(uint32_t) != 0 || deadline_of(self, futex, &deadline) != 0)
        return -EINVAL;
    struct futex probe = *futex; /* the kernel tells whether there is such a word */
    static const struct timespec at_once;
    probe.time = &at_once;
    long answer = pass_on(&probe);
    return answer == -ETIMEDOUT ? park(self, futex, deadline) : answer;
}

static long wake(const struct futex *futex)
{
    long most = (int)futex->value;
    long woken = 0;
    __sync_synchronize();
    while (woken < most && weft__anybody(futex->word) && weft__wake_one(futex->word))
        woken++;
    if (most > 0 && woken == most)
        return woken;
    struct futex rest = *futex;
    rest.value = (uint32_t)(most - woken);
    long more = pass_on(&rest);
    return more < 0 && woken == 0 ? more : woken + (more > 0 ? more : 0);
}

static long wake_fibers_too(const struct futex *futex)
{
    long result = pass_on(futex);
    __sync_synchronize();
    if (weft__anybody(futex->word))
        weft__wake_all(futex->word);
    if (weft__anybody(futex->other))
        weft__wake_all(futex->other);
    return result;
}

static long futex_call(struct weft__fiber *self, const struct futex *futex)
{
    switch (command_of(futex)) {
    case FUTEX_WAIT_BITSET:
        if (futex->mask != FUTEX_BITSET_MATCH_ANY)
            return pass_on(futex);
        return self ? wait_on(self, futex) : pass_on(futex);
    case FUTEX_WAIT:
        return self ? wait_on(self, futex) : pass_on(futex);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return wake(futex);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
    case FUTEX_WAKE_OP:
        return wake_fibers_too(futex);
    default:
        return pass_on(futex);
    }
}

/* As the machine's calling convention has it, a variable number of numbers is six. */
long weft__export_syscall(long number, long a, long b, long c, long d, long e,
                          long f) __asm__("syscall")
    __attribute__((visibility("default"))) WEFT__EARLY;

long weft__export_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (__builtin_expect(number != SYS_futex, 1))
        return weft__result(weft__raw6(number, a, b, c, d, e, f));
    struct futex futex = { (uint32_t *)a, (int)b,     (uint32_t)c, (const struct timespec *)d,
                           (uint32_t *)e, (uint32_t)f };
    return weft__result(futex_call(weft__hooked_fiber(WEFT__FAMILY_LOCK), &futex));
}
