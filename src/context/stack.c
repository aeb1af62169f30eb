/* Stacks in slabs; see stack.h. */
#include "context/stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "context/sanitizer.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    SLAB_STACKS_FIRST = 16,
    SLAB_STACKS_MOST = 1024,
    STAGGER_STEPS = 16,
    STAGGER = 64,
    TRIMMED_A_CALL = 512 /* bounds the time one trim takes */
};

static size_t page_size(void)
{
    static _Atomic size_t known;
    size_t size = atomic_load_explicit(&known, memory_order_relaxed);
    if (!size) {
        size = (size_t)sysconf(_SC_PAGESIZE);
        atomic_store_explicit(&known, size, memory_order_relaxed);
    }
    return size;
}

void weft__stacks_init(struct weft__stacks *stacks, size_t size, size_t block)
{
    size_t page = page_size();
    *stacks = (struct weft__stacks){ .block = (block + 63) & ~(size_t)63 };
    stacks->slot = ((size + page - 1) & ~(page - 1)) + page;
}

void weft__stacks_fini(struct weft__stacks *stacks)
{
    for (struct weft__stack *stack = stacks->free; stack; stack = stack->next)
        weft__sanitizer_stack_unmapped(stack->mark);
    for (struct weft__stack *stack = stacks->cold; stack; stack = stack->next)
        weft__sanitizer_stack_unmapped(stack->mark);
    while (stacks->slabs) {
        struct weft__stack_slab *slab = stacks->slabs;
        stacks->slabs = slab->next;
        munmap(slab->base, slab->size);
        weft__free(slab);
    }
    stacks->free = NULL;
    stacks->cold = NULL;
    stacks->fresh_left = 0;
    stacks->mapped = 0;
    stacks->idle = 0;
}

static int map_slab(struct weft__stacks *stacks)
{
    size_t count = stacks->mapped < SLAB_STACKS_FIRST  ? SLAB_STACKS_FIRST
                   : stacks->mapped < SLAB_STACKS_MOST ? stacks->mapped
                                                       : SLAB_STACKS_MOST;
    struct weft__stack_slab *slab = weft__malloc(sizeof *slab);
    if (!slab)
        return -ENOMEM;
    slab->size = count * stacks->slot;
    slab->count = count;
    slab->base = weft__torture_fails()
                     ? MAP_FAILED
                     : mmap(NULL, slab->size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab->base == MAP_FAILED) {
        weft__free(slab);
        return -ENOMEM;
    }
    /* A huge page would commit two megabytes for one touched byte. */
    madvise(slab->base, slab->size, MADV_NOHUGEPAGE);
    slab->next = stacks->slabs;
    stacks->slabs = slab;
    stacks->fresh = slab->base;
    stacks->fresh_left = count;
    return 0;
}

enum guards {
    NOT_TRIED,
    WORK,
    DO_NOT_WORK
};

/* Emulators answer advice that they do not know with success: the kernel must meet a fault there.
 */
static enum guards try_guard(char *base)
{
    if (madvise(base, page_size(), MADV_GUARD_INSTALL) < 0)
        return DO_NOT_WORK;
    bool faults = syscall(SYS_getrandom, base, 1, GRND_NONBLOCK) < 0 && errno == EFAULT;
    return faults ? WORK : DO_NOT_WORK;
}

static int guard(char *base)
{
    static _Atomic enum guards guards;
    if (guards == NOT_TRIED)
        guards = try_guard(base);
    if (guards == WORK && madvise(base, page_size(), MADV_GUARD_INSTALL) == 0)
        return 0;
    return mprotect(base, page_size(), PROT_NONE) == 0 ? 0 : -errno;
}

struct weft__stack *weft__stack_find(struct weft__stacks *stacks)
{
    if (stacks->cold) {
        struct weft__stack *cold = stacks->cold;
        stacks->cold = cold->next;
        return cold;
    }
    if (stacks->fresh_left == 0 && map_slab(stacks) < 0)
        return NULL;
    char *base = stacks->fresh;
    if (guard(base) < 0)
        return NULL;
    stacks->fresh += stacks->slot;
    stacks->fresh_left--;
    size_t stagger = stacks->mapped++ % STAGGER_STEPS * STAGGER;
    char *block = base + stacks->slot - stagger - stacks->block;
    struct weft__stack *stack = (struct weft__stack *)(void *)block;
    stack->low = base + page_size();
    stack->mark = weft__sanitizer_stack_mapped(stack->low, (size_t)(block - stack->low));
    return stack;
}

static void release_pages(struct weft__stack *stack)
{
    uintptr_t top_page = (uintptr_t)stack & ~(uintptr_t)(page_size() - 1);
    if (top_page > (uintptr_t)stack->low)
        madvise(stack->low, top_page - (uintptr_t)stack->low, MADV_DONTNEED);
}

void weft__stacks_trim(struct weft__stacks *stacks)
{
    if (!weft__stacks_trimmable(stacks))
        return;
    struct weft__stack *last = stacks->free;
    for (size_t i = 1; i < WEFT__STACKS_WARM; i++)
        last = last->next;
    for (size_t i = 0; i < TRIMMED_A_CALL && last->next; i++) {
        struct weft__stack *stack = last->next;
        last->next = stack->next;
        release_pages(stack);
        stack->next = stacks->cold;
        stacks->cold = stack;
        stacks->idle--;
    }
}

struct weft__stack *weft__stacks_guard(const struct weft__stacks *stacks, const void *address)
{
    const char *byte = address;
    for (struct weft__stack_slab *slab = stacks->slabs; slab; slab = slab->next) {
        if (byte < slab->base || byte >= slab->base + slab->size)
            continue;
        size_t index = (size_t)(byte - slab->base) / stacks->slot;
        char *base = slab->base + index * stacks->slot;
        if (byte >= base + page_size())
            return NULL;
        /* The stagger of a slot follows from its number among all stacks ever mapped. */
        size_t before = 0;
        for (struct weft__stack_slab *older = slab->next; older; older = older->next)
            before += older->count;
        size_t stagger = (before + index) % STAGGER_STEPS * STAGGER;
        return (struct weft__stack *)(void *)(base + stacks->slot - stagger - stacks->block);
    }
    return NULL;
}
