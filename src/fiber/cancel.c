/*
 * Cancellation: levels of fibers (frames) and scopes.
 *
 * A cancel runs down the tree: from a level to the levels inside it, up to a shield; from those to
 * the scopes that were opened at them; from a scope to the base levels of its tasks. It only marks
 * and makes ready: no code of the program runs meanwhile. The scopes still to be visited hang in a
 * list of their own, so that depth costs no stack.
 */
#include <errno.h>

#include "base/assert.h"
#include "fiber/fiber.h"
#include "fiber/probe.h"

struct pending {
    struct weft__scope *first;
    struct weft__scope *last;
};

static void enqueue(struct pending *pending, struct weft__scope *scope, int error)
{
    if (scope->effective)
        return;
    scope->effective = error;
    scope->cancel_next = NULL;
    if (pending->first)
        pending->last->cancel_next = scope;
    else
        pending->first = scope;
    pending->last = scope;
}

/* Mark FRAME and the levels inside it, up to the outermost shield among those. */
static void mark(struct weft__frame *frame, int error, struct pending *pending)
{
    struct weft__fiber *fiber = frame->fiber;
    struct weft__frame *inner = fiber->frame;
    WEFT__PROBE2(cancel, fiber, error);
    for (struct weft__frame *each = fiber->frame; each != frame; each = each->outer)
        if (each->shield)
            inner = each->outer;
    for (struct weft__frame *each = inner;; each = each->outer) {
        if (!each->effective)
            each->effective = error;
        if (each == frame)
            break;
    }
    weft__list_each(node, &fiber->scopes) {
        struct weft__scope *scope = weft__container_of(node, struct weft__scope, opened);
        if (scope->frame->effective)
            enqueue(pending, scope, scope->frame->effective);
    }
    if (inner == fiber->frame && fiber->state == WEFT__PARKED && fiber->cancellable)
        weft__wake(fiber, -fiber->frame->effective);
}

static void visit(struct weft__scope *scope, struct pending *pending)
{
    weft__list_each(node, &scope->running) {
        struct weft_task *task = weft__container_of(node, struct weft_task, node);
        mark(&task->fiber->base, scope->effective, pending);
    }
    weft__list_each(waiting, &scope->queue) {
        struct weft__queued *queued = weft__container_of(waiting, struct weft__queued, node);
        weft__wake(queued->fiber, 0);
    }
    weft__watches_wake(scope);
}

static void visit_all(struct pending *pending)
{
    for (struct weft__scope *scope = pending->first; scope; scope = scope->cancel_next)
        visit(scope, pending);
}

void weft__cancel_scope(struct weft__scope *scope, int error)
{
    struct pending pending = { 0 };
    if (!scope->own)
        scope->own = error;
    enqueue(&pending, scope, error);
    visit_all(&pending);
}

void weft__cancel_frame(struct weft__frame *frame, int error)
{
    struct pending pending = { 0 };
    if (!frame->own)
        frame->own = error;
    mark(frame, error, &pending);
    visit_all(&pending);
}

void weft__frame_push(struct weft__fiber *self, struct weft__frame *frame, bool shield)
{
    *frame = (struct weft__frame){
        .outer = self->frame,
        .fiber = self,
        .effective = shield ? 0 : self->frame->effective,
        .shield = shield,
    };
    self->frame = frame;
}

void weft__frame_pop(struct weft__fiber *self, struct weft__frame *frame)
{
    weft_assert(self->frame == frame && frame->outer);
    self->frame = frame->outer;
    /* Scopes opened in the block that outlive it belong to the next outer level from now on. */
    weft__list_each(node, &self->scopes) {
        struct weft__scope *scope = weft__container_of(node, struct weft__scope, opened);
        if (scope->frame != frame)
            continue;
        scope->frame = frame->outer;
        if (frame->outer->effective && !scope->effective)
            weft__cancel_scope(scope, frame->outer->effective);
    }
}

int weft_cancel(struct weft_task *task)
{
    weft_assert(task && task->magic == WEFT__TASK_MAGIC);
    if (task->ended)
        return 0;
    if (task->fiber->runtime != weft__runtime_current)
        return weft__fail_with(EPERM, "weft_cancel: the task runs on another thread");
    task->asked = true;
    weft__cancel_frame(&task->fiber->base, ECANCELED);
    return 0;
}

int weft_cancelled(void)
{
    return weft__current ? weft__current->frame->effective : 0;
}
