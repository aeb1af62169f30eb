#ifndef WEFT_CONTEXT_SWITCH_AARCH64_H
#define WEFT_CONTEXT_SWITCH_AARCH64_H

/*
 * AAPCS64 preserves x19 to x30 and the low halves of v8 to v15. The others are lost as in any call,
 * x18 with them: Linux gives it to compilers as one more temporary.
 */

/* On the first stack: entry and argument. */
#define WEFT__CONTEXT_WORDS 2

__attribute__((always_inline)) static inline void
weft__context_switch(struct weft__context *from, const struct weft__context *to)
{
    register struct weft__context *x0 __asm__("x0") = from;
    register const struct weft__context *x1 __asm__("x1") = to;
    __asm__ volatile("adr x9, 1f\n\t"
                     "mov x10, sp\n\t"
                     "stp x10, x9, [x0]\n\t"
                     "str x29, [x0, #16]\n\t"
                     "ldp x10, x9, [x1]\n\t"
                     "ldr x29, [x1, #16]\n\t"
                     "mov sp, x10\n\t"
                     "br x9\n"
                     "1:\n\t"
                     "hint #36" /* bti j: nothing where branch targets are not checked */
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                       "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                       "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
                       "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                       "v29", "v30", "v31", "cc", "memory");
}

/** Go on elsewhere for good: nothing of the context that is left is kept. */
__attribute__((always_inline)) static inline void
weft__context_leave(const struct weft__context *to)
{
    register const struct weft__context *x1 __asm__("x1") = to;
    __asm__ volatile("ldp x10, x9, [x1]\n\t"
                     "ldr x29, [x1, #16]\n\t"
                     "mov sp, x10\n\t"
                     "br x9"
                     :
                     : "r"(x1)
                     : "x9", "x10", "memory");
    __builtin_unreachable();
}

#endif
