/*
 * Watches: a descriptor waited for without a fiber.
 *
 *      armed ──readable, woken, cancelled──> running (a fiber) ──1──> armed
 *                                                 └──0, -1, scope cancelled──> gone
 */
#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "fiber/fiber.h"

#define RETRY_AFTER (10 * WEFT_MILLISECOND)

struct weft_watch {
    struct weft__list node; /* in the scope's watches */
    struct weft__waiter waiter;
    struct weft__timer retry; /* when no fiber could be had */
    struct weft__scope *scope;
    int (*function)(void *);
    void *argument;
    int fd;
    bool running;
};

/* Is it readable at this moment? Edges that came before a wait are not reported to it. */
static bool readable(int fd)
{
    struct pollfd poll = { .fd = fd, .events = POLLIN | POLLRDHUP };
    struct timespec now = { 0, 0 };
    int saved = errno;
    long count = syscall(SYS_ppoll, &poll, 1, &now, NULL, 0);
    errno = saved;
    return count != 0; /* an error is for the function to meet */
}

static void start(struct weft_watch *watch);

static void notified(struct weft__waiter *waiter, uint32_t events)
{
    (void)events;
    start(weft__container_of(waiter, struct weft_watch, waiter));
}

static void try_again(struct weft__timer *timer)
{
    struct weft_watch *watch = weft__container_of(timer, struct weft_watch, retry);
    if (!watch->running)
        start(watch);
}

/* A short read has emptied the stream, and the kernel reports whatever has come since. */
static bool known_empty(struct weft__loop *loop, int fd)
{
    const struct weft__interest *interest = weft__loop_interest(loop, fd);
    return interest && interest->drained && !interest->hung_up && interest->armed & EPOLLIN;
}

/* 1 readable already, 0 armed, or a negative errno. */
static int arm(struct weft_watch *watch)
{
    if (!known_empty(&watch->scope->runtime->loop, watch->fd) && readable(watch->fd))
        return 1;
    return weft__loop_wait(&watch->scope->runtime->loop, watch->fd, &watch->waiter);
}

static void end(struct weft_watch *watch)
{
    struct weft__scope *scope = watch->scope;
    int saved = errno;
    weft__list_remove(&watch->node);
    weft__timer_clear(&scope->runtime->loop.timers, &watch->retry);
    weft__free(watch);
    scope->alive--;
    scope->runtime->watches--;
    weft__scope_left(scope);
    errno = saved;
}

static int run(void *argument)
{
    struct weft_watch *watch = *(struct weft_watch **)argument;
    for (;;) {
        int result = watch->function(watch->argument);
        if (result == 1 && !watch->scope->effective) {
            int armed = arm(watch);
            if (armed == 0) {
                watch->running = false;
                return 0;
            }
            weft__spend(weft__current);
            if (armed == 1)
                continue;
            result = weft__fail(-armed);
        }
        end(watch);
        return result < 0 ? -1 : 0;
    }
}

static void start(struct weft_watch *watch)
{
    struct weft__runtime *runtime = watch->scope->runtime;
    int saved = errno;
    weft__loop_unwait(&watch->waiter);
    weft__timer_clear(&runtime->loop.timers, &watch->retry);
    struct weft_task *task = weft__task_start(watch->scope, run, &watch, sizeof watch, false);
    if (task) {
        watch->running = true;
        task->released = true;
        weft__make_ready(runtime, task->fiber);
        return;
    }
    errno = saved; /* of whoever cancels, not of the watch */
    int64_t later = weft__deadline(weft__now(runtime), RETRY_AFTER);
    if (weft__timer_set(&runtime->loop.timers, &watch->retry, later) < 0) {
        weft_log(WEFT_LOG_ERROR, "weft_watch: no memory to serve descriptor %d", watch->fd);
        weft__loop_wait(&runtime->loop, watch->fd, &watch->waiter);
    }
}

void weft__watches_wake(struct weft__scope *scope)
{
    weft__list_each(node, &scope->watches) {
        struct weft_watch *watch = weft__container_of(node, struct weft_watch, node);
        if (!watch->running)
            start(watch);
    }
}

static int check(struct weft_scope *scope, struct weft__fiber *self, int fd)
{
    if (!scope)
        return weft__fail_with(ENOMEM, "weft_watch: no memory for the task's own scope");
    int error = weft__scope_open(scope, self);
    if (error)
        return weft__fail(-error);
    if (weft__scope_inner(scope)->effective)
        return weft__fail(weft__scope_inner(scope)->effective);
    struct stat status;
    if (fstat(fd, &status) < 0)
        return weft__fail_with(EBADF, "weft_watch: %d is not an open descriptor", fd);
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
        return weft__fail_with(EPERM, "weft_watch: %d is a file, which is always readable", fd);
    return 0;
}

struct weft_watch *weft_watch(struct weft_scope *outer, int fd, int (*function)(void *),
                              void *argument)
{
    struct weft__fiber *self = weft__current;
    if (!self) {
        weft__fail_with(EPERM, "weft_watch: no fiber runs here; call it below weft_run()");
        return NULL;
    }
    if (!outer)
        outer = weft__implicit_scope(self);
    if (check(outer, self, fd) < 0)
        return NULL;
    struct weft__scope *scope = weft__scope_inner(outer);
    struct weft_watch *watch = weft__calloc(1, sizeof *watch);
    if (!watch) {
        weft__fail_with(ENOMEM, "weft_watch: no memory for descriptor %d", fd);
        return NULL;
    }
    watch->waiter.events = EPOLLIN | EPOLLRDHUP;
    watch->waiter.notify = notified;
    weft__list_init(&watch->waiter.node);
    watch->retry.fire = try_again;
    watch->scope = scope;
    watch->function = function;
    watch->argument = argument;
    watch->fd = fd;
    int armed = arm(watch);
    if (armed < 0) {
        weft__free(watch);
        weft__fail_with(-armed, "weft_watch: descriptor %d cannot be waited for", fd);
        return NULL;
    }
    weft__list_append(&scope->watches, &watch->node);
    scope->alive++;
    scope->runtime->watches++;
    if (armed)
        start(watch);
    return watch;
}

void weft_watch_wake(struct weft_watch *watch)
{
    if (!watch->running)
        start(watch);
}
