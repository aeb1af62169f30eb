/*
 * Starting tasks in a scope that is full or busy: who waits there keeps the scope open, gets a
 * place in the order of asking, and never one too many.
 */
#include "tap.h"
#include <string.h>
#include <weft/weft.h>

#define NOTHING ((int){ 0 })

static int napping(void *argument)
{
    return weft_sleep(*(int64_t *)argument);
}

static int marking(void *argument)
{
    weft_sleep(WEFT_MILLISECOND);
    ++**(int **)argument;
    return 0;
}

struct visitor {
    struct weft_scope *scope;
    int *started;
};

static int visiting(void *argument)
{
    struct visitor *visitor = argument;
    return weft_go(visitor->scope, marking, (int *){ visitor->started }) ? 0 : -1;
}

static int owning(void *argument)
{
    struct visitor *visitor = argument;
    struct weft_scope scope = { .limit = 1 };
    weft_go(&scope, napping, (int64_t){ 5 * WEFT_MILLISECOND });
    WEFT_AUTO(weft_scope) struct weft_scope visitors = { .name = "visitors" };
    struct visitor with = { &scope, visitor->started };
    for (int i = 0; i < 3; i++)
        weft_go(&visitors, visiting, with);
    is_int(weft_scope_wait(&scope), 0, "the full scope ends well");
    is_int(*visitor->started, 3, "after the tasks of those who waited for a place in it");
    memset(&scope, 0xa5, sizeof scope);
    return weft_scope_wait(&visitors);
}

static int scope_stays_open(void *argument)
{
    (void)argument;
    int started = 0;
    return owning(&(struct visitor){ .started = &started });
}

static int cancelling(void *argument)
{
    (void)argument;
    int started = 0, failed = 0;
    WEFT_AUTO(weft_scope) struct weft_scope visitors = { .keep_going = true };
    {
        struct weft_scope scope = { .limit = 1 };
        weft_go(&scope, napping, (int64_t){ WEFT_SECOND });
        for (int i = 0; i < 3; i++)
            weft_go(&visitors, visiting, (struct visitor){ &scope, &started });
        weft_scope_fini(&scope);
        memset(&scope, 0xa5, sizeof scope);
    }
    struct weft_result result;
    while (weft_scope_next(&visitors, &result) == 1)
        failed += result.value < 0 && result.error == ECANCELED;
    is_int(failed, 3, "a scope left early refuses all who wait for a place in it");
    is_int(started, 0, "and starts none of their tasks");
    return 0;
}

static char order[64];

struct turn {
    struct weft_scope *scope;
    char name;
};

static int noting(void *argument)
{
    char name = *(char *)argument;
    strncat(order, &name, 1);
    return weft_sleep(WEFT_MILLISECOND);
}

static int taking_turn(void *argument)
{
    struct turn *turn = argument;
    return weft_go(turn->scope, noting, (char){ turn->name }) ? 0 : -1;
}

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

/* A newcomer must not take the place of one who was woken for it and has not run yet. */
static int pushing(void *argument)
{
    struct weft_scope *scope = argument ? *(struct weft_scope **)argument : NULL;
    for (int i = 0; i < 4; i++)
        if (!weft_go(scope, noting, (char){ 'p' }))
            return -1;
    return 0;
}

static int fair(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .limit = 1 };
    weft_go(&scope, nothing, NOTHING); /* the fiber that opens a scope is its owner */
    WEFT_AUTO(weft_scope) struct weft_scope others = { .name = "others" };
    weft_go(&others, pushing, (struct weft_scope *){ &scope });
    for (char name = 'a'; name < 'e'; name++)
        weft_go(&others, taking_turn, (struct turn){ &scope, name });
    weft_scope_wait(&others);
    int error = weft_scope_wait(&scope);
    is_str(order, "ppabcdpp", "places go to those who asked first");
    return error;
}

static int most, now_running;

static int counted(void *argument)
{
    (void)argument;
    if (++now_running > most)
        most = now_running;
    weft_sleep(20 * WEFT_MILLISECOND);
    now_running--;
    return 0;
}

static int adding(void *argument)
{
    struct weft_scope *scope = *(struct weft_scope **)argument;
    return weft_go(scope, counted, NOTHING) ? 0 : -1;
}

/* Keep the loop's load above the scope's threshold for its first second and a half. */
static int working(void *argument)
{
    int64_t end = weft_now() + *(int64_t *)argument;
    while (weft_now() < end)
        weft_yield();
    return 0;
}

static int limit_and_load(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .limit = 2, .load = 50 };
    weft_go(&scope, nothing, NOTHING);
    WEFT_AUTO(weft_scope) struct weft_scope others = { .name = "others" };
    weft_go(&others, working, (int64_t){ 1300 * WEFT_MILLISECOND });
    weft_sleep(1100 * WEFT_MILLISECOND); /* the load is known after a second */
    for (int i = 0; i < 6; i++)
        weft_go(&others, adding, (struct weft_scope *){ &scope });
    is_int(most, 0, "nothing starts while the load is above the threshold");
    weft_scope_wait(&others);
    int error = weft_scope_wait(&scope);
    is_int(most, 2, "a wait for the load does not lead past the limit");
    return error;
}

static int run_virtual(int (*function)(void *))
{
    struct weft_options options = { .virtual_clock = true };
    return weft_run_with(&options, function, NULL);
}

int main(void)
{
    alarm(60);
    is_int(run_virtual(scope_stays_open), 0, "a scope with a queue ends");
    is_int(run_virtual(cancelling), 0, "a scope with a queue is left early");
    is_int(run_virtual(fair), 0, "a queue moves on");
    is_int(weft_run(limit_and_load, NULL), 0, "limit and load together");
    return done_testing();
}
