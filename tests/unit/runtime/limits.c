/* What a process may be denied: descriptors, io_uring, memory for stacks. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "runtime.h"

FIBER(note_backend)
{
    struct weft_stats stats;
    must(weft_stats(&stats) == 0, "stats");
    snprintf(argument, 32, "%s", stats.backend);
    return weft_sleep(WEFT_MILLISECOND);
}

/** Runs BODY in a child, whose claims are its own; the number of those that failed. */
static int apart(int (*body)(void))
{
    int status = -1;
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        _exit(body());
    must(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "the child ended by itself");
    return WEXITSTATUS(status);
}

static int without_descriptors(void)
{
    char backend[32] = "";
    int lowest = dup(STDIN_FILENO);
    struct rlimit limit = { (rlim_t)lowest, (rlim_t)lowest };
    close(lowest);
    setrlimit(RLIMIT_NOFILE, &limit);
    errno = 0;
    if (weft_run(note_backend, backend) != -1 || errno != EMFILE)
        return 1;
    const struct weft_error *error = weft_error();
    return error && strstr(error->message, "ulimit -n") ? 0 : 2;
}

static int one_descriptor(void)
{
    char backend[32] = "";
    int lowest = dup(STDIN_FILENO);
    struct rlimit limit = { (rlim_t)lowest + 1, (rlim_t)lowest + 1 };
    close(lowest);
    setrlimit(RLIMIT_NOFILE, &limit);
    errno = 0;
    if (weft_run(note_backend, backend) != -1 || errno != EMFILE)
        return 1;
    int again = dup(STDIN_FILENO);
    return again == lowest ? 0 : 2;
}

enum {
    NO_SECCOMP = 77
};

/** Denies io_uring_setup(2), as container runtimes do. */
static void forbid_uring(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof(program) / sizeof(*program), program };
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 && errno == EINVAL)
        _exit(NO_SECCOMP); /* an emulator of a processor passes no filter on */
}

static int without_uring(void)
{
    char backend[32] = "";
    struct weft_options options = { .backend = WEFT_BACKEND_AUTO };
    unsetenv("WEFT_BACKEND");
    forbid_uring();
    if (weft_run_with(&options, note_backend, backend) != 0)
        return 1;
    return strcmp(backend, "epoll") == 0 ? 0 : 2;
}

static int uring_alone(void)
{
    char backend[32] = "";
    struct weft_options options = { .backend = WEFT_BACKEND_URING };
    unsetenv("WEFT_BACKEND");
    forbid_uring();
    errno = 0;
    if (weft_run_with(&options, note_backend, backend) != -1 || errno == 0)
        return 1;
    return weft_error() && *weft_error()->message && !*backend ? 0 : 2;
}

FIBER(start_until_full)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    size_t started = 0;
    while (started < 100000 && weft_go(&scope, park_forever, NOTHING))
        started++;
    if (started == 100000 || errno != ENOMEM)
        return 1;
    weft_scope_cancel(&scope);
    (void)weft_scope_wait(&scope);
    WEFT_AUTO(weft_scope) struct weft_scope again = { 0 };
    return weft_go(&again, return_int, (int){ 0 }) ? 0 : 2;
}

static int without_memory(void)
{
    struct rlimit limit = { (rlim_t)512 << 20, (rlim_t)512 << 20 };
    struct weft_options options = { .stack_size = (size_t)1 << 20 };
    setrlimit(RLIMIT_AS, &limit);
    return weft_run_with(&options, start_until_full, NULL);
}

int main(void)
{
    is_int(apart(without_descriptors), 0, "without a descriptor left a run says: ulimit -n");
    is_int(apart(one_descriptor), 0, "one is not enough either, and is given back");
    int status = apart(without_uring);
    if (status == NO_SECCOMP) {
        skip("no seccomp here");
    } else {
        is_int(status, 0, "where io_uring is forbidden, epoll takes its place");
        is_int(apart(uring_alone), 0,
               "unless io_uring was asked for: then a run fails with the reason");
    }
    if (SANITIZED)
        skip("a sanitizer needs the address space");
    else
        is_int(apart(without_memory), 0,
               "without memory for a stack a start fails, and works later");
    return done_testing();
}
