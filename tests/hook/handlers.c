/*
 * Signal handlers beside fibers: whose call they end, on whose stack they run, what the program
 * finds when it asks for its actions, jumps.
 */
#include "signalling.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

static int pipe_of_test[2];

static long call_read(int unused)
{
    char byte;
    (void)unused;
    return read(pipe_of_test[0], &byte, 1);
}

static long call_poll(int unused)
{
    (void)unused;
    return poll(NULL, 0, -1);
}

static long call_pause(int unused)
{
    (void)unused;
    return pause();
}

/* --- whose call */

static int ended_of(const struct trial *trials, size_t count)
{
    int ended = 0;
    for (size_t i = 0; i < count; i++)
        ended += trials[i].ended;
    return ended;
}

FIBER(one_of_many)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trials[4];
    struct weft_task *tasks[4];
    install(SIGUSR1, count_one, 0);
    for (size_t i = 0; i < COUNT(trials); i++) {
        trials[i] = (struct trial){ .call = call_read };
        tasks[i] = trial_start(&scope, &trials[i]);
        must(!trials[i].ended, "it parks");
        weft_yield();
    }
    handled = 0;
    send_signal(SIGUSR1);
    is_int(handled, 1, "the handler runs at once on top of who runs");
    is_int(ended_of(trials, COUNT(trials)), 0, "nobody has gone on yet");
    others_run();
    ok(ended_of(trials, COUNT(trials)) == 1 && trials[0].ended && trials[0].error == EINTR,
       "the call that has waited longest ends, and no other");
    install(SIGUSR1, count_one, SA_RESTART);
    send_signal(SIGUSR1);
    others_run();
    is_int(ended_of(trials, COUNT(trials)), 1, "with SA_RESTART none does");
    struct trial sleeper = { .call = call_poll };
    struct weft_task *last = trial_start(&scope, &sleeper);
    send_signal(SIGUSR1);
    others_run();
    ok(ended_of(trials, COUNT(trials)) == 1 && sleeper.ended && sleeper.error == EINTR,
       "but poll(), which is never begun again");
    trial_join(last);
    for (size_t i = 0; i < COUNT(tasks); i++) {
        weft_cancel(tasks[i]);
        trial_join(tasks[i]);
        ok(trials[i].error == (i == 0 ? EINTR : ECANCELED), "a cancel is no EINTR (%d)",
           trials[i].error);
    }
    return 0;
}

static int read_too(void *argument)
{
    return (int)call_read(*(int *)argument);
}

FIBER(main_first)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, read_too, (int){ 0 });
    install(SIGUSR1, count_one, 0);
    handled = 0;
    pthread_t sender = send_later(SIGUSR1);
    errno = 0;
    long result = call_read(0);
    int error = errno;
    ok(result == -1 && error == EINTR && handled == 1,
       "a program's main is picked, though another waits longer");
    pthread_join(sender, NULL);
    weft_cancel(task);
    weft_join(task, NULL);
    return 0;
}

/* A handler that ran before a call began does not end it. */
FIBER(not_stale)
{
    struct timespec moment = { .tv_nsec = 3000000 };
    install(SIGUSR1, count_one, 0);
    send_signal(SIGUSR1);
    is_int(nanosleep(&moment, NULL), 0, "a handler that ran before ends nothing");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    send_signal(SIGUSR1);
    struct trial trial = { .call = call_read };
    struct weft_task *task = trial_start(&scope, &trial);
    others_run();
    ok(!trial.ended, "nor a call of another fiber that began since");
    weft_cancel(task);
    trial_join(task);
    return 0;
}

static void *take_signal(void *unused)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    while (!handled_by_other)
        pause();
    return unused;
}

FIBER(other_threads)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = call_read };
    struct weft_task *task = trial_start(&scope, &trial);
    pthread_t thread;
    install(SIGUSR1, count_one, 0);
    handled = handled_by_other = 0;
    thread = start_thread(take_signal, 0);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    others_run();
    ok(handled == 0 && handled_by_other == 1 && !trial.ended,
       "a signal of another thread ends no fiber's call");
    weft_cancel(task);
    trial_join(task);
    return 0;
}

static int sleep_our_way(void *argument)
{
    (void)argument;
    while (!handled)
        if (weft_sleep(WEFT_MILLISECOND) < 0)
            return -1;
    return 0;
}

/* Nobody waits in a call that a handler could end: it runs all the same. */
FIBER(nobody)
{
    install(SIGUSR1, count_one, 0);
    handled = 0;
    struct weft_task *task = weft_go(NULL, sleep_our_way, NOTHING);
    struct weft_result result = { .value = -1 };
    pthread_t sender = send_later(SIGUSR1);
    ok(weft_join(task, &result) == 0 && result.value == 0, "calls of our own are not ended");
    ok(handled == 1 && !is_blocked(SIGUSR1), "but the handler has run");
    pthread_join(sender, NULL);
    return 0;
}

