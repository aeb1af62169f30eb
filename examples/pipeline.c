/*
 * A pipeline: one fiber makes numbers, four test them, one collects the primes.
 *
 *      numbers ──channel of 16──> tester, tester, tester, tester ──channel of 16──> collector
 *
 * A full channel holds its sender back, so a slow stage slows the ones before it and nothing piles
 * up. A closed channel lets its receivers take what is left and then fails with EPIPE: that is how
 * the end of the work travels through the stages.
 */
#include <errno.h>
#include <stdio.h>
#include <weft/weft.h>

enum {
    NUMBERS = 1000,
    TESTERS = 4
};

struct pipeline {
    struct weft_channel *numbers;
    struct weft_channel *primes;
};

static int make_numbers(void *argument)
{
    struct pipeline *pipeline = argument;
    int result = 0;
    for (int n = 2; n <= NUMBERS && result == 0; n++)
        result = weft_channel_send(pipeline->numbers, &n);
    weft_channel_close(pipeline->numbers);
    return result;
}

static bool is_prime(int n)
{
    for (int d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return true;
}

static int test_numbers(void *argument)
{
    struct pipeline *pipeline = argument;
    int n;
    while (weft_channel_receive(pipeline->numbers, &n) == 0)
        if (is_prime(n) && weft_channel_send(pipeline->primes, &n) < 0)
            return -1;
    return errno == EPIPE ? 0 : -1; /* EPIPE: closed, and nothing left in it */
}

static int run_testers(void *argument)
{
    struct pipeline *pipeline = argument;
    WEFT_AUTO(weft_scope) struct weft_scope testers = { .name = "testers" };
    for (int i = 0; i < TESTERS; i++)
        weft_go(&testers, test_numbers, *pipeline);
    int result = weft_scope_wait(&testers);
    weft_channel_close(pipeline->primes); /* the last tester has ended */
    return result;
}

static int collect(void *argument)
{
    struct pipeline *pipeline = argument;
    int n, count = 0, sum = 0;
    while (weft_channel_receive(pipeline->primes, &n) == 0) {
        count++;
        sum += n;
    }
    printf("%d primes up to %d, their sum is %d\n", count, NUMBERS, sum);
    return errno == EPIPE ? 0 : -1;
}

static int run_pipeline(void *argument)
{
    struct pipeline *pipeline = argument;
    WEFT_AUTO(weft_scope) struct weft_scope stages = { .name = "stages" };
    weft_go(&stages, make_numbers, *pipeline);
    weft_go(&stages, run_testers, *pipeline);
    weft_go(&stages, collect, *pipeline);
    return weft_scope_wait(&stages);
}

int main(void)
{
    struct pipeline pipeline = { weft_channel_new(sizeof(int), 16),
                                 weft_channel_new(sizeof(int), 16) };
    int failed = !pipeline.numbers || !pipeline.primes || weft_run(run_pipeline, &pipeline) < 0;
    if (failed)
        perror("pipeline");
    weft_channel_free(pipeline.numbers);
    weft_channel_free(pipeline.primes);
    return failed;
}
