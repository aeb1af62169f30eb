/* Tasks: starting, ending, joining. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "fiber/probe.h"
#include "fiber/switch.h"

enum {
    TASKS_A_CHUNK = 63
};

struct weft__task_chunk {
    struct weft__task_chunk *next;
    struct weft_task tasks[TASKS_A_CHUNK];
};

__attribute__((noinline, cold)) static bool chunk_new(struct weft__runtime *runtime)
{
    struct weft__task_chunk *chunk = weft__malloc(sizeof *chunk);
    if (!chunk)
        return false;
    chunk->next = runtime->task_chunks;
    runtime->task_chunks = chunk;
    for (int i = TASKS_A_CHUNK - 1; i >= 0; i--)
        weft__list_prepend(&runtime->free_tasks, &chunk->tasks[i].node);
    return true;
}

static inline struct weft_task *task_new(struct weft__runtime *runtime)
{
    if (weft__list_empty(&runtime->free_tasks) && !chunk_new(runtime))
        return NULL;
    struct weft__list *node = runtime->free_tasks.next;
    node->next->prev = &runtime->free_tasks;
    runtime->free_tasks.next = node->next;
    return weft__container_of(node, struct weft_task, node);
}

void weft__task_free(struct weft__runtime *runtime, struct weft_task *task)
{
    task->magic = 0;
    if (task->errors)
        weft__errors_release(task->errors);
    weft__list_prepend(&runtime->free_tasks, &task->node);
}

void weft__task_chunks_free(struct weft__runtime *runtime)
{
    while (runtime->task_chunks) {
        struct weft__task_chunk *chunk = runtime->task_chunks;
        runtime->task_chunks = chunk->next;
        weft__free(chunk);
    }
}

void weft__task_result(const struct weft_task *task, struct weft_result *result)
{
    if (result)
        *result = (struct weft_result){ task->value, task->error, task->cancelled };
}

/* The argument lies right below the record, and the stack begins below the argument. */
static void *place_argument(struct weft__fiber *fiber, const void *argument, size_t size)
{
    char *top = (char *)fiber;
    if (size == 0) {
        fiber->argument = NULL;
        return top;
    }
    char *copy = top - ((size + 15) & ~(size_t)15);
    if (size == sizeof(uint64_t))
        memcpy(copy, argument, sizeof(uint64_t)); /* one instruction: a pointer is usual */
    else if (size == sizeof(int))
        memcpy(copy, argument, sizeof(int));
    else
        memcpy(copy, argument, size);
    fiber->argument = copy;
    return copy;
}

__attribute__((always_inline)) static inline struct weft__fiber *
fiber_new(struct weft__runtime *runtime, const void *argument, size_t size)
{
    struct weft__stack *stack = weft__stack_take(&runtime->stacks);
    if (!stack)
        return NULL;
    struct weft__fiber *fiber = weft__container_of(stack, struct weft__fiber, stack);
    fiber->runtime = runtime;
    fiber->magic = WEFT__FIBER_MAGIC;
    fiber->saved_errno = 0;
    fiber->state = WEFT__READY;
    fiber->wait = WEFT__WAIT_NONE;
    fiber->cancellable = false;
    fiber->around = runtime->around;
    fiber->interruptible = (struct weft__interruptible){ 0 };
    fiber->parks = 0;
    fiber->held_count = 0;
    fiber->lock_wait = WEFT__LOCK_NONE;
    fiber->implicit = NULL;
    fiber->locals = NULL;
    fiber->errors = NULL;
    fiber->hooked = NULL;
    fiber->lock_owner = 0;
    fiber->name[0] = '\0';
    weft__list_init(&fiber->scopes);
    weft__sanitizer_create(&fiber->sanitizer, stack->low, (size_t)((char *)fiber - stack->low));
    void *top = place_argument(fiber, argument, size);
    weft__context_make(&fiber->context, top, weft__fiber_main, fiber);
    return fiber;
}

static void begin(struct weft__fiber *fiber, struct weft_task *task, struct weft__scope *scope)
{
    fiber->task = task;
    fiber->base = (struct weft__frame){ .fiber = fiber, .effective = scope->effective };
    fiber->frame = &fiber->base;
    *task = (struct weft_task){ .magic = WEFT__TASK_MAGIC, .fiber = fiber, .scope = scope };
    weft__list_append(&scope->running, &task->node);
}

__attribute__((always_inline)) static inline struct weft_task *
task_start(struct weft__scope *scope, int (*function)(void *), const void *argument, size_t size,
           bool transient)
{
    struct weft__runtime *runtime = scope->runtime;
    if (__builtin_expect(runtime->tasks >= runtime->max_tasks, 0)) {
        weft__fail_with(EAGAIN, "weft_go: %zu tasks run; raise weft_options.max_tasks",
                        runtime->tasks);
        return NULL;
    }
    struct weft_task *task = task_new(runtime);
    struct weft__fiber *fiber = task ? fiber_new(runtime, argument, size) : NULL;
    if (__builtin_expect(!fiber, 0)) {
        if (task) {
            task->errors = NULL;
            weft__task_free(runtime, task);
        }
        weft__fail_with(ENOMEM,
                        "weft_go: no memory for a stack of %zu bytes after %zu tasks; "
                        "lower weft_options.stack_size or start fewer",
                        runtime->stacks.slot, runtime->tasks);
        return NULL;
    }
    begin(fiber, task, scope);
    fiber->function = function;
    fiber->started = runtime->turn_started;
    task->transient = transient;
    task->released = transient || weft__scope_outer(scope)->reap;
    if (transient)
        scope->transient++;
    else
        scope->alive++;
    runtime->tasks++;
    runtime->spawned++;
    WEFT__PROBE3(spawn, task, fiber, function);
    return task;
}

