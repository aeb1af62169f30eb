#ifndef WEFT_CONTEXT_STACK_H
#define WEFT_CONTEXT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Stacks: slots of large mappings, reused last in, first out, so that a new fiber finds its pages
 * touched and warm.
 *
 *      low                                                             top of the slot
 *      | guard page | .... reserved, committed on touch .... | block | stagger |
 *
 * The owner's record (the block) lies at the top of its own stack, so that an idle fiber costs one
 * page in all. Blocks stand at one of 16 distances from their slot's end: frames of many fibers at
 * the same depth would otherwise share the same few cache sets.
 *
 * Guard pages are made with MADV_GUARD_INSTALL (Linux 6.13), which costs no mapping; before that
 * with mprotect(2), where vm.max_map_count limits a process to some 32,000 stacks.
 */

/** The head of every block. */
struct weft__stack {
    struct weft__stack *next; /* while it is free */
    char *low;                /* the lowest usable byte, right above the guard page */
    uint32_t mark;            /* valgrind's */
};

struct weft__stack_slab {
    struct weft__stack_slab *next;
    char *base;
    size_t size;
    size_t count;
};

struct weft__stacks {
    struct weft__stack *free; /* warm, the latest first */
    struct weft__stack *cold; /* their deep pages have been given back */
    struct weft__stack_slab *slabs;
    char *fresh;       /* the next slot that was never used */
    size_t fresh_left; /* in the newest slab */
    size_t slot;       /* bytes, guard page included */
    size_t block;      /* bytes of a block, a multiple of 64 */
    size_t mapped;     /* stacks ever mapped */
    size_t idle;       /* on the list of warm ones */
};

/** SIZE bytes each, rounded up to a page, guard page not counted. */
void weft__stacks_init(struct weft__stacks *stacks, size_t size, size_t block);

/** Unmap all; none may be in use. */
void weft__stacks_fini(struct weft__stacks *stacks);

/** The slow path of weft__stack_take(): a cold one, or a new one. NULL without memory. */
struct weft__stack *weft__stack_find(struct weft__stacks *stacks);

/** A stack's block; its stack grows down from there. NULL without memory. */
static inline struct weft__stack *weft__stack_take(struct weft__stacks *stacks)
{
    struct weft__stack *stack = stacks->free;
    if (__builtin_expect(stack == NULL, 0))
        return weft__stack_find(stacks);
    stacks->free = stack->next;
    stacks->idle--;
    return stack;
}

/** Give a stack back. The caller may go on running on it until another one is taken. */
static inline void weft__stack_give(struct weft__stacks *stacks, struct weft__stack *stack)
{
    stack->next = stacks->free;
    stacks->free = stack;
    stacks->idle++;
}

/** Give the deep pages of stacks that lie idle back to the kernel, a bounded number a call. */
void weft__stacks_trim(struct weft__stacks *stacks);

enum {
    WEFT__STACKS_WARM = 64 /* idle stacks that keep their pages */
};

/** Is there something for weft__stacks_trim() to do? */
static inline bool weft__stacks_trimmable(const struct weft__stacks *stacks)
{
    return stacks->idle > WEFT__STACKS_WARM;
}

/** The block whose guard page ADDRESS lies in, NULL if none: for the fault handler. */
struct weft__stack *weft__stacks_guard(const struct weft__stacks *stacks, const void *address);

#endif
