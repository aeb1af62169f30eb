/* Memory of sleeping State Threads: st_sleep TASKS STACK. Debian's build leaves the red zones
 * around its stacks unprotected; those of Weft are real guard pages. */
#include "bench.h"

#include <st.h>
#include <unistd.h>

static void *sleeper(void *arg)
{
    st_usleep(3600u * 1000000u);
    return arg;
}

int main(int argc, char **argv)
{
    int64_t tasks = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000;
    int stack = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 16 * 1024;
    struct bench_memory memory;

    if (st_init() < 0)
        return 1;
    bench_memory_before(&memory);
    for (int64_t i = 0; i < tasks; i++) {
        if (!st_thread_create(sleeper, NULL, 0, stack)) {
            perror("st_sleep: st_thread_create");
            return 1;
        }
        if (i % 1024 == 0)
            st_usleep(0); /* lets those made so far reach their sleep */
    }
    st_usleep(0);
    bench_memory_after(&memory, tasks);
    _exit(0);
}