struct weft_task *weft__task_start(struct weft__scope *scope, int (*function)(void *),
                                   const void *argument, size_t size, bool transient)
{
    return task_start(scope, function, argument, size, transient);
}

/* What the task's own scope decides when the function itself has not failed. */
static int close_implicit(struct weft__fiber *self, int value)
{
    int saved = errno;
    struct weft__scope *scope = weft__scope_inner(self->implicit);
    if (value < 0 && scope->state == WEFT__SCOPE_OPEN)
        weft__cancel_scope(scope, ECANCELED); /* as any scope that is left by a failure */
    int error = weft__scope_close(scope, self);
    if (value < 0)
        weft__errors_release(scope->errors);
    else
        weft__errors_move(self, &scope->errors);
    weft__free(self->implicit);
    self->implicit = NULL;
    errno = value < 0 ? saved : -error;
    return value < 0 ? value : error < 0 ? -1 : value;
}

/* weft__scope_ended(), with its most usual case in line: a success that nobody waits for yet. */
static inline void leave_scope(struct weft__scope *scope, struct weft_task *task)
{
    if (__builtin_expect(task->value < 0 || task->joiner || task->released || !scope->owner ||
                             scope->waiter || !weft__list_empty(&scope->queue),
                         0)) {
        weft__scope_ended(scope, task);
        return;
    }
    scope->alive--;
    weft__list_move(&scope->ended, &task->node);
}

static void finish(struct weft__fiber *self, int value, int error)
{
    struct weft__runtime *runtime = self->runtime;
    struct weft_task *task = self->task;
    weft_assert(self->magic == WEFT__FIBER_MAGIC);
    weft_assert(self->frame == &self->base);      /* else a WEFT_TIMEOUT was not ended */
    weft_assert(weft__list_empty(&self->scopes)); /* else a scope was not ended */
    if (__builtin_expect(self->hooked != NULL, 0) && weft__hooked_release)
        weft__hooked_release(self->hooked);
    task->value = value;
    if (__builtin_expect(value < 0, 0)) {
        task->error = error;
        task->cancelled = self->base.effective != 0;
        task->errors = self->errors;
    } else if (__builtin_expect(self->errors != NULL, 0)) {
        weft__errors_release(self->errors);
    }
    task->ended = true;
    task->fiber = NULL;
    runtime->tasks--;
    self->magic = 0;
    leave_scope(task->scope, task);
    weft__stack_give(&runtime->stacks, &self->stack);
}

/*
 * The body of every fiber. Entered and left by jumps, so that every call below is returned from and
 * the return predictor is as it was when the creator of the fiber goes on.
 */
void weft__fiber_main(void *fiber)
{
    struct weft__fiber *self = fiber;
    struct weft__runtime *runtime = self->runtime;
    weft__arrive(runtime, &self->sanitizer);
    *weft__errno() = 0;
    int value = self->function(self->argument);
    if (__builtin_expect(!weft__current, 0))
        _exit(value < 0 ? 1 : value & 0xff); /* the child of a fork has no loop to go back to */
    if (__builtin_expect(self->locals != NULL, 0))
        weft__locals_release(self); /* while its destructors may still start tasks */
    if (__builtin_expect(self->implicit != NULL, 0))
        value = close_implicit(self, value);
    finish(self, value, *weft__errno());
#ifdef WEFT__TSAN
    runtime->dead = self;
#endif
    weft__suspend(runtime, self, 1);
    __builtin_unreachable();
}

/* The scope of weft_go(NULL, …): the task's own, which its end waits for. */
struct weft_scope *weft__implicit_scope(struct weft__fiber *self)
{
    if (!self->implicit)
        self->implicit = weft__calloc(1, sizeof *self->implicit);
    return self->implicit;
}

static struct weft_task *refuse(int error, const char *why)
{
    weft__fail_with(error, "weft_go: %s", why);
    return NULL;
}

/* As every start that did not happen, it is the scope's failure too. */
static struct weft_task *too_large(struct weft_scope *scope, struct weft__fiber *self)
{
    int error = weft__scope_open(scope, self);
    if (error) {
        errno = -error;
        return NULL;
    }
    weft__scope_fail(weft__scope_inner(scope), EINVAL, NULL);
    return refuse(EINVAL, "the argument is larger than WEFT_ARGUMENT_MAX; pass a pointer");
}

