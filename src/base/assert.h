#ifndef WEFT_BASE_ASSERT_H
#define WEFT_BASE_ASSERT_H

/*
 * Assertions that stay in release builds: a runtime that goes on after its own state is broken
 * turns one bug into silent corruption of every fiber on the thread.
 */

/** Called with the failed condition before the process aborts; NULL by default. */
extern void (*weft__assert_hook)(const char *condition, const char *file, int line);

/** Report the failed condition on stderr and abort. */
_Noreturn void weft__assert_failed(const char *condition, const char *file, int line);

/** Always checked. */
#define weft_assert(condition)                                                                     \
    (__builtin_expect(!(condition), 0) ? weft__assert_failed(#condition, __FILE__, __LINE__)       \
                                       : (void)0)

/** Checked unless NDEBUG is defined; the condition is compiled either way. */
#ifdef NDEBUG
#define weft__debug_assert(condition) ((void)(0 && (condition)))
#else
#define weft__debug_assert(condition) weft_assert(condition)
#endif

#endif
