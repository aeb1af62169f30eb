/* Memory of sleeping fibers, each with its guard page: sleep TASKS STACK. */
#include "bench.h"

#include <unistd.h>
#include <weft/weft.h>

static int sleeper(void *arg)
{
    (void)arg;
    return weft_sleep(3600 * WEFT_SECOND);
}

static int measure_all(void *arg)
{
    int64_t tasks = *(int64_t *)arg;
    struct bench_memory memory;

    bench_memory_before(&memory);
    for (int64_t i = 0; i < tasks; i++) {
        if (!weft_spawn(NULL, sleeper, NULL, 0)) {
            perror("sleep: weft_spawn");
            return -1;
        }
    }
    bench_memory_after(&memory, tasks);
    _exit(0); /* waking them all is not what is measured */
}

int main(int argc, char **argv)
{
    int64_t tasks = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000;
    struct weft_options options = {
        .stack_size = argc > 2 ? strtoull(argv[2], NULL, 10) : 16 * 1024,
    };

    return weft_run_with(&options, measure_all, &tasks) < 0;
}
