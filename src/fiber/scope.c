/* Scopes: opening, outcomes, waiting for the last child. */
#include <errno.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "fiber/fiber.h"

#define LOAD_PAUSE_FIRST (1 * WEFT_MILLISECOND)
#define LOAD_PAUSE_MOST (100 * WEFT_MILLISECOND)

static void expire(struct weft__timer *timer)
{
    struct weft__scope *scope = weft__container_of(timer, struct weft__scope, timer);
    scope->expired = !scope->effective && (scope->alive || scope->starting);
    weft__cancel_scope(scope, ETIMEDOUT);
}

static int open_fresh(struct weft_scope *outer, struct weft__fiber *self)
{
    struct weft__scope *scope = weft__scope_inner(outer);
    *scope = (struct weft__scope){ .magic = WEFT__SCOPE_MAGIC };
    scope->runtime = self->runtime;
    scope->owner = self;
    scope->frame = self->frame;
    scope->effective = self->frame->effective;
    scope->timer.fire = expire;
    weft__list_init(&scope->running);
    weft__list_init(&scope->ended);
    weft__list_init(&scope->watches);
    weft__list_init(&scope->queue);
    scope->state = WEFT__SCOPE_OPEN;
    weft__list_append(&self->scopes, &scope->opened);
    if (outer->timeout > 0 && outer->timeout != WEFT_FOREVER) {
        struct weft__runtime *runtime = self->runtime;
        int64_t deadline = weft__deadline(weft__now(runtime), outer->timeout);
        int error = weft__timer_set(&runtime->loop.timers, &scope->timer, deadline);
        /* It may not run unlimited: nothing starts in it, and its end tells why. */
        if (error) {
            weft__scope_fail(scope, -error, NULL);
            scope->own = -error;
            scope->effective = -error;
            return error;
        }
    }
    return 0;
}

int weft__scope_open(struct weft_scope *outer, struct weft__fiber *self)
{
    struct weft__scope *scope = weft__scope_inner(outer);
    if (__builtin_expect(scope->state == WEFT__SCOPE_OPEN, 1)) {
        weft_assert(scope->magic == WEFT__SCOPE_MAGIC);
        if (__builtin_expect(scope->runtime == self->runtime, 1))
            return 0;
        weft__fail_with(EPERM, "the scope belongs to another thread");
        return -EPERM;
    }
    if (scope->state == WEFT__SCOPE_UNUSED)
        return open_fresh(outer, self);
    weft__fail_with(EINVAL, "the scope has ended; a scope is used once");
    return -EINVAL;
}

static bool full(const struct weft_scope *outer)
{
    const struct weft__scope *scope = weft__scope_inner(outer);
    return outer->limit && scope->alive + scope->granted >= outer->limit;
}

/* A place that is free goes to who has waited longest, and nobody can take it in between. */
static int wait_for_place(struct weft_scope *outer, struct weft__fiber *self)
{
    struct weft__scope *scope = weft__scope_inner(outer);
    struct weft__queued queued = { .fiber = self };
    weft__list_append(&scope->queue, &queued.node);
    int error = weft__park(self, WEFT__WAIT_SCOPE, scope, true);
    weft__list_remove(&queued.node);
    scope->granted -= queued.granted;
    return error;
}

static int wait_for_load(struct weft_scope *outer, struct weft__fiber *self)
{
    int64_t pause = LOAD_PAUSE_FIRST;
    while (self->runtime->load.percent > outer->load && !weft__scope_inner(outer)->effective) {
        int64_t deadline = weft__deadline(weft__now(self->runtime), pause);
        int result = weft__park_until(self, WEFT__WAIT_SCOPE, outer, deadline, true);
        if (result < 0)
            return result;
        pause = pause * 2 < LOAD_PAUSE_MOST ? pause * 2 : LOAD_PAUSE_MOST;
    }
    return 0;
}

/* The load first: a place is not held while it is waited for. */
static int wait_to_start(struct weft_scope *outer, struct weft__fiber *self)
{
    struct weft__scope *scope = weft__scope_inner(outer);
    scope->starting++;
    int error = outer->load ? wait_for_load(outer, self) : 0;
    if (!error && !scope->effective && full(outer))
        error = wait_for_place(outer, self);
    scope->starting--;
    if (error || scope->effective)
        weft__scope_left(scope); /* the next one, or the owner who waits for all */
    return error;
}

