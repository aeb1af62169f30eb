/* The registry of runtimes, and the thread that samples them; see watchdog.h. */
#include "fiber/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/thread.h"
#include "fiber/fiber.h"

enum {
    SAMPLES_A_THRESHOLD = 2,
    REST_BEFORE_DORMANT = 16, /* samples in which every loop waited */
    THREAD_STACK = 512 * 1024
};

#define DORMANT_MOST WEFT_SECOND

struct weft__list weft__runtimes = WEFT__LIST(weft__runtimes);
struct weft__lock weft__runtimes_lock;
_Atomic uint32_t weft__watchdog_dormant;

static bool runs;                /* the thread; under the lock */
static _Atomic uint32_t entered; /* runtimes ever: a new one may want shorter pauses */

static int64_t processor_time(clockid_t clock)
{
    struct timespec now = { 0, 0 };
    syscall(SYS_clock_gettime, clock, &now);
    return (int64_t)now.tv_sec * WEFT_SECOND + now.tv_nsec;
}

static uint64_t switches_of(const struct weft__runtime *runtime)
{
    return __atomic_load_n(&runtime->switches, __ATOMIC_RELAXED);
}

static bool unchanged(const struct weft__runtime *runtime)
{
    const struct weft__watched *watched = &runtime->watched;
    return atomic_load(&watched->turn) == watched->seen_turn &&
           switches_of(runtime) == watched->seen_switches;
}

/*
 * Copy what is told of the fiber that runs. The loop's thread may go on meanwhile: the memory stays
 * as long as the runtime is registered, and the counters tell whether the copy is of one piece.
 */
__attribute__((no_sanitize_thread, no_sanitize_address)) static bool
copy_holder(const struct weft__runtime *runtime, struct weft__holder *holder)
{
    const volatile struct weft__fiber *fiber =
        *(struct weft__fiber *const volatile *)runtime->watched.current;
    if (!fiber)
        return false;
    for (size_t i = 0; i < sizeof holder->name; i++)
        holder->name[i] = fiber->name[i];
    holder->name[sizeof holder->name - 1] = '\0';
    holder->function = fiber->function;
    holder->low = fiber->stack.low;
    holder->high = (const char *)(uintptr_t)fiber;
    return unchanged(runtime);
}

/*
 * The fiber may have held the thread for the threshold: is it its own doing, and where? One that
 * computes has held it for the processor time it used: a busy machine, a debugger that stopped the
 * process are not its fault.
 */
static void examine(struct weft__runtime *runtime)
{
    struct weft__watched *watched = &runtime->watched;
    struct weft__holder holder;
    struct weft__native native;
    int64_t used = processor_time(watched->processor_time) - watched->cpu_before;
    if ((watched->held < watched->threshold && used < watched->threshold) ||
        !copy_holder(runtime, &holder))
        return;
    if (weft__native_blocked(watched->thread, &holder, &native)) {
        if (watched->held < watched->threshold)
            return;
    } else {
        if (used < watched->threshold)
            return;
        watched->held = used;
        weft__native_running(watched->thread, &native);
    }
    if (unchanged(runtime))
        watched->place = weft__stall_begin(&holder, &native, runtime->name, watched->held);
}

/* Who runs at this moment; what is read of a fiber that is just ending is nobody's. */
__attribute__((no_sanitize_thread, no_sanitize_address)) static void
note_share(struct weft__runtime *runtime, bool busy)
{
    struct weft__fiber *const volatile *current = runtime->watched.current;
    const volatile struct weft__fiber *fiber = busy ? *current : NULL;
    weft__share_note(&runtime->watched.shares, fiber, fiber ? fiber->started : 0);
}

/* Look at one loop, ELAPSED ns after the last look; true if it waits, and has since then. */
static bool sample(struct weft__runtime *runtime, int64_t elapsed)
{
    struct weft__watched *watched = &runtime->watched;
    uint64_t turn = atomic_load_explicit(&watched->turn, memory_order_relaxed);
    bool same_turn = turn == watched->seen_turn;
    bool busy = turn & 1;
    note_share(runtime, busy);
    if (busy && same_turn && switches_of(runtime) == watched->seen_switches) {
        watched->held += elapsed;
        if (watched->place)
            weft__stall_extend(watched->place, watched->held, elapsed);
        else
            examine(runtime);
        return false;
    }
    watched->seen_turn = turn;
    watched->seen_switches = switches_of(runtime);
    watched->held = 0;
    watched->place = NULL;
    if (busy)
        watched->cpu_before = processor_time(watched->processor_time);
    return !busy && same_turn;
}

static bool sample_all(int64_t elapsed)
{
    bool rest = true;
    weft__list_each(node, &weft__runtimes) {
        struct weft__runtime *runtime =
            weft__container_of(node, struct weft__runtime, watched.node);
        if (runtime->watched.threshold != INT64_MAX && !sample(runtime, elapsed))
            rest = false;
    }
    return rest;
}

