/* weft_watch(): a descriptor without a stack. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "runtime.h"

struct line {
    int fd;
    int peer;
    int runs;
    int stop_after;
    int result;
    int cancelled;
    struct weft_task *task;
};

static void line_open(struct line *line)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    *line = (struct line){ .fd = pair[0], .peer = pair[1], .stop_after = 1000 };
}

static void line_close(struct line *line)
{
    close(line->fd);
    close(line->peer);
}

static void poke(struct line *line)
{
    must(syscall(SYS_write, line->peer, "x", 1) == 1, "write");
}

static int on_line(void *argument)
{
    struct line *line = argument;
    char byte = 0;
    line->runs++;
    line->task = weft_self();
    if (weft_cancelled()) {
        line->cancelled++;
        return 0;
    }
    must(syscall(SYS_recvfrom, line->fd, &byte, 1, MSG_DONTWAIT, NULL, NULL) >= 0, "receive");
    if (line->runs < line->stop_after)
        return 1;
    errno = EDOM;
    return line->result;
}

static void until_runs(struct line *line, int runs)
{
    for (int i = 0; i < 2000 && line->runs < runs; i++)
        must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
}

FIBER(runs_when_readable)
{
    struct line line;
    struct weft_stats stats;
    line_open(&line);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_watch *watch = weft_watch(&scope, line.fd, on_line, &line);
    must(watch != NULL, "watch");
    must(weft_sleep(5 * WEFT_MILLISECOND) == 0, "sleep");
    is_int(line.runs, 0, "nothing runs while there is nothing to read");
    must(weft_stats(&stats) == 0, "stats");
    is_int(stats.watches, 1, "a watch is counted");
    is_int(stats.tasks, 1, "and is no task while it is idle");
    for (int i = 1; i <= 3; i++) {
        poke(&line);
        until_runs(&line, i);
        is_int(line.runs, i, "it runs when there is, time %d", i);
        ok(line.task != weft_self(), "in a fiber of its own");
    }
    line.stop_after = 4;
    poke(&line);
    is_int(weft_scope_wait(&scope), 0, "its scope stays open until the watch ends");
    is_int(line.runs, 4, "by its own result");
    must(weft_stats(&stats) == 0, "stats");
    is_int(stats.watches, 0, "then it is gone");
    line_close(&line);
    return 0;
}

FIBER(fails_as_a_task)
{
    struct line line;
    line_open(&line);
    line.stop_after = 1;
    line.result = -1;
    struct weft_scope scope = { 0 };
    must(weft_watch(&scope, line.fd, on_line, &line) != NULL, "watch");
    struct weft_task *sibling = weft_go(&scope, park_forever, NOTHING);
    poke(&line);
    struct weft_result result = { 0 };
    must(weft_join(sibling, &result) == 0, "join");
    ok(result.cancelled, "a run that fails cancels the siblings");
    fails(weft_scope_wait(&scope), EDOM, "and is the scope's failure");
    line_close(&line);
    return 0;
}

FIBER(last_run)
{
    struct line lines[3];
    struct weft_scope scope = { 0 };
    for (int i = 0; i < 3; i++) {
        line_open(&lines[i]);
        must(weft_watch(&scope, lines[i].fd, on_line, &lines[i]) != NULL, "watch");
    }
    weft_scope_cancel(&scope);
    fails(weft_scope_wait(&scope), ECANCELED, "a cancelled scope ends in spite of watches");
    for (int i = 0; i < 3; i++) {
        is_int(lines[i].runs, 1, "each of which has run a last time");
        is_int(lines[i].cancelled, 1, "cancelled, to release what it holds");
        line_close(&lines[i]);
    }
    return 0;
}

FIBER(woken)
{
    struct line line;
    line_open(&line);
    int flags = fcntl(line.fd, F_GETFL);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_watch *watch = weft_watch(&scope, line.fd, on_line, &line);
    must(watch != NULL, "watch");
    is_int(fcntl(line.fd, F_GETFL), flags, "the descriptor's flags are as they were");
    poke(&line);
    weft_watch_wake(watch);
    until_runs(&line, 1);
    is_int(line.runs, 1, "a watch can be woken");
    poke(&line);
    until_runs(&line, 2);
    is_int(line.runs, 2, "and goes on");
    line_close(&line);
    return 0;
}

static int close_and_end(void *argument)
{
    struct line *line = argument;
    line->runs++;
    close(line->fd);
    line->fd = -1;
    return 0;
}

FIBER(number_again)
{
    struct line line;
    struct line next;
    line_open(&line);
    int number = line.fd;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(weft_watch(&scope, line.fd, close_and_end, &line) != NULL, "watch");
    poke(&line);
    poke(&line);
    until_runs(&line, 1);
    line_open(&next);
    is_int(next.fd, number, "the number of a descriptor that its watch has closed comes again");
    must(weft_watch(&scope, next.fd, on_line, &next) != NULL, "watch");
    must(weft_sleep(5 * WEFT_MILLISECOND) == 0, "sleep");
    is_int(next.runs, 0, "the new one gets no event of the old one");
    poke(&next);
    until_runs(&next, 1);
    is_int(next.runs, 1, "but its own");
    is_int(line.runs, 1, "which the old watch doesn't");
    close(line.peer);
    line_close(&next);
    return 0;
}

FIBER(refused)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct line line;
    line_open(&line);
    line_close(&line);
    fails_null(weft_watch(&scope, line.fd, on_line, &line), EBADF, "a closed one is refused");
    fails_null(weft_watch(&scope, -1, on_line, &line), EBADF, "so is none");
    int file = open("/proc/self/exe", O_RDONLY);
    must(file >= 0, "open");
    fails_null(weft_watch(&scope, file, on_line, &line), EPERM, "a regular file can't be watched");
    close(file);
    return 0;
}

FIBER(hang_up)
{
    struct line line;
    line_open(&line);
    line.stop_after = 1;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(weft_watch(&scope, line.fd, on_line, &line) != NULL, "watch");
    shutdown(line.peer, SHUT_RDWR);
    is_int(weft_scope_wait(&scope), 0, "a peer that hangs up makes a watch run");
    is_int(line.runs, 1, "once");
    line_close(&line);
    return 0;
}

FIBER(many)
{
    enum {
        COUNT = 200
    };
    struct line *lines = calloc(COUNT, sizeof(*lines));
    struct weft_stats before;
    struct weft_stats after;
    must(lines != NULL, "calloc");
    weft_stats(&before);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < COUNT; i++) {
        line_open(&lines[i]);
        lines[i].stop_after = 2;
        must(weft_watch(&scope, lines[i].fd, on_line, &lines[i]) != NULL, "watch");
    }
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < COUNT; i++)
            poke(&lines[i]);
        for (int i = 0; i < COUNT; i++)
            until_runs(&lines[i], round);
    }
    is_int(weft_scope_wait(&scope), 0, "many watches end");
    int runs = 0;
    for (int i = 0; i < COUNT; i++) {
        runs += lines[i].runs;
        line_close(&lines[i]);
    }
    is_int(runs, 2 * COUNT, "each has run once for each byte");
    weft_stats(&after);
    diag("stacks: %zu before, %zu after", before.stacks, after.stacks);
    free(lines);
    return 0;
}

#define in_real_time(function) must(weft_run(function, NULL) == 0, "%s ran to its end", #function)

int main(void)
{
    in_real_time(runs_when_readable);
    in_real_time(fails_as_a_task);
    in_real_time(last_run);
    in_real_time(woken);
    in_real_time(number_again);
    in_real_time(refused);
    in_real_time(hang_up);
    in_real_time(many);
    return done_testing();
}
