/*
 * A program's own handler of SIGSEGV beside the one that names fibers whose stack overflows, set
 * before and after it, on alternate stacks of all kinds.
 */
#include "hook.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
    HANDLED = 42
};

/* --- scenes, each in a process of its own */

static char alternate[64 * 1024];
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

static void leave(int number, siginfo_t *info, void *context)
{
    char here;
    bool own = &here >= alternate && &here < alternate + sizeof alternate;
    (void)number, (void)context;
    _exit(info->si_addr ? HANDLED + own : 1);
}

static void set_handler(int flags)
{
    struct sigaction action = { .sa_sigaction = leave, .sa_flags = SA_SIGINFO | flags };
    sigemptyset(&action.sa_mask);
    must(sigaction(SIGSEGV, &action, NULL) == 0, "a handler is set");
}

static void set_alternate(void)
{
    stack_t own = { .ss_sp = alternate, .ss_size = sizeof alternate };
    must(sigaltstack(&own, NULL) == 0, "an alternate stack is set");
}

static void run_small(int (*function)(void *))
{
    struct weft_options options = { .stack_size = 65536 };
    weft_run_with(&options, function, NULL);
}

static void earlier(void)
{
    set_handler(SA_ONSTACK);
    run_small(overflow);
}

static void earlier_with_stack(void)
{
    set_alternate();
    set_handler(SA_ONSTACK);
    run_small(overflow);
}

FIBER(set_and_overflow)
{
    set_handler(SA_ONSTACK);
    return overflow(NULL);
}

static void later(void)
{
    run_small(set_and_overflow);
}

FIBER(set_all_and_overflow)
{
    set_alternate();
    return set_and_overflow(NULL);
}

static void later_with_stack(void)
{
    run_small(set_all_and_overflow);
}

FIBER(set_plainly_and_overflow)
{
    set_handler(0);
    return overflow(NULL);
}

static void later_on_no_stack(void)
{
    run_small(set_plainly_and_overflow);
}

FIBER(default_and_overflow)
{
    set_handler(0);
    signal(SIGSEGV, SIG_DFL);
    return overflow(NULL);
}

static void given_up(void)
{
    run_small(default_and_overflow);
}

/* --- and one that goes on */

static sigjmp_buf away;
static volatile int faults;

static void jump(int number)
{
    faults++;
    siglongjmp(away, number);
}

static void count(int number)
{
    (void)number;
    faults++;
}

static void touch_nothing(void)
{
    *(volatile char *)nowhere() = 1;
}

static long call_read(int fd)
{
    char byte;
    return read(fd, &byte, 1);
}

FIBER(caught)
{
    struct sigaction action = { .sa_handler = jump, .sa_flags = SA_ONSTACK }, old;
    must(sigaction(SIGSEGV, &action, &old) == 0 && old.sa_handler == SIG_DFL,
         "nothing was set before, for all that the program sees");
    for (int i = 0; i < 3; i++)
        if (sigsetjmp(away, 1) == 0)
            touch_nothing();
    must(faults == 3, "faults are caught, on and on");
    must(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == jump &&
             old.sa_flags == SA_ONSTACK,
         "the handler is found as it was set");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int ends[2];
    must(pipe(ends) == 0, "a pipe");
    struct trial trial = { .call = call_read, .fd = ends[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "calls park afterwards");
    raise(SIGUSR2);
    weft_cancel(task);
    trial_join(task);
    must(trial.error == ECANCELED, "and a fault interrupts nobody");
    signal(SIGSEGV, SIG_IGN);
    raise(SIGSEGV);
    must(signal(SIGSEGV, count) == SIG_IGN, "one that was sent can be ignored");
    raise(SIGSEGV);
    must(faults == 4, "or handled");
    action = (struct sigaction){ .sa_handler = count, .sa_flags = (int)SA_RESETHAND };
    sigaction(SIGSEGV, &action, NULL);
    raise(SIGSEGV);
    must(faults == 5 && signal(SIGSEGV, SIG_DFL) == SIG_DFL, "or once");
    _exit(HANDLED);
}

static void goes_on(void)
{
    signal(SIGUSR2, SIG_IGN);
    weft_run(caught, NULL);
}

/* A small stack, and a handler that wants more than is left of it. */
static volatile bool used_much;

static void use_much(int number)
{
    volatile char much[40 * 1024];
    for (size_t i = 0; i < sizeof much; i += 512)
        much[i] = (char)number;
    used_much = much[512] == (char)number;
}

FIBER(interrupted_small)
{
    struct sigaction action = { .sa_handler = use_much, .sa_flags = SA_ONSTACK };
    set_alternate();
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    must(used_much, "on top of a fiber");
    used_much = false;
    ualarm(20000, 0);
    sigaction(SIGALRM, &action, NULL);
    must(pause() == -1 && used_much, "and for one that waits");
    return 0;
}

static void small_stacks(void)
{
    struct weft_options options = { .stack_size = 16384 };
    stack_t found;
    must(weft_run_with(&options, interrupted_small, NULL) == 0, "the fiber ran");
    must(sigaltstack(NULL, &found) == 0 && found.ss_sp == alternate,
         "the program's stack outlives the loop");
    _exit(HANDLED);
}

/* --- */

static const struct {
    const char *name;
    void (*play)(void);
    int status; /* of exit; 0: ends by SIGSEGV */
    bool named; /* the fiber is */
} scenes[] = {
    { "a handler set before the loop", earlier, HANDLED, true },
    { "with a stack of its own", earlier_with_stack, HANDLED + 1, true },
    { "a handler set in a fiber", later, HANDLED, true },
    { "with a stack of its own, too", later_with_stack, HANDLED + 1, true },
    { "a handler without SA_ONSTACK", later_on_no_stack, HANDLED, true },
    { "a handler that was given up", given_up, 0, true },
    { "faults that are caught", goes_on, HANDLED, false },
    { "handlers beside small stacks", small_stacks, HANDLED, false },
};

static void play(size_t i)
{
    int report[2];
    char text[8192];
    size_t length = 0;
    int status = 0;
    must(pipe(report) == 0, "a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        dup2(report[1], STDERR_FILENO);
        dup2(report[1], STDOUT_FILENO);
        alarm(FUSE);
        scenes[i].play();
        _exit(3);
    }
    close(report[1]);
    for (ssize_t got = 1; got > 0 && length < sizeof(text) - 1; length += (size_t)got)
        got = read(report[0], text + length, sizeof(text) - 1 - length);
    text[length] = '\0';
    close(report[0]);
    must(waitpid(pid, &status, 0) == pid, "the scene has ended");
    bool as_wanted = scenes[i].status ? WIFEXITED(status) && WEXITSTATUS(status) == scenes[i].status
                                      : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
    bool named = strstr(text, "stack overflow in fiber 'the greedy one'") != NULL;
    if (!ok(as_wanted && named == scenes[i].named, "%s (status %x)", scenes[i].name, status))
        tap__say("# %s", text);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip_all("a sanitizer reports faults in its own way");
#endif
    for (size_t i = 0; i < COUNT(scenes); i++)
        play(i);
    return done_testing();
}
