#ifndef WEFT_CONTEXT_CONTEXT_H
#define WEFT_CONTEXT_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Switching stacks.
 *
 * The switch is inline: it saves the stack pointer, the frame pointer and where to go on, and tells
 * the compiler that every other callee-saved register is lost, so that only live ones are spilled.
 * It is entered and left by jumps: a called and returned-from switch would leave the processor's
 * return predictor one entry off at each use.
 *
 * The floating-point control words (rounding, exception masks) belong to the thread: reading them
 * would cost more than the rest of the switch. docs/decisions/002-inline-switch.md has both
 * numbers.
 *
 * Shadow stacks are refused in weft_run(): see weft__context_supported().
 */

struct weft__context {
    void *sp;
    void *ip;
    void *fp;
};

#if defined(__x86_64__)
#include "context/switch_x86_64.h"
#elif defined(__aarch64__)
#include "context/switch_aarch64.h"
#else
#error "Weft runs on x86-64 and aarch64"
#endif

/** Where every context begins: an assembly routine that calls what lies on the new stack. */
void weft__context_entry(void);

/**
 * Prepare a context so that the first switch to it calls ENTRY(ARGUMENT) on the stack below TOP.
 * ENTRY never returns. Unwinders see the end of the stack there.
 */
static inline void weft__context_make(struct weft__context *context, void *top,
                                      void (*entry)(void *), void *argument)
{
    uintptr_t *sp = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15) - WEFT__CONTEXT_WORDS;
    sp[0] = (uintptr_t)entry;
    sp[1] = (uintptr_t)argument;
    context->sp = sp;
    context->ip = (void *)weft__context_entry;
    context->fp = NULL;
}

/** 0, or -ENOTSUP when the thread runs with a shadow stack that the switch would break. */
int weft__context_supported(void);

#endif
