/* What an uncontended mutex costs in a fiber, against the C library's own, in turns. */
#include "bench.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <weft/weft.h>

enum {
    ROUNDS = 41,
    PAIRS = 200000
};

typedef int operation(pthread_mutex_t *mutex);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static double hooked_ns[ROUNDS];
static double bare_ns[ROUNDS];

/* Through pointers both, so that one is not dearer by how it is called. */
static double batch(operation *lock, operation *unlock)
{
    int64_t start = bench_cpu();

    for (int i = 0; i < PAIRS; i++) {
        if (lock(&mutex) != 0 || unlock(&mutex) != 0)
            abort();
    }
    return (double)(bench_cpu() - start) / PAIRS;
}

static operation *find(void *library, const char *name)
{
    operation *function = (operation *)(uintptr_t)dlsym(library, name);

    if (!function)
        abort();
    return function;
}

static int measure(void *libc)
{
    operation *lock = find(libc, "pthread_mutex_lock");
    operation *unlock = find(libc, "pthread_mutex_unlock");

    for (int i = 0; i < ROUNDS; i++) {
        bare_ns[i] = batch(lock, unlock);
        hooked_ns[i] = batch(find(RTLD_DEFAULT, "pthread_mutex_lock"),
                             find(RTLD_DEFAULT, "pthread_mutex_unlock"));
    }
    return 0;
}

static void *second_thread(void *unused)
{
    (void)unused;
    for (;;)
        sleep(1000);
    return NULL;
}

/* With one thread the C library leaves its atomic instructions out; programs with a watchdog, or
 * any other thread, have them. */
int main(void)
{
    pthread_t thread;
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

    if (!libc || pthread_create(&thread, NULL, second_thread, NULL) != 0)
        return 1;
    if (weft_run(measure, libc) < 0)
        return 1;
    bench_report("mutex", bench_median(hooked_ns, ROUNDS));
    bench_report("mutex_bare", bench_median(bare_ns, ROUNDS));
    return 0;
}
