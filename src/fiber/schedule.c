/*
 * Who runs next.
 *
 *      fiber ──park──> next ready fiber ──park──> … ──nobody ready, or budget spent──> loop
 *        ^                                                                              │
 *        └───────────────────────── poll, fire timers, first ready ─────────────────────┘
 *
 * Fibers switch to each other directly. The loop runs on the thread's own stack; it looks around
 * after a budget of switches, which shrinks when a turn takes long and grows back when it is short.
 */
#include <errno.h>

#include "base/assert.h"
#include "fiber/fiber.h"
#include "fiber/probe.h"

_Thread_local struct weft__fiber *weft__current;
_Thread_local struct weft__runtime *weft__runtime_current;

enum {
    BUDGET_MOST = 256,
    BUDGET_LEAST = 32
};

#define TURN_LONG (500 * WEFT_MICROSECOND)
#define TURN_SHORT (250 * WEFT_MICROSECOND)
#define TRIM_EVERY WEFT_SECOND

static inline void push_back(struct weft__ready *ready, struct weft__fiber *fiber)
{
    fiber->next_ready = NULL;
    if (ready->head)
        ready->tail->next_ready = fiber;
    else
        ready->head = fiber;
    ready->tail = fiber;
    ready->count++;
}

static inline void push_front(struct weft__ready *ready, struct weft__fiber *fiber)
{
    fiber->next_ready = ready->head;
    if (!ready->head)
        ready->tail = fiber;
    ready->head = fiber;
    ready->count++;
}

enum {
    CACHE_LINE = 64,
    FRAMES_FETCHED = 8, /* lines: the calls from a hooked read down to the switch */
    RECORD_FETCHED = 3  /* lines: what a switch and a hook touch of the record */
};

/*
 * Fetch the record and the newest frames of the fiber that runs after the next one, while the next
 * one runs: of thousands that wait they have left the caches, a microsecond in all to bring back.
 */
static inline void fetch(const struct weft__fiber *fiber)
{
    const char *frames = fiber->context.sp;
    for (int i = 0; i < FRAMES_FETCHED; i++)
        __builtin_prefetch(frames + i * CACHE_LINE);
    for (int i = 0; i < RECORD_FETCHED; i++)
        __builtin_prefetch((const char *)fiber + i * CACHE_LINE);
    __builtin_prefetch(fiber->next_ready);
}

