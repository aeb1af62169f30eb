/* The sleep family: how long, what is left, what cannot be a time. */
#include "hook.h"

#include <threads.h>

static const struct timespec TEN = { 0, 10000000 };
static const struct timespec LONG = { 100, 0 };
static struct timespec left;

static struct timespec after(clockid_t clock, int64_t ns)
{
    struct timespec now;
    clock_gettime(clock, &now);
    int64_t then = now.tv_sec * WEFT_SECOND + now.tv_nsec + ns;
    return (struct timespec){ then / WEFT_SECOND, then % WEFT_SECOND };
}

static long by_sleep(int wake)
{
    return sleep(wake ? 1 : 100);
}

static long by_usleep(int wake)
{
    return usleep(wake ? 10000 : 100000000);
}

static long by_nanosleep(int wake)
{
    return nanosleep(wake ? &TEN : &LONG, &left);
}

static long by_clock(int wake)
{
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, wake ? &TEN : &LONG, &left);
    errno = error ? error : errno;
    return error ? -1 : 0;
}

static long until(clockid_t clock, int wake)
{
    struct timespec then = after(clock, wake ? 10 * WEFT_MILLISECOND : 100 * WEFT_SECOND);
    int error = clock_nanosleep(clock, TIMER_ABSTIME, &then, NULL);
    errno = error ? error : errno;
    return error ? -1 : 0;
}

static long by_monotonic(int wake)
{
    return until(CLOCK_MONOTONIC, wake);
}

static long by_realtime(int wake)
{
    return until(CLOCK_REALTIME, wake);
}

static long by_boottime(int wake)
{
    return until(CLOCK_BOOTTIME, wake);
}

static long by_thrd(int wake)
{
    return thrd_sleep(wake ? &TEN : &LONG, &left);
}

static const struct {
    const char *name;
    long (*call)(int wake);
    int64_t least;
    long cut; /* what it returns when it is cut short at once */
    bool leaves;
} calls[] = {
    { "sleep", by_sleep, WEFT_SECOND, 100, false },
    { "usleep", by_usleep, 10 * WEFT_MILLISECOND, -1, false },
    { "nanosleep", by_nanosleep, 10 * WEFT_MILLISECOND, -1, true },
    { "clock_nanosleep", by_clock, 10 * WEFT_MILLISECOND, -1, true },
    { "clock_nanosleep until, monotonic", by_monotonic, 10 * WEFT_MILLISECOND, -1, false },
    { "clock_nanosleep until, real time", by_realtime, 10 * WEFT_MILLISECOND, -1, false },
    { "clock_nanosleep until, boot time", by_boottime, 10 * WEFT_MILLISECOND, -1, false },
    { "thrd_sleep", by_thrd, 10 * WEFT_MILLISECOND, -2, true },
};

static void sleeps(size_t i)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial whole = { .call = calls[i].call, .fd = 1 };
    int64_t began = weft_now();
    struct weft_task *task = trial_start(&scope, &whole);
    bool parked = !whole.ended;
    trial_join(task);
    int64_t took = weft_now() - began;
    ok(parked && whole.result == 0 && whole.error == UNTOUCHED && took >= calls[i].least,
       "%s parks for its time (%lld us)", calls[i].name, (long long)took / 1000);

    for (int by_time = 0; by_time < 2; by_time++) {
        struct trial cut = { .call = calls[i].call, .timeout = by_time ? 5 * WEFT_MILLISECOND : 0 };
        left = (struct timespec){ 0 };
        task = trial_start(&scope, &cut);
        must(!cut.ended, "it sleeps");
        if (!by_time)
            weft_cancel(task);
        trial_join(task);
        ok(cut.result == calls[i].cut && cut.error == (by_time ? ETIMEDOUT : ECANCELED),
           "%s is %s (%ld, errno %d)", calls[i].name, by_time ? "timed out" : "cancelled",
           cut.result, cut.error);
        if (calls[i].leaves)
            ok(left.tv_sec == 99 && left.tv_nsec > 0, "and tells what is left of 100 s");
    }
}

FIBER(all)
{
    for (size_t i = 0; i < COUNT(calls); i++)
        sleeps(i);
    struct timespec no_time = { 0, 1000000000 }, past = { 1, 0 }, negative = { -1, 0 };
    ok(nanosleep(&no_time, NULL) == -1 && errno == EINVAL, "nanosleep of no time");
    ok(nanosleep(&negative, NULL) == -1 && errno == EINVAL, "nanosleep of less than none");
    is_int(clock_nanosleep(CLOCK_MONOTONIC, 0, &no_time, NULL), EINVAL,
           "clock_nanosleep of no time");
    is_int(clock_nanosleep(9999, 0, &past, NULL), EINVAL, "clock_nanosleep by no clock");
    is_int(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL), 0, "until long ago");
    is_int(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){ 0, 0 }, NULL), 0,
           "until the beginning");
    is_int(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &TEN, NULL), EINVAL,
           "by the thread's own processor time, as outside of a fiber");
    return 0;
}

/* A cancelled fiber that sleeps 0 s in a loop lets the others run. */
static bool over;

FIBER(spins)
{
    while (!over)
        usleep(0);
    return 0;
}

FIBER(fairness)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_cancel(weft_go(&scope, spins, NOTHING));
    for (int i = 0; i < 10; i++)
        weft_yield();
    over = true;
    ok(weft_scope_wait(&scope) == -1 || true,
       "a loop that ignores its cancellation starves nobody");
    return 0;
}

int main(void)
{
    in_runtime(all);
    in_runtime(fairness);
    return done_testing();
}
