/*
 * pthread and C11 mutexes. The fiber is the owner.
 *
 * A normal mutex is the C library's own: a fiber tries it, and waits in our queue while it is
 * taken. A waiter that was woken and came too late is handed the mutex by the next unlock, so that
 * a fiber which locks again at once starves nobody.
 */
#include <limits.h>
#include <linux/futex.h>

#include "fiber/held.h"
#include "hook/waiting.h"

enum {
    TYPE = 3,               /* the bits of glibc's kind that tell the type */
    BOUND_TO_THREAD = 0x70, /* robust, priority inheriting, priority protected: never handed over */
    ROBUST = 0x10,
    SHARED = 0x80,                 /* between processes */
    NAMED = 0x200,                 /* made with PTHREAD_MUTEX_NORMAL: no lock elision */
    BY_THREAD = 1,                 /* a mutex's users, while a thread has it */
    NOT_RECOVERABLE = INT_MAX - 1, /* the owner, in glibc's robust mutexes */
};

static inline bool has_owner(const pthread_mutex_t *mutex)
{
    int type = mutex->__data.__kind & TYPE;
    return type == PTHREAD_MUTEX_RECURSIVE_NP || type == PTHREAD_MUTEX_ERRORCHECK_NP;
}

/* The thread that has it; those who wait for it look, too. */
static inline int owner_of(const pthread_mutex_t *mutex)
{
    return __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED);
}

static inline void set_owner(pthread_mutex_t *mutex, int thread)
{
    __atomic_store_n(&mutex->__data.__owner, thread, __ATOMIC_RELAXED);
}

/* Normal or adaptive, private, whether or not the type was asked for by name. */
static inline bool is_plain(const pthread_mutex_t *mutex)
{
    int kind = mutex->__data.__kind;
    if (__builtin_expect(kind == PTHREAD_MUTEX_TIMED_NP, 1))
        return true;
    kind &= ~NAMED;
    return kind == PTHREAD_MUTEX_TIMED_NP || kind == PTHREAD_MUTEX_ADAPTIVE_NP;
}

/*
 * The most usual mutexes, in line: plain, free, and nobody in our queue. The C library's
 * own protocol: 0 free, 1 locked, 2 locked and waited for by threads.
 */
