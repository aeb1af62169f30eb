/*
 * Ask five mirrors and keep the first two answers: weft_scope_next() gives tasks in the order in
 * which they end, and leaving the scope cancels the rest and waits for their clean-up.
 */
#include <stdio.h>
#include <weft/weft.h>

struct mirror {
    int number;
    int64_t delay;
};

static int ask(void *argument)
{
    struct mirror *mirror = argument;
    if (weft_sleep(mirror->delay) < 0) { /* stands for a request over the network */
        printf("mirror %d: stopped\n", mirror->number);
        return -1;
    }
    return mirror->number;
}

static int race(void *argument)
{
    (void)argument;
    static const int64_t delays[] = { 90, 30, 70, 10, 50 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "mirrors" };
    for (int i = 0; i < 5; i++)
        weft_go(&scope, ask, (struct mirror){ i, delays[i] * WEFT_MILLISECOND });

    struct weft_result result;
    for (int answers = 0; answers < 2 && weft_scope_next(&scope, &result) == 1; answers++)
        printf("mirror %d answered\n", result.value);
    return 0; /* cancels and joins the other three */
}

int main(void)
{
    if (weft_run(race, NULL) < 0)
        return perror("first_two"), 1;
    return 0;
}
