/* A fiber that runs out of stack is named, with its stack's size, before the process dies. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "runtime.h"

static volatile int bottom = 1 << 30;

static int descend(int depth)
{
    volatile char room[512];
    room[0] = (char)depth;
    return depth < bottom ? descend(depth + 1) + room[0] : 0;
}

FIBER(overflow)
{
    weft_annotate("the greedy one");
    return descend(0);
}

FIBER(start_overflow)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, park_forever, NOTHING);
    weft_go(&scope, overflow, NOTHING);
    return weft_scope_wait(&scope);
}

static void die_of_it(int report)
{
    struct rlimit none = { 0, 0 };
    struct weft_options options = { .stack_size = 65536 };
    setrlimit(RLIMIT_CORE, &none);
    dup2(report, STDERR_FILENO);
    weft_run_with(&options, start_overflow, NULL);
    _exit(0);
}

int main(void)
{
#if SANITIZED
    skip_all("a sanitizer reports the fault in its own way");
#else
    int report[2];
    char text[4096];
    size_t length = 0;
    int status = 0;
    must(pipe(report) == 0, "pipe");
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        die_of_it(report[1]);
    close(report[1]);
    for (ssize_t got = 1; got > 0 && length < sizeof(text) - 1; length += (size_t)got) {
        got = read(report[0], text + length, sizeof(text) - 1 - length);
        must(got >= 0, "read");
    }
    text[length] = '\0';
    close(report[0]);
    must(waitpid(pid, &status, 0) == pid, "waitpid");
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
       "a process whose fiber overflows dies by SIGSEGV");
    ok(strstr(text, "the greedy one"), "the report names the fiber");
    ok(strstr(text, "64 KiB"), "and the size of its stack");
    diag("%s", text);
    return done_testing();
#endif
}
