#ifndef WEFT_CONTEXT_SWITCH_X86_64_H
#define WEFT_CONTEXT_SWITCH_X86_64_H

/* System V ABI, x86-64: rbx, rbp, r12 to r15. */

/* On the first stack: entry and argument, and the body starts as after a call: sp + 8 is aligned.
 */
#define WEFT__CONTEXT_WORDS 3

__attribute__((always_inline)) static inline void
weft__context_switch(struct weft__context *from, const struct weft__context *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rsp, 0(%%rdi)\n\t"
                     "movq %%rax, 8(%%rdi)\n\t"
                     "movq %%rbp, 16(%%rdi)\n\t"
                     "movq 8(%%rsi), %%rax\n\t"
                     "movq 16(%%rsi), %%rbp\n\t"
                     "movq 0(%%rsi), %%rsp\n\t"
                     "jmpq *%%rax\n"
                     "1:"
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rcx", "rdx", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "st", "st(1)",
                       "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
}

/** Go on elsewhere for good: nothing of the context that is left is kept. */
__attribute__((always_inline)) static inline void
weft__context_leave(const struct weft__context *to)
{
    __asm__ volatile("movq 8(%0), %%rax\n\t"
                     "movq 16(%0), %%rbp\n\t"
                     "movq 0(%0), %%rsp\n\t"
                     "jmpq *%%rax"
                     :
                     : "S"(to)
                     : "rax", "memory");
    __builtin_unreachable();
}

#endif
