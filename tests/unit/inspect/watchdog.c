/* A fiber that holds its loop is named: where, in what, for how long, and once. */
#include "log.h"
#include "tap.h"

#include <pthread.h>
#include <sys/syscall.h>

static struct weft_stall stalls[WEFT_STALLS_MAX];

static const struct weft_stall *stall_of(const char *name)
{
    size_t count = weft_stalls(stalls, WEFT_STALLS_MAX);
    for (size_t i = 0; i < count; i++)
        if (strcmp(stalls[i].name, name) == 0)
            return &stalls[i];
    return NULL;
}

static int quiet(void *argument)
{
    (void)argument;
    for (int i = 0; i < 60; i++) {
        compute_for(WEFT_MILLISECOND);
        if (weft_sleep(5 * WEFT_MILLISECOND) < 0)
            return -1;
    }
    return 0;
}

__attribute__((noinline)) static void spin_in_the_middle(void)
{
    compute_for(80 * WEFT_MILLISECOND);
}

static int spinner(void *argument)
{
    (void)argument;
    weft_annotate("the spinner");
    spin_in_the_middle();
    return 0;
}

static int sleeper(void *argument)
{
    (void)argument;
    weft_annotate("the sleeper");
    struct timespec time = { 0, 120 * WEFT_MILLISECOND };
    long result = syscall(SYS_nanosleep, &time, NULL);
    return result == 0 ? 0 : -1;
}

/* A pipe that nobody writes to, read around the hooks. */
static int reader(void *argument)
{
    int fd = *(int *)argument;
    char byte;
    weft_annotate("the reader");
    return syscall(SYS_read, fd, &byte, 1) == 1 ? 0 : -1;
}

static void *write_later(void *argument)
{
    struct timespec time = { 0, 120 * WEFT_MILLISECOND };
    syscall(SYS_nanosleep, &time, NULL);
    (void)!syscall(SYS_write, *(int *)argument, "x", 1);
    return NULL;
}

static bool run_one(int (*function)(void *), int argument)
{
    struct weft_task *task = weft_go(NULL, function, (int){ argument });
    return task && weft_join(task, NULL) == 0;
}

/* Under ThreadSanitizer a thread that computes does not answer signals. */
#if defined(__SANITIZE_THREAD__)
#define STACKS 0
#else
#define STACKS 1
#endif

/* Spin until COUNT spins have been seen: a busy machine may keep the watchdog from its work. */
static const struct weft_stall *spin_until_seen(uint64_t count)
{
    const struct weft_stall *stall = NULL;
    for (int i = 0; i < 100 && (!stall || stall->count < count); i++) {
        must(run_one(spinner, 0), "spinner");
        stall = stall_of("the spinner");
    }
    return stall;
}

static void spins(void)
{
    spin_until_seen(1);
    ok(log_wait(1), "a fiber that computes is reported");
    const char *line = log_find("the spinner", 0);
    must(line, "the line has the fiber's name");
    diag("%s", line);
    ok(strstr(line, "(spinner)"), "with its function");
    ok(strstr(line, "computing"), "and that it computed");
    if (STACKS)
        ok(strstr(line, "spin_in_the_middle < spinner"), "and with its stack");
    const struct weft_stall *stall = stall_of("the spinner");
    must(stall, "the place is counted");
    is_str(stall->function, "spinner", "its function is told");
    is_str(stall->call, "", "it was in no system call");
    ok(stall->longest >= 10 * WEFT_MILLISECOND, "it lasted %lld ms",
       (long long)(stall->longest / WEFT_MILLISECOND));
    ok(stall->total >= stall->longest, "all of them took as long, or longer");

    int lines = atomic_load(&log_count);
    size_t places = weft_stalls(NULL, 0);
    uint64_t before = stall->count;
    stall = spin_until_seen(before + 3);
    ok(stall->count >= before + 3, "the same place is counted: %d times", (int)stall->count);
    weft_sleep(50 * WEFT_MILLISECOND);
    is_int(weft_stalls(NULL, 0), places, "as one place");
    is_int(atomic_load(&log_count), lines, "but not reported again");
}

static bool sleeper_returns(void)
{
    struct weft_task *task = weft_go(NULL, sleeper, (int){ 0 });
    struct weft_result result;
    must(task && weft_join(task, &result) == 0, "sleeper");
    return result.value == 0;
}

static void sleeps(void)
{
    int lines = atomic_load(&log_count);
    bool whole = true;
    for (int i = 0; i < 100 && !stall_of("the sleeper"); i++)
        whole = sleeper_returns() && whole;
    ok(whole, "the call that is looked at is not interrupted");
    ok(log_wait(lines + 1), "a fiber in a blocking system call is reported");
    const char *line = log_find("the sleeper", lines);
    must(line, "the line has the fiber's name");
    diag("%s", line);
    ok(strstr(line, "asleep in") && strstr(line, "nanosleep"), "with the system call");
    ok(strstr(line, "sleeper"), "and its caller");
    const struct weft_stall *stall = stall_of("the sleeper");
    must(stall, "the place is counted");
    ok(strstr(stall->call, "nanosleep"), "with the call: %s", stall->call);
    ok(stall->frame_count >= 2, "and a stack of %zu frames", stall->frame_count);
}

static void read_once(int fds[2])
{
    pthread_t writer;
    must(pthread_create(&writer, NULL, write_later, &fds[1]) == 0, "thread");
    must(run_one(reader, fds[0]), "reader");
    pthread_join(writer, NULL);
}

static void reads(void)
{
    int fds[2];
    int lines = atomic_load(&log_count);
    must(pipe(fds) == 0, "pipe");
    for (int i = 0; i < 100 && !stall_of("the reader"); i++)
        read_once(fds);
    ok(log_wait(lines + 1), "so is one that reads around the hooks");
    const char *line = log_find("the reader", lines);
    ok(line && strstr(line, "asleep in read"), "in read");
    close(fds[0]);
    close(fds[1]);
}

static int root(void *argument)
{
    (void)argument;
    must(run_one(quiet, 0), "quiet");
    is_int(atomic_load(&log_count), 0, "fibers that give way in time are not reported");
    is_int(weft_stalls(NULL, 0), 0, "nor counted");
    spins();
    sleeps();
    reads();
    is_int(weft_stalls(stalls, 1), weft_stalls(NULL, 0), "little room: the number is told");
    return 0;
}

int main(void)
{
    weft_log_set(log_line, NULL, WEFT_LOG_WARNING);
    struct weft_options options = { .watchdog = 10 * WEFT_MILLISECOND };
    must(weft_run_with(&options, root, NULL) == 0, "run");
    ok(weft_stalls(NULL, 0) >= 3, "what was seen is told after the run, too");
    weft_log_set(NULL, NULL, WEFT_LOG_ERROR);
    return done_testing();
}
