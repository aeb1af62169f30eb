/* Programmers' mistakes get a clear answer. */
#include <stdlib.h>

#include "runtime.h"

/** The library has said in words what is wrong. */
static void explained(const char *word)
{
    const struct weft_error *error = weft_error();
    ok(error && strstr(error->message, word), "the record speaks of %s", word);
    if (error)
        diag("%s", error->message);
    weft_error_clear();
}

static void outside(void)
{
    struct weft_scope scope = { 0 };
    fails_null(weft_go(&scope, return_int, (int){ 0 }), EPERM, "no task starts outside a runtime");
    explained("weft_run");
    fails_null(weft_go(NULL, return_int, (int){ 0 }), EPERM, "with or without a scope");
    fails_null(weft_go_transient(NULL, return_int, (int){ 0 }), EPERM, "transient or not");
    is_int(weft_scope_wait(&scope), 0, "the scope is as if never used");
    fails_null(weft_watch(&scope, 0, return_int, NULL), EPERM, "nothing is watched there");
    is_int(weft_cancelled(), 0, "nobody is cancelled there");
}

FIBER(end_late)
{
    if (weft_sleep(WEFT_SECOND) < 0)
        return -1;
    return 7;
}

FIBER(join_it)
{
    struct weft_result result = { 0 };
    int got = weft_join(*(struct weft_task **)argument, &result);
    trace("%s", got == 0 ? "joined" : errno == EBUSY ? "busy" : "failed");
    return 0;
}

FIBER(joining)
{
    struct weft_scope scope = { 0 };
    fails(weft_join(weft_self(), NULL), EDEADLK, "a task can't wait for its own end");
    explained("caller");

    struct weft_task *task = weft_go(&scope, end_late, NOTHING);
    for (int i = 0; i < 3; i++)
        weft_go(&scope, join_it, (struct weft_task *){ task });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("busy busy joined", "a task is joined once: who comes second is told");

    struct weft_scope reaping = { .reap = true };
    task = weft_go(&reaping, end_late, NOTHING);
    fails(weft_join(task, NULL), EINVAL, "tasks of a scope that reaps can't be joined");
    explained("reap");
    return weft_scope_wait(&reaping);
}

FIBER(join_when_told)
{
    struct weft_task *task = ((struct weft_task **)argument)[0];
    must(weft_sleep(WEFT_SECOND) == 0, "sleep");
    return join_it(&task);
}

FIBER(at_the_same_time)
{
    struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, end_late, NOTHING);
    weft_go(&scope, join_when_told, (struct weft_task *){ task });
    weft_go(&scope, join_it, (struct weft_task *){ task });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("busy joined", "also when the task has ended and its joiner has not run yet");
    return 0;
}

FIBER(late_scope)
{
    static struct weft_scope scope;
    weft_go(&scope, return_int, (int){ 0 });
    must(weft_scope_wait(&scope) == 0, "wait");
    fails_null(weft_go(&scope, return_int, (int){ 0 }), EINVAL, "a scope is used once");
    explained("ended");
    fails_null(weft_go_transient(&scope, return_int, (int){ 0 }), EINVAL,
               "for transient tasks too");
    fails_null(weft_watch(&scope, 0, return_int, NULL), EINVAL, "and for watches");
    fails(weft_scope_wait(&scope), EINVAL, "it can't be waited for again");
    fails(weft_scope_next(&scope, NULL), EINVAL, "nor asked for its next child");
    return 0;
}

FIBER(go_when_full)
{
    struct weft_scope *scope = *(struct weft_scope **)argument;
    ok(weft_go(scope, return_int, (int){ 0 }) != NULL,
       "a scope stays open for those who wait for a place in it");
    return 0;
}

FIBER(own_ended_scope)
{
    struct weft_scope *scope = *(struct weft_scope **)argument;
    weft_go(scope, sleep_for, (int64_t){ WEFT_SECOND });
    return weft_scope_wait(scope);
}

FIBER(scope_ends_meanwhile)
{
    static struct weft_scope inner = { .limit = 1 };
    struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, own_ended_scope, (struct weft_scope *){ &inner });
    weft_go(&scope, go_when_full, (struct weft_scope *){ &inner });
    return weft_scope_wait(&scope);
}

FIBER(strangers)
{
    struct weft_scope *scope = *(struct weft_scope **)argument;
    fails(weft_scope_wait(scope), EPERM, "only who opened a scope may wait for it");
    explained("opened");
    fails(weft_scope_next(scope, NULL), EPERM, "or take its children");
    return 0;
}

FIBER(owners)
{
    struct weft_scope scope = { 0 };
    weft_go(&scope, strangers, (struct weft_scope *){ &scope });
    return weft_scope_wait(&scope);
}

FIBER(large)
{
    static char bytes[WEFT_ARGUMENT_MAX + 1];
    struct weft_scope scope = { 0 };
    fails_null(weft_spawn(&scope, return_int, bytes, sizeof(bytes)), EINVAL,
               "an argument of 4,097 bytes is too large");
    explained("argument");
    fails_null(weft_spawn_transient(&scope, return_int, bytes, sizeof(bytes)), EINVAL,
               "for a transient task too");
    fails(weft_scope_wait(&scope), EINVAL, "the scope remembers that something was not started");
    return 0;
}

FIBER(of_others)
{
    struct weft_timeout *timeout = *(struct weft_timeout **)argument;
    fails(weft_timeout_set(timeout, WEFT_SECOND), EPERM, "a limit is its own fiber's to move");
    return 0;
}

FIBER(limits)
{
    WEFT_TIMEOUT_AS(limit, WEFT_MINUTE);
    struct weft_scope scope = { 0 };
    weft_go(&scope, of_others, (struct weft_timeout *){ &limit });
    return weft_scope_wait(&scope);
}

int main(void)
{
    outside();
    in_runtime(joining);
    in_runtime(at_the_same_time);
    in_runtime(late_scope);
    in_runtime(scope_ends_meanwhile);
    in_runtime(owners);
    in_runtime(large);
    in_runtime(limits);
    return done_testing();
}
