/*
 * The orders, edge cases and pitfalls that need descriptors: plain read, write, poll and close of
 * fibers, threads, and fibers in other threads.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "runtime.h"

struct line {
    int in;
    int out;
    int error;
    atomic_bool waits;
};

static void line_open(struct line *line)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    *line = (struct line){ .in = pair[0], .out = pair[1] };
}

FIBER(read_line)
{
    struct line *line = *(struct line **)argument;
    char byte;
    atomic_store(&line->waits, true);
    line->error = read(line->in, &byte, 1) < 0 ? errno : 0;
    return 0;
}

/** Starts a reader and lets it park. */
static void start_reader(struct weft_scope *scope, struct line *line)
{
    must(weft_go(scope, read_line, (struct line *){ line }) != NULL, "start");
    settle();
}

FIBER(close_by_fiber)
{
    struct line line;
    line_open(&line);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    start_reader(&scope, &line);
    close(line.in);
    must(weft_scope_wait(&scope) == 0, "wait");
    is_int(line.error, EBADF, "close by another fiber wakes a reader with EBADF");
    close(line.out);
    return 0;
}

static void *close_in_thread(void *argument)
{
    close(((struct line *)argument)->in);
    return NULL;
}

static int close_as_root(void *argument)
{
    must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    close(((struct line *)argument)->in);
    return 0;
}

static void *close_in_loop(void *argument)
{
    must(weft_run(close_as_root, argument) == 0, "run");
    return NULL;
}

static void close_from(void *(*closer)(void *), const char *what)
{
    struct line line;
    pthread_t thread;
    line_open(&line);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    start_reader(&scope, &line);
    must(pthread_create(&thread, NULL, closer, &line) == 0, "thread");
    must(weft_scope_wait(&scope) == 0, "wait");
    must(pthread_join(thread, NULL) == 0, "join");
    is_int(line.error, EBADF, "close by %s wakes a reader with EBADF", what);
    close(line.out);
}

FIBER(close_by_threads)
{
    close_from(close_in_thread, "a thread");
    close_from(close_in_loop, "a fiber in another thread");
    return 0;
}

FIBER(number_again)
{
    struct line first;
    struct line second;
    line_open(&first);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    start_reader(&scope, &first);
    close(first.in);
    line_open(&second);
    is_int(second.in, first.in, "a descriptor's number comes again at once");
    start_reader(&scope, &second);
    is_int(first.error, EBADF, "the old one's reader has been woken");
    ok(second.waits && second.error == 0, "the new one's waits");
    must(write(second.out, "x", 1) == 1, "write");
    must(weft_scope_wait(&scope) == 0, "wait");
    is_int(second.error, 0, "and gets what is written for it");
    close(first.out);
    close(second.in);
    close(second.out);
    return 0;
}

FIBER(no_time)
{
    struct line line;
    char byte;
    line_open(&line);
    struct pollfd polled = { .fd = line.in, .events = POLLIN };
    is_int(poll(&polled, 1, 0), 0, "a poll without time tells that nothing is there");
    struct timeval limit = { 0, 20000 };
    must(setsockopt(line.in, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0, "setsockopt");
    fails(read(line.in, &byte, 1), EAGAIN, "a socket's own timeout is EAGAIN, as without fibers");
    {
        WEFT_TIMEOUT(10 * WEFT_MILLISECOND);
        fails(read(line.in, &byte, 1), ETIMEDOUT, "a WEFT_TIMEOUT that is shorter ETIMEDOUT");
    }
    fcntl(line.in, F_SETFL, O_NONBLOCK);
    fails(read(line.in, &byte, 1), EAGAIN, "a non-blocking one EAGAIN at once");
    close(line.in);
    close(line.out);
    return 0;
}

FIBER(read_for_ever)
{
    struct line *line = *(struct line **)argument;
    char byte;
    int tries = 0;
    while (tries < 5 && read(line->in, &byte, 1) < 0 && errno == ECANCELED)
        tries++;
    return tries;
}

FIBER(cancelled_read)
{
    struct line line;
    struct weft_result result = { 0 };
    line_open(&line);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, read_for_ever, (struct line *){ &line });
    settle();
    weft_cancel(task);
    must(weft_join(task, &result) == 0, "join");
    is_int(result.value, 5, "a cancelled read fails with ECANCELED each time");
    must(write(line.out, "y", 1) == 1, "write");
    char byte = 0;
    is_int(read(line.in, &byte, 1), 1, "and has taken nothing");
    is_int(byte, 'y', "from who reads later");
    close(line.in);
    close(line.out);
    return 0;
}

