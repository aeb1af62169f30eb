/* weft_go(): tasks, their arguments and their results. */
#include <errno.h>
#include <stdint.h>

#include "runtime.h"

FIBER(child_head_and_tail)
{
    trace("child-head");
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    trace("child-tail");
    return 0;
}

FIBER(eager)
{
    trace("parent-head");
    struct weft_task *child = weft_go(NULL, child_head_and_tail, NOTHING);
    trace("parent-tail");
    must(weft_join(child, NULL) == 0, "join");
    is_trace("parent-head child-head parent-tail child-tail",
             "a child runs to its first park before weft_go returns");
    return 0;
}

struct block {
    long long number;
    long double wide;
    char bytes[200];
};

FIBER(read_block_late)
{
    struct block *block = argument;
    is_int((uintptr_t)block % _Alignof(max_align_t), 0, "the copy is aligned for any type");
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    is_int(block->number, 7, "the copy keeps what the creator has changed since");
    is_int(block->bytes[199], 'x', "to its last byte");
    block->number = 8;
    return 0;
}

FIBER(arguments)
{
    struct block block = { .number = 7, .bytes[199] = 'x' };
    struct weft_task *task = weft_spawn(NULL, read_block_late, &block, sizeof(block));
    block.number = 9;
    block.bytes[199] = 'y';
    must(weft_join(task, NULL) == 0, "join");
    is_int(block.number, 9, "what the child does to its copy is not seen by its creator");
    return 0;
}

FIBER(sum_bytes)
{
    const unsigned char *bytes = argument;
    int sum = 0;
    for (size_t i = 0; i < WEFT_ARGUMENT_MAX; i++)
        sum += bytes[i];
    return sum;
}

FIBER(return_whether_null)
{
    return argument == NULL;
}

FIBER(argument_sizes)
{
    static unsigned char bytes[WEFT_ARGUMENT_MAX + 1];
    struct weft_result result = { 0 };
    memset(bytes, 1, sizeof(bytes));

    struct weft_task *task = weft_spawn(NULL, sum_bytes, bytes, WEFT_ARGUMENT_MAX);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, WEFT_ARGUMENT_MAX, "the largest argument arrives whole");

    task = weft_spawn(NULL, return_whether_null, NULL, 0);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 1, "no argument is NULL");

    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    fails_null(weft_spawn(&scope, sum_bytes, bytes, WEFT_ARGUMENT_MAX + 1), EINVAL,
               "one byte more is refused");
    fails(weft_scope_wait(&scope), EINVAL, "and the scope remembers that");
    return 0;
}

FIBER(clean_up_and_return)
{
    must(weft_sleep(WEFT_MINUTE) == -1, "interrupted");
    return *(int *)argument;
}

FIBER(fail_otherwise_when_cancelled)
{
    must(weft_sleep(WEFT_MINUTE) == -1, "interrupted");
    errno = EIO;
    return -1;
}

static struct weft_result outcome(struct weft_task *task, bool cancel)
{
    struct weft_result result = { .value = 99, .error = 99, .cancelled = true };
    must(task != NULL, "started");
    if (cancel)
        must(weft_cancel(task) == 0, "cancel");
    must(weft_join(task, &result) == 0, "join");
    return result;
}

FIBER(outcomes)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_result result = outcome(weft_go(&scope, return_int, (int){ 3 }), false);
    ok(result.value == 3 && result.error == 0 && !result.cancelled, "a value is told");
    errno = EFBIG;
    result = outcome(weft_go(&scope, return_int, (int){ 0 }), false);
    ok(result.value == 0 && result.error == 0, "without an errno beside it");

    result = outcome(weft_go(&scope, fail_with, (int){ EDOM }), false);
    ok(result.value == -1 && result.error == EDOM && !result.cancelled, "a failure is told");

    result = outcome(weft_go(&scope, park_forever, NOTHING), true);
    ok(result.value == -1 && result.error == ECANCELED && result.cancelled,
       "a cancelled task is told from one that failed");

    result = outcome(weft_go(&scope, fail_otherwise_when_cancelled, NOTHING), true);
    ok(result.value == -1 && result.error == EIO && result.cancelled,
       "also when its own error came out of the cancel");

    result = outcome(weft_go(&scope, clean_up_and_return, (int){ 6 }), true);
    ok(result.value == 6 && result.error == 0 && !result.cancelled,
       "a task that succeeds in spite of a cancel has succeeded");

    result = outcome(weft_go(&scope, return_int, (int){ 4 }), true);
    ok(result.value == 4 && !result.cancelled, "a task that has ended is not changed by a cancel");

    struct weft_task *failed = weft_go(&scope, fail_with, (int){ EDOM });
    result = outcome(failed, true);
    ok(result.error == EDOM && !result.cancelled, "nor is one that has failed");
    return 0;
}

