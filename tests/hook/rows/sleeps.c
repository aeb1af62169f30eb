/* Rows: sleeping. */
#include "rows.h"

static const struct setting bed = { 0 };

static struct timespec left;

/* What is left must be a part of the whole; with TIMER_ABSTIME nothing is told. */
static long cut_short(int result)
{
    bool told = left.tv_sec > 10 && left.tv_sec <= 100;
    return result && place.nap > WEFT_SECOND && !told ? -100 : result;
}

static long sleep_until(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    int64_t then = time.tv_sec * WEFT_SECOND + time.tv_nsec + place.nap;
    return clock_nanosleep(clock, TIMER_ABSTIME, row_span(then), NULL);
}

/* What is left stands for a failure; the C library's keeps errno when a handler ends it. */
static long sleep_whole(void)
{
    bool is_long = place.nap > WEFT_SECOND;
    unsigned rest = sleep(is_long ? 100 : 1);
    if (is_long && (rest <= 10 || rest > 100))
        return -100;
    if (rest > 0 && errno == UNTOUCHED)
        errno = EINTR;
    return rest > 0 ? -1 : 0;
}

/* -1 stands for a handler, and says no more; what else went wrong is a lesser number. */
static long thread_slept(int result)
{
    if (result == -1)
        errno = EINTR;
    return result < 0 ? -1 : 0;
}

ROW(sleep, bed, sleep_whole())
ROW(usleep, bed, usleep((useconds_t)(place.nap / WEFT_MICROSECOND)))
ROW(nanosleep, bed, cut_short(nanosleep(NAP, &left)))
ROW(clock_nanosleep, bed, cut_short(clock_nanosleep(CLOCK_MONOTONIC, 0, NAP, &left)))
ROW(clock_nanosleep, bed, sleep_until(CLOCK_MONOTONIC))
ROW(clock_nanosleep, bed, sleep_until(CLOCK_REALTIME))
ROW(thrd_sleep, bed, cut_short((int)thread_slept(thrd_sleep(NAP, &left))))
