/* Ten thousand plain sleeps of one second, on one thread, within a little more than one second. */
#include <stdio.h>
#include <unistd.h>
#include <weft/weft.h>

static int nap(void *argument)
{
    unsigned *seconds = argument; /* the fiber's own copy */
    sleep(*seconds);              /* plain sleep(3): parks this fiber, not the thread */
    return 0;
}

static int naps(void *argument)
{
    int *count = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .timeout = 10 * WEFT_SECOND };
    for (int i = 0; i < *count; i++)
        weft_go(&scope, nap, (unsigned){ 1 });
    return weft_scope_wait(&scope); /* 0 once all have ended, -1 with the first failure */
}

int main(void)
{
    int count = 10000;
    int64_t began = weft_now();
    if (weft_run(naps, &count) < 0)
        return perror("naps"), 1;
    printf("%d naps took %.1f s\n", count, (double)(weft_now() - began) / WEFT_SECOND);
    return 0;
}
