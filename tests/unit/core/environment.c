/*
 * Surroundings that refuse something: no io_uring, no descriptors, a signal from outside. Each case
 * runs in a process of its own.
 */
#include "tap.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <weft/weft.h>

/* Runs a case in a child; its exit status, or -signal. What it says on stderr goes to OUTPUT. */
static int in_child(void (*function)(void), char *output, size_t size)
{
    int pipes[2];
    must(pipe(pipes) == 0, "pipe");
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        function();
        _exit(0);
    }
    close(pipes[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(pipes[0], output + length, size - 1 - length)) > 0)
        length += (size_t)got;
    output[length] = '\0';
    close(pipes[0]);
    int status;
    must(waitpid(child, &status, 0) == child, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void say(const char *text)
{
    if (text)
        dprintf(STDERR_FILENO, "%s\n", text);
}

/* As container runtimes do: io_uring_setup answers EPERM. */
static void forbid_uring(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 425 /* io_uring_setup, everywhere */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof rules / sizeof *rules, rules };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(77);
}

static int tell_backend(void *argument)
{
    (void)argument;
    struct weft_stats stats;
    weft_stats(&stats);
    weft_sleep(WEFT_MILLISECOND);
    say(stats.backend);
    return 0;
}

static void auto_without_uring(void)
{
    unsetenv("WEFT_BACKEND");
    forbid_uring();
    _exit(weft_run(tell_backend, NULL) == 0 ? 0 : 1);
}

static void uring_without_uring(void)
{
    setenv("WEFT_BACKEND", "uring", 1);
    forbid_uring();
    int result = weft_run(tell_backend, NULL);
    say(weft_error() ? weft_error()->message : "no detail");
    _exit(result == -1 && errno == EPERM ? 3 : 1);
}

static void no_descriptor_for_the_loop(void)
{
    int lowest = dup(STDERR_FILENO);
    struct rlimit limit = { (rlim_t)lowest + 1, (rlim_t)lowest + 1 };
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        _exit(77);
    int result = weft_run(tell_backend, NULL);
    say(weft_error() ? weft_error()->message : "no detail");
    _exit(result == -1 && errno == EMFILE ? 3 : 1);
}

static int use_up(void *argument)
{
    (void)argument;
    int fds[2], count = 0;
    while (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0)
        count++;
    int error = errno;
    /* The runtime itself goes on: sleeping and waiting need no descriptor. */
    char byte = 'x';
    if (weft_sleep(WEFT_MILLISECOND) < 0 || write(fds[1], &byte, 1) != 1 ||
        read(fds[0], &byte, 1) != 1)
        return -1;
    return error == EMFILE && count > 0 ? 0 : -1;
}

static void no_descriptor_left(void)
{
    struct rlimit limit = { 40, 40 };
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        _exit(77);
    _exit(weft_run(use_up, NULL) == 0 ? 3 : 1);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static int sent_signal(void *argument)
{
    (void)argument;
    kill(getpid(), SIGSEGV);
    weft_sleep(WEFT_MILLISECOND);
    say("went on");
    return 0;
}

static void signal_from_outside(void)
{
    weft_run(sent_signal, NULL);
}

static __attribute__((noinline)) int deeper(volatile char *above, int depth)
{
    volatile char frame[1024];
    frame[0] = above ? above[0] : 0;
    return depth == 0 ? frame[0] : deeper(frame, depth - 1) + frame[0];
}

static int overflowing(void *argument)
{
    (void)argument;
    weft_annotate("deep diver");
    return deeper(NULL, 1 << 20);
}

static int overflow_root(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .name = "divers" };
    weft_go(&scope, overflowing, (int){ 0 });
    return weft_scope_wait(&scope);
}

static void overflow(void)
{
    struct weft_options options = { .stack_size = 64 * 1024 };
    weft_run_with(&options, overflow_root, NULL);
}
#endif

int main(void)
{
    char said[4096];
    alarm(60);
    int status = in_child(auto_without_uring, said, sizeof said);
    if (status == 77) {
        skip("no seccomp filter can be set here");
    } else {
        is_int(status, 0, "without io_uring the loop runs all the same");
        is_str(said, "epoll\n", "on epoll");
        is_int(in_child(uring_without_uring, said, sizeof said), 3,
               "io_uring asked for by name and forbidden: the run fails");
        ok(strstr(said, "io_uring") && strstr(said, "WEFT_BACKEND"), "and says why: %s", said);
    }
    is_int(in_child(no_descriptor_for_the_loop, said, sizeof said), 3,
           "a run without a descriptor for its loop fails with EMFILE");
    ok(strstr(said, "ulimit -n"), "and says what to do: %s", said);
    is_int(in_child(no_descriptor_left, said, sizeof said), 3,
           "when a program has used up its descriptors its fibers wait as before");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    is_int(in_child(signal_from_outside, said, sizeof said), -SIGSEGV,
           "a SIGSEGV that somebody sends ends the process");
    ok(!strstr(said, "went on"), "at once");
    is_int(in_child(overflow, said, sizeof said), -SIGSEGV, "so does a stack overflow");
    ok(strstr(said, "'deep diver'") && strstr(said, "64 KiB"),
       "which names the fiber and its size: %s", said);
#endif
    return done_testing();
}
