/* A close wakes whoever waits, wherever it comes from, and no event reaches the number's next
 * owner. */
#include "channels.h"

#include <stdatomic.h>

static long call_read(int fd)
{
    char byte;
    return read(fd, &byte, 1);
}

static long call_poll(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    int ready = poll(&one, 1, -1);
    return ready == 1 ? one.revents : ready;
}

static long call_select(int fd)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, NULL);
}

static long call_epoll(int fd)
{
    struct epoll_event event;
    return epoll_wait(fd, &event, 1, -1);
}

/* --- the ways in which a number loses its owner */

static void by_close(int fd)
{
    must(close(fd) == 0, "close");
}

static void by_dup2(int fd)
{
    int other[2];
    must(pipe(other) == 0 && dup2(other[0], fd) == fd, "dup2");
    close(other[0]);
    close(other[1]);
}

static void by_dup3(int fd)
{
    int other[2];
    must(pipe(other) == 0 && dup3(other[0], fd, O_CLOEXEC) == fd, "dup3");
    close(other[0]);
    close(other[1]);
}

static void by_close_range(int fd)
{
    must(close_range((unsigned)fd, (unsigned)fd, 0) == 0, "close_range");
}

static void by_fclose(int fd)
{
    FILE *stream = fdopen(fd, "r");
    must(stream && fclose(stream) == 0, "fclose");
}

static void *close_in_thread(void *argument)
{
    usleep(3000);
    close(*(int *)argument);
    return NULL;
}

static pthread_t closer;
static int closed_by_thread;

static void by_thread(int fd)
{
    closed_by_thread = fd;
    must(pthread_create(&closer, NULL, close_in_thread, &closed_by_thread) == 0, "a thread");
}

static int close_in_fiber(void *argument)
{
    usleep(3000);
    return close(*(int *)argument);
}

static void *run_closer(void *argument)
{
    must(weft_run(close_in_fiber, argument) == 0, "a runtime in another thread");
    return NULL;
}

static void by_fiber_elsewhere(int fd)
{
    closed_by_thread = fd;
    must(pthread_create(&closer, NULL, run_closer, &closed_by_thread) == 0, "a thread");
}

static const struct {
    const char *name;
    void (*close)(int fd);
    bool thread;
} ways[] = {
    { "close", by_close, false },
    { "dup2 onto it", by_dup2, false },
    { "dup3 onto it", by_dup3, false },
    { "close_range", by_close_range, false },
    { "fclose", by_fclose, false },
    { "a thread's close", by_thread, true },
    { "the close of a fiber in another thread", by_fiber_elsewhere, true },
};

static void is_woken(size_t way, const char *name, long (*call)(int fd), long result, int error)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    must(pipe(pair) == 0, "a pipe");
    struct trial trials[2] = { { .call = call, .fd = pair[0] }, { .call = call, .fd = pair[0] } };
    struct weft_task *tasks[2];
    for (int i = 0; i < 2; i++) {
        tasks[i] = trial_start(&scope, &trials[i]);
        must(!trials[i].ended, "it waits");
    }
    ways[way].close(pair[0]);
    for (int i = 0; i < 2; i++) {
        trial_join(tasks[i]);
        ok(trials[i].result == result && (!error || trials[i].error == error),
           "%s wakes a %s, waiter %d (%ld, errno %d)", ways[way].name, name, i, trials[i].result,
           trials[i].error);
    }
    if (ways[way].thread)
        pthread_join(closer, NULL);
    close(pair[1]);
    syscall(SYS_close, pair[0]);
}

FIBER(wakes)
{
    for (size_t way = 0; way < COUNT(ways); way++) {
        is_woken(way, "read", call_read, -1, EBADF);
        is_woken(way, "poll", call_poll, POLLNVAL, 0);
        is_woken(way, "select", call_select, -1, EBADF);
    }
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trial = { .call = call_epoll, .fd = epoll_create1(0) };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended, "epoll_wait waits");
    close(trial.fd);
    trial_join(task);
    ok(trial.result == -1 && trial.error == EBADF, "close wakes epoll_wait");
    return 0;
}

/* --- a number that is handed out again */

FIBER(next_owner)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int round = 0; round < 50; round++) {
        int old[2], fresh[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, old) == 0, "a pair");
        struct trial first = { .call = call_read, .fd = old[0] };
        struct weft_task *first_task = trial_start(&scope, &first);
        must(write(old[1], "x", 1) == 1, "an event is on its way");
        close(old[0]);
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, fresh) == 0 && fresh[0] == old[0],
             "the number is back");
        struct trial second = { .call = call_read, .fd = fresh[0] };
        struct weft_task *second_task = trial_start(&scope, &second);
        trial_join(first_task);
        must(first.result == -1 && first.error == EBADF, "the old waiter hears of the close");
        must(!second.ended, "the new one is left alone");
        must(write(fresh[1], "y", 1) == 1, "its own event");
        trial_join(second_task);
        must(second.result == 1, "the new one reads its own byte");
        close(old[1]);
        close(fresh[0]);
        close(fresh[1]);
    }
    ok(true, "50 times: no event of a number's old owner reaches its next one");
    return 0;
}

/* A pipe's number becomes a TCP socket's, a terminal's, a file's, by calls no hook sees. */
FIBER(kind_changes)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    for (size_t c = 0; c < COUNT(channels); c++) {
        int before[2], pair[2];
        must(pipe(before) == 0, "a pipe");
        struct trial warm = { .call = call_read, .fd = before[0], .timeout = WEFT_MILLISECOND };
        trial_join(trial_start(&scope, &warm));
        channels[c].open(pair);
        must(syscall(SYS_dup3, pair[0], before[0], 0) == before[0], "another owner, unseen");
        channel_feed(pair);
        char word[8];
        must(read(before[0], word, sizeof word) == 8, "it is read");
        set_nonblocking(before[0], true);
        ok(read(before[0], word, sizeof word) == -1 && errno == EAGAIN,
           "a number that has become a %s behind our back works, and never blocks the thread",
           channels[c].name);
        close(before[0]);
        close(before[1]);
        channel_close(pair);
    }
    return 0;
}

/* There are programs that close whatever number there is before they begin. */
FIBER(closes_everything)
{
    int pair[2];
    must(pipe(pair) == 0, "a pipe");
    for (int fd = 100; fd < 5000; fd++)
        close(fd);
    must(usleep(100) == 0, "the loop lives");
    is_int(close_range(100, ~0U, 0), 0, "all from 100 on are closed at once");
    closefrom(100);
    is_int(usleep(1000), 0, "and the loop still lives");
    ok(dup2(pair[0], 4095) == 4095 || errno == EBADF, "a number that is ours is no number");
    close(4095);
    struct trial trial = { .call = call_read, .fd = pair[0] };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended && write(pair[1], "x", 1) == 1, "it waits");
    trial_join(task);
    is_int(trial.result, 1, "and is woken");
    close(pair[0]);
    close(pair[1]);
    return 0;
}

int main(void)
{
    int before = open_descriptors();
    in_runtime(wakes);
    in_runtime(next_owner);
    in_runtime(kind_changes);
    is_int(open_descriptors(), before, "no descriptor is left behind");
    in_runtime(closes_everything);
    return done_testing();
}