static inline bool take_plain(struct weft__fiber *self, pthread_mutex_t *mutex)
{
#ifdef WEFT__TSAN /* it follows the C library's calls */
    (void)self, (void)mutex;
    return false;
#else
    int expected = 0;
    if (!is_plain(mutex) || !__atomic_compare_exchange_n(&mutex->__data.__lock, &expected, 1, false,
                                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    set_owner(mutex, self->runtime->watched.thread);
    mutex->__data.__nusers++;
    weft__held_push(self, mutex);
    return true;
#endif
}

static inline bool give_plain(struct weft__fiber *self, pthread_mutex_t *mutex)
{
#ifdef WEFT__TSAN
    (void)self, (void)mutex;
    return false;
#else
    if (!is_plain(mutex) || weft__anybody(mutex))
        return false;
    weft__held_pop(self, mutex);
    set_owner(mutex, 0);
    mutex->__data.__nusers--;
    if (__builtin_expect(__atomic_exchange_n(&mutex->__data.__lock, 0, __ATOMIC_RELEASE) > 1, 0))
        weft__raw(SYS_futex, &mutex->__data.__lock, FUTEX_WAKE_PRIVATE, 1);
    weft__release_fence();
    if (weft__anybody(mutex)) /* it came between the two looks */
        weft__wake_one(mutex);
    return true;
#endif
}

/*
 * Recursive and error-checking ones that are private to the process, by the C library's protocol as
 * well: the lock's word, the thread that has it and the depth. Where the C library counts users, to
 * refuse to destroy a mutex, stands the fiber that has it: a number above what a thread leaves
 * there. A fiber's number is its own until four thousand million others have had one.
 */
static inline bool has_fiber(const pthread_mutex_t *mutex)
{
#ifdef WEFT__TSAN
    (void)mutex;
    return false;
#else
    int kind = mutex->__data.__kind & ~NAMED;
    return kind == PTHREAD_MUTEX_RECURSIVE_NP || kind == PTHREAD_MUTEX_ERRORCHECK_NP;
#endif
}

__attribute__((noinline)) static uint32_t new_owner(struct weft__fiber *self)
{
    static _Atomic uint32_t last = BY_THREAD;
    do
        self->lock_owner = atomic_fetch_add(&last, 1) + 1;
    while (self->lock_owner <= BY_THREAD);
    return self->lock_owner;
}

static inline uint32_t number_of(struct weft__fiber *self)
{
    return __builtin_expect(self->lock_owner != 0, 1) ? self->lock_owner : new_owner(self);
}

static inline uint32_t fiber_of(const pthread_mutex_t *mutex)
{
    return __atomic_load_n(&mutex->__data.__nusers, __ATOMIC_RELAXED);
}

/* Written by none but who has it, so what others see of it can't be their own number. */
static inline bool is_owner(struct weft__fiber *self, const pthread_mutex_t *mutex)
{
    return fiber_of(mutex) == number_of(self);
}

static int enter_again(pthread_mutex_t *mutex)
{
    if ((mutex->__data.__kind & TYPE) == PTHREAD_MUTEX_ERRORCHECK_NP)
        return EDEADLK;
    if (mutex->__data.__count == UINT_MAX)
        return EAGAIN;
    mutex->__data.__count++;
    return 0;
}

static inline int take_owned(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    int expected = 0;
    if (!__atomic_compare_exchange_n(&mutex->__data.__lock, &expected, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return is_owner(self, mutex) ? enter_again(mutex) : EBUSY;
    set_owner(mutex, self->runtime->watched.thread);
    mutex->__data.__count = 1;
    __atomic_store_n(&mutex->__data.__nusers, number_of(self), __ATOMIC_RELAXED);
    weft__held_push(self, mutex);
    return 0;
}

/* What a thread has locked, it unlocks; a fiber's is nobody else's. */
static int refuse(pthread_mutex_t *mutex)
{
    return fiber_of(mutex) > BY_THREAD ? EPERM : WEFT__REAL(pthread_mutex_unlock)(mutex);
}

static inline int give_owned(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    if (__builtin_expect(!self, 0))
        self = weft__current; /* its calls go around the hooks, perhaps since it took the mutex */
    if (__builtin_expect(!self || !is_owner(self, mutex), 0))
        return refuse(mutex);
    if (--mutex->__data.__count > 0)
        return 0;
    weft__held_pop(self, mutex);
    set_owner(mutex, 0);
    __atomic_store_n(&mutex->__data.__nusers, 0, __ATOMIC_RELAXED);
    if (__builtin_expect(__atomic_exchange_n(&mutex->__data.__lock, 0, __ATOMIC_RELEASE) > 1, 0))
        weft__raw(SYS_futex, &mutex->__data.__lock, FUTEX_WAKE_PRIVATE, 1);
    weft__release_fence();
    if (weft__anybody(mutex))
        weft__wake_one(mutex);
    return 0;
}

/* The C library's trylock says so, too, but leaves the mutex locked. */
static bool beyond_repair(const pthread_mutex_t *mutex)
{
    return mutex->__data.__kind & ROBUST && owner_of(mutex) == NOT_RECOVERABLE;
}

static int attempt(struct weft__fiber *self, void *object)
{
    pthread_mutex_t *mutex = object;
    if (__builtin_expect(beyond_repair(mutex), 0))
        return ENOTRECOVERABLE;
    if (has_fiber(mutex))
        return take_owned(self, mutex);
    return has_owner(mutex) ? weft__owned_try(self, mutex)
                            : WEFT__REAL(pthread_mutex_trylock)(mutex);
}

/*
 * A plain thread gives its mutex up inside pthread_cond_wait, where no hook sees it, and so does
 * another process: while such a one holds it, it is looked at from time to time. Fibers of this
 * thread, and whoever they hand it to, are seen. Asked before each wait: a thread may have been
 * faster than the fiber that was woken.
 */
static bool released_unseen(const void *object)
{
    const pthread_mutex_t *mutex = object;
    return mutex->__data.__kind & SHARED || owner_of(mutex) != gettid();
}

static int thread_of(const void *object)
{
    const pthread_mutex_t *mutex = object;
    int owner = owner_of(mutex);
    bool taken = __atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) != 0;
    return taken && owner < NOT_RECOVERABLE ? owner : 0;
}

/* Those with an owner are noted down where the owner is: owner.c. */
static inline int note(struct weft__fiber *self, pthread_mutex_t *mutex, int error)
{
    if ((error == 0 || error == EOWNERDEAD) && !has_owner(mutex)) {
        if (!(mutex->__data.__kind & (BOUND_TO_THREAD | SHARED)))
            set_owner(mutex, self->runtime->watched.thread); /* it may have been handed over */
        weft__held_push(self, mutex);
    }
    if (__builtin_expect(error == ENOTRECOVERABLE, 0) && weft__anybody(mutex))
        weft__wake_one(mutex); /* who is told so tells the next */
    return error;
}

int weft__mutex_lock(struct weft__fiber *self, pthread_mutex_t *mutex, int64_t deadline)
{
    int error = attempt(self, mutex);
    if (__builtin_expect(error == EBUSY, 0))
        error = weft__acquire(self, &(struct weft__acquisition){ .object = mutex,
                                                                 .attempt = attempt,
                                                                 .deadline = deadline,
                                                                 .exclusive = true,
                                                                 .unseen = released_unseen,
                                                                 .thread_of = thread_of });
    return note(self, mutex, error);
}

static inline int unlock_normal(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    if (self)
        weft__held_pop(self, mutex);
    if (weft__anybody(mutex) && !(mutex->__data.__kind & (BOUND_TO_THREAD | SHARED))) {
        set_owner(mutex, 0); /* who is handed it puts its own thread down */
        if (weft__hand_over(mutex))
            return 0;
    }
    int error = WEFT__REAL(pthread_mutex_unlock)(mutex);
    weft__release_fence();
    if (weft__anybody(mutex))
        weft__wake_one(mutex);
    return error;
}

int weft__mutex_unlock(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    if (__builtin_expect(!has_owner(mutex), 1))
        return unlock_normal(self, mutex);
    if (has_fiber(mutex))
        return give_owned(self, mutex);
    int error = self ? weft__owned_unlock(self, mutex) : WEFT__REAL(pthread_mutex_unlock)(mutex);
    weft__release_fence();
    if (weft__anybody(mutex))
        weft__wake_one(mutex);
    return error;
}

int weft__hook_pthread_mutex_lock(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    if (__builtin_expect(take_plain(self, mutex), 1))
        return 0;
    int error = has_fiber(mutex) ? take_owned(self, mutex) : EBUSY;
    return error != EBUSY ? error : weft__mutex_lock(self, mutex, INT64_MAX);
}

int weft__hook_pthread_mutex_trylock(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    int error = note(self, mutex, attempt(self, mutex));
    return error == EDEADLK ? EBUSY : error;
}

int weft__hook_pthread_mutex_clocklock(struct weft__fiber *self, pthread_mutex_t *mutex,
                                       clockid_t clock, const struct timespec *time)
{
    int error = attempt(self, mutex);
    int64_t deadline;
    if (error != EBUSY)
        return note(self, mutex, error);
    if ((error = weft__deadline_at(self, clock, time, &deadline)) != 0)
        return error;
    return weft__mutex_lock(self, mutex, deadline);
}

int weft__hook_pthread_mutex_timedlock(struct weft__fiber *self, pthread_mutex_t *mutex,
                                       const struct timespec *time)
{
    return weft__hook_pthread_mutex_clocklock(self, mutex, CLOCK_REALTIME, time);
}

int weft__hook_pthread_mutex_unlock(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    if (__builtin_expect(self != NULL, 1) && __builtin_expect(give_plain(self, mutex), 1))
        return 0;
    return weft__mutex_unlock(self, mutex);
}

/* --- C11: the same objects under other names */

static int thrd(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case ENOMEM:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

int weft__hook_mtx_lock(struct weft__fiber *self, mtx_t *mutex)
{
    return thrd(weft__hook_pthread_mutex_lock(self, (pthread_mutex_t *)(void *)mutex));
}

int weft__hook_mtx_trylock(struct weft__fiber *self, mtx_t *mutex)
{
    return thrd(weft__hook_pthread_mutex_trylock(self, (pthread_mutex_t *)(void *)mutex));
}

int weft__hook_mtx_timedlock(struct weft__fiber *self, mtx_t *mutex, const struct timespec *time)
{
    return thrd(weft__hook_pthread_mutex_timedlock(self, (pthread_mutex_t *)(void *)mutex, time));
}

int weft__hook_mtx_unlock(struct weft__fiber *self, mtx_t *mutex)
{
    return thrd(weft__hook_pthread_mutex_unlock(self, (pthread_mutex_t *)(void *)mutex));
}
