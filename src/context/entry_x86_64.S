/*
 * Where a fiber begins: weft__context_make() leaves the body in r12's slot and its argument in the
 * next, and the first switch jumps here. The undefined return address ends every stack walk.
 *
 * The object carries no shadow-stack mark, so the linker drops it from the library: see
 * weft__context_supported().
 */
        .text
        .globl  weft__context_entry
        .hidden weft__context_entry
        .type   weft__context_entry, @function
        .p2align 4
weft__context_entry:
        .cfi_startproc
        .cfi_undefined rip
        .cfi_undefined rbp
        endbr64
        movq    0(%rsp), %rax           /* the body */
        movq    8(%rsp), %rdi           /* its argument */
        leaq    1f(%rip), %rcx
        movq    %rcx, 0(%rsp)           /* as if called from here, where stack walks end */
        xorl    %ebp, %ebp
        jmpq    *%rax                   /* a jump keeps the return predictor balanced */
1:      ud2                             /* the body never returns */
        .cfi_endproc
        .size   weft__context_entry, .-weft__context_entry

        .section .note.GNU-stack, "", @progbits
