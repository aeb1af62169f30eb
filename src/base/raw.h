#ifndef WEFT_BASE_RAW_H
#define WEFT_BASE_RAW_H

#include <stdint.h>
#include <sys/syscall.h>

/*
 * System calls without the C library: no errno, no cancellation of threads, and no way back into a
 * hook. All return the result or a negative errno.
 */

#if defined(__x86_64__)

static inline long weft__raw6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

static inline long weft__raw6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

#else
#error "weft__raw6 is written for x86-64 and aarch64"
#endif

#ifdef WEFT_TORTURE

/** Have the n-th call of this thread from now fail, once, with the error of that index; 0: none. */
void weft__torture_fail_call(uint64_t n, int index);

/** Calls tried since then; those that fail for no reason of their own are not counted. */
uint64_t weft__torture_calls(void);

/** The call that has failed since then; -1: none. */
long weft__torture_failed(void);

/** What to fail this call with, a negative errno; 0: let it be. FD is its first argument. */
long weft__torture_call(long number, long fd);

static inline long weft__raw_or_fail(long number, long a, long b, long c, long d, long e, long f)
{
    long error = weft__torture_call(number, a);
    return error ? error : weft__raw6(number, a, b, c, d, e, f);
}

#else
#define weft__raw_or_fail weft__raw6
#endif

#define WEFT__RAW_MANY(number, a, b, c, d, e, f, ...)                                              \
    weft__raw_or_fail((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/** weft__raw(SYS_read, fd, buffer, size): missing arguments are 0. */
#define weft__raw(...) WEFT__RAW_MANY(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
