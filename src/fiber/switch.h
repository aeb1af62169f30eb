#ifndef WEFT_FIBER_SWITCH_H
#define WEFT_FIBER_SWITCH_H

#include "fiber/fiber.h"
#include "fiber/probe.h"

/*
 * The queue of those who are ready, and the switches to and from them. In line, since each caller
 * then saves registers once: schedule.c has the rest of the story.
 */

/** One of them by lot, for WEFT_SEED. */
struct weft__fiber *weft__pop_any(struct weft__runtime *runtime);

/** The budget is used up: is it time for the loop to look around? If not, it is refilled. */
bool weft__turn_is_over(struct weft__runtime *runtime) __attribute__((cold));

static inline void weft__push_back(struct weft__ready *ready, struct weft__fiber *fiber)
{
    fiber->next_ready = NULL;
    if (ready->head)
        ready->tail->next_ready = fiber;
    else
        ready->head = fiber;
    ready->tail = fiber;
}

static inline void weft__push_front(struct weft__ready *ready, struct weft__fiber *fiber)
{
    fiber->next_ready = ready->head;
    if (!ready->head)
        ready->tail = fiber;
    ready->head = fiber;
}

enum {
    WEFT__CACHE_LINE = 64,
    WEFT__FRAMES_FETCHED = 8, /* lines: the calls from a hooked read down to the switch */
    WEFT__RECORD_FETCHED = 3, /* lines: what a switch and a hook touch of the record */
    WEFT__FETCH_BEYOND = 64   /* tasks: what fewer of them touch is still in the caches */
};

/*
 * Fetch the record and the newest frames of the fiber that runs after the next one, while the next
 * one runs: of thousands that wait they have left the caches, a microsecond in all to bring back.
 */
__attribute__((always_inline)) static inline void weft__fetch(const struct weft__fiber *fiber)
{
    const char *frames = fiber->context.sp;
    for (int i = 0; i < WEFT__FRAMES_FETCHED; i++)
        __builtin_prefetch(frames + i * WEFT__CACHE_LINE);
    for (int i = 0; i < WEFT__RECORD_FETCHED; i++)
        __builtin_prefetch((const char *)fiber + i * WEFT__CACHE_LINE);
    __builtin_prefetch(fiber->next_ready);
}

static inline struct weft__fiber *weft__pop_front(struct weft__runtime *runtime)
{
    struct weft__fiber *fiber = runtime->ready.head;
    struct weft__fiber *second = fiber->next_ready;
    runtime->ready.head = second;
    if (__builtin_expect(runtime->tasks > WEFT__FETCH_BEYOND, 0) && second)
        weft__fetch(second);
    return fiber;
}

static inline struct weft__fiber *weft__pop(struct weft__runtime *runtime)
{
    if (__builtin_expect(runtime->seed != 0, 0))
        return weft__pop_any(runtime);
    return weft__pop_front(runtime);
}

__attribute__((always_inline)) static inline void weft__to_fiber(struct weft__runtime *runtime,
                                                                 struct weft__fiber *self,
                                                                 struct weft__fiber *next,
                                                                 int ending)
{
    if (!ending)
        self->saved_errno = *weft__errno();
    weft__current = next;
    weft__count_switch(runtime);
    WEFT__PROBE2(switch, self, next);
    weft__leave(runtime, &self->sanitizer, &next->sanitizer, ending);
    if (ending)
        weft__context_leave(&next->context);
    weft__context_switch(&self->context, &next->context);
    weft__arrive(self->runtime, &self->sanitizer);
    *weft__errno() = self->saved_errno;
}

__attribute__((always_inline)) static inline void
weft__to_loop(struct weft__runtime *runtime, struct weft__fiber *self, int ending)
{
    self->saved_errno = *weft__errno();
    weft__current = NULL;
    WEFT__PROBE2(switch, self, 0);
    weft__leave(runtime, &self->sanitizer, &runtime->loop_sanitizer, ending);
    if (ending)
        weft__context_leave(&runtime->loop_context);
    weft__context_switch(&self->context, &runtime->loop_context);
    weft__arrive(self->runtime, &self->sanitizer);
    *weft__errno() = self->saved_errno;
}

/* Run somebody else; SELF stands in the ready queue, is parked, or has ended. */
__attribute__((always_inline)) static inline void
weft__suspend(struct weft__runtime *runtime, struct weft__fiber *self, int ending)
{
    if (__builtin_expect(
            !runtime->ready.head || (--runtime->budget < 0 && weft__turn_is_over(runtime)), 0)) {
        weft__to_loop(runtime, self, ending);
        return;
    }
    struct weft__fiber *next = weft__pop(runtime);
    if (__builtin_expect(next != self, 1))
        weft__to_fiber(runtime, self, next, ending);
}

#endif
