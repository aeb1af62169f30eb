/* How much of the loop's thread each fiber has: the table that is kept, and what is told. */
#include "log.h"
#include "tap.h"

#include "fiber/fiber.h"
#include "fiber/inspect.h"

static struct weft__shares shares;
static const struct weft__fiber *const nobody;

static const struct weft__fiber *fiber_number(int number)
{
    return (const struct weft__fiber *)(uintptr_t)(64 * (number + 1));
}

static void note(int number, int times)
{
    for (int i = 0; i < times; i++)
        weft__share_note(&shares, fiber_number(number), number);
}

static int of(int number)
{
    return weft__share_of(&shares, fiber_number(number), number);
}

static void test_table(void)
{
    is_int(of(0), -1, "nothing is known before the first sample");
    note(0, 50);
    note(1, 25);
    for (int i = 0; i < 25; i++)
        weft__share_note(&shares, nobody, 0);
    is_int(of(0), 50, "half of the samples");
    is_int(of(1), 25, "a quarter");
    is_int(of(2), 0, "none");
    is_int(weft__share_of(&shares, fiber_number(0), 4711), 0,
           "another fiber at the same place is another");
    note(1, WEFT__SHARE_WINDOW);
    ok(of(0) < 20 && of(1) > 70, "what is long ago counts less: %d, %d", of(0), of(1));
    for (int i = 0; i < 10 * WEFT__SHARE_WINDOW; i++)
        weft__share_note(&shares, nobody, 0);
    is_int(of(1), 0, "and nothing in the end");
    weft__share_reset(&shares);
    is_int(of(1), -1, "reset");
}

static void test_full(void)
{
    for (int i = 0; i < WEFT__SHARE_FIBERS; i++)
        note(i, i == 7 ? 1 : 2);
    note(1000, 3);
    is_int(of(7), 0, "one more than are kept takes the place of the least");
    ok(of(6) > 0 && of(1000) > 0, "and no other's");
    weft__share_reset(&shares);
}

/* --- of fibers that run */

static bool done;

static int spinner(void *argument)
{
    (void)argument;
    weft_annotate("the spinner");
    while (!done) {
        compute_for(WEFT_MILLISECOND);
        if (weft_yield() < 0)
            return -1;
    }
    return 0;
}

static int sleeper(void *argument)
{
    (void)argument;
    return weft_sleep(WEFT_MINUTE);
}

static int look(void *argument)
{
    struct weft__runtime *runtime = weft__current->runtime;
    struct weft_task *busy = weft_go(NULL, spinner, (int){ 0 });
    struct weft_task *idle = weft_go(NULL, sleeper, (int){ 0 });
    bool watched = *(bool *)argument;
    if (watched)
        for (int i = 0; i < 30000 && weft__watchdog_share(runtime, busy->fiber) < 50; i++)
            weft_sleep(WEFT_MILLISECOND);
    int share = weft__watchdog_share(runtime, busy->fiber);
    ok(watched ? share >= 50 && share <= 100 : share == -1,
       watched ? "the spinner has most of the thread: %d %%" : "nobody watches: %d", share);
    is_int(weft__watchdog_share(runtime, idle->fiber), watched ? 0 : -1, "the sleeper");
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    weft__json_tree(stream, runtime, 100);
    fclose(stream);
    is_int(strstr(text, "\"share\":") != NULL, watched, "the tree tells it");
    free(text);
    done = true;
    weft_cancel(idle);
    weft_join(busy, NULL);
    return 0;
}

int main(void)
{
    test_table();
    test_full();
    const struct weft_options watched = { .watchdog = 10 * WEFT_MILLISECOND };
    const struct weft_options not_watched = { .watchdog = WEFT_FOREVER };
    must(weft_run_with(&watched, look, &(bool){ true }) == 0, "a loop that is watched");
    done = false;
    must(weft_run_with(&not_watched, look, &(bool){ false }) == 0, "one that is not");
    return done_testing();
}
