/*
 * Waiting for a thread to end. Nothing tells when it does but the call itself: it is asked again
 * and again, soon at first, at most every 5 ms, which needs no thread and can be cancelled at once.
 */
#include "hook/waiting.h"

#define ASK_FIRST (50 * WEFT_MICROSECOND)
#define ASK_LAST (5 * WEFT_MILLISECOND)

static int join_until(struct weft__fiber *self, pthread_t thread, void **result, int64_t deadline)
{
    if (pthread_equal(thread, pthread_self()))
        return EDEADLK;
    for (int64_t pause = ASK_FIRST;; pause = pause * 2 < ASK_LAST ? pause * 2 : ASK_LAST) {
        int error = WEFT__REAL(pthread_tryjoin_np)(thread, result);
        if (error != EBUSY)
            return error;
        int64_t now = weft__now(self->runtime);
        if (now >= deadline)
            return ETIMEDOUT;
        int64_t next = now + pause < deadline ? now + pause : deadline;
        int ended = weft__park_until(self, WEFT__WAIT_LOCK, NULL, next, true);
        if (ended < 0)
            return -ended;
    }
}

int weft__hook_pthread_join(struct weft__fiber *self, pthread_t thread, void **result)
{
    return join_until(self, thread, result, INT64_MAX);
}

int weft__hook_pthread_clockjoin_np(struct weft__fiber *self, pthread_t thread, void **result,
                                    clockid_t clock, const struct timespec *time)
{
    int64_t deadline = INT64_MAX;
    int error = time ? weft__deadline_at(self, clock, time, &deadline) : 0;
    return error ? error : join_until(self, thread, result, deadline);
}

int weft__hook_pthread_timedjoin_np(struct weft__fiber *self, pthread_t thread, void **result,
                                    const struct timespec *time)
{
    return weft__hook_pthread_clockjoin_np(self, thread, result, CLOCK_REALTIME, time);
}

/* A C11 thread's result is a number; glibc keeps it in the pointer. */
int weft__hook_thrd_join(struct weft__fiber *self, thrd_t thread, int *result)
{
    void *value;
    int error = join_until(self, (pthread_t)thread, &value, INT64_MAX);
    if (error) {
        errno = error;
        return thrd_error;
    }
    if (result)
        *result = (int)(intptr_t)value;
    return thrd_success;
}
