/* Rows: waiting for signals, and handlers. */
#include "rows.h"

#include <setjmp.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* they are hooked all the same */

void __longjmp_chk(jmp_buf environment, int value) __attribute__((noreturn));
int __xpg_sigpause(int number);
int bare_sigpause(int mask) __asm__("sigpause");
sighandler_t __sysv_signal(int number, sighandler_t handler);

static const sigset_t *second(void)
{
    static sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return &set;
}

static void wake_by_signal(void)
{
    kill(getpid(), SIGUSR2);
}

static void take_pending(void)
{
    while (sigtimedwait(second(), NULL, &(struct timespec){ 0 }) > 0)
        ;
}

static const struct setting awaited = { .wake = wake_by_signal, .finish = take_pending };

static siginfo_t info;

/* The C library's leaves no errno. */
static long sigwait_number(void)
{
    int number = 0;
    int error = sigwait(second(), &number);
    errno = UNTOUCHED;
    return error ? error : number == SIGUSR2 ? 0 : -100;
}

ROW(sigwait, awaited, sigwait_number())
ROW(sigwaitinfo, awaited, sigwaitinfo(second(), &info))
ROW(sigtimedwait, awaited, sigtimedwait(second(), &info, LONG_SPAN))

static const struct setting handler = { .traits = ASYNC };

static const sigset_t *all_but_first(void)
{
    static sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return &set;
}

ROW(pause, handler, pause())
ROW(sigsuspend, handler, sigsuspend(all_but_first()))
ROW(sigpause, handler, bare_sigpause(1 << (SIGUSR2 - 1)))
ROW(__xpg_sigpause, handler, __xpg_sigpause(SIGUSR1))

/* --- what is set is what is told */

static void nothing(int number)
{
    (void)number;
}

static long set_and_told(void)
{
    struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART }, told;
    if (sigaction(SIGUSR2, &action, NULL) < 0 || sigaction(SIGUSR2, NULL, &told) < 0)
        return -1;
    return told.sa_handler == nothing ? told.sa_flags & SA_RESTART : -100;
}

static long swapped(sighandler_t (*set)(int number, sighandler_t handler))
{
    set(SIGUSR2, nothing);
    return set(SIGUSR2, SIG_DFL) == nothing ? 0 : -100;
}

ROW(sigaction, still, set_and_told())
ROW(sigaction, still, sigaction(SIGKILL, &(struct sigaction){ .sa_handler = nothing }, NULL))
ROW(signal, still, swapped(signal))
ROW(signal, still, signal(4711, nothing) == SIG_ERR ? -1 : 0)
ROW(__sysv_signal, still, swapped(__sysv_signal))
ROW(siginterrupt, still, siginterrupt(SIGUSR2, 1))
ROW(siginterrupt, still, siginterrupt(4711, 1))

static long held_back(void)
{
    sighandler_t before = sigset(SIGURG, nothing);
    return before == SIG_DFL && sigset(SIGURG, SIG_DFL) == nothing ? 0 : -100;
}

ROW(sigset, still, held_back())

static char alternate[1 << 16];

static long told_stack(void)
{
    stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate }, told, none = { 0 };
    none.ss_flags = SS_DISABLE;
    if (sigaltstack(&stack, NULL) < 0 || sigaltstack(NULL, &told) < 0 ||
        sigaltstack(&none, NULL) < 0)
        return -1;
    return told.ss_sp == (void *)alternate ? 0 : -100;
}

ROW(sigaltstack, still, told_stack())
ROW(sigaltstack, still, sigaltstack(&(stack_t){ .ss_flags = 4711 }, NULL))

static long jumped(bool checked)
{
    static jmp_buf environment;
    int value = setjmp(environment);
    if (value)
        return value;
    if (checked)
        __longjmp_chk(environment, 7);
    longjmp(environment, 7);
}

ROW(longjmp, still, jumped(false))
ROW(__longjmp_chk, still, jumped(true))
