/* The table of descriptor numbers, and the loops that must hear when one is closed. */
#include "loop/fd.h"

#include "base/alloc.h"
#include "loop/loop.h"
#include "loop/registry.h"

_Atomic(struct weft__fd *) weft__fd_chunks[WEFT__FD_CHUNKS];

/* Chunks live as long as the process: descriptors outlive every loop. */
struct weft__fd *weft__fd_make(int fd)
{
    unsigned number = (unsigned)fd;
    if (number >= (unsigned)WEFT__FD_CHUNK * WEFT__FD_CHUNKS)
        return NULL;
    _Atomic(struct weft__fd *) *place = &weft__fd_chunks[number / WEFT__FD_CHUNK];
    struct weft__fd *chunk = calloc(WEFT__FD_CHUNK, sizeof *chunk);
    if (!chunk)
        return NULL;
    struct weft__fd *expected = NULL;
    if (!atomic_compare_exchange_strong(place, &expected, chunk)) {
        free(chunk);
        chunk = expected;
    }
    return &chunk[number % WEFT__FD_CHUNK];
}

/* NULL: nobody has ever looked at it. */
static struct weft__fd *known(int fd)
{
    unsigned number = (unsigned)fd;
    if (number >= (unsigned)WEFT__FD_CHUNK * WEFT__FD_CHUNKS ||
        !atomic_load_explicit(&weft__fd_chunks[number / WEFT__FD_CHUNK], memory_order_acquire))
        return NULL;
    return weft__fd(fd);
}

/* To the next even generation, or the next odd one. */
static uint32_t move_on(struct weft__fd *entry, uint32_t odd)
{
    uint32_t before = atomic_load(&entry->generation);
    uint32_t after;
    do
        after = odd ? (before + 1) | 1 : (before + 2) & ~UINT32_C(1);
    while (!atomic_compare_exchange_weak(&entry->generation, &before, after));
    return after;
}

/*
 * The generation has moved on before the look at who waits, and whoever begins to wait leaves its
 * mark before it looks at the generation: one of the two sees the other. Sequentially consistent.
 */
static void tell_waiters(struct weft__fd *entry, int fd)
{
    atomic_store_explicit(&entry->kind, WEFT__FD_UNKNOWN, memory_order_relaxed);
    atomic_store_explicit(&entry->flags, 0, memory_order_relaxed);
    if (atomic_load(&entry->loops) == 0)
        return;
    uint64_t loops = atomic_exchange_explicit(&entry->loops, 0, memory_order_acq_rel);
    struct weft__loop *own = weft__loop_current;
    if (own) {
        if (loops & UINT64_C(1) << own->index)
            weft__loop_forget(own, fd);
        if (own->index != WEFT__LOOPS_MAX - 1)
            loops &= ~(UINT64_C(1) << own->index);
    }
    if (loops)
        weft__registry_scan(loops, own);
}

void weft__fd_forget(int fd)
{
    struct weft__fd *entry = known(fd);
    if (!entry)
        return;
    move_on(entry, 0);
    tell_waiters(entry, fd);
}

uint32_t weft__fd_closing(int fd)
{
    struct weft__fd *entry = known(fd);
    if (!entry)
        return 0;
    uint32_t closing = move_on(entry, 1);
    tell_waiters(entry, fd);
    return closing;
}

void weft__fd_closed(int fd, uint32_t closing)
{
    if (closing)
        atomic_compare_exchange_strong(&weft__fd(fd)->generation, &closing, closing + 1);
}

void weft__fd_opened(int fd, enum weft__fd_kind kind, unsigned flags)
{
    if (fd < 0)
        return;
    weft__fd_forget(fd);
    struct weft__fd *entry = weft__fd(fd);
    if (!entry)
        return;
    atomic_store_explicit(&entry->flags, (uint8_t)flags, memory_order_relaxed);
    atomic_store_explicit(&entry->kind, (uint8_t)kind, memory_order_release);
}
