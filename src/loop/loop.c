/* What both backends share: interests, their waiters, messages from other threads. */
#include "loop/loop.h"
#include "loop/private.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "loop/registry.h"

_Thread_local struct weft__loop *weft__loop_current;

int64_t weft__clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint32_t weft__loop_next_epoch(struct weft__loop *loop)
{
    if (++loop->epoch == 0)
        loop->epoch = 1;
    return loop->epoch;
}

int weft__loop_open(struct weft__loop *loop, const struct weft__loop_backend *backend)
{
    *loop = (struct weft__loop){ .backend = backend, .wake_fd = -1 };
    loop->wake_fd = weft__torture_fails() ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return -errno;
    loop->wake_fd = weft__private_keep(loop->wake_fd);
    int error = backend->open(loop);
    if (error) {
        weft__private_close(loop->wake_fd);
        return error;
    }
    weft__registry_add(loop);
    weft__loop_current = loop;
    return 0;
}

static void free_interests(struct weft__loop *loop)
{
    for (size_t i = 0; i < loop->interest_chunks; i++)
        weft__free(loop->interests[i]);
    weft__free(loop->interests);
    loop->interests = NULL;
    loop->interest_chunks = 0;
}

void weft__loop_close(struct weft__loop *loop)
{
    weft__registry_remove(loop);
    /* A thread that has just posted may still be about to look whether we sleep. */
    while (atomic_load(&loop->posters))
        sched_yield();
    weft__loop_current = NULL;
    loop->backend->close(loop);
    weft__private_close(loop->wake_fd);
    free_interests(loop);
    weft__timers_fini(&loop->timers);
}

void weft__loop_abandon(struct weft__loop *loop)
{
    weft__loop_current = NULL;
    weft__private_close(loop->wake_fd);
    weft__registry_reset();
}

static int grow_interests(struct weft__loop *loop, size_t chunk)
{
    if (chunk >= loop->interest_chunks) {
        size_t count = chunk + 1;
        void *grown = weft__realloc(loop->interests, count * sizeof *loop->interests);
        if (!grown)
            return -ENOMEM;
        loop->interests = grown;
        memset(loop->interests + loop->interest_chunks, 0,
               (count - loop->interest_chunks) * sizeof *loop->interests);
        loop->interest_chunks = count;
    }
    if (loop->interests[chunk])
        return 0;
    struct weft__interest *fresh = weft__calloc(WEFT__INTEREST_CHUNK, sizeof *fresh);
    if (!fresh)
        return -ENOMEM;
    for (size_t i = 0; i < WEFT__INTEREST_CHUNK; i++) {
        weft__list_init(&fresh[i].waiters);
        fresh[i].fd = (int)(chunk * WEFT__INTEREST_CHUNK + i);
    }
    loop->interests[chunk] = fresh;
    return 0;
}

static struct weft__interest *known_interest(struct weft__loop *loop, int fd)
{
    size_t chunk = (size_t)(unsigned)fd / WEFT__INTEREST_CHUNK;
    if (chunk >= loop->interest_chunks || !loop->interests[chunk])
        return NULL;
    return &loop->interests[chunk][(size_t)fd % WEFT__INTEREST_CHUNK];
}

static void notify_all(struct weft__interest *interest, uint32_t events)
{
    struct weft__list woken = WEFT__LIST(woken);
    weft__list_splice(&woken, &interest->waiters);
    struct weft__list *node;
    while ((node = weft__list_pop(&woken)) != NULL) {
        struct weft__waiter *waiter = weft__container_of(node, struct weft__waiter, node);
        if (events == 0 || events & (waiter->events | EPOLLERR | EPOLLHUP))
            waiter->notify(waiter, events);
        else
            weft__list_append(&interest->waiters, node);
    }
}

/* The descriptor has another owner now: wake who waited for the old one and start anew. */
static void renew(struct weft__loop *loop, struct weft__interest *interest, uint32_t generation)
{
    if (interest->armed)
        loop->backend->disarm(loop, interest);
    interest->armed = 0;
    interest->hung_up = false;
    interest->drained = false;
    interest->epoch = weft__loop_next_epoch(loop);
    interest->generation = generation;
    notify_all(interest, 0);
}

struct weft__interest *weft__loop_interest(struct weft__loop *loop, int fd)
{
    struct weft__fd *entry = weft__fd(fd);
    if (!entry)
        return NULL;
    struct weft__interest *interest = known_interest(loop, fd);
    if (__builtin_expect(!interest, 0)) {
        if (grow_interests(loop, (size_t)fd / WEFT__INTEREST_CHUNK) < 0)
            return NULL;
        interest = known_interest(loop, fd);
    }
    uint32_t generation = atomic_load_explicit(&entry->generation, memory_order_acquire);
    if (__builtin_expect(interest->epoch == 0 || interest->generation != generation, 0))
        renew(loop, interest, generation);
    return interest;
}