static size_t fill(struct weft_scope *scope, int *error)
{
    size_t started = 0;
    while (started < 100 && weft_go(scope, park_forever, NOTHING))
        started++;
    *error = errno;
    return started;
}

FIBER(task_limit)
{
    int error = 0;
    size_t first;
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        first = fill(&scope, &error);
        is_int(first, 7, "max_tasks counts the root: 7 more fit into 8");
        is_int(error, EAGAIN, "the next one fails with EAGAIN");
    }
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    is_int(fill(&scope, &error), first, "when they have ended, as many fit again");
    return 0;
}

FIBER(descend)
{
    int depth = *(int *)argument;
    if (depth == 0)
        return 0;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_result result = { 0 };
    struct weft_task *task = weft_go(&scope, descend, (int){ depth - 1 });
    if (!task || weft_join(task, &result) < 0)
        return -1;
    return result.value + 1;
}

FIBER(many)
{
    struct weft_result result = { 0 };
    struct weft_task *task = weft_go(NULL, descend, (int){ 500 });
    must(task && weft_join(task, &result) == 0, "join");
    is_int(result.value, 500, "tasks nest 500 deep");

    WEFT_AUTO(weft_scope) struct weft_scope scope = { .reap = true };
    for (int i = 0; i < 5000; i++)
        must(weft_go(&scope, sleep_for, (int64_t){ i + 1 }) != NULL, "task %d starts", i);
    is_int(weft_scope_count(&scope), 5000, "5,000 tasks live at once");
    is_int(weft_scope_wait(&scope), 0, "and all end");
    return 0;
}

FIBER(sleep_an_hour)
{
    int *error = *(int **)argument;
    int result = weft_sleep(3600 * WEFT_SECOND);
    *error = result < 0 ? errno : 0;
    return result;
}

FIBER(fail_above_a_sleeper)
{
    if (!weft_go(NULL, sleep_an_hour, *(int **)argument))
        return -1;
    errno = EPROTO;
    return -1;
}

FIBER(fail_below)
{
    (void)argument;
    errno = EDOM;
    return -1;
}

FIBER(succeed_above_a_failure)
{
    (void)argument;
    weft_go(NULL, fail_below, NOTHING);
    return 5;
}

FIBER(own_scope)
{
    int error = 0;
    int *place = &error;
    struct weft_result result = { 0 };
    int64_t began = weft_now();
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, fail_above_a_sleeper, place);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.error, EPROTO, "a task that fails keeps its own error");
    is_int(error, ECANCELED, "and cancels what it had started in its own scope");
    ok(weft_now() - began < WEFT_SECOND, "at once");
    task = weft_go(&scope, succeed_above_a_failure, NOTHING);
    must(weft_join(task, &result) == 0, "join");
    ok(result.value == -1 && result.error == EDOM, "a failed child makes a task fail that has not");
    return 0;
}

FIBER(own_self)
{
    struct weft_task **self = *(struct weft_task ***)argument;
    *self = weft_self();
    return weft_sleep(1);
}

FIBER(identity)
{
    struct weft_task *seen = NULL;
    struct weft_task **out = &seen;
    struct weft_task *task = weft_go(NULL, own_self, (struct weft_task **){ out });
    ok(task && seen == task, "weft_self in a task is what weft_go returned");
    ok(weft_self() != task, "and differs from its creator's");
    return weft_join(task, NULL);
}

int main(void)
{
    struct weft_options few = { .max_tasks = 8, .virtual_clock = true };
    in_runtime(eager);
    in_runtime(arguments);
    weft_run(argument_sizes, NULL);
    in_runtime(outcomes);
    must(weft_run_with(&few, task_limit, NULL) == 0, "task_limit");
    in_runtime(many);
    in_runtime(own_scope);
    in_runtime(identity);
    return done_testing();
}
