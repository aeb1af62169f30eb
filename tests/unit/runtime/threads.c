/* Several loops in several threads. */
#include <pthread.h>
#include <stdatomic.h>

#include "runtime.h"

enum {
    THREADS = 4,
    TASKS = 200
};

struct lane {
    pthread_t thread;
    pid_t id;
    int ended;
    bool moved;
    int result;
};

static pid_t thread_id(void)
{
    return (pid_t)syscall(SYS_gettid);
}

FIBER(stay)
{
    struct lane *lane = *(struct lane **)argument;
    for (int i = 0; i < 10; i++) {
        must(weft_sleep(WEFT_MILLISECOND * (i % 3)) == 0, "sleep");
        lane->moved |= thread_id() != lane->id;
    }
    lane->ended++;
    return 0;
}

FIBER(fill_lane)
{
    struct lane *lane = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .limit = 50 };
    for (int i = 0; i < TASKS; i++)
        if (!weft_go(&scope, stay, (struct lane *){ lane }))
            return -1;
    return weft_scope_wait(&scope);
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    lane->id = thread_id();
    lane->result = run_virtual(fill_lane, lane);
    return NULL;
}

static void side_by_side(void)
{
    struct lane lanes[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++)
        must(pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]) == 0, "thread");
    for (int i = 0; i < THREADS; i++) {
        must(pthread_join(lanes[i].thread, NULL) == 0, "join");
        is_int(lanes[i].result, 0, "loop %d of %d came to its end", i + 1, THREADS);
        is_int(lanes[i].ended, TASKS, "with all its tasks");
        ok(!lanes[i].moved, "none of which ever left its thread");
    }
}

struct stranger {
    struct weft_task *task;
    struct weft_scope *scope;
};

FIBER(meddle_inside)
{
    struct stranger *stranger = argument;
    fails(weft_cancel(stranger->task), EPERM, "a fiber can't cancel another thread's task");
    fails(weft_scope_cancel(stranger->scope), EPERM, "nor its scope");
    fails_null(weft_go(stranger->scope, return_int, (int){ 0 }), EPERM, "nor start a task in it");
    fails(weft_scope_wait(stranger->scope), EPERM, "nor wait for it");
    return 0;
}

static void *meddle(void *argument)
{
    struct stranger *stranger = argument;
    fails(weft_cancel(stranger->task), EPERM, "nor can a thread without a loop cancel it");
    fails_null(weft_go(stranger->scope, return_int, (int){ 0 }), EPERM, "or start one there");
    must(run_virtual(meddle_inside, argument) == 0, "meddle_inside");
    return NULL;
}

FIBER(wait_for_signal)
{
    return weft_condition_wait(*(struct weft_condition **)argument);
}

FIBER(home)
{
    pthread_t thread;
    struct weft_condition condition = { 0 };
    struct weft_scope scope = { .keep_going = true };
    struct weft_task *task =
        weft_go(&scope, wait_for_signal, (struct weft_condition *){ &condition });
    struct weft_result result = { .value = -1 };
    must(pthread_create(&thread, NULL, meddle, &(struct stranger){ task, &scope }) == 0, "thread");
    must(pthread_join(thread, NULL) == 0, "join");
    weft_condition_signal(&condition);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 0, "the task didn't notice");
    (void)weft_scope_wait(&scope);
    return 0;
}

static void *small_run(void *argument)
{
    int result = run_virtual(return_int, &(int){ 5 });
    atomic_fetch_add((atomic_int *)argument, result);
    return NULL;
}

static void come_and_go(void)
{
    atomic_int sum = 0;
    pthread_t thread;
    must(run_virtual(return_int, &(int){ 5 }) == 5, "warm-up");
    int before = open_descriptors();
    for (int i = 0; i < 100; i++) {
        must(pthread_create(&thread, NULL, small_run, &sum) == 0, "thread");
        must(pthread_join(thread, NULL) == 0, "join");
    }
    is_int(atomic_load(&sum), 500, "a hundred threads come and go, each with a loop");
    is_int(open_descriptors(), before, "and leave no descriptor");
}

int main(void)
{
    side_by_side();
    in_runtime(home);
    come_and_go();
    return done_testing();
}
