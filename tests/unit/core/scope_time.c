/* When a scope's timeout decides its outcome, and what a scope that could not open tells. */
#include "tap.h"
#include <weft/weft.h>

static int napping(void *argument)
{
    return weft_sleep(*(int64_t *)argument);
}

static int expired_idle(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .timeout = 100 * WEFT_MILLISECOND };
    weft_go(&scope, napping, (int64_t){ 10 * WEFT_MILLISECOND });
    weft_sleep(200 * WEFT_MILLISECOND);
    is_int(weft_scope_wait(&scope), 0,
           "a timeout that passes when all children have ended is none");
    return 0;
}

static int expired_then_started(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .timeout = 100 * WEFT_MILLISECOND };
    weft_go(&scope, napping, (int64_t){ 10 * WEFT_MILLISECOND });
    weft_sleep(200 * WEFT_MILLISECOND);
    struct weft_task *late = weft_go(&scope, napping, (int64_t){ 0 });
    ok(!late && errno == ETIMEDOUT, "after the timeout nothing is started");
    int result = weft_scope_wait(&scope);
    ok(result == -1 && errno == ETIMEDOUT, "and the scope tells of what was not started");
    return 0;
}

static int expired_busy(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .timeout = 100 * WEFT_MILLISECOND };
    weft_go(&scope, napping, (int64_t){ WEFT_SECOND });
    int result = weft_scope_wait(&scope);
    ok(result == -1 && errno == ETIMEDOUT, "a timeout that ends a child is the outcome");
    return 0;
}

static int run_virtual(int (*function)(void *))
{
    struct weft_options options = { .virtual_clock = true };
    return weft_run_with(&options, function, NULL);
}

int main(void)
{
    alarm(60);
    is_int(run_virtual(expired_idle), 0, "idle");
    is_int(run_virtual(expired_then_started), 0, "late");
    is_int(run_virtual(expired_busy), 0, "busy");
    return done_testing();
}
