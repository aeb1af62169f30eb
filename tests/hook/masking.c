/* The signal masks of calls: what they let through and keep back while their fiber is parked. */
#include "signalling.h"

static int pipe_of_test[2];

static sigset_t call_mask;

static long masked_suspend(int unused)
{
    (void)unused;
    return sigsuspend(&call_mask);
}

static long masked_ppoll(int unused)
{
    struct pollfd one = { .fd = pipe_of_test[0], .events = POLLIN };
    (void)unused;
    return ppoll(&one, 1, NULL, &call_mask);
}

static long masked_pselect(int unused)
{
    fd_set set;
    (void)unused;
    FD_ZERO(&set);
    FD_SET(pipe_of_test[0], &set);
    return pselect(pipe_of_test[0] + 1, &set, NULL, NULL, NULL, &call_mask);
}

static long masked_epoll(int unused)
{
    static int fd = -1;
    struct epoll_event event = { .events = EPOLLIN };
    (void)unused;
    if (fd < 0)
        fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_pwait(fd, &event, 1, -1, &call_mask);
}

static const struct {
    const char *name;
    long (*call)(int unused);
} masked[] = {
    { "sigsuspend", masked_suspend },
    { "ppoll", masked_ppoll },
    { "pselect", masked_pselect },
    { "epoll_pwait", masked_epoll },
};

static void ends_by(const char *name, struct weft_task *task, struct trial *trial, int error)
{
    trial_join(task);
    ok(trial->result == -1 && trial->error == error && is_blocked(SIGUSR1) && !is_blocked(SIGUSR2),
       "%s ends with %s, and the mask is as before (%ld, %d)", name, strerror(error), trial->result,
       trial->error);
}

static void masks_of(size_t i)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = masked[i].call };
    handled = 0;
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    others_run();
    ok(parked && !trial.ended && is_blocked(SIGUSR1) && !is_blocked(SIGUSR2),
       "%s parks, and other fibers have the usual mask", masked[i].name);
    send_signal(SIGUSR2);
    others_run();
    ok(!trial.ended && handled == 1, "%s: what its mask blocks does not end it", masked[i].name);
    send_signal(SIGUSR1);
    bool kept = handled == 1;
    others_run();
    ok(kept && handled == 2 && trial.ended, "%s: what its mask lets through ends it",
       masked[i].name);
    ends_by(masked[i].name, task, &trial, EINTR);

    send_signal(SIGUSR1);
    must(handled == 2, "it is pending");
    trial = (struct trial){ .call = masked[i].call };
    task = trial_start(&scope, &trial);
    ends_by(masked[i].name, task, &trial, EINTR);
    is_int(handled, 3, "%s: by one that was pending already", masked[i].name);

    trial = (struct trial){ .call = masked[i].call };
    task = trial_start(&scope, &trial);
    must(!trial.ended, "it parks");
    weft_cancel(task);
    ends_by(masked[i].name, task, &trial, ECANCELED);
    trial = (struct trial){ .call = masked[i].call, .timeout = 5 * WEFT_MILLISECOND };
    task = trial_start(&scope, &trial);
    must(!trial.ended, "it parks");
    ends_by(masked[i].name, task, &trial, ETIMEDOUT);
}

FIBER(masks)
{
    sigset_t usual, old;
    sigemptyset(&usual);
    sigaddset(&usual, SIGUSR1);
    sigemptyset(&call_mask);
    sigaddset(&call_mask, SIGUSR2);
    install(SIGUSR1, count_one, SA_RESTART);
    install(SIGUSR2, count_one, SA_RESTART);
    pthread_sigmask(SIG_BLOCK, &usual, &old);
    for (size_t i = 0; i < COUNT(masked); i++)
        masks_of(i);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return 0;
}

/* In a program's only fiber, a signal that ppoll() blocks is pending until it returns. */
FIBER(alone)
{
    struct timespec moment = { .tv_nsec = 20000000 };
    sigemptyset(&call_mask);
    sigaddset(&call_mask, SIGUSR2);
    install(SIGUSR2, count_one, 0);
    handled = 0;
    pthread_t sender = send_later(SIGUSR2);
    int result = ppoll(NULL, 0, &moment, &call_mask);
    ok(result == 0, "ppoll() runs out though a signal that it blocks has come (%d)", result);
    pthread_join(sender, NULL);
    is_int(handled, 1, "which is handled afterwards");
    return 0;
}

/* --- no wake-up is lost: a one-shot timer and a wait for it, as close as they come */

FIBER(never_lost)
{
    enum {
        ROUNDS = 1500
    };
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    sigset_t usual, old, none;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGUSR1);
    install(SIGUSR1, count_one, SA_RESTART);
    must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "a timer");
    pthread_sigmask(SIG_BLOCK, &usual, &old);
    handled = 0;
    int good = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct itimerspec once = { .it_value.tv_nsec = 1 + i * 37 % 90000 };
        timer_settime(timer, 0, &once, NULL);
        int result = i % 3 == 0   ? sigsuspend(&none)
                     : i % 3 == 1 ? ppoll(NULL, 0, NULL, &none)
                                  : pselect(0, NULL, NULL, NULL, NULL, &none);
        good += result == -1 && errno == EINTR && handled == i + 1;
    }
    is_int(good, ROUNDS, "each wait ends by its own signal");
    timer_delete(timer);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return 0;
}

int main(void)
{
#if defined(__SANITIZE_THREAD__)
    skip_all("ThreadSanitizer installs handlers of its own past the hooks");
#endif
    signalling_begin();
    must(pipe(pipe_of_test) == 0, "a pipe");
    in_runtime(never_lost);
    in_runtime(masks);
    in_runtime(alone);
    return done_testing();
}
