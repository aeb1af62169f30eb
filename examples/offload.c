/*
 * Computation on another thread, while the loop goes on: the clock below ticks all the time.
 *
 * A fiber that computes holds its thread, and with it every other fiber of the loop.
 * weft_offload() hands the function to a pool of threads and parks the fiber until it is done. The
 * function may use the caller's variables: once it has begun, the call waits for its end.
 */
#include <stdio.h>
#include <weft/weft.h>

struct work {
    uint64_t steps;
    uint64_t result;
};

/* The longest way to 1 of Collatz' numbers below a bound: pure computation. */
static int compute(void *argument)
{
    struct work *work = argument;
    for (uint64_t start = 1; start < work->steps; start++) {
        uint64_t length = 0;
        for (uint64_t n = start; n != 1; n = n % 2 ? 3 * n + 1 : n / 2)
            length++;
        if (length > work->result)
            work->result = length;
    }
    return 0;
}

static int tick(void *argument)
{
    int **ticks = argument;
    while (weft_sleep(WEFT_MILLISECOND) == 0)
        ++**ticks;
    return 0;
}

static int run(void *argument)
{
    (void)argument;
    int ticks = 0;
    struct work work = { .steps = 300000 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go_transient(&scope, tick, (int *){ &ticks }); /* ends with the scope */
    if (weft_offload(compute, &work) < 0)
        return -1;
    printf("longest way: %llu steps; the clock %s meanwhile\n", (unsigned long long)work.result,
           ticks > 0 ? "ticked" : "stood still");
    return weft_scope_wait(&scope);
}

int main(void)
{
    if (weft_run(run, NULL) < 0)
        return perror("offload"), 1;
    return 0;
}
