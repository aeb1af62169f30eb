/* weft_local: fiber-local values that children inherit. */
#include "runtime.h"

static int destroyed;

static void destroy(void *value)
{
    trace("-%s", (char *)value);
    destroyed++;
}

static const struct weft_local user = { destroy };
static const struct weft_local plain = { NULL };

static char anna[] = "anna";
static char ben[] = "ben";
static char carl[] = "carl";

static const char *current(void)
{
    return weft_local_get(&user);
}

FIBER(see)
{
    is_str(current(), "anna", "a child sees its creator's value");
    must(weft_yield() == 0, "yield");
    is_str(current(), "anna", "as it was when it was started");
    is_int(weft_local_set(&user, carl), 0, "it may set its own");
    is_str(current(), "carl", "which hides the other");
    return weft_sleep(WEFT_SECOND);
}

FIBER(inherits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    is_str(current(), NULL, "at first there is no value");
    is_int(weft_local_set(&user, anna), 0, "a value can be set");
    is_str(current(), "anna", "and got");
    weft_go(&scope, see, NOTHING);
    is_int(weft_local_set(&user, ben), 0, "and replaced");
    is_int(destroyed, 0, "a replaced value lives on while a child sees it");
    must(weft_yield() == 0, "yield");
    is_str(current(), "ben", "what a child sets does not reach its parent");
    is_int(destroyed, 1, "it is destroyed when the child has replaced it too");
    must(weft_scope_wait(&scope) == 0, "wait");
    return 0;
}

FIBER(hold)
{
    must(weft_sleep(*(int64_t *)argument) == 0, "sleep");
    trace("%s", current());
    return 0;
}

FIBER(last_one)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(weft_local_set(&user, anna) == 0, "set");
    weft_go(&scope, hold, (int64_t){ WEFT_SECOND });
    weft_go(&scope, hold, (int64_t){ 2 * WEFT_SECOND });
    must(weft_local_set(&user, NULL) == 0, "set");
    is_str(current(), NULL, "NULL hides a value");
    must(weft_scope_wait(&scope) == 0, "wait");
    return 0;
}

FIBER(see_nothing)
{
    is_str(current(), NULL, "a hidden value is hidden from children too");
    return 0;
}

FIBER(hide)
{
    must(weft_local_set(&user, NULL) == 0, "set");
    weft_go(NULL, see_nothing, NOTHING);
    return 0;
}

FIBER(hidden)
{
    must(weft_local_set(&user, anna) == 0, "set");
    must(weft_join(weft_go(NULL, hide, NOTHING), NULL) == 0, "join");
    is_str(current(), "anna", "hiding a value below changes nothing above");
    return 0;
}

FIBER(many_keys)
{
    static struct weft_local keys[100];
    static int values[100];
    bool right = true;
    for (int i = 0; i < 100; i++)
        must(weft_local_set(&keys[i], &values[i]) == 0, "set");
    for (int i = 0; i < 100; i++)
        right &= weft_local_get(&keys[i]) == &values[i];
    ok(right, "a hundred keys keep their values apart");
    must(weft_local_set(&plain, anna) == 0, "set");
    ok(weft_local_get(&plain) == anna, "a key needs no destroy");
    return 0;
}

FIBER(created_by)
{
    struct weft_scope *scope = *(struct weft_scope **)argument;
    must(weft_local_set(&user, ben) == 0, "set");
    weft_go(scope, hold, (int64_t){ WEFT_SECOND });
    return 0;
}

FIBER(creator_not_scope)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(weft_local_set(&user, anna) == 0, "set");
    weft_go(&scope, created_by, (struct weft_scope *){ &scope });
    must(weft_scope_wait(&scope) == 0, "wait");
    return 0;
}

int main(void)
{
    in_runtime(inherits);
    trace_length = 0;
    is_int(destroyed, 3, "every value has been destroyed once in the end");

    destroyed = 0;
    in_runtime(last_one);
    is_trace("anna anna -anna", "a value is destroyed when the last that sees it is gone");
    is_int(destroyed, 1, "once");

    in_runtime(hidden);
    trace_length = 0;
    in_runtime(many_keys);
    in_runtime(creator_not_scope);
    trace_text[trace_length] = '\0';
    ok(strncmp(trace_text, "ben", 3) == 0, "values come from the creator, not from the scope");
    trace_length = 0;
    ok(!weft_local_get(&user), "outside a fiber there is no value");
    fails(weft_local_set(&user, anna), EPERM, "and none can be set");
    return done_testing();
}
