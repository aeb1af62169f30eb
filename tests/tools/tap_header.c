/* tests/tap.h itself: each way to report, seen from outside in a child's output. */
#include "tap.h"

#include <sys/wait.h>

static char report[4096];

/* Run `body` in a child; its standard output goes to `report`. Returns its exit status. */
static int run(int (*body)(void))
{
    int ends[2];
    must(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        _exit(body());
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], report + length, sizeof report - 1 - length)) > 0) {
        length += (size_t)got;
    }
    report[length] = '\0';
    close(ends[0]);
    int status = 0;
    must(waitpid(child, &status, 0) == child, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Numbers go on from the parent's, so each child starts over. */
static void start_over(void)
{
    atomic_store(&tap__count, 0);
    atomic_store(&tap__failures, 0);
}

static int good(void)
{
    start_over();
    errno = ERANGE;
    ok(1 + 1 == 2, "sums #%d", 1);
    is_int(3, 3, "integers");
    is_str("a", "a", "strings");
    is_str(NULL, NULL, "no strings");
    is_mem("ab", "ab", 2, "bytes");
    skip("no %s", "ring");
    ok(errno == ERANGE, "errno survives");
    return done_testing();
}

static int bad(void)
{
    start_over();
    ok(1 > 2, "order\nof numbers");
    is_int(-1, 1, "sign");
    is_str("a", NULL, "text");
    is_mem("ab", "aB", 2, "bytes");
    return done_testing();
}

static int aborted(void)
{
    start_over();
    must(1, "never said");
    must(0, "has a ring");
    ok(1, "not reached");
    return 0;
}

static int empty(void)
{
    start_over();
    return done_testing();
}

static int skipped(void)
{
    start_over();
    skip_all("no %s", "ring");
    return 1;
}

int main(void)
{
    is_int(run(good), 0, "a good report ends in 0");
    is_str(report,
           "ok 1 - sums _1\nok 2 - integers\nok 3 - strings\nok 4 - no strings\nok 5 - bytes\n"
           "ok 6 - # SKIP no ring\nok 7 - errno survives\n1..7\n",
           "and has a line a claim");

    is_int(run(bad), 1, "a bad report ends in 1");
    ok(strstr(report, "not ok 1 - order of numbers\n"), "a line stays a line");
    ok(strstr(report, "#   1 > 2 (errno"), "with the condition");
    ok(strstr(report, "not ok 2 - sign\n") && strstr(report, "got -1, expected 1"), "integers");
    ok(strstr(report, "got      a\n#   expected (null)"), "strings");
    ok(strstr(report, "byte 1 of 2: got 0x62, expected 0x42"), "bytes");
    ok(strstr(report, "1..4\n"), "and its plan");

    is_int(run(aborted), 1, "must() ends the process");
    ok(strncmp(report, "not ok 1 - has a ring\n", 22) == 0, "with a failed claim");
    ok(!strstr(report, "not reached"), "at once");

    is_int(run(empty), 1, "a file without claims has failed");
    is_int(run(skipped), 0, "a skipped file ends in 0");
    is_str(report, "1..0 # SKIP no ring\n", "and says why");
    return done_testing();
}
