/* Fibers that wait for each other in a circle: the library says so, and says who. */
#include "../unit/inspect/log.h"
#include "hook.h"

#include <sched.h>
#include <sys/wait.h>

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

/* Each has its first lock before any asks for the second, in whatever order they run. */
static int settled;

static void settle(int count)
{
    settled++;
    while (settled < count)
        weft_yield();
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
    settle(3);
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
    settled = 0;
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
    ok(strstr(line, "until a time limit ends it"), "and that it will not last");
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
    settle(2);
    if (pthread_mutex_timedlock(&first_lock, &limit) == 0)
        pthread_mutex_unlock(&first_lock);
    return pthread_rwlock_unlock(&table_lock);
}

static int lock_then_read(void *argument)
{
    struct timespec limit = in_a_minute();
    (void)argument;
    must(pthread_mutex_lock(&first_lock) == 0, "the lock");
    settle(2);
    if (pthread_rwlock_timedrdlock(&table_lock, &limit) == 0)
        pthread_rwlock_unlock(&table_lock);
    return pthread_mutex_unlock(&first_lock);
}

FIBER(a_writer_and_a_reader)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    settled = 0;
    int before = reports();
    weft_go(&scope, write_then_lock, NOTHING);
    weft_go(&scope, lock_then_read, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "a writer and a reader");
    is_int(reports(), before + 1, "in a circle are told of, too");
    return 0;
}

/* --- without a time limit: in a process of its own, which ends with the report */

struct lasting {
    pthread_mutex_t *mine;
    pthread_mutex_t *next;
};

static int take_for_good(void *argument)
{
    const struct lasting *pair = argument;
    pthread_mutex_lock(pair->mine);
    settle(2);
    return pthread_mutex_lock(pair->next);
}

FIBER(for_good)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    settled = 0;
    weft_go(&scope, take_for_good, (struct lasting){ &first_lock, &second_lock });
    weft_go(&scope, take_for_good, (struct lasting){ &second_lock, &first_lock });
    return weft_scope_wait(&scope);
}

static void end_with_it(void *context, enum weft_log_level level, const char *line)
{
    (void)context, (void)level;
    if (strstr(line, "deadlock of 2 fibers, none of which can go on"))
        _exit(42);
}

static void without_end(const struct weft_options *options)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        weft_log_set(end_with_it, NULL, WEFT_LOG_WARNING);
        alarm(FUSE);
        weft_run_with(options, for_good, NULL);
        _exit(1);
    }
    must(child > 0 && waitpid(child, &status, 0) == child, "a child");
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 42, "a deadlock without end is told as such");
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

static bool dump_says(const char *what, const char *also)
{
    FILE *text = tmpfile();
    char line[512];
    bool found = false;
    must(text && weft_dump(text) == 0, "a dump");
    rewind(text);
    while (fgets(line, sizeof line, text))
        found |= strstr(line, what) && strstr(line, also);
    fclose(text);
    return found;
}

FIBER(patience)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int before = reports();
    pthread_mutex_t *lock = &first_lock;
    weft_go(&scope, hold_for_long, lock);
    struct weft_task *waits = weft_go(&scope, wait_for_it, lock);
    ok(dump_says("waits for lock", "held by 'hold_for_long'"),
       "a dump tells who has the lock that is waited for");
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

/*
 * The same between threads, where the record of who locked it stays: another thread has the mutex
 * now, and gives it up in the end. Anna once locked it, Bert waits for that thread and has what
 * Anna wants.
 */
static _Atomic bool relayed, give_up;

static void *relay(void *argument)
{
    pthread_mutex_t *lock = argument;
    pthread_mutex_unlock(lock);
    pthread_mutex_lock(lock);
    atomic_store(&relayed, true);
    while (!atomic_load(&give_up))
        sched_yield();
    pthread_mutex_unlock(lock);
    return NULL;
}

static int anna(void *argument)
{
    (void)argument;
    pthread_t thread;
    must(pthread_mutex_lock(&first_lock) == 0, "anna locks the first");
    must(pthread_create(&thread, NULL, relay, &first_lock) == 0, "a thread");
    while (!atomic_load(&relayed))
        weft_yield();
    must(pthread_mutex_lock(&second_lock) == 0, "anna gets the second in the end");
    must(pthread_mutex_unlock(&second_lock) == 0, "and gives it up");
    return pthread_join(thread, NULL);
}

static int bert(void *argument)
{
    (void)argument;
    while (!atomic_load(&relayed))
        weft_yield();
    must(pthread_mutex_lock(&first_lock) == 0, "bert gets the first in the end");
    must(pthread_mutex_unlock(&first_lock) == 0, "and gives it up");
    return pthread_mutex_unlock(&second_lock);
}

static int bert_begins(void *argument)
{
    must(pthread_mutex_lock(&second_lock) == 0, "bert has the second");
    return bert(argument);
}

FIBER(another_thread_has_it)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int before = reports();
    weft_go(&scope, bert_begins, NOTHING);
    weft_go(&scope, anna, NOTHING);
    weft_sleep(10 * WEFT_SECOND + 7 * WEFT_MICROSECOND); /* between their looks */
    is_int(reports(), before, "a lock that is another thread's by now closes no circle");
    ok(dump_says("waits for lock", "held by thread "), "a dump tells which thread has it");
    ok(dump_says("waits for lock", "held by 'bert_begins'"), "and which fiber has the other");
    atomic_store(&give_up, true);
    return weft_scope_wait(&scope);
}

/* Locked here, unlocked by threads: what they leave in the record does not pile up. */
static void *unlock_elsewhere(void *lock)
{
    pthread_mutex_unlock(lock);
    return NULL;
}

FIBER(signals_by_lock)
{
    int before = reports();
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        must(pthread_mutex_lock(&third_lock) == 0, "locked here");
        must(pthread_create(&thread, NULL, unlock_elsewhere, &third_lock) == 0, "a thread");
        must(pthread_join(thread, NULL) == 0, "unlocks it");
    }
    alone(NULL);
    is_int(reports(), before + 1, "and hides no deadlock from view");
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
    if (UNDER_TSAN)
        skip_all("locks that others unlock are mistakes to ThreadSanitizer");
    weft_log_set(log_line, NULL, WEFT_LOG_WARNING);
    struct weft_options options = { .virtual_clock = true, .watchdog = WEFT_FOREVER };
    without_end(&options);
    int (*const all[])(void *) = { three_in_a_circle,     alone,          patience,
                                   a_writer_and_a_reader, lent_locks,     many_locks,
                                   another_thread_has_it, signals_by_lock };
    for (size_t i = 0; i < COUNT(all); i++)
        must(weft_run_with(&options, all[i], NULL) == 0, "part %zu", i);
    return done_testing();
}
