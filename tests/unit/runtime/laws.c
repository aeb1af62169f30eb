/* The laws that hold without any I/O, as a program sees them. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime.h"

static _Thread_local int thread_value;

FIBER(same_thread)
{
    pthread_t mine = pthread_self();
    int *address = &thread_value;
    for (int i = 0; i < 50; i++) {
        must(weft_sleep(i % 3) == 0, "sleep");
        must(pthread_equal(pthread_self(), mine), "same thread");
        must(address == &thread_value, "same thread-local memory");
    }
    return 0;
}

FIBER(pinned)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 100; i++)
        weft_go(&scope, same_thread, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "a started fiber never changes its thread");
    return 0;
}

FIBER(leaf)
{
    int *alive = *(int **)argument;
    ++*alive;
    int result = weft_sleep(WEFT_MINUTE);
    int error = errno;
    --*alive;
    errno = error;
    return result;
}

static int leave_early(int *alive)
{
    WEFT_AUTO(weft_scope) struct weft_scope outer = { 0 };
    weft_go(&outer, leaf, (int *){ alive });
    WEFT_AUTO(weft_scope) struct weft_scope inner = { 0 };
    weft_go(&inner, leaf, (int *){ alive });
    errno = ENOTDIR;
    return -1;
}

FIBER(structured)
{
    int alive = 0;
    fails(leave_early(&alive), ENOTDIR, "a block is left by any way with its own errno");
    is_int(alive, 0, "and with no fiber of its scopes alive");
    return 0;
}

FIBER(retry_for_ever)
{
    int tries = 0;
    while (weft_sleep(WEFT_SECOND) < 0 && errno != EINTR && tries < 10)
        tries++;
    is_int(tries, 10, "a loop that retries fails again each time, never with EINTR");
    return 0;
}

FIBER(level_triggered)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, retry_for_ever, NOTHING);
    weft_cancel(task);
    return weft_join(task, NULL);
}

FIBER(happened_or_not)
{
    struct weft_channel *channel = weft_channel_new(sizeof(int), 1);
    int message = 1;
    weft_cancel(weft_self());
    is_int(weft_channel_send(channel, &message), 0, "what could be done is done and reported");
    fails(weft_channel_send(channel, &message), ECANCELED, "the cancel comes with the next call");
    is_int(weft_channel_count(channel), 1, "which has done nothing");
    weft_channel_free(channel);
    return 0;
}

FIBER(cancelled_once)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    return weft_join(weft_go(&scope, happened_or_not, NOTHING), NULL);
}

FIBER(every_mistake)
{
    struct weft_scope scope = { .reap = true };
    struct weft_task *task = weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    (void)weft_join(weft_self(), NULL);
    (void)weft_join(task, NULL);
    (void)weft_scope_next(&scope, NULL);
    (void)weft_spawn(&scope, return_int, NULL, WEFT_ARGUMENT_MAX + 1);
    (void)weft_select(NULL, 0, 0);
    (void)weft_watch(&scope, -1, return_int, NULL);
    (void)weft_scope_wait(&scope);
    (void)weft_scope_wait(&scope);
    return 0;
}

/** Bytes that a run writes to stdout and stderr. */
static long long bytes_written(void)
{
    int file = memfd_create("output", 0);
    int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
    must(file >= 0 && saved[0] >= 0 && saved[1] >= 0, "descriptors");
    fflush(NULL);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    int result = run_virtual(every_mistake, NULL);
    fflush(NULL);
    long long written = lseek(file, 0, SEEK_END);
    dup2(saved[0], STDOUT_FILENO);
    dup2(saved[1], STDERR_FILENO);
    close(saved[0]);
    close(saved[1]);
    close(file);
    must(result == 0, "every_mistake");
    return written;
}

int main(void)
{
    must(weft_run(pinned, NULL) == 0, "pinned");
    in_runtime(structured);
    in_runtime(level_triggered);
    in_runtime(cancelled_once);
    is_int(bytes_written(), 0, "the library prints nothing, whatever goes wrong");
    return done_testing();
}
