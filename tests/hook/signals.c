/* Signals that are waited for: sigwait, sigwaitinfo, sigtimedwait. */
#include "hook.h"

static sigset_t usual;

static long call_sigwait(int unused)
{
    (void)unused;
    int number = 0;
    int error = sigwait(&usual, &number);
    if (!error)
        return number;
    errno = error; /* as the others tell it */
    return -1;
}

static long call_sigwaitinfo(int unused)
{
    (void)unused;
    siginfo_t info = { 0 };
    long number = sigwaitinfo(&usual, &info);
    return number > 0 && (info.si_signo != number || info.si_pid != getpid()) ? -2 : number;
}

static long call_sigtimedwait(int unused)
{
    (void)unused;
    struct timespec long_time = { .tv_sec = 30 };
    return sigtimedwait(&usual, NULL, &long_time);
}

static const struct {
    const char *name;
    long (*call)(int unused);
} calls[] = {
    { "sigwait", call_sigwait },
    { "sigwaitinfo", call_sigwaitinfo },
    { "sigtimedwait", call_sigtimedwait },
};

/* --- the same answers as outside */

static long results[8];
static int errors[8];

static int answer(void *argument)
{
    (void)argument;
    int n = 0;
    struct timespec none = { 0 }, moment = { .tv_nsec = 2000000 }, wrong = { .tv_nsec = -1 };
    siginfo_t info = { 0 };
    for (size_t i = 0; i < COUNT(calls); i++) {
        kill(getpid(), SIGUSR1);
        errno = UNTOUCHED;
        results[n] = calls[i].call(0);
        errors[n++] = errno;
    }
    const struct timespec *times[] = { &none, &moment, &wrong };
    for (size_t i = 0; i < COUNT(times); i++) {
        errno = UNTOUCHED;
        results[n] = sigtimedwait(&usual, &info, times[i]);
        errors[n++] = errno;
    }
    pthread_kill(pthread_self(), SIGUSR2);
    results[n] = sigwaitinfo(&usual, &info);
    errors[n++] = info.si_code;
    return n;
}

static void answers_are_the_same(void)
{
    long bare[8];
    int bare_errors[8], count = answer(NULL);
    memcpy(bare, results, sizeof bare);
    memcpy(bare_errors, errors, sizeof bare_errors);
    must(weft_run(answer, NULL) == count, "the fiber ran");
    for (int i = 0; i < count; i++)
        ok(results[i] == bare[i] && errors[i] == bare_errors[i],
           "call %d: %ld (%d) in a fiber, as outside (%ld, %d)", i, results[i], errors[i], bare[i],
           bare_errors[i]);
}

FIBER(waits)
{
    int before = open_descriptors();
    for (size_t i = 0; i < COUNT(calls); i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        struct trial trial = { .call = calls[i].call };
        struct weft_task *task = trial_start(&scope, &trial);
        bool parked = !trial.ended;
        kill(getpid(), SIGUSR1);
        trial_join(task);
        ok(parked && trial.result == SIGUSR1 && trial.error == UNTOUCHED,
           "%s parks until a signal comes (%ld, errno %d)", calls[i].name, trial.result,
           trial.error);
        trial = (struct trial){ .call = calls[i].call };
        task = trial_start(&scope, &trial);
        parked = !trial.ended;
        weft_cancel(task);
        trial_join(task);
        ok(parked && trial.result == -1 && trial.error == ECANCELED, "%s is cancelled",
           calls[i].name);
        kill(getpid(), SIGUSR2);
        is_int(calls[i].call(0), SIGUSR2, "%s: what comes later is not lost", calls[i].name);
        trial = (struct trial){ .call = calls[i].call, .timeout = 5 * WEFT_MILLISECOND };
        task = trial_start(&scope, &trial);
        parked = !trial.ended;
        trial_join(task);
        ok(parked && trial.result == -1 && trial.error == ETIMEDOUT, "%s is timed out",
           calls[i].name);
    }
    is_int(open_descriptors(), before, "no descriptor is left");
    return 0;
}

static int wait_one(void *argument)
{
    int *seen = *(int **)argument;
    int number;
    if (sigwait(&usual, &number))
        return -1;
    seen[number == SIGUSR2]++;
    return 0;
}

/* Each signal goes to one of those who wait. */
FIBER(crowd)
{
    struct weft_scope scope = { 0 };
    int seen[2] = { 0 };
    int *place = seen;
    for (int i = 0; i < 2; i++)
        weft_spawn(&scope, wait_one, &place, sizeof place);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    ok(weft_scope_wait(&scope) == 0 && seen[0] == 1 && seen[1] == 1,
       "two wait, and each gets one of two signals");
    return 0;
}

int main(void)
{
    sigemptyset(&usual);
    sigaddset(&usual, SIGUSR1);
    sigaddset(&usual, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &usual, NULL);
    answers_are_the_same();
    in_runtime(waits);
    in_runtime(crowd);
    return done_testing();
}
