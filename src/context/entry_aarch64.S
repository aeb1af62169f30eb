/*
 * Where a fiber begins: weft__context_make() leaves the body and its argument on the new stack, and
 * the first switch jumps here. The undefined return address ends every stack walk.
 */
        .text
        .globl  weft__context_entry
        .hidden weft__context_entry
        .type   weft__context_entry, %function
        .p2align 4
weft__context_entry:
        .cfi_startproc
        .cfi_undefined x30
        hint    #36                     /* bti j */
        ldp     x16, x0, [sp], #16      /* the body, its argument */
        .cfi_adjust_cfa_offset -16
        mov     x29, #0
        adr     x30, 1f                 /* as if called from here, where stack walks end */
        br      x16                     /* x16: a checked branch may land where calls do */
1:      brk     #1                      /* the body never returns */
        .cfi_endproc
        .size   weft__context_entry, .-weft__context_entry

        .section .note.GNU-stack, "", %progbits
