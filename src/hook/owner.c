/*
 * Who holds a recursive or error-checking mutex that is robust, inherits priorities or is shared
 * between processes; those of every day are in mutex.c.
 *
 * The C library remembers the thread, and would let any fiber of it in. Here the fiber is
 * remembered, beside the queue of those who wait; the real mutex is locked once, to keep other
 * threads out.
 */
#include <linux/futex.h>

#include "base/alloc.h"
#include "fiber/held.h"
#include "hook/waiting.h"

enum {
    ROBUST = 0x10 /* of glibc's kind */
};

struct owned {
    struct weft__list node;
    const pthread_mutex_t *mutex;
    const struct weft__fiber *owner;
    pid_t thread; /* the owner's */
    unsigned depth;
};

static struct owned *find(struct weft__bucket *bucket, const pthread_mutex_t *mutex)
{
    weft__list_each(node, &bucket->owned) {
        struct owned *owned = weft__container_of(node, struct owned, node);
        if (owned->mutex == mutex)
            return owned;
    }
    return NULL;
}

static int enter_again(struct owned *owned, const struct weft__fiber *self,
                       const pthread_mutex_t *mutex)
{
    if (owned->owner != self)
        return EBUSY;
    if ((mutex->__data.__kind & 3) == PTHREAD_MUTEX_ERRORCHECK_NP)
        return EDEADLK;
    if (owned->depth == UINT32_MAX)
        return EAGAIN;
    owned->depth++;
    return 0;
}

/* Robust, and the thread has ended with it that had the fiber which is put down here. */
static bool outlived(const struct owned *owned, const pthread_mutex_t *mutex)
{
    return mutex->__data.__kind & ROBUST &&
           (pid_t)((unsigned)mutex->__data.__lock & FUTEX_TID_MASK) != owned->thread;
}

/*
 * The bucket's lock, with a place to put an owner down; NULL, and no lock, without memory. An
 * allocator may take a mutex of its own, so it is asked outside of the lock, and seldom: a bucket
 * keeps the last place that was given back.
 */
static struct owned *enter(struct weft__bucket *bucket)
{
    weft__lock_enter(&bucket->lock);
    struct owned *fresh = bucket->spare;
    bucket->spare = NULL;
    if (fresh)
        return fresh;
    weft__lock_leave(&bucket->lock);
    fresh = weft__malloc(sizeof *fresh);
    if (fresh)
        weft__lock_enter(&bucket->lock);
    return fresh;
}

/* The lock is left; a place that is not needed any more, or NULL, is kept or freed. */
static void leave(struct weft__bucket *bucket, struct owned *unused)
{
    if (!bucket->spare) {
        bucket->spare = unused;
        unused = NULL;
    }
    weft__lock_leave(&bucket->lock);
    if (unused)
        weft__free(unused);
}

int weft__owned_try(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    struct weft__bucket *bucket = weft__bucket(mutex);
    struct owned *fresh = enter(bucket);
    if (!fresh)
        return EAGAIN;
    struct owned *owned = find(bucket, mutex);
    struct owned *stale = NULL;
    if (owned && outlived(owned, mutex)) {
        stale = owned;
        weft__list_remove(&stale->node);
        owned = NULL;
    }
    int error = owned ? enter_again(owned, self, mutex) : WEFT__REAL(pthread_mutex_trylock)(mutex);
    if (!owned && (error == 0 || error == EOWNERDEAD)) {
        *fresh = (struct owned){
            .mutex = mutex, .owner = self, .thread = self->runtime->watched.thread, .depth = 1
        };
        weft__list_append(&bucket->owned, &fresh->node);
        weft__held_push(self, mutex);
        fresh = NULL;
    }
    leave(bucket, fresh);
    weft__free(stale);
    return error;
}

int weft__owned_unlock(struct weft__fiber *self, pthread_mutex_t *mutex)
{
    struct weft__bucket *bucket = weft__bucket(mutex);
    int error = 0;
    weft__lock_enter(&bucket->lock);
    struct owned *owned = find(bucket, mutex);
    if (!owned) {
        error = WEFT__REAL(pthread_mutex_unlock)(mutex);
    } else if (owned->owner != self) {
        error = EPERM;
        owned = NULL;
    } else if (--owned->depth > 0) {
        owned = NULL;
    } else {
        weft__list_remove(&owned->node);
        weft__held_pop(self, mutex);
        error = WEFT__REAL(pthread_mutex_unlock)(mutex);
    }
    leave(bucket, owned);
    return error;
}
