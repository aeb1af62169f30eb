#include "base/assert.h"

#include <signal.h>
#include <sys/wait.h>

#include "tap.h"

static void hook(const char *condition, const char *file, int line)
{
    dprintf(STDERR_FILENO, "hook %s %d %d\n", condition, strstr(file, "assert.c") != NULL,
            line > 0);
    weft_assert(!"in the hook");
}

/* Run in a child that fails an assertion; returns how it ended and what it wrote to stderr. */
static int fail(void (*with)(const char *, const char *, int), char *text, size_t size)
{
    int ends[2], status = 0;

    must(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        weft__assert_hook = with;
        weft_assert(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t count;
    while ((count = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)count;
    text[length] = 0;
    close(ends[0]);
    must(waitpid(child, &status, 0) == child, "waitpid");
    return status;
}

int main(void)
{
    char text[512];
    int times = 0;

    weft_assert(++times == 1);
    is_int(times, 1, "a true condition is evaluated once and goes on");
    int status = fail(NULL, text, sizeof text);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "a false one aborts");
    ok(strstr(text, "1 + 1 == 3") && strstr(text, "assert.c:"), "and says what and where: %s",
       text);
    status = fail(hook, text, sizeof text);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it aborts after the hook too");
    ok(strstr(text, "hook 1 + 1 == 3 1 1") != NULL, "the hook was told: %s", text);
    ok(strstr(text, "in the hook") != NULL, "a hook that fails does not come back: %s", text);
    return done_testing();
}
