/*
 * Ten thousand fibers over mixed hooks, generation after generation: nothing grows.
 *
 * WEFT_SOAK=SECONDS for how long; ten without it. A generation is FIBERS fibers, each with a kind
 * of work by lot; a part of them is cancelled, a part is late. After the first generations the heap
 * and the resident memory have to stay where they are.
 */
#include <malloc.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "crowd.h"

enum {
    FIBERS = UNDER_SANITIZER ? 1000 : 10000,
    WARM_UP = 3,           /* generations */
    HEAP_GROWTH = 1 << 20, /* bytes: what fragmentation may cost */
    RSS_GROWTH = 16 << 20
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static uint64_t lot = 88172645463325252u;
static unsigned long counted, finished, failed, lookups, children;
static int pairs_left, processes_left;

static uint64_t draw(void)
{
    lot ^= lot << 13;
    lot ^= lot >> 7;
    lot ^= lot << 17;
    return lot;
}

/* Both ends in one fiber and a child: what one writes, the other reads. */
static int send_word(void *argument)
{
    usleep(draw() % 3000);
    return write(*(int *)argument, "12345678", 8) == 8 ? 0 : -1;
}

static int by_socket(void)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    char word[8];
    if (pairs_left <= 0)
        return usleep(500);
    pairs_left--;
    if (draw() % 2 ? socketpair(AF_UNIX, SOCK_STREAM, 0, pair) : pipe(pair)) {
        pairs_left++;
        return -1;
    }
    weft_go(&scope, send_word, (int){ pair[1] });
    int result = read(pair[0], word, sizeof word) == 8 && memcmp(word, "12345678", 8) == 0 ? 0 : -1;
    weft_scope_fini(&scope);
    close(pair[0]);
    close(pair[1]);
    pairs_left++;
    return result;
}

static int by_lock(void)
{
    pthread_mutex_lock(&mutex);
    unsigned long before = counted;
    if (draw() % 64 == 0)
        weft_yield(); /* others wait for the mutex */
    int result = counted == before ? 0 : -1;
    counted++;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
    return result;
}

static int by_condition(void)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 2;
    pthread_mutex_lock(&mutex);
    int error = pthread_cond_timedwait(&condition, &mutex, &limit);
    pthread_mutex_unlock(&mutex);
    return error == 0 || error == ETIMEDOUT ? 0 : -1;
}

static int by_semaphore(void)
{
    if (sem_wait(&semaphore) < 0)
        return -1;
    usleep(draw() % 500);
    return sem_post(&semaphore);
}

static int by_file(void)
{
    char bytes[256] = "";
    FILE *file = tmpfile();
    if (!file)
        return -1;
    fprintf(file, "%s %d\n", "a line", 12);
    rewind(file);
    int result = fgets(bytes, sizeof bytes, file) && strcmp(bytes, "a line 12\n") == 0 ? 0 : -1;
    fclose(file);
    return result;
}

static int by_name(void)
{
    struct addrinfo *found;
    if (getaddrinfo("localhost", "80", NULL, &found) != 0)
        return -1;
    freeaddrinfo(found);
    lookups++;
    return 0;
}

static int by_process(void)
{
    char line[16] = "";
    if (processes_left <= 0)
        return usleep(1000);
    processes_left--;
    FILE *stream = popen("echo child 2>/dev/null", "r");
    char *got = stream ? fgets(line, sizeof line, stream) : NULL;
    int status = stream ? pclose(stream) : -1;
    processes_left++;
    children += got != NULL;
    return got && status == 0 && strcmp(line, "child\n") == 0 ? 0 : -1;
}

static int add_up(void *argument)
{
    *(int *)argument += 1;
    return 0;
}

static int by_thread(void)
{
    int number = 41;
    return weft_offload(add_up, &number) == 0 && number == 42 ? 0 : -1;
}

static int one_work(void)
{
    uint64_t kind = draw() % 1000;
    if (kind < 300)
        return by_socket();
    if (kind < 600)
        return by_lock();
    if (kind < 700)
        return usleep(draw() % 20000);
    if (kind < 750)
        return by_condition();
    if (kind < 900)
        return by_semaphore();
    if (kind < 950)
        return by_file();
    if (kind < 980)
        return by_thread();
    return kind < 998 ? by_name() : by_process();
}

/* Some are late on purpose; whoever fails must have a reason. */
FIBER(work)
{
    int result;
    if (draw() % 50 == 0) {
        WEFT_TIMEOUT((int64_t)(draw() % 5) * WEFT_MILLISECOND);
        result = one_work();
        if (result < 0 && weft_cancelled())
            result = 0;
    } else {
        result = one_work();
    }
    if (result < 0 && !weft_cancelled())
        failed++;
    finished++;
    return 0;
}

static void generation(void)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *some[FIBERS / 100];
    for (int i = 0; i < FIBERS; i++) {
        struct weft_task *task = weft_go(&scope, work, NOTHING);
        must(task, "a fiber");
        some[i / 100] = task;
    }
    for (size_t i = 0; i < COUNT(some); i += 2)
        weft_cancel(some[i]);
    must(weft_scope_wait(&scope) == 0, "a generation");
}

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    must(file && fscanf(file, "%*d %ld", &pages) == 1, "the memory in use");
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

FIBER(soak)
{
    const char *text = getenv("WEFT_SOAK");
    int64_t end = weft_now() + (text ? strtol(text, NULL, 10) : 10) * WEFT_SECOND;
    unsigned long generations = 0;
    long rss = 0;
    size_t heap = 0;
    for (; generations <= WARM_UP || weft_now() < end; generations++) {
        alarm(FUSE);
        generation();
        must(failed == 0, "generation %lu: nobody fails without a reason", generations);
        if (generations == WARM_UP) {
            rss = resident();
            heap = mallinfo2().uordblks;
        }
    }
    long grown = resident() - rss;
    long more = (long)mallinfo2().uordblks - (long)heap;
    struct weft_stats stats;
    must(weft_stats(&stats) == 0, "figures");
    diag("%lu generations, %lu fibers, %lu names, %lu children; resident %+ld kB, heap %+ld bytes",
         generations, finished, lookups, children, grown / 1024, more);
    is_int(finished, generations * FIBERS, "every fiber has come to its end");
    is_int(stats.tasks, 1, "and only the root is left");
    ok(lookups > 0 && children > 0 && counted > 0, "all kinds of work were done");
    if (!UNDER_SANITIZER) {
        ok(more < HEAP_GROWTH, "the heap has not grown since the warm-up (%ld bytes)", more);
        ok(grown < RSS_GROWTH, "nor has the resident memory (%ld kB)", grown / 1024);
    }
    return 0;
}

int main(void)
{
    must(sem_init(&semaphore, 0, 50) == 0, "a semaphore");
    pairs_left = 3000; /* two descriptors each */
    processes_left = 20;
    int before = open_descriptors();
    in_runtime(soak);
    is_int(open_descriptors(), before, "no descriptor is left");
    is_int(waitpid(-1, NULL, WNOHANG), -1, "nor a child");
    return done_testing();
}