int weft__scope_check(struct weft_scope *outer, struct weft__fiber *self)
{
    int error = weft__scope_open(outer, self);
    if (error)
        return error;
    struct weft__scope *scope = weft__scope_inner(outer);
    error = weft__checkpoint(self);
    if (!error && __builtin_expect(outer->load || full(outer), 0))
        error = wait_to_start(outer, self);
    if (__builtin_expect(scope->effective != 0, 0)) {
        scope->expired |= scope->own == ETIMEDOUT && scope->effective == ETIMEDOUT;
        return error ? error : -scope->effective;
    }
    if (error)
        weft__scope_fail(scope, -error, NULL);
    return error;
}

void weft__scope_fail(struct weft__scope *scope, int error, struct weft__errors **errors)
{
    if (scope->failed || scope->effective)
        return;
    scope->failed = true;
    scope->error = error;
    if (errors) {
        scope->errors = *errors;
        *errors = NULL;
    }
}

/* The root scope has no owner: it decides itself what its end means. */
static void root_left(struct weft__scope *scope)
{
    if (scope->alive)
        return;
    if (scope->transient || !weft__list_empty(&scope->watches))
        weft__cancel_scope(scope, ECANCELED);
    scope->runtime->finished = scope->transient == 0;
}

void weft__scope_left(struct weft__scope *scope)
{
    if (__builtin_expect(!scope->owner, 0)) {
        root_left(scope);
        return;
    }
    if (scope->waiter && (scope->waits_next || scope->alive + scope->starting == 0))
        weft__wake(scope->waiter, 0);
    while (__builtin_expect(!weft__list_empty(&scope->queue), 0) &&
           !full(weft__scope_outer(scope))) {
        struct weft__list *node = weft__list_pop(&scope->queue);
        struct weft__queued *queued = weft__container_of(node, struct weft__queued, node);
        queued->granted = weft__wake(queued->fiber, 0); /* not if it is cancelled already */
        scope->granted += queued->granted;
    }
}

/* A task that was cancelled on purpose, by weft_cancel(), is no failure of its scope. */
static bool is_failure(const struct weft_task *task)
{
    return task->value < 0 && !task->transient && !task->asked;
}

/* False if the joiner was cancelled first: the task waits for another, or for its scope's end. */
static bool hand_to_joiner(struct weft_task *task)
{
    struct weft__joiner *joiner = task->joiner;
    joiner->ended = true;
    task->joiner = NULL;
    task->taken = weft__wake(joiner->fiber, 0);
    return task->taken;
}

void weft__scope_ended(struct weft__scope *scope, struct weft_task *task)
{
    struct weft_scope *outer = weft__scope_outer(scope);
    weft__list_remove(&task->node);
    if (task->transient)
        scope->transient--;
    else
        scope->alive--;
    if (__builtin_expect(is_failure(task), 0)) {
        bool first = !scope->failed && !scope->effective;
        weft__scope_fail(scope, task->error, task->released ? &task->errors : NULL);
        task->decisive = first;
        if (first && !outer->keep_going)
            weft__cancel_scope(scope, ECANCELED);
    }
    if (task->joiner && hand_to_joiner(task))
        ; /* the joiner consumes it */
    else if (task->released)
        weft__task_free(scope->runtime, task);
    else
        weft__list_append(&scope->ended, &task->node);
    weft__scope_left(scope);
}

static int wait_for_children(struct weft__scope *scope, struct weft__fiber *self)
{
    int error = 0;
    scope->waits_next = false;
    while (scope->alive || scope->starting) {
        scope->waiter = self;
        int result = weft__park(self, WEFT__WAIT_SCOPE, scope, error == 0);
        scope->waiter = NULL;
        if (result < 0) {
            error = result;
            weft__cancel_scope(scope, -error);
        }
    }
    return error;
}

static void end_transients(struct weft__scope *scope, struct weft__fiber *self)
{
    if (scope->transient)
        weft__cancel_scope(scope, ECANCELED);
    while (scope->transient) {
        scope->waiter = self;
        weft__park(self, WEFT__WAIT_SCOPE, scope, false);
        scope->waiter = NULL;
    }
}