/* What the running code has brought about itself. */
FIBER(own_signals)
{
    static const int numbers[] = { SIGPIPE, SIGPROF, SIGVTALRM, SIGXFSZ };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = call_poll };
    struct weft_task *task = trial_start(&scope, &trial);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        install(numbers[i], count_one, 0);
        handled = 0;
        raise(numbers[i]);
        others_run();
        ok(handled == 1 && !trial.ended, "%s interrupts nobody else", strsignal(numbers[i]));
        signal(numbers[i], numbers[i] == SIGPIPE ? SIG_IGN : SIG_DFL);
    }
    for (int i = 0; i < 20; i++) {
        syscall(SYS_tgkill, getpid(), loop_thread, SIGURG);
        weft_yield();
    }
    others_run();
    ok(!trial.ended, "the watchdog's signal interrupts nobody");
    struct sigaction action;
    ok(sigaction(SIGURG, NULL, &action) == 0 && action.sa_handler == SIG_DFL,
       "nor does the program see its handler");
    weft_cancel(task);
    trial_join(task);
    return 0;
}

/* --- what the program finds */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true /* it has given the thread an alternate stack */
#else
#define SANITIZED false
#endif

/* Without what the C library adds to the flags. */
static int asked_for(const struct sigaction *action)
{
    return action->sa_flags & ~0x04000000;
}

static siginfo_t last_info;
static bool mask_was_right, on_other_stack;
static char alternate[64 * 1024];

static void inspect(int number, siginfo_t *info, void *context)
{
    char here;
    last_info = *info;
    mask_was_right = context && is_blocked(number) && is_blocked(SIGHUP) && !is_blocked(SIGUSR2);
    on_other_stack = &here >= alternate && &here < alternate + sizeof alternate;
    handled++;
}

static void use_alternate(stack_t *old)
{
    stack_t own = { .ss_sp = alternate, .ss_size = sizeof alternate };
    must(sigaltstack(&own, old) == 0, "an alternate stack");
}

static void *queue_value(void *value)
{
    struct timespec moment = { .tv_nsec = 200000 };
    do
        nanosleep(&moment, NULL);
    while (!loop_is_asleep());
    sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = (int)(intptr_t)value });
    return NULL;
}

/* Whether it runs on top of a fiber or was put off. */
FIBER(details)
{
    stack_t none, found;
    use_alternate(&none);
    ok(SANITIZED || none.ss_flags == SS_DISABLE,
       "a program has no alternate stack, unless its own");
    ok(sigaltstack(NULL, &found) == 0 && found.ss_sp == alternate, "and finds it again");
    struct sigaction action = { .sa_sigaction = inspect, .sa_flags = SA_SIGINFO | SA_ONSTACK }, old;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGHUP);
    sigaction(SIGUSR1, &action, NULL);
    ok(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_sigaction == inspect &&
           asked_for(&old) == (SA_SIGINFO | SA_ONSTACK) && sigismember(&old.sa_mask, SIGHUP) == 1 &&
           sigismember(&old.sa_mask, SIGINT) == 0,
       "an action is found as it was set");
    for (int asleep = 0; asleep < 2; asleep++) {
        pthread_t thread;
        handled = 0;
        mask_was_right = on_other_stack = false;
        if (asleep) {
            thread = start_thread(queue_value, 42);
            is_int(call_poll(0), -1, "the call ends");
            pthread_join(thread, NULL);
        } else {
            sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 42 });
        }
        ok(handled == 1 && last_info.si_code == SI_QUEUE && last_info.si_value.sival_int == 42 &&
               last_info.si_pid == getpid(),
           "%s: SA_SIGINFO tells all", asleep ? "put off" : "at once");
        ok(mask_was_right && !is_blocked(SIGUSR1) && !is_blocked(SIGHUP),
           "%s: sa_mask counts in the handler, and no longer", asleep ? "put off" : "at once");
        ok(on_other_stack, "%s: SA_ONSTACK", asleep ? "put off" : "at once");
    }
    ok(sigaltstack(&none, NULL) == 0 && sigaltstack(NULL, &found) == 0 &&
           (SANITIZED || found.ss_flags == SS_DISABLE),
       "the stack is given up again");
    return 0;
}

static int again;

static void nest(int number)
{
    static volatile int depth;
    depth++;
    if (again-- > 0)
        raise(number);
    handled = handled * 10 + depth;
    depth--;
}

