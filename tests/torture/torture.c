/*
 * Everything the runtime offers, run again and again: the n-th allocation fails, or the n-th park
 * cancels the task that parks, for every n until a run comes to its end without having met the
 * fault. Each run is a process of its own:
 *
 *      fork ── run with the fault ── run without ── run without ── _exit
 *                     │                    └───────────┴── as many allocations and descriptors live
 *                     └── 0, or -1 with an errno that fits; no more live than after the others
 *
 * The child is a fresh process, so first-time initialisation is hit as well; a fuse ends it when it
 * hangs.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "everything.h"
#include "fiber/fiber.h"
#include "tap.h"

/* Where sockets of the system take part, its time passes. */
#ifndef TORTURE_VIRTUAL_CLOCK
#define TORTURE_VIRTUAL_CLOCK true
#endif

/* Fewer places than this, and the program has not done what it should. */
#ifndef TORTURE_LEAST
#define TORTURE_LEAST 20
#endif

enum {
    FUSE = 20,
    RUNS_MOST = 100000,
    UNREACHED = 100 /* exit status: the fault lay beyond the program's end */
};

#ifndef __SANITIZE_THREAD__
#define SEEDS 2
#else
#define SEEDS 1 /* a fiber costs as much as a thread there */

/* Each run is a process: the second that ThreadSanitizer sleeps at the end of one adds up. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
    return "atexit_sleep_ms=0";
}
#endif

/** What a child tells its parent, in shared memory. */
struct report {
    const char *reached; /* the same text in both: they are one image */
    int result;
    int error;
    char fault[200];
};

static struct report *report;

static int open_descriptors(void)
{
    int count = -1;
    DIR *folder = opendir("/proc/self/fd");
    must(folder != NULL, "/proc/self/fd can be read");
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static int run_once(uint64_t seed)
{
    struct weft_options options = { .virtual_clock = TORTURE_VIRTUAL_CLOCK, .seed = seed };
    return weft_run_with(&options, everything, &report->reached);
}

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(report->fault, sizeof(report->fault), format, args);
    va_end(args);
    _exit(1);
}

struct mode {
    const char *name;
    void (*arm)(uint64_t n);
    uint64_t (*count)(void);
    int errors[4]; /* that a run may fail with */
};

static const struct mode modes[] = {
    { "allocation fails",
      weft__torture_fail_allocation,
      weft__torture_allocations,
      { ENOMEM, EAGAIN, ECANCELED } },
    { "park is cancelled",
      weft__torture_cancel_at,
      weft__torture_parks,
      { ECANCELED, EPIPE, EAGAIN } },
};

static bool fits(const struct mode *mode, int error)
{
    for (size_t i = 0; i < 4; i++)
        if (error && mode->errors[i] == error)
            return true;
    return false;
}

static void child(const struct mode *mode, uint64_t n, uint64_t seed)
{
    int64_t held[3];
    int open[3];
    alarm(FUSE);
    mode->arm(n);
    uint64_t before = mode->count();
    report->result = run_once(seed);
    report->error = report->result < 0 ? errno : 0;
    bool met = mode->count() - before >= n;
    mode->arm(0);
    held[0] = weft__torture_live();
    open[0] = open_descriptors();
    if (report->result < 0 && !fits(mode, report->error))
        wrong("it failed with %s", strerror(report->error));
    if (report->result < 0 && !met)
        wrong("it failed with %s before the fault", strerror(report->error));
    for (int i = 1; i < 3; i++) {
        if (run_once(seed) < 0)
            wrong("afterwards it fails: %s, in %s", strerror(errno), report->reached);
        held[i] = weft__torture_live();
        open[i] = open_descriptors();
    }
    if (held[0] > held[1] || held[1] != held[2])
        wrong("%lld allocations live, then %lld, then %lld", (long long)held[0], (long long)held[1],
              (long long)held[2]);
    if (open[0] > open[1] || open[1] != open[2])
        wrong("%d descriptors open, then %d, then %d", open[0], open[1], open[2]);
    exit(met ? 0 : UNREACHED); /* through the leak check, where there is one */
}

/** True while the fault was met. */
static bool follow(const struct mode *mode, uint64_t n, uint64_t seed, int *bad)
{
    int status = 0;
    memset(report, 0, sizeof(*report));
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        child(mode, n, seed);
    must(waitpid(pid, &status, 0) == pid, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == UNREACHED)
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    ++*bad;
    if (WIFSIGNALED(status))
        diag("n = %llu, in %s: %s", (unsigned long long)n, report->reached,
             WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
    else
        diag("n = %llu, in %s: %s (status %d)", (unsigned long long)n, report->reached,
             report->fault, WEXITSTATUS(status));
    return true;
}

static void torture(const struct mode *mode, uint64_t seed)
{
    int bad = 0;
    uint64_t n = 1;
    while (n < RUNS_MOST && bad < 3 && follow(mode, n, seed, &bad))
        n++;
    ok(n > TORTURE_LEAST, "the program offers %llu places at which a%s %s",
       (unsigned long long)(n - 1), strchr("aeiou", mode->name[0]) ? "n" : "", mode->name);
    is_int(bad, 0, "at each of them it ends cleanly, leaks nothing, and runs again (seed %llu)",
           (unsigned long long)seed);
}

int main(int count, char **arguments)
{
    struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(report != MAP_FAILED, "mmap");
    if (count == 4) { /* MODE N SEED: one run in this process, for a debugger */
        must(atoi(arguments[1]) < 2, "mode 0 or 1");
        child(&modes[atoi(arguments[1])], strtoull(arguments[2], NULL, 10),
              strtoull(arguments[3], NULL, 10));
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
            torture(&modes[i], seed);
    return done_testing();
}