int weft__loop_wait(struct weft__loop *loop, int fd, struct weft__waiter *waiter)
{
    weft__list_init(&waiter->node);
    struct weft__interest *interest = weft__loop_interest(loop, fd);
    if (!interest)
        return fd < 0 ? -EBADF : -ENOMEM;
    if (waiter->events & ~(uint32_t)interest->armed) {
        struct weft__fd *entry = weft__fd(fd);
        atomic_fetch_or(&entry->loops, UINT64_C(1) << loop->index);
        uint32_t generation = atomic_load(&entry->generation);
        if (generation != interest->generation || generation & 1)
            return -EBADF; /* another thread closes it: see tell_waiters() */
        /* Urgent data cuts reads short: who reads must know of it to tell an emptied stream. */
        uint32_t urgent = waiter->events & EPOLLIN ? EPOLLPRI : 0;
        int error = loop->backend->arm(loop, interest, waiter->events | EPOLLRDHUP | urgent);
        if (error)
            return error;
    }
    weft__list_append(&interest->waiters, &waiter->node);
    return 0;
}

void weft__loop_forget(struct weft__loop *loop, int fd)
{
    struct weft__interest *interest = known_interest(loop, fd);
    if (interest && interest->epoch)
        weft__loop_interest(loop, fd); /* the generation has moved on: renewed */
}

static void scan_closed(struct weft__loop *loop)
{
    for (size_t chunk = 0; chunk < loop->interest_chunks; chunk++) {
        struct weft__interest *interests = loop->interests[chunk];
        for (size_t i = 0; interests && i < WEFT__INTEREST_CHUNK; i++)
            if (interests[i].epoch)
                weft__loop_interest(loop, interests[i].fd);
    }
}

struct weft__interest *weft__loop_armed(struct weft__loop *loop, uint64_t tag)
{
    struct weft__interest *interest = known_interest(loop, (int)(uint32_t)tag);
    return interest && interest->epoch == (uint32_t)(tag >> 32) && interest->armed ? interest
                                                                                   : NULL;
}

void weft__loop_dispatch(struct weft__loop *loop, uint64_t tag, uint32_t events)
{
    int fd = (int)(uint32_t)tag;
    if (fd == loop->wake_fd) {
        uint64_t count;
        (void)!syscall(SYS_read, fd, &count, sizeof count);
        return;
    }
    struct weft__interest *interest = known_interest(loop, fd);
    if (!interest || interest->epoch != (uint32_t)(tag >> 32))
        return; /* of an earlier owner of the number */
    loop->events++;
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP | EPOLLPRI))
        interest->hung_up = true;
    if (events & (EPOLLIN | EPOLLPRI | EPOLLHUP | EPOLLERR | EPOLLRDHUP))
        interest->drained = false;
    if (events & EPOLLRDHUP)
        events |= EPOLLIN;
    notify_all(interest, events);
}

static void run_messages(struct weft__loop *loop)
{
    struct weft__message *newest = atomic_exchange(&loop->messages, NULL);
    struct weft__message *oldest = NULL;
    while (newest) {
        struct weft__message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct weft__message *next = oldest->next;
        oldest->run(oldest); /* may be gone after this */
        oldest = next;
    }
}

static bool has_mail(struct weft__loop *loop)
{
    return atomic_load(&loop->messages) || atomic_load(&loop->scan);
}

int weft__loop_poll(struct weft__loop *loop, int64_t timeout)
{
    loop->polls++;
    if (timeout > 0) {
        /* Announce the sleep, then look again: a message is seen here or its sender wakes us. */
        atomic_store(&loop->sleeping, true);
        if (has_mail(loop))
            timeout = 0;
    }
    int error = loop->backend->poll(loop, timeout < 0 ? 0 : timeout);
    atomic_store_explicit(&loop->sleeping, false, memory_order_relaxed);
    if (atomic_load_explicit(&loop->messages, memory_order_relaxed))
        run_messages(loop);
    if (__builtin_expect(atomic_load_explicit(&loop->scan, memory_order_relaxed), 0)) {
        atomic_store(&loop->scan, false);
        scan_closed(loop);
    }
    return error;
}

void weft__loop_wake(struct weft__loop *loop)
{
    if (atomic_exchange(&loop->sleeping, false)) {
        uint64_t one = 1;
        (void)!syscall(SYS_write, loop->wake_fd, &one, sizeof one);
    }
}

void weft__loop_post(struct weft__loop *loop, struct weft__message *message)
{
    atomic_fetch_add(&loop->posters, 1);
    struct weft__message *newest = atomic_load(&loop->messages);
    do
        message->next = newest;
    while (!atomic_compare_exchange_weak(&loop->messages, &newest, message));
    weft__loop_wake(loop);
    atomic_fetch_sub(&loop->posters, 1);
}