static inline struct weft__fiber *pop_front(struct weft__ready *ready)
{
    struct weft__fiber *fiber = ready->head;
    ready->head = fiber->next_ready;
    ready->count--;
    if (ready->head)
        fetch(ready->head);
    return fiber;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

static struct weft__fiber *pop_any(struct weft__runtime *runtime)
{
    struct weft__ready *ready = &runtime->ready;
    uint64_t skip = draw(&runtime->seed) % ready->count;
    if (skip == 0)
        return pop_front(ready);
    struct weft__fiber *before = ready->head;
    while (--skip)
        before = before->next_ready;
    struct weft__fiber *fiber = before->next_ready;
    before->next_ready = fiber->next_ready;
    if (ready->tail == fiber)
        ready->tail = before;
    ready->count--;
    return fiber;
}

static inline struct weft__fiber *pop(struct weft__runtime *runtime)
{
    if (__builtin_expect(runtime->seed != 0, 0))
        return pop_any(runtime);
    return pop_front(&runtime->ready);
}

__attribute__((always_inline)) static inline void to_fiber(struct weft__runtime *runtime,
                                                           struct weft__fiber *self,
                                                           struct weft__fiber *next, int ending)
{
    self->saved_errno = *runtime->errno_pointer;
    next->state = WEFT__RUNNING;
    weft__current = next;
    weft__count_switch(runtime);
    WEFT__PROBE2(switch, self, next);
    runtime->left = &self->sanitizer;
    weft__sanitizer_leave(&self->sanitizer, &next->sanitizer, ending);
    weft__context_switch(&self->context, &next->context);
    weft__arrive(self->runtime, &self->sanitizer);
    *self->runtime->errno_pointer = self->saved_errno;
}

__attribute__((always_inline)) static inline void to_loop(struct weft__runtime *runtime,
                                                          struct weft__fiber *self, int ending)
{
    self->saved_errno = *runtime->errno_pointer;
    weft__current = NULL;
    WEFT__PROBE2(switch, self, 0);
    runtime->left = &self->sanitizer;
    weft__sanitizer_leave(&self->sanitizer, &runtime->loop_sanitizer, ending);
    weft__context_switch(&self->context, &runtime->loop_context);
    weft__arrive(self->runtime, &self->sanitizer);
    *self->runtime->errno_pointer = self->saved_errno;
}

/* Run somebody else; SELF stands in the ready queue, is parked, or has ended. */
__attribute__((always_inline)) static inline void suspend(struct weft__runtime *runtime,
                                                          struct weft__fiber *self, int ending)
{
    if (__builtin_expect(runtime->ready.head == NULL || --runtime->budget < 0, 0)) {
        to_loop(runtime, self, ending);
        return;
    }
    struct weft__fiber *next = pop(runtime);
    if (__builtin_expect(next == self, 0))
        self->state = WEFT__RUNNING;
    else
        to_fiber(runtime, self, next, ending);
}

#ifdef WEFT_TORTURE
static _Thread_local uint64_t parks;
static _Thread_local uint64_t cancel_at;

void weft__torture_cancel_at(uint64_t n)
{
    cancel_at = n ? parks + n : 0;
}

uint64_t weft__torture_parks(void)
{
    return parks;
}

static void torture(struct weft__fiber *self, bool cancellable)
{
    if (cancellable && ++parks == cancel_at)
        weft__cancel_frame(&self->base, ECANCELED);
}
#else
static inline void torture(struct weft__fiber *self, bool cancellable)
{
    (void)self, (void)cancellable;
}
#endif

int weft__park(struct weft__fiber *self, enum weft__wait wait, const void *object, bool cancellable)
{
    struct weft__runtime *runtime = self->runtime;
    torture(self, cancellable);
    if (__builtin_expect(cancellable && self->frame->effective != 0, 0))
        return -self->frame->effective;
    self->state = WEFT__PARKED;
    self->wait = (uint8_t)wait;
    self->wait_object = object;
    self->cancellable = cancellable;
    self->parks++;
    runtime->parked[wait]++;
    WEFT__PROBE3(park, self, wait, object);
    suspend(runtime, self, 0);
    runtime->parked[wait]--;
    self->wait = WEFT__WAIT_NONE;
    return self->wake_result;
}

bool weft__wake(struct weft__fiber *fiber, int result)
{
    if (fiber->state != WEFT__PARKED)
        return false;
    fiber->state = WEFT__READY;
    fiber->wake_result = result;
    WEFT__PROBE2(wake, fiber, result);
    push_back(&fiber->runtime->ready, fiber);
    return true;
}

bool weft__wake_first(struct weft__fiber *fiber, int result)
{
    if (fiber->state != WEFT__PARKED)
        return false;
    fiber->state = WEFT__READY;
    fiber->wake_result = result;
    WEFT__PROBE2(wake, fiber, result);
    push_front(&fiber->runtime->ready, fiber);
    return true;
}

void weft__make_ready(struct weft__runtime *runtime, struct weft__fiber *fiber)
{
    fiber->state = WEFT__READY;
    push_back(&runtime->ready, fiber);
}

void weft__reschedule(struct weft__fiber *self)
{
    self->state = WEFT__READY;
    push_back(&self->runtime->ready, self);
    suspend(self->runtime, self, 0);
}

int weft_yield(void)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return weft__fail_with(EPERM, "weft_yield: no fiber runs here; call it below weft_run()");
    self->state = WEFT__READY;
    push_back(&self->runtime->ready, self);
    suspend(self->runtime, self, 0);
    if (__builtin_expect(self->frame->effective != 0, 0))
        return weft__fail(self->frame->effective);
    return 0;
}

void weft__run_now(struct weft__fiber *self, struct weft__fiber *fiber)
{
    struct weft__ready *ready = &self->runtime->ready;
    self->state = WEFT__READY;
    if (__builtin_expect(self->runtime->budget > 0, 1))
        push_front(ready, self);
    else
        push_back(ready, self); /* who only starts tasks gives the others their turn, too */
    to_fiber(self->runtime, self, fiber, 0);
}

/*
 * Entered and left by jumps, so that every call below is returned from and the return predictor
 * is as it was when the creator of the fiber goes on.
 */
