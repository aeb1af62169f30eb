/* Each kind of lock among the fibers of two loops and a plain thread: it excludes, and it parks. */
#include "hook.h"

#include <semaphore.h>
#include <threads.h>

enum {
    FIBERS = 6, /* of each loop */
    ROUNDS = 40,
    THREADS = 3,
    EVERYBODY = 2 * FIBERS + 1
};

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static mtx_t c11;
static sem_t semaphore;

/* What the lock protects: not atomic, and taken apart by a park. */
static volatile long total;
static volatile int inside;
static _Atomic int overlaps, waiting, most_waiting;

/** A lock by two functions; `give` of 0 is success for all of them. */
static const struct kind {
    const char *name;
    int (*take)(void);
    int (*attempt)(void);
    int (*give)(void);
    int type; /* of the pthread mutex; -1 another lock */
} * kind;

static int take_mutex(void)
{
    return pthread_mutex_lock(&mutex);
}

static int try_mutex(void)
{
    return pthread_mutex_trylock(&mutex);
}

static int give_mutex(void)
{
    return pthread_mutex_unlock(&mutex);
}

static int take_twice(void)
{
    return pthread_mutex_lock(&mutex) || pthread_mutex_lock(&mutex);
}

static int try_twice(void)
{
    return pthread_mutex_trylock(&mutex) || pthread_mutex_trylock(&mutex);
}

static int give_twice(void)
{
    return pthread_mutex_unlock(&mutex) || pthread_mutex_unlock(&mutex);
}

static int take_writer(void)
{
    return pthread_rwlock_wrlock(&rwlock);
}

static int try_writer(void)
{
    return pthread_rwlock_trywrlock(&rwlock);
}

static int give_rwlock(void)
{
    return pthread_rwlock_unlock(&rwlock);
}

static int take_spin(void)
{
    return pthread_spin_lock(&spin);
}

static int try_spin(void)
{
    return pthread_spin_trylock(&spin);
}

static int give_spin(void)
{
    return pthread_spin_unlock(&spin);
}

static int take_semaphore(void)
{
    return sem_wait(&semaphore);
}

static int try_semaphore(void)
{
    return sem_trywait(&semaphore);
}

static int give_semaphore(void)
{
    return sem_post(&semaphore);
}

static int take_c11(void)
{
    return mtx_lock(&c11) != thrd_success;
}

static int try_c11(void)
{
    return mtx_trylock(&c11) != thrd_success;
}

static int give_c11(void)
{
    return mtx_unlock(&c11) != thrd_success;
}

static const struct kind kinds[] = {
    { "a normal mutex", take_mutex, try_mutex, give_mutex, PTHREAD_MUTEX_NORMAL },
    { "an adaptive mutex", take_mutex, try_mutex, give_mutex, PTHREAD_MUTEX_ADAPTIVE_NP },
    { "an error-checking mutex", take_mutex, try_mutex, give_mutex, PTHREAD_MUTEX_ERRORCHECK },
    { "a recursive mutex", take_twice, try_twice, give_twice, PTHREAD_MUTEX_RECURSIVE },
    { "a read-write lock", take_writer, try_writer, give_rwlock, -1 },
    { "a spin lock", take_spin, try_spin, give_spin, -1 },
    { "a semaphore", take_semaphore, try_semaphore, give_semaphore, -1 },
    { "a C11 mutex", take_c11, try_c11, give_c11, -1 },
};

/* More wait at once than there are threads: those who wait do not hold theirs. */
static int take_counted(void)
{
    int now = atomic_fetch_add(&waiting, 1) + 1;
    int most = atomic_load(&most_waiting);
    while (now > most && !atomic_compare_exchange_weak(&most_waiting, &most, now))
        ;
    int result = kind->take();
    atomic_fetch_sub(&waiting, 1);
    return result;
}

/* The sum is right only if nobody else was inside between the two halves. */
static int work(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (take_counted() != 0)
            return -1;
        if (inside++ != 0)
            atomic_fetch_add(&overlaps, 1);
        long before = total;
        if (i % 4 == 0)
            usleep(50); /* parks a fiber that holds the lock */
        total = before + 1;
        inside--;
        if (kind->give() != 0)
            return -1;
        if (kind->attempt() == 0 && kind->give() != 0)
            return -1;
    }
    return 0;
}

FIBER(work_in_fiber)
{
    return work();
}

FIBER(crowd)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < FIBERS; i++)
        weft_go(&scope, work_in_fiber, NOTHING);
    return weft_scope_wait(&scope);
}

static void *crowd_in_thread(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)weft_run(crowd, NULL);
}

static void *work_in_thread(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)work();
}

static void init(const struct kind *next)
{
    pthread_mutexattr_t attributes;
    kind = next;
    if (next->type >= 0) {
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, next->type);
        must(pthread_mutex_init(&mutex, &attributes) == 0, "a mutex");
        pthread_mutexattr_destroy(&attributes);
    }
    total = 0;
    atomic_store(&overlaps, 0);
    atomic_store(&most_waiting, 0);
}

static void try_kind(const struct kind *next)
{
    pthread_t threads[2];
    void *results[2];
    init(next);
    must(pthread_create(&threads[0], NULL, crowd_in_thread, NULL) == 0, "a thread with a loop");
    must(pthread_create(&threads[1], NULL, work_in_thread, NULL) == 0, "a plain thread");
    int result = weft_run(crowd, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &results[i]);
    ok(result == 0 && !results[0] && !results[1], "%s: all come to their end", next->name);
    is_int(total, EVERYBODY * ROUNDS, "%s: nothing is lost", next->name);
    is_int(overlaps, 0, "%s: nobody meets anybody inside", next->name);
    ok(most_waiting > THREADS, "%s: %d waited at once", next->name, most_waiting);
    if (next->type >= 0)
        is_int(pthread_mutex_destroy(&mutex), 0, "%s: and it is free", next->name);
}

/* --- a ball between two loops, by condition */

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int side;

static int play(int mine)
{
    for (int i = 0; i < 10 * ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        while (side != mine)
            pthread_cond_wait(&condition, &mutex);
        side = !mine;
        pthread_mutex_unlock(&mutex);
        pthread_cond_signal(&condition);
    }
    return 0;
}

FIBER(play_zero)
{
    return play(0);
}

FIBER(play_one)
{
    return play(1);
}

static void *play_in_thread(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)weft_run(play_one, NULL);
}

static void ball(void)
{
    pthread_t thread;
    void *result;
    init(&kinds[0]);
    must(pthread_create(&thread, NULL, play_in_thread, NULL) == 0, "a thread with a loop");
    is_int(weft_run(play_zero, NULL), 0, "a condition passes a ball to another loop");
    pthread_join(thread, &result);
    ok(!result, "and back, %d times", 10 * ROUNDS);
}

int main(void)
{
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    must(sem_init(&semaphore, 0, 1) == 0 && mtx_init(&c11, mtx_plain) == thrd_success, "locks");
    /* ThreadSanitizer follows neither C11 mutexes nor semaphores that several loops wait for. */
    size_t count = UNDER_TSAN ? COUNT(kinds) - 2 : COUNT(kinds);
    for (size_t i = 0; i < count; i++)
        try_kind(&kinds[i]);
    if (!UNDER_TSAN)
        ball();
    return done_testing();
}
