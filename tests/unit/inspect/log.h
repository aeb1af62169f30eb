/* The library's log lines, gathered from any thread. */
#ifndef TESTS_INSPECT_LOG_H
#define TESTS_INSPECT_LOG_H

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <weft/weft.h>

enum {
    LOG_LINES = 32
};

static char log_text[LOG_LINES][512];
static atomic_int log_count;

__attribute__((unused)) static void log_line(void *context, enum weft_log_level level,
                                             const char *line)
{
    (void)context, (void)level;
    int number = atomic_load(&log_count);
    if (number < LOG_LINES)
        snprintf(log_text[number], sizeof log_text[number], "%s", line);
    atomic_store(&log_count, number + 1); /* the watchdog alone writes */
}

/* The n-th line from FIRST on that has WORD; NULL. */
static inline const char *log_find(const char *word, int first)
{
    int count = atomic_load(&log_count);
    for (int i = first; i < count && i < LOG_LINES; i++)
        if (strstr(log_text[i], word))
            return log_text[i];
    return NULL;
}

static inline int64_t clock_now(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * WEFT_SECOND + now.tv_nsec;
}

/* Compute for a time of this thread's own: a busy machine makes it longer, not shorter. */
static inline void compute_for(int64_t duration)
{
    int64_t end = clock_now(CLOCK_THREAD_CPUTIME_ID) + duration;
    while (clock_now(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

/* The watchdog's lines come a moment after the fact. */
static inline bool log_wait(int count)
{
    for (int i = 0; i < 300 && atomic_load(&log_count) < count; i++)
        weft_sleep(10 * WEFT_MILLISECOND);
    return atomic_load(&log_count) >= count;
}

#endif