void weft__fiber_main(void *fiber)
{
    struct weft__fiber *self = fiber;
    struct weft__runtime *runtime = self->runtime;
    weft__arrive(runtime, &self->sanitizer);
    weft__task_run(self);
    runtime->dead = self;
    suspend(runtime, self, 1);
    __builtin_unreachable();
}

int64_t weft__now(const struct weft__runtime *runtime)
{
    return runtime->virtual_clock ? runtime->virtual_now : weft__clock();
}

static void account(struct weft__runtime *runtime, int64_t slept, int64_t now)
{
    struct weft__load *load = &runtime->load;
    load->idle += slept;
    int64_t window = now - load->window_start;
    if (window < WEFT_SECOND)
        return;
    int64_t busy = load->idle < window ? window - load->idle : 0;
    load->percent = (unsigned)(busy * 100 / window);
    load->window_start = now;
    load->idle = 0;
}

/* A turn that took long means fibers that compute: look around more often. */
static void adapt_budget(struct weft__runtime *runtime, int64_t took)
{
    if (took > TURN_LONG && runtime->budget_next > BUDGET_LEAST)
        runtime->budget_next /= 2;
    else if (took < TURN_SHORT && runtime->budget_next < BUDGET_MOST)
        runtime->budget_next *= 2;
}

/* With a fiber in ppoll() or its kin, its signal mask counts for as long as the loop looks. */
static int look(struct weft__runtime *runtime, int64_t timeout)
{
    if (__builtin_expect(weft__list_empty(&runtime->interrupts.masked), 1))
        return weft__loop_poll(&runtime->loop, timeout);
    weft__masks_open(runtime);
    int error = weft__loop_poll(&runtime->loop, timeout);
    weft__masks_close(runtime);
    return error;
}

static int poll_real(struct weft__runtime *runtime)
{
    int64_t before = weft__clock();
    adapt_budget(runtime, before - runtime->turn_started);
    int64_t timeout = 0;
    if (!runtime->ready.head) {
        int64_t next = weft__timers_next(&runtime->loop.timers);
        timeout = next == INT64_MAX ? INT64_MAX : next > before ? next - before : 0;
        if (timeout > TRIM_EVERY && weft__stacks_trimmable(&runtime->stacks))
            timeout = TRIM_EVERY; /* nothing else may ever wake us */
    }
    int error = look(runtime, timeout);
    int64_t now = weft__clock();
    weft__timers_fire(&runtime->loop.timers, now);
    account(runtime, timeout ? now - before : 0, now);
    runtime->turn_started = now;
    if (timeout && now - runtime->trimmed > TRIM_EVERY) {
        runtime->trimmed = now;
        weft__stacks_trim(&runtime->stacks);
    }
    return error;
}

/* Virtual time moves when nothing can run: to the next timer, unless other threads work for us. */
static int poll_virtual(struct weft__runtime *runtime)
{
    int error = look(runtime, 0);
    if (error || runtime->ready.head)
        return error;
    int64_t next = weft__timers_next(&runtime->loop.timers);
    if (next == INT64_MAX || runtime->offloads)
        return look(runtime, INT64_MAX);
    if (next > runtime->virtual_now)
        runtime->virtual_now = next;
    weft__timers_fire(&runtime->loop.timers, runtime->virtual_now);
    return 0;
}

static void run_ready(struct weft__runtime *runtime)
{
    struct weft__fiber *next = pop(runtime);
    next->state = WEFT__RUNNING;
    weft__current = next;
    weft__count_switch(runtime);
    WEFT__PROBE2(switch, 0, next);
    runtime->left = &runtime->loop_sanitizer;
    weft__sanitizer_leave(&runtime->loop_sanitizer, &next->sanitizer, 0);
    weft__context_switch(&runtime->loop_context, &next->context);
    weft__arrive(runtime, &runtime->loop_sanitizer);
}

int weft__run_loop(struct weft__runtime *runtime)
{
    int error = 0;
    runtime->turn_started = weft__clock();
    weft__interrupts_begin(runtime);
    while (!runtime->finished && !error) {
        runtime->budget = runtime->budget_next;
        if (runtime->ready.head) {
            weft__watched_turn(&runtime->watched);
            run_ready(runtime);
            weft__watched_turn(&runtime->watched);
        }
        if (!runtime->finished)
            error = runtime->virtual_clock ? poll_virtual(runtime) : poll_real(runtime);
    }
    weft__interrupts_end(runtime);
    return error;
}

bool weft_running(void)
{
    return weft__current != NULL;
}
