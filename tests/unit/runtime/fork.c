/* fork(): the child has no loop, the parent keeps its own. */
#include <stdlib.h>
#include <sys/wait.h>

#include "runtime.h"

FIBER(nap_in_child)
{
    return weft_sleep(WEFT_MINUTE) == 0 && weft_now() > 0 ? 21 : 1;
}

/** What a child finds, as a set of bits; 0: all as it should be. */
static int look_around(void)
{
    int wrong = 0;
    wrong |= weft_running() ? 1 : 0;
    wrong |= weft_self() ? 2 : 0;
    wrong |= weft_cancelled() ? 4 : 0;
    errno = 0;
    wrong |= weft_yield() != -1 || errno != EPERM ? 8 : 0;
    wrong |= weft_sleep(WEFT_MILLISECOND) != 0 ? 16 : 0;
    wrong |= run_virtual(nap_in_child, NULL) != 21 ? 32 : 0;
    struct weft_stats stats;
    wrong |= weft_stats(&stats) != -1 ? 64 : 0;
    return wrong;
}

/** Forks; the child leaves with BODY's result. Its status. */
static int fork_and_wait(int (*body)(void))
{
    int status = -1;
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        _exit(body());
    must(syscall(SYS_wait4, pid, &status, 0, NULL) == pid, "wait4");
    must(WIFEXITED(status), "the child ended by itself (status %x)", (unsigned)status);
    return WEXITSTATUS(status);
}

FIBER(in_a_fiber)
{
    struct weft_stats stats;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 1; i <= 3; i++)
        weft_go(&scope, sleep_for, (int64_t){ i * WEFT_SECOND });
    is_int(fork_and_wait(look_around), 0, "a child runs outside any fiber and may run its own");
    must(weft_stats(&stats) == 0, "stats");
    is_int(stats.tasks, 4, "the parent's tasks are as they were");
    is_int(weft_scope_wait(&scope), 0, "and go on to their ends");
    return 0;
}

static int leave_the_scope(void)
{
    struct weft_scope scope = { 0 };
    errno = 0;
    if (weft_go(&scope, return_int, (int){ 1 }) || errno != EPERM)
        return 1;
    weft_scope_fini(&scope);
    return 0;
}

FIBER(with_limits)
{
    WEFT_TIMEOUT(WEFT_MINUTE);
    is_int(fork_and_wait(leave_the_scope), 0, "a child can start no task without a runtime");
    is_int(weft_sleep(WEFT_SECOND), 0, "the parent's limits are its own");
    return 0;
}

static int write_to_pipe[2];

static int on_pipe(void *argument)
{
    char byte;
    int *runs = argument;
    ++*runs;
    return syscall(SYS_read, write_to_pipe[0], &byte, 1) == 1 ? 0 : -1;
}

static int run_and_exit(void)
{
    return run_virtual(nap_in_child, NULL) == 21 ? 0 : 1;
}

FIBER(with_watch)
{
    int runs = 0;
    must(pipe(write_to_pipe) == 0, "pipe");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(weft_watch(&scope, write_to_pipe[0], on_pipe, &runs) != NULL, "watch");
    must(weft_yield() == 0, "yield");
    is_int(fork_and_wait(run_and_exit), 0, "a child's own runtime comes and goes");
    must(syscall(SYS_write, write_to_pipe[1], "x", 1) == 1, "write");
    is_int(weft_scope_wait(&scope), 0, "the parent's watch still hears of its descriptor");
    is_int(runs, 1, "once");
    close(write_to_pipe[0]);
    close(write_to_pipe[1]);
    return 0;
}

int main(void)
{
    is_int(fork_and_wait(look_around), 0, "a fork outside a runtime changes nothing");
    in_runtime(in_a_fiber);
    in_runtime(with_limits);
    must(weft_run(with_watch, NULL) == 0, "with_watch");
    return done_testing();
}