FIBER(flags)
{
    struct sigaction action = { .sa_handler = nest }, old;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    handled = 0;
    again = 1;
    raise(SIGUSR1);
    is_int(handled, 11, "a handler is not nested");
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, &old);
    ok(old.sa_handler == nest && asked_for(&old) == 0, "the old action comes back");
    handled = 0;
    again = 1;
    raise(SIGUSR1);
    is_int(handled, 21, "with SA_NODEFER it is");

    for (int asleep = 0; asleep < 2; asleep++) {
        action = (struct sigaction){ .sa_handler = count_one, .sa_flags = (int)SA_RESETHAND };
        sigaction(SIGUSR1, &action, NULL);
        handled = 0;
        if (asleep) {
            pthread_t sender = send_later(SIGUSR1);
            call_poll(0);
            pthread_join(sender, NULL);
        } else {
            raise(SIGUSR1);
        }
        ok(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL && handled == 1,
           "%s: SA_RESETHAND leaves the default", asleep ? "put off" : "at once");
    }
    ok(sigaction(SIGKILL, &action, NULL) == -1 && errno == EINVAL, "SIGKILL has no handler");
    ok(sigaction(0, &action, NULL) == -1 && errno == EINVAL, "nor a signal 0");
    ok(sigaction(200, NULL, &old) == -1 && errno == EINVAL, "nor a signal 200");
    return 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

FIBER(older_calls)
{
    struct sigaction action;
    signal(SIGUSR1, SIG_DFL);
    ok(signal(SIGUSR1, count_one) == SIG_DFL && signal(SIGUSR1, count_one) == count_one,
       "signal() returns what was there");
    ok(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_flags & SA_RESTART, "it restarts");
    ok(siginterrupt(SIGUSR1, 1) == 0 && sigaction(SIGUSR1, NULL, &action) == 0 &&
           !(action.sa_flags & SA_RESTART) && action.sa_handler == count_one,
       "unless siginterrupt() has it otherwise");
    signal(SIGUSR1, count_one);
    ok(sigaction(SIGUSR1, NULL, &action) == 0 && !(action.sa_flags & SA_RESTART),
       "from then on, too");
    siginterrupt(SIGUSR1, 0);
    ok(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_flags & SA_RESTART, "and back");
    ok(signal(SIGKILL, count_one) == SIG_ERR && errno == EINVAL, "not for SIGKILL");
    ok(signal(SIGUSR1, SIG_ERR) == SIG_ERR && errno == EINVAL, "not SIG_ERR");
    ok(sysv_signal(SIGUSR1, count_one) == count_one && sigaction(SIGUSR1, NULL, &action) == 0 &&
           action.sa_flags & (int)SA_RESETHAND && action.sa_flags & SA_NODEFER,
       "System V's holds once");
    ok(sigset(SIGUSR1, count_one) == count_one && sigset(SIGUSR1, SIG_HOLD) == count_one &&
           is_blocked(SIGUSR1) && sigset(SIGUSR1, SIG_IGN) == SIG_HOLD && !is_blocked(SIGUSR1),
       "sigset() holds and lets go");
    return 0;
}

#pragma GCC diagnostic pop

/* Signals that queue come all, and in order, also when they come in one go. */
static int order[8], ordered;

static void remember(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    order[ordered++] = info->si_value.sival_int;
}

static void *queue_five(void *unused)
{
    struct timespec moment = { .tv_nsec = 200000 };
    do
        nanosleep(&moment, NULL);
    while (!loop_is_asleep());
    for (int i = 0; i < 5; i++)
        sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = i });
    return unused;
}

FIBER(queued)
{
    struct sigaction action = { .sa_sigaction = remember, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    sigaction(SIGRTMIN + 2, &action, NULL);
    pthread_t thread = start_thread(queue_five, 0);
    while (ordered < 5)
        sigsuspend(&old);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    ok(order[0] == 0 && order[1] == 1 && order[2] == 2 && order[3] == 3 && order[4] == 4,
       "five queued signals are handled in their order");
    return 0;
}

/* --- handlers that call, and that jump */

static int self_pipe[2];

static void write_byte(int number)
{
    int saved = errno;
    char byte = (char)number;
    if (write(self_pipe[1], &byte, 1) != 1)
        abort();
    errno = saved;
}

FIBER(self_pipes)
{
    char byte = 0;
    must(pipe(self_pipe) == 0, "a pipe");
    install(SIGUSR1, write_byte, SA_RESTART);
    for (int i = 0; i < 600; i++) { /* more than a fiber's turn is long */
        send_signal(SIGUSR1);
        must(read(self_pipe[0], &byte, 1) == 1 && byte == SIGUSR1, "what the handler wrote");
    }
    pthread_t sender = send_later(SIGUSR1);
    ok(read(self_pipe[0], &byte, 1) == 1 && byte == SIGUSR1,
       "a handler writes into the pipe that its fiber reads");
    pthread_join(sender, NULL);
    close(self_pipe[0]);
    close(self_pipe[1]);
    return 0;
}

static sigjmp_buf away;

static void jump(int number)
{
    siglongjmp(away, number);
}

static long call_wait_child(int unused)
{
    (void)unused;
    return waitpid(-1, NULL, 0);
}

static long call_sigwait(int unused)
{
    sigset_t set;
    int number;
    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    return sigwait(&set, &number);
}

static long call_sleep_to(int unused)
{
    struct timespec then;
    (void)unused;
    clock_gettime(CLOCK_REALTIME, &then);
    then.tv_sec += 100;
    return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &then, NULL);
}