/* Half of the shortest threshold; INT64_MAX: nothing is watched. */
static int64_t pause_between(void)
{
    int64_t shortest = INT64_MAX;
    weft__list_each(node, &weft__runtimes) {
        struct weft__runtime *runtime =
            weft__container_of(node, struct weft__runtime, watched.node);
        if (runtime->watched.threshold < shortest)
            shortest = runtime->watched.threshold;
    }
    return shortest == INT64_MAX ? INT64_MAX : shortest / SAMPLES_A_THRESHOLD;
}

/*
 * Until a loop takes up work. One that does so at the very moment may miss the flag: the limit
 * bounds for how long.
 */
static void be_dormant(void)
{
    atomic_store(&weft__watchdog_dormant, 1);
    weft__lock_leave(&weft__runtimes_lock);
    weft__futex_wait(&weft__watchdog_dormant, 1, DORMANT_MOST);
    weft__lock_enter(&weft__runtimes_lock);
    atomic_store(&weft__watchdog_dormant, 0);
}

void weft__watchdog_rouse(void)
{
    if (atomic_exchange(&weft__watchdog_dormant, 0))
        weft__futex_wake(&weft__watchdog_dormant, 1);
}

/* No loop had anything to do. */
static void forget_shares(void)
{
    weft__list_each(node, &weft__runtimes) {
        struct weft__runtime *runtime =
            weft__container_of(node, struct weft__runtime, watched.node);
        weft__share_reset(&runtime->watched.shares);
    }
}

/* Time that was not asked for (a debugger, a machine without time for us) counts as one pause. */
static int64_t pass(int64_t pause)
{
    int64_t before = weft__clock();
    uint32_t seen = atomic_load(&entered);
    weft__lock_leave(&weft__runtimes_lock);
    weft__stalls_report();
    weft__futex_wait(&entered, seen, pause);
    weft__lock_enter(&weft__runtimes_lock);
    int64_t elapsed = weft__clock() - before;
    return elapsed < 2 * pause ? elapsed : pause;
}

static void *watch(void *unused)
{
    (void)unused;
    weft__native_prepare();
    int rest = 0;
    weft__lock_enter(&weft__runtimes_lock);
    for (;;) {
        int64_t pause = pause_between();
        if (pause != INT64_MAX && rest < REST_BEFORE_DORMANT) {
            int64_t elapsed = pass(pause);
            rest = sample_all(elapsed) ? rest + 1 : 0;
            continue;
        }
        be_dormant();
        forget_shares();
        rest = 0;
        if (pause == INT64_MAX && pause_between() == INT64_MAX)
            break; /* nothing to watch has come in all that time */
    }
    runs = false;
    weft__lock_leave(&weft__runtimes_lock);
    return NULL;
}

/* Without the thread nothing is watched, no more. */
static void start(void)
{
    runs = weft__thread_start(watch, NULL, THREAD_STACK) == 0;
}

void weft__watchdog_begin(struct weft__runtime *runtime, int64_t threshold)
{
    struct weft__watched *watched = &runtime->watched;
    watched->threshold = threshold;
    watched->thread = (pid_t)syscall(SYS_gettid);
    watched->current = &weft__current;
    if (pthread_getcpuclockid(pthread_self(), &watched->processor_time) != 0)
        watched->processor_time = CLOCK_MONOTONIC;
    weft__lock_enter(&weft__runtimes_lock);
    weft__list_append(&weft__runtimes, &watched->node);
    if (threshold != INT64_MAX && !runs)
        start();
    atomic_fetch_add(&entered, 1);
    weft__lock_leave(&weft__runtimes_lock);
    weft__futex_wake(&entered, 1);
    weft__watchdog_rouse();
}

void weft__watchdog_end(struct weft__runtime *runtime)
{
    weft__lock_enter(&weft__runtimes_lock);
    weft__list_remove(&runtime->watched.node);
    weft__lock_leave(&weft__runtimes_lock);
}

int weft__watchdog_share(struct weft__runtime *runtime, const struct weft__fiber *fiber)
{
    weft__lock_enter(&weft__runtimes_lock);
    int share = runtime->watched.threshold == INT64_MAX
                    ? -1
                    : weft__share_of(&runtime->watched.shares, fiber, fiber->started);
    weft__lock_leave(&weft__runtimes_lock);
    return share;
}

void weft__watchdog_reset(void)
{
    atomic_store(&weft__runtimes_lock.state, 0);
    atomic_store(&weft__watchdog_dormant, 0);
    weft__list_init(&weft__runtimes);
    runs = false;
    weft__stall_reset();
}
