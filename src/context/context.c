/* What the machine must not have switched on. */
#include "context/context.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)

/* asm/prctl.h of Linux 6.6; older headers lack them. */
#define ARCH_SHSTK_STATUS_ 0x5005
#define ARCH_SHSTK_SHSTK_ 1UL

int weft__context_supported(void)
{
    unsigned long enabled = 0;
    if (syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS_, &enabled) == 0 && enabled & ARCH_SHSTK_SHSTK_)
        return -ENOTSUP;
    return 0;
}

#elif defined(__aarch64__)

/* linux/prctl.h of 6.13: the guarded control stack, arm64's shadow stack. */
#define PR_GET_SHADOW_STACK_STATUS_ 74
#define PR_SHADOW_STACK_ENABLE_ 1UL

int weft__context_supported(void)
{
    unsigned long enabled = 0;
    if (syscall(SYS_prctl, PR_GET_SHADOW_STACK_STATUS_, &enabled, 0, 0, 0) == 0 &&
        enabled & PR_SHADOW_STACK_ENABLE_)
        return -ENOTSUP;
    return 0;
}

#endif
