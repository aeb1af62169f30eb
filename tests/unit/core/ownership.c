/* Who owns what at the edges: destructors of locals, records of errors, the root's result. */
#include "tap.h"
#include <weft/weft.h>

static int destroyed;
static void *seen;
static void first_gone(void *value);
static void second_gone(void *value);

static const struct weft_local first = { .destroy = first_gone };
static const struct weft_local second = { .destroy = second_gone };

static void first_gone(void *value)
{
    free(value);
    destroyed++;
}

/* Runs while the table is being taken down, after the first local has gone. */
static void second_gone(void *value)
{
    seen = weft_local_get(&first);
    free(value);
    destroyed++;
}

static int with_locals(void *argument)
{
    (void)argument;
    weft_local_set(&first, malloc(32));
    weft_local_set(&second, malloc(32));
    return 0;
}

static void sets_again(void *value);
static const struct weft_local stubborn = { .destroy = sets_again };
static int sets;

static void sets_again(void *value)
{
    free(value);
    if (++sets < 3)
        weft_local_set(&stubborn, malloc(16));
}

static int with_stubborn_local(void *argument)
{
    (void)argument;
    return weft_local_set(&stubborn, malloc(16));
}

static void starts_task(void *value);
static const struct weft_local busy = { .destroy = starts_task };
static bool task_ended;

static int slow(void *argument)
{
    (void)argument;
    weft_sleep(WEFT_MILLISECOND);
    task_ended = true;
    return 0;
}

static void starts_task(void *value)
{
    free(value);
    weft_go(NULL, slow, (int){ 0 });
}

static int with_busy_local(void *argument)
{
    (void)argument;
    return weft_local_set(&busy, malloc(16));
}

static int destroy_other(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .name = "locals" };
    weft_go(&scope, with_locals, (int){ 0 });
    is_int(destroyed, 2, "every local is destroyed as its fiber ends");
    ok(seen == NULL, "a destructor finds no local that may be gone already");
    weft_go(&scope, with_stubborn_local, (int){ 0 });
    is_int(sets, 3, "a local set by a destructor is destroyed too");
    weft_go(&scope, with_busy_local, (int){ 0 });
    int error = weft_scope_wait(&scope);
    ok(task_ended, "a task started by a destructor is waited for");
    return error;
}

static int records(void *argument)
{
    (void)argument;
    weft_error_set("test", 1, EIO, "inner");
    weft_error_set("test", 2, EIO, "outer: %s", weft_error()->message);
    is_str(weft_error()->message, "outer: inner", "a record may be made of the one it replaces");
    weft_error_wrap("test", 3, EIO, "middle");
    weft_error_set("test", 4, EIO, "top: %s", weft_error()->cause->message);
    is_str(weft_error()->message, "top: outer: inner", "and of that one's cause");
    ok(weft_error()->cause == NULL, "which is gone with it");
    return 0;
}

static int outside(void)
{
    weft_error_set("test", 1, EIO, "inner");
    weft_error_set("test", 2, EIO, "outer: %s", weft_error()->message);
    return strcmp(weft_error()->message, "outer: inner");
}

static int join_result, join_errno;

static int joins_root(void *argument)
{
    struct weft_result result;
    join_result = weft_join(*(struct weft_task **)argument, &result);
    join_errno = errno;
    return 0;
}

static int root_with_joiner(void *argument)
{
    (void)argument;
    weft_go_transient(NULL, joins_root, (struct weft_task *){ weft_self() });
    weft_yield();
    return 42;
}

int main(void)
{
    alarm(60);
    is_int(weft_run(destroy_other, NULL), 0, "locals are taken down");
    is_int(weft_run(records, NULL), 0, "records replace each other");
    is_int(outside(), 0, "outside a fiber too");
    is_int(weft_run(root_with_joiner, NULL), 42, "the root's result is its caller's");
    is_int(join_result, -1, "no task joins the root, whose end waits for every task");
    is_int(join_errno, EDEADLK, "it would wait for itself");
    return done_testing();
}
