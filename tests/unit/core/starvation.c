/* A fiber that only starts tasks which end at once leaves the others their turns. */
#include "tap.h"
#include <weft/weft.h>

static bool stop;
static int turns;

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

static int other(void *argument)
{
    (void)argument;
    while (!stop) {
        turns++;
        weft_yield();
    }
    return 0;
}

static int root(void *argument)
{
    (void)argument;
    WEFT_AUTO(weft_scope) struct weft_scope others = { .name = "others" };
    weft_go(&others, other, (int){ 0 });
    int before = turns;
    struct weft_scope scope = { .reap = true };
    for (int i = 0; i < 20000; i++)
        weft_go(&scope, nothing, (int){ 0 });
    int had = turns - before;
    stop = true;
    weft_scope_wait(&scope);
    ok(had >= 20, "another fiber had %d turns while 20,000 tasks were started", had);
    return weft_scope_wait(&others);
}

int main(void)
{
    alarm(60);
    is_int(weft_run(root, NULL), 0, "all end");
    return done_testing();
}
