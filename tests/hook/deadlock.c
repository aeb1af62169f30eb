/* Fibers that wait for each other in a circle: the library says so, and says who. */
#include "../unit/inspect/log.h"
#include "hook.h"

static pthread_mutex_t first_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t third_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;

/* Everything is timed, so that the test itself comes to an end; time is virtual. */
static struct timespec in_a_minute(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += 60;
    return now;
}

struct pair {
    const char *name;
    pthread_mutex_t *mine;
    pthread_mutex_t *next;
};

static int take_both(void *argument)
{
    const struct pair *pair = argument;
    struct timespec limit = in_a_minute();
    weft_annotate("%s", pair->name);
    if (pthread_mutex_lock(pair->mine) != 0)
        return -1;
    weft_yield();
    int error = pthread_mutex_timedlock(pair->next, &limit);
    if (error == 0)
        pthread_mutex_unlock(pair->next);
    pthread_mutex_unlock(pair->mine);
    return 0;
}

static int reports(void)
{
    int count = 0;
    for (int i = 0; i < atomic_load(&log_count) && i < LOG_LINES; i++)
        count += strstr(log_text[i], "deadlock") != NULL;
    return count;
}

FIBER(three_in_a_circle)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, take_both, (struct pair){ "anna", &first_lock, &second_lock });
    weft_go(&scope, take_both, (struct pair){ "bert", &second_lock, &third_lock });
    weft_go(&scope, take_both, (struct pair){ "carl", &third_lock, &first_lock });
    is_int(weft_scope_wait(&scope), 0, "their time limits free them in the end");
    is_int(reports(), 1, "one circle is one report");
    const char *line = log_find("deadlock of 3 fibers", 0);
    must(line, "of three fibers");
    diag("%s", line);
    ok(strstr(line, "'anna'") && strstr(line, "'bert'") && strstr(line, "'carl'"),
       "with their names");
    char address[32];
    snprintf(address, sizeof address, "%p", (void *)&second_lock);
    ok(strstr(line, address), "and the locks");
    return 0;
}

FIBER(alone)
{
    int before = reports();
    struct timespec limit = in_a_minute();
    weft_annotate("narcissus");
    must(pthread_mutex_lock(&first_lock) == 0, "locked");
    is_int(pthread_mutex_timedlock(&first_lock, &limit), ETIMEDOUT, "locked twice: it waits");
    pthread_mutex_unlock(&first_lock);
    is_int(reports(), before + 1, "for itself, which is told");
    ok(log_find("held by itself", 0), "in so many words");
    return 0;
}

static int write_then_lock(void *argument)
{
    struct timespec limit = in_a_minute();
    (void)argument;
    must(pthread_rwlock_wrlock(&table_lock) == 0, "the table");
    weft_yield();
    if (pthread_mutex_timedlock(&first_lock, &limit) == 0)
        pthread_mutex_unlock(&first_lock);
    return pthread_rwlock_unlock(&table_lock);
}

static int lock_then_read(void *argument)
{
    struct timespec limit = in_a_minute();
    (void)argument;
    must(pthread_mutex_lock(&first_lock) == 0, "the lock");
    weft_yield();
    if (pthread_rwlock_timedrdlock(&table_lock, &limit) == 0)
        pthread_rwlock_unlock(&table_lock);
    return pthread_mutex_unlock(&first_lock);
}

FIBER(a_writer_and_a_reader)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int before = reports();
    weft_go(&scope, write_then_lock, NOTHING);
    weft_go(&scope, lock_then_read, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "a writer and a reader");
    is_int(reports(), before + 1, "in a circle are told of, too");
    return 0;
}

/* --- what is no deadlock */

static int hold_for_long(void *argument)
{
    pthread_mutex_t *lock = *(pthread_mutex_t **)argument;
    pthread_mutex_lock(lock);
    weft_sleep(10 * WEFT_SECOND);
    return pthread_mutex_unlock(lock);
}

static int wait_for_it(void *argument)
{
    pthread_mutex_t *lock = *(pthread_mutex_t **)argument;
    pthread_mutex_lock(lock);
    return pthread_mutex_unlock(lock);
}

static int unlock_it(void *argument)
{
    return pthread_mutex_unlock(*(pthread_mutex_t **)argument);
}

FIBER(patience)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int before = reports();
    pthread_mutex_t *lock = &first_lock;
    weft_go(&scope, hold_for_long, lock);
    struct weft_task *waits = weft_go(&scope, wait_for_it, lock);
    FILE *text = tmpfile();
    must(text && weft_dump(text) == 0, "a dump");
    rewind(text);
    char line[512];
    bool told = false;
    while (fgets(line, sizeof line, text))
        told |= strstr(line, "waits for lock") && strstr(line, "held by 'hold_for_long'");
    fclose(text);
    ok(told, "a dump tells who has the lock that is waited for");
    must(weft_join(waits, NULL) == 0, "it gets it");
    must(weft_scope_wait(&scope) == 0, "all end");
    is_int(reports(), before, "ten seconds of waiting for somebody who sleeps are no deadlock");
    return 0;
}

/* A lock that is used as a signal: locked by one fiber, unlocked by another. */
FIBER(lent_locks)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int before = reports();
    pthread_mutex_t *lock = &first_lock;
    must(pthread_mutex_lock(lock) == 0, "locked here");
    must(weft_join(weft_go(&scope, unlock_it, lock), NULL) == 0, "unlocked there");
    weft_go(&scope, hold_for_long, lock);
    must(pthread_mutex_lock(&second_lock) == 0, "another");
    must(pthread_mutex_lock(lock) == 0, "waits ten seconds for the new owner");
    pthread_mutex_unlock(lock);
    pthread_mutex_unlock(&second_lock);
    must(weft_scope_wait(&scope) == 0, "all end");
    is_int(reports(), before, "who unlocked is no owner any more");
    return 0;
}

/* More locks than are remembered, and out of order: nothing is claimed. */
FIBER(many_locks)
{
    pthread_mutex_t locks[12];
    for (size_t i = 0; i < COUNT(locks); i++) {
        pthread_mutex_init(&locks[i], NULL);
        must(pthread_mutex_lock(&locks[i]) == 0, "lock %zu", i);
    }
    for (size_t i = 0; i < COUNT(locks); i += 2)
        must(pthread_mutex_unlock(&locks[i]) == 0, "unlock %zu", i);
    for (size_t i = 1; i < COUNT(locks); i += 2)
        must(pthread_mutex_unlock(&locks[i]) == 0, "unlock %zu", i);
    for (size_t i = 0; i < COUNT(locks); i++)
        is_int(pthread_mutex_destroy(&locks[i]), 0, "lock %zu is free", i);
    return 0;
}

int main(void)
{
    weft_log_set(log_line, NULL, WEFT_LOG_WARNING);
    int (*const all[])(void *) = { three_in_a_circle,     alone,      patience,
                                   a_writer_and_a_reader, lent_locks, many_locks };
    struct weft_options options = { .virtual_clock = true, .watchdog = WEFT_FOREVER };
    for (size_t i = 0; i < COUNT(all); i++)
        must(weft_run_with(&options, all[i], NULL) == 0, "part %zu", i);
    return done_testing();
}
