/* weft_offload(): work on other threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "runtime.h"

static pthread_t here;

static void thread_sleep(int64_t ns)
{
    struct timespec time = { ns / WEFT_SECOND, ns % WEFT_SECOND };
    syscall(SYS_nanosleep, &time, NULL);
}

static int look_around(void *argument)
{
    *(int *)argument = 5;
    ok(!pthread_equal(pthread_self(), here), "the function runs on another thread");
    ok(!weft_running() && !weft_self(), "outside any fiber");
    return 12;
}

static int fail_there(void *argument)
{
    (void)argument;
    errno = EDOM;
    return -1;
}

FIBER(results)
{
    int seen = 0;
    errno = EXDEV;
    is_int(weft_offload(look_around, &seen), 12, "what it returns comes back");
    is_int(errno, EXDEV, "and errno stays");
    is_int(seen, 5, "it may use the caller's memory");
    fails(weft_offload(fail_there, NULL), EDOM, "its failure comes back with its errno");
    return 0;
}

static atomic_bool gate;

static int wait_at_gate(void *argument)
{
    (void)argument;
    while (!atomic_load(&gate))
        thread_sleep(WEFT_MILLISECOND);
    return 3;
}

FIBER(open_gate)
{
    for (int i = 0; i < 5; i++)
        must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    struct weft_stats stats;
    must(weft_stats(&stats) == 0, "stats");
    is_int(stats.parked_offload, 1, "the fiber is parked meanwhile, and counted as such");
    atomic_store(&gate, true);
    return 0;
}

FIBER(others_run)
{
    atomic_store(&gate, false);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, open_gate, NOTHING);
    is_int(weft_offload(wait_at_gate, NULL), 3, "other fibers run while a thread works");
    return weft_scope_wait(&scope);
}

static atomic_int running;
static atomic_int most;
static atomic_int done;

static int crowd(void *argument)
{
    (void)argument;
    int now = atomic_fetch_add(&running, 1) + 1;
    int before = atomic_load(&most);
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
        continue;
    thread_sleep(2 * WEFT_MILLISECOND);
    atomic_fetch_sub(&running, 1);
    atomic_fetch_add(&done, 1);
    return 0;
}

FIBER(offload_crowd)
{
    return weft_offload(crowd, NULL);
}

FIBER(bounded)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 30; i++)
        weft_go(&scope, offload_crowd, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "more work than threads is queued");
    is_int(atomic_load(&done), 30, "all of it is done");
    ok(atomic_load(&most) <= 2, "on no more threads than the options allow");
    return 0;
}

FIBER(offload_gate)
{
    return weft_offload(wait_at_gate, NULL);
}

static int must_not_run(void *argument)
{
    (void)argument;
    atomic_fetch_add(&done, 1000);
    return 0;
}

FIBER(offload_forbidden)
{
    return weft_offload(must_not_run, NULL);
}

FIBER(cancelled)
{
    struct weft_result result = { 0 };
    atomic_store(&gate, false);
    atomic_store(&done, 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *first = weft_go(&scope, offload_gate, NOTHING);
    struct weft_task *second = weft_go(&scope, offload_gate, NOTHING);
    must(weft_sleep(20 * WEFT_MILLISECOND) == 0, "sleep");
    struct weft_task *queued = weft_go(&scope, offload_forbidden, NOTHING);
    weft_cancel(queued);
    must(weft_join(queued, &result) == 0, "join");
    is_int(result.error, ECANCELED, "work that no thread has taken up is called off");

    weft_cancel(first);
    for (int i = 0; i < 5; i++)
        must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    is_int(weft_scope_count(&scope), 2, "work that runs is waited for");
    atomic_store(&gate, true);
    must(weft_join(first, &result) == 0, "join");
    is_int(result.value, 3, "and its result is reported in spite of the cancel");
    must(weft_join(second, &result) == 0, "join");
    is_int(atomic_load(&done), 0, "what was called off has not run");
    return 0;
}

FIBER(late)
{
    struct weft_scope scope = { .keep_going = true, .timeout = 20 * WEFT_MILLISECOND };
    struct weft_result results_[3] = { 0 };
    struct weft_task *tasks[3];
    atomic_store(&gate, false);
    atomic_store(&done, 0);
    for (int i = 0; i < 3; i++)
        tasks[i] = weft_go(&scope, i < 2 ? offload_gate : offload_forbidden, NOTHING);
    must(weft_join(tasks[2], &results_[2]) == 0, "join");
    is_int(results_[2].error, ETIMEDOUT, "a deadline calls queued work off too");
    atomic_store(&gate, true);
    must(weft_join(tasks[0], &results_[0]) == 0 && weft_join(tasks[1], &results_[1]) == 0, "join");
    ok(results_[0].value == 3 && results_[1].value == 3, "not the work that runs");
    weft_scope_fini(&scope);
    is_int(atomic_load(&done), 0, "what was called off has not run");
    return 0;
}

static int where(void *argument)
{
    (void)argument;
    return pthread_equal(pthread_self(), here) ? 1 : 2;
}

int main(void)
{
    struct weft_options two = { .offload_threads = 2 };
    here = pthread_self();
    is_int(weft_offload(where, NULL), 1, "outside a fiber the function runs in place");
    must(weft_run(results, NULL) == 0, "results");
    must(weft_run(others_run, NULL) == 0, "others_run");
    must(weft_run_with(&two, bounded, NULL) == 0, "bounded");
    must(weft_run_with(&two, cancelled, NULL) == 0, "cancelled");
    must(weft_run_with(&two, late, NULL) == 0, "late");
    return done_testing();
}