static int outcome(const struct weft__scope *scope, int waiting)
{
    if (scope->failed)
        return -scope->error;
    if (scope->expired)
        return -ETIMEDOUT;
    bool unnoticed = scope->own == ETIMEDOUT; /* its timeout passed, and nothing ran any more */
    if (scope->effective && !unnoticed)
        return -scope->effective;
    return waiting;
}

int weft__scope_close(struct weft__scope *scope, struct weft__fiber *self)
{
    int waiting = wait_for_children(scope, self);
    int result = outcome(scope, waiting);
    end_transients(scope, self);
    scope->state = WEFT__SCOPE_ENDED;
    weft__timer_clear(&scope->runtime->loop.timers, &scope->timer);
    weft__list_remove(&scope->opened);
    struct weft__list *node;
    while ((node = weft__list_pop(&scope->ended)) != NULL) {
        struct weft_task *task = weft__container_of(node, struct weft_task, node);
        if (task->decisive) {
            scope->errors = task->errors;
            task->errors = NULL;
        }
        weft__task_free(scope->runtime, task);
    }
    return result;
}

static int check_owner(struct weft__scope *scope, const char *call)
{
    struct weft__fiber *self = weft__current;
    weft_assert(scope->magic == WEFT__SCOPE_MAGIC);
    if (scope->state == WEFT__SCOPE_ENDED)
        return weft__fail_with(EINVAL, "%s: the scope has ended", call);
    if (!self || scope->owner != self)
        return weft__fail_with(EPERM, "%s: another fiber opened the scope", call);
    return 0;
}

int weft_scope_wait(struct weft_scope *outer)
{
    struct weft__scope *scope = weft__scope_inner(outer);
    if (scope->state == WEFT__SCOPE_UNUSED)
        return 0;
    if (check_owner(scope, "weft_scope_wait") < 0)
        return -1;
    int error = weft__scope_close(scope, weft__current);
    weft__errors_move(weft__current, &scope->errors);
    return error ? weft__fail(-error) : 0;
}

int weft_scope_next(struct weft_scope *outer, struct weft_result *result)
{
    struct weft__scope *scope = weft__scope_inner(outer);
    struct weft__fiber *self = weft__current;
    if (scope->state == WEFT__SCOPE_UNUSED)
        return 0;
    if (check_owner(scope, "weft_scope_next") < 0)
        return -1;
    if (outer->reap)
        return weft__fail_with(EINVAL, "weft_scope_next: the scope releases its tasks (.reap)");
    int error = weft__checkpoint(self);
    while (!error && weft__list_empty(&scope->ended) && (scope->alive || scope->starting)) {
        scope->waiter = self;
        scope->waits_next = true;
        error = weft__park(self, WEFT__WAIT_SCOPE, scope, true);
        scope->waiter = NULL;
    }
    if (error)
        return weft__fail(-error);
    struct weft__list *node = weft__list_pop(&scope->ended);
    if (!node)
        return 0;
    struct weft_task *task = weft__container_of(node, struct weft_task, node);
    weft__task_result(task, result);
    weft__errors_move(self, &task->errors);
    weft__task_free(scope->runtime, task);
    return 1;
}

int weft_scope_cancel(struct weft_scope *outer)
{
    struct weft__scope *scope = weft__scope_inner(outer);
    if (scope->state != WEFT__SCOPE_OPEN)
        return 0;
    if (scope->runtime != weft__runtime_current)
        return weft__fail_with(EPERM, "weft_scope_cancel: the scope belongs to another thread");
    weft__cancel_scope(scope, ECANCELED);
    return 0;
}

size_t weft_scope_count(const struct weft_scope *outer)
{
    const struct weft__scope *scope = weft__scope_inner(outer);
    return scope->state == WEFT__SCOPE_OPEN ? scope->alive + scope->transient : 0;
}

void weft_scope_fini(struct weft_scope *outer)
{
    struct weft__scope *scope = outer ? weft__scope_inner(outer) : NULL;
    struct weft__fiber *self = weft__current;
    if (!scope || scope->state != WEFT__SCOPE_OPEN || !self)
        return; /* never used, ended, or this is the child of a fork */
    weft_assert(scope->magic == WEFT__SCOPE_MAGIC && scope->owner == self);
    int saved = errno;
    if (scope->alive)
        weft__cancel_scope(scope, ECANCELED);
    weft__scope_close(scope, self);
    weft__errors_release(scope->errors); /* the caller leaves for a reason of its own */
    errno = saved;
}
