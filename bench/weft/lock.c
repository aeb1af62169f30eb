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

static const struct {
    const char *name;
    int type;
} kinds[] = { { "mutex", -1 }, /* without attributes: std::mutex, and most of C */
              { "mutex_normal", PTHREAD_MUTEX_NORMAL },
              { "mutex_recursive", PTHREAD_MUTEX_RECURSIVE } };

static pthread_mutex_t mutex;
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

static void init(int type)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    if (type >= 0)
        pthread_mutexattr_settype(&attributes, type);
    if (pthread_mutex_init(&mutex, &attributes) != 0)
        abort();
}

static void report(const char *name)
{
    char bare[64];

    snprintf(bare, sizeof bare, "%s_bare", name);
    bench_report(name, bench_median(hooked_ns, ROUNDS));
    bench_report(bare, bench_median(bare_ns, ROUNDS));
}

static int measure(void *libc)
{
    operation *lock = find(libc, "pthread_mutex_lock");
    operation *unlock = find(libc, "pthread_mutex_unlock");

    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        init(kinds[kind].type);
        for (int i = 0; i < ROUNDS; i++) {
            bare_ns[i] = batch(lock, unlock);
            hooked_ns[i] = batch(find(RTLD_DEFAULT, "pthread_mutex_lock"),
                                 find(RTLD_DEFAULT, "pthread_mutex_unlock"));
        }
        report(kinds[kind].name);
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
    return weft_run(measure, libc) < 0;
}
