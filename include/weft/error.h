/* What stands beside errno, and the one way by which the library speaks. */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** The detail of a failure. Fiber-local; moves to the joiner with a task's result. */
struct weft_error {
    const char *domain;             /**< "weft", "http", "llm", …; static */
    int code;                       /**< of the domain; in "weft" an errno */
    int error;                      /**< the nearest errno */
    const struct weft_error *cause; /**< what led to it; may be NULL */
    char message[216];              /**< what was being done, to what, why it failed, what to do */
};

/**
 * The detail of the calling fiber's (or thread's) last failure of a Weft call that recorded one.
 *
 * @return          The record; NULL if there is none. Meaningful after a call has failed.
 * Blocks           never
 * Ownership        borrowed, until the next failing call, join or end of the fiber
 */
WEFT_API const struct weft_error *weft_error(void);

/**
 * Record a failure's detail and set errno: for layers above the runtime.
 *
 * @param domain    Static text.
 * @param code      Of the domain.
 * @param error     The errno to set.
 * @param format    As printf(3): what was being done, to what, why it failed, what to do.
 * @return          -1, so that `return weft_error_set(…)` fails.
 * Blocks           never
 */
WEFT_API int weft_error_set(const char *domain, int code, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * As weft_error_set(), keeping the record that stands as the new one's cause.
 *
 * @param domain    Static text.
 * @param code      Of the domain.
 * @param error     The errno to set.
 * @param format    As printf(3).
 * @return          -1. A chain longer than 8 loses its tail. Outside a fiber there is no chain.
 * Blocks           never
 */
WEFT_API int weft_error_wrap(const char *domain, int code, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * Forget the calling fiber's record.
 *
 * Blocks           never
 */
WEFT_API void weft_error_clear(void);

/** How much a log line matters. */
enum weft_log_level {
    WEFT_LOG_ERROR,   /**< something was lost */
    WEFT_LOG_WARNING, /**< something needs attention */
    WEFT_LOG_INFO,    /**< a service's life: started, reloaded, stopped */
    WEFT_LOG_DEBUG,   /**< for developers */
};

/**
 * Choose where the library's log lines go. Silent by default.
 *
 * @param callback  Gets each line without a newline, from any thread; NULL: silence.
 * @param context   Handed to it.
 * @param level     Lines above it are not made.
 * Blocks           never
 * Threads          any; not while other threads log
 */
WEFT_API void weft_log_set(void (*callback)(void *context, enum weft_log_level level,
                                            const char *line),
                           void *context, enum weft_log_level level);

/**
 * Write a log line through the callback.
 *
 * @param level     See enum weft_log_level.
 * @param format    As printf(3); cut at 511 bytes.
 * Blocks           as the callback does
 */
WEFT_API void weft_log(enum weft_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

WEFT_END_DECLS

#endif