static long call_semaphore(int unused)
{
    static sem_t semaphore;
    (void)unused;
    return sem_wait(&semaphore);
}

static long call_ppoll(int unused)
{
    sigset_t none;
    (void)unused;
    sigemptyset(&none);
    return ppoll(NULL, 0, NULL, &none);
}

static long call_suspend(int unused)
{
    sigset_t none;
    (void)unused;
    sigemptyset(&none);
    return sigsuspend(&none);
}

static long jump_out_of(long (*call)(int unused), int flags)
{
    volatile pthread_t sender;
    install(SIGUSR1, jump, flags);
    if (sigsetjmp(away, 1) == 0) {
        sender = send_later(SIGUSR1);
        call(0);
        return -1;
    }
    pthread_join(sender, NULL);
    return 0;
}

static int tick(void *argument)
{
    ++**(int **)argument;
    return 0;
}

FIBER(jumps)
{
    static long (*const calls[])(int unused) = { call_read,       call_poll,    call_pause,
                                                 call_wait_child, call_sigwait, call_sleep_to,
                                                 call_semaphore,  call_ppoll,   call_suspend };
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    int before = open_descriptors();
    for (size_t i = 0; i < COUNT(calls); i++)
        for (int restarts = 0; restarts < 2; restarts++)
            ok(jump_out_of(calls[i], restarts ? SA_RESTART : 0) == 0 && !is_blocked(SIGUSR1),
               "a handler jumps out of call %zu", i);
    is_int(open_descriptors(), before, "no descriptor is left");
    if (sigsetjmp(away, 1) == 0) {
        send_signal(SIGUSR1);
        must(false, "the handler has jumped");
    }
    int ticked = 0, *place = &ticked;
    struct weft_task *task = weft_spawn(NULL, tick, &place, sizeof place);
    weft_sleep(WEFT_MILLISECOND);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = call_read };
    struct weft_task *reader = trial_start(&scope, &trial);
    ok(ticked == 1 && !trial.ended, "calls park as before after all those jumps");
    weft_cancel(reader);
    trial_join(reader);
    weft_join(task, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}

/* --- timers of the process */

FIBER(timers)
{
    struct itimerval every = { .it_interval.tv_usec = 2000, .it_value.tv_usec = 2000 };
    struct itimerval none = { 0 }, last;
    install(SIGUSR2, SIG_IGN, 0);
    struct sigaction fuse;
    sigaction(SIGALRM, NULL, &fuse);
    install(SIGALRM, count_one, 0);
    handled = 0;
    setitimer(ITIMER_REAL, &every, NULL);
    int ended = 0;
    while (handled < 10)
        ended += call_read(0) == -1 && errno == EINTR;
    setitimer(ITIMER_REAL, &none, &last);
    ok(ended >= 1 && last.it_interval.tv_usec == 2000, "an interval timer ends reads");
    handled = 0;
    alarm(1);
    errno = 0;
    ok(call_read(0) == -1 && errno == EINTR && handled == 1 && alarm(FUSE) == 0,
       "alarm() ends a read");
    sigaction(SIGALRM, &fuse, NULL);
    return 0;
}

/* --- nothing is left over when the loop ends */

FIBER(signal_at_end)
{
    install(SIGUSR1, count_one, SA_RESTART);
    handled = 0;
    return 0;
}

static void loops_end(void)
{
    for (int i = 0; i < 50; i++) {
        must(weft_run(signal_at_end, NULL) == 0, "the loop ends");
        send_signal(SIGUSR1);
        must(handled == 1 && !is_blocked(SIGUSR1), "signals come as ever after a loop");
    }
    ok(true, "signals come as ever after a loop");
}

int main(void)
{
#if defined(__SANITIZE_THREAD__)
    skip_all("ThreadSanitizer installs handlers of its own past the hooks");
#endif
    signalling_begin();
    must(pipe(pipe_of_test) == 0, "a pipe");
    in_runtime(one_of_many);
    in_runtime(main_first);
    in_runtime(not_stale);
    in_runtime(other_threads);
    in_runtime(nobody);
    in_runtime(own_signals);
    in_runtime(details);
    in_runtime(flags);
    in_runtime(older_calls);
    in_runtime(queued);
    in_runtime(self_pipes);
    in_runtime(jumps);
    in_runtime(timers);
    loops_end();
    return done_testing();
}