FIBER(regular_file)
{
    char bytes[16] = { 0 };
    int file = open("/proc/self/exe", O_RDONLY);
    must(file >= 0, "open");
    is_int(read(file, bytes, sizeof(bytes)), 16, "a regular file, which can't be polled, is read");
    is_mem(bytes, "\177ELF", 4, "with its bytes");
    close(file);
    return 0;
}

enum {
    ROUNDS = 3000
};

static void *echo(void *argument)
{
    struct line *line = argument;
    char byte;
    for (int i = 0; i < ROUNDS; i++)
        must(read(line->out, &byte, 1) == 1 && write(line->out, &byte, 1) == 1, "echo");
    return NULL;
}

FIBER(no_lost_wake_up)
{
    struct line line;
    pthread_t thread;
    int right = 0;
    line_open(&line);
    must(pthread_create(&thread, NULL, echo, &line) == 0, "thread");
    for (int i = 0; i < ROUNDS; i++) {
        char byte = (char)i;
        must(write(line.in, &byte, 1) == 1, "write");
        right += read(line.in, &byte, 1) == 1 && byte == (char)i;
    }
    must(pthread_join(thread, NULL) == 0, "join");
    is_int(right, ROUNDS, "no answer of another thread comes between the try and the wait");
    close(line.in);
    close(line.out);
    return 0;
}

struct interruption {
    struct weft_task *root;
    int event;
};

FIBER(listen_for_interrupts)
{
    struct interruption *interruption = *(struct interruption **)argument;
    uint64_t count;
    if (read(interruption->event, &count, sizeof(count)) < 0)
        return -1;
    weft_cancel(interruption->root);
    return 0;
}

static void *interrupt(void *argument)
{
    uint64_t one = 1;
    must(write(((struct interruption *)argument)->event, &one, sizeof(one)) == sizeof(one),
         "write");
    return NULL;
}

static int run_until_interrupted(struct interruption *interruption)
{
    pthread_t thread;
    struct interruption *pointer = interruption;
    must(weft_go_transient(NULL, listen_for_interrupts, pointer) != NULL, "listen");
    must(pthread_create(&thread, NULL, interrupt, interruption) == 0, "thread");
    int result = weft_sleep(WEFT_MINUTE);
    int error = errno;
    WEFT_SHIELD(WEFT_MINUTE);
    must(pthread_join(thread, NULL) == 0, "join");
    is_int(weft_sleep(WEFT_MILLISECOND), 0,
           "after an interrupt from another thread clean-up blocks");
    errno = error;
    return result;
}

FIBER(interrupted_root)
{
    struct interruption interruption = { weft_self(), eventfd(0, 0) };
    must(interruption.event >= 0, "eventfd");
    int result = run_until_interrupted(&interruption);
    int error = errno;
    close(interruption.event);
    errno = error;
    return result;
}

#define in_real_time(function) must(weft_run(function, NULL) == 0, "%s ran to its end", #function)

int main(void)
{
    in_real_time(close_by_fiber);
    in_real_time(close_by_threads);
    in_real_time(number_again);
    in_real_time(no_time);
    in_real_time(cancelled_read);
    in_real_time(regular_file);
    in_real_time(no_lost_wake_up);
    fails(weft_run(interrupted_root, NULL), ECANCELED, "and the interrupt is the run's outcome");
    return done_testing();
}
