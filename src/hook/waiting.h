#ifndef WEFT_HOOK_WAITING_H
#define WEFT_HOOK_WAITING_H

#include "base/list.h"
#include "base/lock.h"
#include "hook/hook.h"

/*
 * Fibers that wait for pthread objects, found by the object's address.
 *
 *      waiter                                 who releases: any fiber or thread
 *      stand in the bucket's queue            the real unlock, post, ...
 *      full fence                             full fence
 *      try the real call once more            anybody in the bucket?
 *      park                                   take the first of this object out, unpark it
 *
 * Whichever fence comes first, either the try succeeds or the waiter is seen: no wake-up is lost.
 * The real object keeps the truth, so that fibers of any loop and plain threads exclude each other;
 * only fibers stand here, threads block in the C library.
 */

struct weft__bucket {
    struct weft__lock lock;
    _Atomic uint32_t count; /* waiters, of all objects that share the bucket */
    struct weft__list waiters;
    struct weft__list owned; /* mutexes whose owner must be known; see owner.c */
    void *spare;             /* a record for the next of those */
} __attribute__((aligned(64)));

enum {
    WEFT__BUCKETS = 256
};

extern struct weft__bucket weft__buckets[WEFT__BUCKETS];

static inline struct weft__bucket *weft__bucket(const void *object)
{
    uint64_t mixed = (uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15);
    return &weft__buckets[mixed >> 56];
}

/** One fiber in one queue; on its own stack. */
struct weft__waiting {
    struct weft__list node;
    const void *object;
    struct weft__parker parker;
    bool queued;    /* under the bucket's lock */
    bool exclusive; /* wants the object for itself */
    bool starved;   /* was woken before and came too late: is to be handed the object */
    bool granted;   /* was handed it */
};

void weft__waiting_init(struct weft__waiting *waiting, struct weft__fiber *self, const void *object,
                        bool exclusive);

/** Stand at the end of the queue, or in front when it has waited before. */
void weft__waiting_enter(struct weft__waiting *waiting, bool front);

/** Leave the queue; false: somebody has taken it out, and the wake-up is there or on its way. */
bool weft__waiting_leave(struct weft__waiting *waiting);

/**
 * Park until woken: 0, 1 DEADLINE has passed, or -ECANCELED, -ETIMEDOUT if CANCELLABLE. It is out
 * of the queue afterwards. 0 also when it was woken just as the wait ended otherwise.
 */
int weft__waiting_park(struct weft__waiting *waiting, int64_t deadline, bool cancellable);

/** Whether anybody may wait for the object. After a full fence. */
static inline bool weft__anybody(const void *object)
{
    return __builtin_expect(
        atomic_load_explicit(&weft__bucket(object)->count, memory_order_relaxed) != 0, 0);
}

/** Between a real release and weft__anybody(). */
static inline void weft__release_fence(void)
{
#if defined(__x86_64__)
    /*
     * The C library releases with a locked instruction, which is a full fence here, or without one
     * while the process has a single thread, which needs none.
     */
    __asm__ volatile("" ::: "memory");
#else
    __sync_synchronize();
#endif
}

/** Wake the first waiter of an object; false if there is none. */
bool weft__wake_one(const void *object);

/** Wake waiters in order, until one that wants it for itself has been woken. */
void weft__wake_shared(const void *object);

/** Wake all waiters of an object. */
void weft__wake_all(const void *object);

/** Whether a fiber waits that wants the object for itself. */
bool weft__exclusive_waits(const void *object);

/** Hand the object to its first waiter if that one has starved, without releasing it. */
bool weft__hand_over(const void *object);

/** How an object is tried: 0 got it, EBUSY not now, or another error number. */
typedef int weft__attempt(struct weft__fiber *self, void *object);

struct weft__acquisition {
    void *object;
    weft__attempt *attempt;
    int64_t deadline; /* on the runtime's clock; INT64_MAX: none */
    bool exclusive;
    bool cancellable;
    /* Whether it may be released where no hook sees it: then it is looked at from time to time. */
    bool (*unseen)(const void *object);
    int (*thread_of)(const void *object); /* that has it; see held.h */
};

/**
 * Wait until the attempt gives anything but EBUSY: that, ETIMEDOUT past the deadline, or
 * -ECANCELED, -ETIMEDOUT.
 */
int weft__acquire(struct weft__fiber *self, const struct weft__acquisition *acquisition);

/**
 * A moment on a clock as a moment on the runtime's; 0, or EINVAL for what is no time or a clock
 * that the pthread functions refuse.
 */
int weft__deadline_at(const struct weft__fiber *self, clockid_t clock, const struct timespec *time,
                      int64_t *deadline);

/** The mutex of a condition: released and taken again, whoever owns it. */
int weft__mutex_unlock(struct weft__fiber *self, pthread_mutex_t *mutex);
int weft__mutex_lock(struct weft__fiber *self, pthread_mutex_t *mutex, int64_t deadline);

/* cxx.c: what std::call_once() leaves for its function in variables of the thread */

struct weft__once_call {
    void *callable;
    void *call;
};

void weft__once_call_save(struct weft__once_call *saved);
void weft__once_call_restore(const struct weft__once_call *saved);

/* owner.c: recursive and error-checking mutexes, which must know the fiber that holds them */

/** The parts of lock, trylock and unlock that concern owners; error numbers. */
int weft__owned_try(struct weft__fiber *self, pthread_mutex_t *mutex);
int weft__owned_unlock(struct weft__fiber *self, pthread_mutex_t *mutex);

#endif
