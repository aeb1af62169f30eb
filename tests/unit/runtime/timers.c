/* Many timers at once: order, removal, ties. */
#include <stdlib.h>

#include "runtime.h"

enum {
    COUNT = 2000
};

static int64_t durations[COUNT];
static int order[COUNT];
static int woken;

static uint32_t state = 12345;

static uint32_t draw(void)
{
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

FIBER(sleep_numbered)
{
    int number = *(int *)argument;
    if (weft_sleep(durations[number]) < 0)
        return -1;
    order[woken++] = number;
    return 0;
}

static bool sorted(void)
{
    for (int i = 1; i < woken; i++) {
        int64_t before = durations[order[i - 1]];
        int64_t now = durations[order[i]];
        if (before > now || (before == now && order[i - 1] > order[i]))
            return false;
    }
    return true;
}

FIBER(all_fire)
{
    struct weft_scope scope = { .reap = true };
    woken = 0;
    for (int i = 0; i < COUNT; i++) {
        durations[i] = 1 + draw() % 500;
        must(weft_go(&scope, sleep_numbered, (int){ i }) != NULL, "start");
    }
    is_int(weft_scope_wait(&scope), 0, "%d sleepers end", COUNT);
    is_int(woken, COUNT, "each once");
    ok(sorted(), "by time, and of equal times in the order in which they began");
    return 0;
}

FIBER(some_cancelled)
{
    static struct weft_task *tasks[COUNT];
    int cancelled = 0;
    struct weft_scope scope = { .keep_going = true };
    woken = 0;
    for (int i = 0; i < COUNT; i++) {
        durations[i] = 1 + draw() % 500;
        tasks[i] = weft_go(&scope, sleep_numbered, (int){ i });
    }
    must(weft_sleep(100) == 0, "sleep");
    int before = woken;
    for (int i = 0; i < COUNT; i++)
        if (draw() % 3 == 0 && durations[i] > 100) {
            weft_cancel(tasks[i]);
            cancelled++;
        }
    is_int(weft_scope_wait(&scope), 0, "some of them are cancelled half-way");
    ok(before > 0 && cancelled > 0, "after some have fired");
    is_int(woken + cancelled, COUNT, "all others fire");
    ok(sorted(), "in order");
    return 0;
}

FIBER(limit_in_limit)
{
    int depth = *(int *)argument;
    WEFT_TIMEOUT((depth + 1) * WEFT_SECOND);
    if (depth > 0)
        return limit_in_limit(&(int){ depth - 1 });
    return weft_sleep(WEFT_FOREVER);
}

FIBER(nested_limits)
{
    struct weft_scope scope = { .keep_going = true };
    int64_t began = weft_now();
    for (int i = 0; i < 100; i++)
        weft_go(&scope, limit_in_limit, (int){ 30 });
    fails(weft_scope_wait(&scope), ETIMEDOUT, "3,100 nested limits");
    is_int(weft_now() - began, WEFT_SECOND, "of which the innermost strike, leave no other timer");
    return 0;
}

FIBER(move_often)
{
    int64_t began = weft_now();
    WEFT_TIMEOUT_AS(limit, WEFT_SECOND);
    for (int i = 0; i < 1000; i++) {
        must(weft_timeout_set(&limit, WEFT_SECOND) == 0, "set");
        must(weft_sleep(WEFT_MILLISECOND * 999) == 0, "sleep");
    }
    is_int(weft_now() - began, 999 * WEFT_SECOND, "a limit that is moved in time never strikes");
    return 0;
}

int main(void)
{
    in_runtime(all_fire);
    in_runtime(some_cancelled);
    in_runtime(nested_limits);
    in_runtime(move_often);
    return done_testing();
}
