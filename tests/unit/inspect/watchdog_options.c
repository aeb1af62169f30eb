/* Thresholds, at their edges; several loops; forks; a program's own handler stays. */
#include "log.h"
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

static int spin(void *argument)
{
    int64_t duration = *(const int64_t *)argument;
    compute_for(duration);
    return weft_sleep(30 * WEFT_MILLISECOND);
}

static uint64_t counted(void)
{
    static struct weft_stall stalls[WEFT_STALLS_MAX];
    size_t places = weft_stalls(stalls, WEFT_STALLS_MAX);
    uint64_t count = 0;
    for (size_t i = 0; i < places; i++)
        count += stalls[i].count;
    return count;
}

static uint64_t stalls_with(int64_t threshold, int64_t duration)
{
    uint64_t before = counted();
    struct weft_options options = { .watchdog = threshold };
    must(weft_run_with(&options, spin, &duration) == 0, "run");
    return counted() - before;
}

/* A busy machine may keep the watchdog from its work for once. */
static bool seen_with(int64_t threshold)
{
    bool seen = false;
    for (int i = 0; i < 100 && !seen; i++)
        seen = stalls_with(threshold, 60 * WEFT_MILLISECOND) > 0;
    return seen;
}

static int errno_with(int64_t threshold)
{
    struct weft_options options = { .watchdog = threshold };
    return weft_run_with(&options, nothing, NULL) == 0 ? 0 : errno;
}

static int errno_in(const char *environment)
{
    setenv("WEFT_WATCHDOG", environment, 1);
    int error = weft_run(nothing, NULL) == 0 ? 0 : errno;
    unsetenv("WEFT_WATCHDOG");
    return error;
}

static void limits(void)
{
    is_int(errno_with(WEFT_MILLISECOND), 0, "1 ms is a threshold");
    is_int(errno_with(WEFT_MILLISECOND - 1), EINVAL, "less is not");
    is_int(errno_with(60 * WEFT_MINUTE), 0, "an hour is one");
    is_int(errno_with(60 * WEFT_MINUTE + 1), EINVAL, "more is not");
    is_int(errno_with(-1), EINVAL, "nor a negative one");
    is_int(errno_in("off"), 0, "WEFT_WATCHDOG=off is understood");
    is_int(errno_in("0"), 0, "and 0");
    is_int(errno_in("3600000"), 0, "and milliseconds");
    is_int(errno_in("3600001"), EINVAL, "not more than an hour");
    is_int(errno_in("soon"), EINVAL, "nor words");
    ok(weft_error() && strstr(weft_error()->message, "WEFT_WATCHDOG"), "which the error names");
}

static void thresholds(void)
{
    is_int(stalls_with(WEFT_FOREVER, 60 * WEFT_MILLISECOND), 0, "without a threshold none is seen");
    setenv("WEFT_WATCHDOG", "off", 1);
    is_int(stalls_with(0, 60 * WEFT_MILLISECOND), 0, "nor when the environment says so");
    unsetenv("WEFT_WATCHDOG");
    is_int(stalls_with(WEFT_SECOND, 60 * WEFT_MILLISECOND), 0, "60 ms are less than a second");
    ok(seen_with(10 * WEFT_MILLISECOND), "and more than 10 ms");
#ifndef __SANITIZE_THREAD__ /* there the default is never */
    ok(seen_with(0), "and more than the default");
#endif
}

/* Long enough for the watchdog to have gone to sleep. */
static int after_rest(void *argument)
{
    weft_sleep(400 * WEFT_MILLISECOND);
    return spin(argument);
}

static void *run_loop(void *argument)
{
    struct weft_options options = { .watchdog = 10 * WEFT_MILLISECOND };
    must(weft_run_with(&options, after_rest, argument) == 0, "run");
    return NULL;
}

static uint64_t seen_of_three(void)
{
    pthread_t threads[3];
    int64_t duration = 60 * WEFT_MILLISECOND;
    uint64_t before = counted();
    for (int i = 0; i < 3; i++)
        must(pthread_create(&threads[i], NULL, run_loop, &duration) == 0, "thread");
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return counted() - before;
}

static void several_loops(void)
{
    uint64_t seen = 0;
    for (int i = 0; i < 20 && seen == 0; i++)
        seen = seen_of_three();
    ok(seen >= 1, "of three loops that are held after a rest %d are seen", (int)seen);
}

static int virtual_root(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++)
        weft_sleep(WEFT_MINUTE);
    return 0;
}

static void virtual_time(void)
{
    uint64_t before = counted();
    struct weft_options options = { .virtual_clock = true, .watchdog = 10 * WEFT_MILLISECOND };
    must(weft_run_with(&options, virtual_root, NULL) == 0, "run");
    is_int(counted() - before, 0, "virtual minutes hold no loop");
}

static int forks(void *argument)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(seen_with(0) ? 7 : 1);
    }
    int status = 0;
    (void)argument;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static volatile sig_atomic_t urgent;

static void on_urgent(int number)
{
    (void)number;
    urgent++;
}

static void own_handler(void)
{
    struct sigaction action = { .sa_handler = on_urgent }, present;
    sigaction(SIGURG, &action, NULL);
    ok(seen_with(10 * WEFT_MILLISECOND), "a program's own SIGURG handler is no hindrance");
    sigaction(SIGURG, NULL, &present);
    ok(present.sa_handler == on_urgent, "it stays installed");
    is_int(urgent, 0, "and is not called");
}

int main(void)
{
    limits();
    thresholds();
    several_loops();
    virtual_time();
#ifndef __SANITIZE_THREAD__ /* it allows a fork's child no thread */
    is_int(weft_run(forks, NULL), 7, "a fork's child is watched when it runs a loop of its own");
#else
    (void)forks;
#endif
    own_handler();
    return done_testing();
}
