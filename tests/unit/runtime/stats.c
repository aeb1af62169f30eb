/* weft_stats(): figures of a loop. */
#include <stdlib.h>
#include <sys/socket.h>

#include "runtime.h"

static struct weft_stats look(void)
{
    struct weft_stats stats;
    must(weft_stats(&stats) == 0, "stats");
    return stats;
}

FIBER(wait_for)
{
    return weft_condition_wait(*(struct weft_condition **)argument);
}

FIBER(counts)
{
    struct weft_condition condition = { 0 };
    struct weft_stats before = look();
    is_int(before.tasks, 1, "the root is a task");
    ok(strcmp(before.backend, "epoll") == 0 || strcmp(before.backend, "io_uring") == 0,
       "the backend has a name");
    is_int(before.stack_size % 4096, 0, "a stack is of whole pages");
    ok(before.stacks >= 1, "the root has one");

    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 3; i++)
        weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    for (int i = 0; i < 4; i++)
        weft_go(&scope, wait_for, (struct weft_condition *){ &condition });
    struct weft_stats stats = look();
    is_int(stats.tasks, 8, "tasks are counted");
    is_int(stats.parked_time, 3, "three sleep");
    is_int(stats.parked_sync, 4, "four wait for a condition");
    is_int(stats.ready, 0, "none is ready");
    is_int(stats.spawned - before.spawned, 7, "seven were started");
    ok(stats.switches > before.switches, "switches are counted");
    ok(stats.stacks >= 8, "each has a stack");

    is_int(weft_condition_broadcast(&condition), 4, "woken");
    is_int(look().ready, 4, "woken tasks are ready");
    must(weft_scope_wait(&scope) == 0, "wait");
    stats = look();
    is_int(stats.tasks, 1, "ended ones are not counted");
    is_int(stats.parked_time + stats.parked_sync + stats.parked_io + stats.parked_offload, 0,
           "nobody is parked any more");
    ok(stats.polls > before.polls, "the kernel was asked");
    return 0;
}

static void backend_is(const char *expected, const char *name)
{
    const char *wanted = getenv("WEFT_BACKEND");
    if (wanted && strcmp(wanted, name) == 0)
        is_str(look().backend, expected, "WEFT_BACKEND=%s chooses the backend", name);
}

FIBER(backend)
{
    backend_is("epoll", "epoll");
    backend_is("io_uring", "uring");
    ok(look().load <= 100, "the load is a share");
    return 0;
}

FIBER(sized)
{
    size_t size = look().stack_size;
    ok(size >= 65536 && size <= 65536 + 8192, "a stack is as large as asked for, with its guard");
    return 0;
}

int main(void)
{
    struct weft_options options = { .stack_size = 65536 };
    struct weft_stats stats;
    in_runtime(counts);
    in_runtime(backend);
    must(weft_run_with(&options, sized, NULL) == 0, "sized");
    fails(weft_stats(&stats), EPERM, "outside a runtime there is nothing to tell");
    return done_testing();
}
