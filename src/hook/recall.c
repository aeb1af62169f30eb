/* Calling a thread back from a system call that waits; see recall.h. */
#include "hook/recall.h"

#include "base/lock.h"

#define SUMMONS_FIRST (20 * WEFT_MICROSECOND)
#define SUMMONS_LAST (5 * WEFT_MILLISECOND)

enum {
    DOMAIN = 2 /* of the offload threads */
};

struct call {
    long (*perform)(void *argument);
    void *argument;
    long result;
    struct weft__lock lock;
    pid_t thread; /* that makes it; 0: none yet, or it has ended. Under the lock */
    int summons;  /* the signal */
    atomic_bool recalled;
    struct weft__parker parker;
};

static _Atomic unsigned calls; /* that have a thread, or are to get one */

/* --- the signal */

static struct {
    struct weft__lock lock;
    int number;
} summons;

static void reset(void)
{
    atomic_store(&summons.lock.state, 0);
    atomic_store(&calls, 0);
}

__attribute__((constructor)) static void reset_at_fork(void)
{
    pthread_atfork(NULL, NULL, reset);
}

static void answer(int number)
{
    (void)number;
}

/* NUMBER with our handler: so already, or because the program has nothing there. */
static bool claim(int number)
{
    struct sigaction action = { .sa_handler = answer }, present;
    if (WEFT__REAL(sigaction)(number, NULL, &present) < 0)
        return false;
    if (present.sa_handler == answer)
        return true;
    if (present.sa_flags & SA_SIGINFO || present.sa_handler != SIG_DFL)
        return false;
    sigfillset(&action.sa_mask);
    return WEFT__REAL(sigaction)(number, &action, NULL) == 0;
}

/* The highest signal that is free, asked for at each call: the program may take one at any time. */
static int find_summons(void)
{
    int saved = errno;
    weft__lock_enter(&summons.lock);
    if (!summons.number || !claim(summons.number)) {
        int number = SIGRTMAX;
        while (number >= SIGRTMIN && !claim(number))
            number--;
        summons.number = number >= SIGRTMIN ? number : 0;
    }
    int found = summons.number;
    weft__lock_leave(&summons.lock);
    errno = saved;
    return found;
}

static void summon(struct call *call)
{
    weft__lock_enter(&call->lock);
    if (call->thread)
        weft__raw(SYS_tgkill, getpid(), call->thread, call->summons);
    weft__lock_leave(&call->lock);
}

/* --- on the thread */

static void listen_to(int number, bool on)
{
    uint64_t set = UINT64_C(1) << (number - 1);
    weft__raw(SYS_rt_sigprocmask, on ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL, sizeof set);
}

static void set_thread(struct call *call, pid_t thread)
{
    weft__lock_enter(&call->lock);
    call->thread = thread;
    weft__lock_leave(&call->lock);
}

/* A summons that came too late for the thread's last call is taken before this one begins. */
static int make(void *argument)
{
    struct call *call = argument;
    int number = call->summons;
    listen_to(number, true);
    set_thread(call, gettid());
    long result = -EINTR;
    while (result == -EINTR && !atomic_load(&call->recalled))
        result = call->perform(call->argument);
    call->result = result;
    set_thread(call, 0);
    listen_to(number, false);
    atomic_fetch_sub(&calls, 1);
    weft__unpark(&call->parker); /* the call is gone with this */
    return 0;
}

/* --- in the fiber */

static int wait_until(struct call *call, int64_t deadline, bool cancellable)
{
    return weft__parker_wait(&call->parker, WEFT__WAIT_OFFLOAD, (const void *)(uintptr_t)make,
                             deadline, cancellable);
}

static void call_back(struct call *call)
{
    const struct weft__runtime *runtime = call->parker.fiber->runtime;
    int64_t pause = SUMMONS_FIRST;
    atomic_store(&call->recalled, true);
    do {
        summon(call);
        int64_t next = weft__deadline(weft__now(runtime), pause);
        pause = pause * 2 < SUMMONS_LAST ? pause * 2 : SUMMONS_LAST;
        wait_until(call, next, false);
    } while (!call->parker.unparked);
}

static long wait_for(struct call *call, int64_t deadline)
{
    int ended = wait_until(call, deadline, true);
    if (ended == 0)
        return call->result;
    call_back(call);
    if (call->result != -EINTR)
        return call->result;
    return ended > 0 ? WEFT__RECALL_LATE : ended;
}

static bool reserve(void)
{
    if (atomic_fetch_add(&calls, 1) < WEFT__RECALL_THREADS)
        return true;
    atomic_fetch_sub(&calls, 1);
    return false;
}

long weft__recallable_function(struct weft__fiber *self, int64_t deadline,
                               long (*function)(void *argument), void *argument)
{
    struct call call = { .perform = function, .argument = argument, .summons = find_summons() };
    if (!call.summons || !reserve())
        return WEFT__RECALL_BUSY;
    weft__parker_init(&call.parker, self);
    int saved = errno;
    int error = weft__offload_detached(DOMAIN, make, &call);
    errno = saved;
    if (error) {
        atomic_fetch_sub(&calls, 1);
        return WEFT__RECALL_BUSY;
    }
    return wait_for(&call, deadline);
}

struct raw_call {
    long number;
    const long *arguments;
};

static long make_raw(void *argument)
{
    const struct raw_call *call = argument;
    const long *a = call->arguments;
    return weft__raw6(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long weft__recallable(struct weft__fiber *self, int64_t deadline, long number,
                      const long arguments[6])
{
    struct raw_call call = { number, arguments };
    return weft__recallable_function(self, deadline, make_raw, &call);
}
