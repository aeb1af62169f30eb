/* Who has the lock that a fiber waits for, as programs are told. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "fiber/fiber.h"
#include "fiber/inspect.h"
#include "tap.h"

enum {
    CROWD = 2000
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static _Atomic int thread_number;
static _Atomic bool give_up;

static int lock_mutex(void *argument)
{
    (void)argument;
    return pthread_mutex_lock(&mutex) || pthread_mutex_unlock(&mutex);
}

static int read_lock(void *argument)
{
    (void)argument;
    return pthread_rwlock_rdlock(&rwlock) || pthread_rwlock_unlock(&rwlock);
}

/* What the tree says, for the caller to free. */
static char *tree(void)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    must(stream, "a stream");
    weft__json_tree(stream, weft__runtime_current, SIZE_MAX);
    must(fclose(stream) == 0, "written");
    return text;
}

static int times(const char *text, const char *wanted)
{
    int count = 0;
    while ((text = strstr(text, wanted)) != NULL) {
        text += strlen(wanted);
        count++;
    }
    return count;
}

/* Me, who holds: by the id that the tree gives me. */
static void claim_owner(const char *what)
{
    char wanted[64];
    char *text = tree();
    snprintf(wanted, sizeof wanted, "\"owner\":\"%p\"", (void *)weft__current->task);
    is_int(times(text, wanted), 1, "%s names its owner", what);
    is_int(times(text, "\"owner_thread\""), 0, "%s: no thread", what);
    free(text);
}

static int fibers(void *argument)
{
    struct weft_scope scope = { 0 };
    (void)argument;
    must(pthread_mutex_lock(&mutex) == 0, "mine");
    must(weft_spawn(&scope, lock_mutex, NULL, 0), "a fiber waits");
    claim_owner("a mutex");
    must(pthread_mutex_unlock(&mutex) == 0, "given up");
    must(weft_yield() == 0, "taken");
    must(pthread_rwlock_wrlock(&rwlock) == 0, "mine");
    must(weft_spawn(&scope, read_lock, NULL, 0), "a fiber waits");
    claim_owner("a lock for writing");
    must(pthread_rwlock_unlock(&rwlock) == 0, "given up");
    must(weft_yield() == 0, "taken");
    must(pthread_rwlock_rdlock(&rwlock) == 0, "for reading");
    char *text = tree();
    is_int(times(text, "\"owner"), 0, "who does not wait names nobody");
    free(text);
    must(pthread_rwlock_unlock(&rwlock) == 0, "given up");
    return weft_scope_wait(&scope);
}

static void *hold_in_thread(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&mutex);
    atomic_store(&thread_number, gettid());
    while (!atomic_load(&give_up))
        usleep(500);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static int a_thread(void *argument)
{
    struct weft_scope scope = { 0 };
    pthread_t thread;
    char wanted[64];
    (void)argument;
    must(pthread_create(&thread, NULL, hold_in_thread, NULL) == 0, "a thread");
    while (!atomic_load(&thread_number))
        weft_sleep(WEFT_MILLISECOND);
    must(weft_spawn(&scope, lock_mutex, NULL, 0), "a fiber waits");
    char *text = tree();
    snprintf(wanted, sizeof wanted, "\"owner_thread\":%d", thread_number);
    is_int(times(text, wanted), 1, "a mutex names the thread that has it");
    free(text);
    atomic_store(&give_up, true);
    must(weft_scope_wait(&scope) == 0, "it gets it");
    return pthread_join(thread, NULL);
}

/* As many as may wait for one lock: each names its owner. */
static int a_crowd(void *argument)
{
    struct weft_scope scope = { 0 };
    (void)argument;
    must(pthread_mutex_lock(&mutex) == 0, "mine");
    for (int i = 0; i < CROWD; i++)
        must(weft_spawn(&scope, lock_mutex, NULL, 0), "a fiber waits");
    char wanted[64];
    char *text = tree();
    snprintf(wanted, sizeof wanted, "\"object\":\"%p\"", (void *)&mutex);
    int waiting = times(text, wanted);
    ok(waiting > CROWD / 2, "thousands wait for one lock");
    is_int(times(text, "\"owner\":"), waiting, "and each names the owner");
    free(text);
    must(pthread_mutex_unlock(&mutex) == 0, "given up");
    return weft_scope_wait(&scope);
}

int main(void)
{
    must(weft_run(fibers, NULL) == 0, "fibers");
    must(weft_run(a_thread, NULL) == 0, "a thread");
    must(weft_run(a_crowd, NULL) == 0, "a crowd");
    return done_testing();
}