/* Switch to a fiber at once; the caller goes on right after it parks or ends. */
__attribute__((always_inline)) static inline void
run_now(struct weft__runtime *runtime, struct weft__fiber *self, struct weft__fiber *fiber)
{
    if (__builtin_expect(runtime->budget > 0, 1))
        weft__push_front(&runtime->ready, self);
    else
        weft__push_back(&runtime->ready, self); /* who only starts tasks gives others a turn, too */
    weft__to_fiber(runtime, self, fiber, 0);
}

__attribute__((always_inline)) static inline struct weft_task *
start_now(struct weft__scope *scope, struct weft__fiber *self, int (*function)(void *),
          const void *argument, size_t size, bool transient)
{
    struct weft_task *task = task_start(scope, function, argument, size, transient);
    if (!task) {
        int saved = errno;
        weft__scope_fail(scope, saved, NULL);
        weft__scope_left(scope); /* the place is free again: let the next one try */
        errno = saved;
        return NULL;
    }
    if (__builtin_expect(self->locals != NULL, 0))
        weft__locals_inherit(task->fiber, self);
    run_now(scope->runtime, self, task->fiber);
    return task;
}

/* What weft__scope_check() finds in nearly every case: open, no limits, nobody cancelled. */
static inline bool may_start(const struct weft_scope *outer, const struct weft__fiber *self)
{
    const struct weft__scope *scope = weft__scope_inner(outer);
    return scope->state == WEFT__SCOPE_OPEN && scope->runtime == self->runtime &&
           !(scope->effective | self->frame->effective) && !outer->limit && !outer->load;
}

struct weft_task *weft_spawn(struct weft_scope *scope, int (*function)(void *),
                             const void *argument, size_t size)
{
    struct weft__fiber *self = weft__current;
    if (__builtin_expect(!self, 0))
        return refuse(EPERM, "no fiber runs here; call it below weft_run()");
    if (!scope && !(scope = weft__implicit_scope(self)))
        return refuse(ENOMEM, "no memory for the task's own scope");
    if (__builtin_expect(size > WEFT_ARGUMENT_MAX, 0))
        return too_large(scope, self);
    int error = __builtin_expect(may_start(scope, self), 1) ? 0 : weft__scope_check(scope, self);
    if (__builtin_expect(error != 0, 0)) {
        errno = -error;
        return NULL;
    }
    return start_now(weft__scope_inner(scope), self, function, argument, size, false);
}

struct weft_task *weft_spawn_transient(struct weft_scope *scope, int (*function)(void *),
                                       const void *argument, size_t size)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return refuse(EPERM, "no fiber runs here; call it below weft_run()");
    if (!scope)
        scope = &self->runtime->root;
    if (size > WEFT_ARGUMENT_MAX)
        return too_large(scope, self);
    int error = weft__scope_open(scope, self);
    if (error == 0 && weft__scope_inner(scope)->effective)
        error = -weft__scope_inner(scope)->effective;
    if (error) {
        errno = -error;
        return NULL;
    }
    return start_now(weft__scope_inner(scope), self, function, argument, size, true);
}

/* Would SELF wait for something that waits for SELF? */
static bool waits_for(const struct weft__fiber *self, const struct weft_task *task)
{
    while (self && self->task != task)
        self = self->task->scope->owner;
    return self != NULL;
}

static int check_join(const struct weft_task *task, const struct weft__fiber *self)
{
    if (__builtin_expect(!self, 0))
        return weft__fail_with(EPERM, "weft_join: no fiber runs here");
    weft_assert(task && task->magic == WEFT__TASK_MAGIC);
    if (__builtin_expect(task->taken, 0))
        return weft__fail_with(EBUSY, "weft_join: another fiber already waits for the task");
    if (task->ended)
        return 0;
    if (task->fiber->runtime != self->runtime)
        return weft__fail_with(EPERM, "weft_join: the task runs on another thread");
    if (weft__scope_outer(task->scope)->reap)
        return weft__fail_with(EINVAL, "weft_join: the scope releases its tasks (.reap)");
    if (waits_for(self, task) || (!task->scope->owner && !task->transient))
        return weft__fail_with(EDEADLK, "weft_join: the task is, or waits for, the caller");
    return 0;
}

int weft_join(struct weft_task *task, struct weft_result *result)
{
    struct weft__fiber *self = weft__current;
    if (__builtin_expect(check_join(task, self) < 0, 0))
        return -1;
    int error = weft__checkpoint(self);
    if (__builtin_expect(error == 0, 1) && !task->ended) {
        struct weft__joiner joiner = { .fiber = self };
        task->taken = true;
        task->joiner = &joiner;
        error = weft__park(self, WEFT__WAIT_JOIN, task, true);
        if (!joiner.ended) {
            task->joiner = NULL;
            task->taken = false;
        }
    }
    if (__builtin_expect(error != 0, 0))
        return weft__fail(-error);
    weft__task_result(task, result);
    if (task->errors)
        weft__errors_move(self, &task->errors);
    weft__list_remove(&task->node);
    weft__task_free(self->runtime, task);
    return 0;
}

struct weft_task *weft_self(void)
{
    return weft__current ? weft__current->task : NULL;
}
