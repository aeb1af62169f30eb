/*
 * Who runs next.
 *
 *      fiber ──park──> next ready fiber ──park──> … ──nobody ready, or budget spent──> loop
 *        ^                                                                              │
 *        └───────────────────────── poll, fire timers, first ready ─────────────────────┘
 *
 * Fibers switch to each other directly (switch.h). The loop runs on the thread's own stack; it
 * looks around after a budget of switches, which shrinks when a turn takes long and grows back when
 * it is short, but not before the turn has lasted 20 us.
 */
#include <errno.h>

#include "base/assert.h"
#include "fiber/doctor.h"
#include "fiber/probe.h"
#include "fiber/switch.h"

_Thread_local struct weft__fiber *weft__current;
_Thread_local struct weft__runtime *weft__runtime_current;
ptrdiff_t weft__errno_offset;

enum {
    BUDGET_MOST = 256,
    BUDGET_LEAST = 32
};

#define TURN_LEAST (20 * WEFT_MICROSECOND)
#define TURN_LONG (500 * WEFT_MICROSECOND)
#define TURN_SHORT (250 * WEFT_MICROSECOND)
#define TRIM_EVERY WEFT_SECOND

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

size_t weft__ready_count(const struct weft__runtime *runtime)
{
    size_t count = 0;
    for (const struct weft__fiber *fiber = runtime->ready.head; fiber; fiber = fiber->next_ready)
        count++;
    return count;
}

struct weft__fiber *weft__pop_any(struct weft__runtime *runtime)
{
    struct weft__ready *ready = &runtime->ready;
    size_t count = weft__ready_count(runtime);
    uint64_t skip = count > 1 ? draw(&runtime->seed) % count : 0;
    if (skip == 0)
        return weft__pop_front(runtime);
    struct weft__fiber *before = ready->head;
    while (--skip)
        before = before->next_ready;
    struct weft__fiber *fiber = before->next_ready;
    before->next_ready = fiber->next_ready;
    if (ready->tail == fiber)
        ready->tail = before;
    return fiber;
}

/*
 * The budget is used up. If that took next to no time, looking around would cost more than what is
 * done in between: go on. Reproducible runs must not depend on the clock.
 */
bool weft__turn_is_over(struct weft__runtime *runtime)
{
    if (runtime->seed || runtime->virtual_clock ||
        weft__clock() - runtime->turn_started > TURN_LEAST)
        return true;
    runtime->budget = runtime->budget_next;
    return false;
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

__attribute__((always_inline)) static inline int
park(struct weft__fiber *self, enum weft__wait wait, const void *object, bool cancellable)
{
    struct weft__runtime *runtime = weft__runtime_current;
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
    weft__suspend(runtime, self, 0);
    runtime->parked[wait]--;
    self->wait = WEFT__WAIT_NONE;
    return self->wake_result;
}

__attribute__((noinline)) static int park_recorded(struct weft__fiber *self, enum weft__wait wait,
                                                   const void *object, bool cancellable)
{
    int64_t before = weft__clock();
    uint64_t parked = self->parks;
    int result = park(self, wait, object, cancellable);
    if (self->parks != parked)
        weft__doctor_parked(self, weft__clock() - before);
    return result;
}

int weft__park(struct weft__fiber *self, enum weft__wait wait, const void *object, bool cancellable)
{
    if (__builtin_expect(weft__doctor != NULL, 0))
        return park_recorded(self, wait, object, cancellable);
    return park(self, wait, object, cancellable);
}

bool weft__wake(struct weft__fiber *fiber, int result)
{
    if (fiber->state != WEFT__PARKED)
        return false;
    fiber->state = WEFT__READY;
    fiber->wake_result = result;
    WEFT__PROBE2(wake, fiber, result);
    weft__push_back(&fiber->runtime->ready, fiber);
    return true;
}

bool weft__wake_first(struct weft__fiber *fiber, int result)
{
    if (fiber->state != WEFT__PARKED)
        return false;
    fiber->state = WEFT__READY;
    fiber->wake_result = result;
    WEFT__PROBE2(wake, fiber, result);
    weft__push_front(&fiber->runtime->ready, fiber);
    return true;
}

void weft__make_ready(struct weft__runtime *runtime, struct weft__fiber *fiber)
{
    weft__push_back(&runtime->ready, fiber);
}

__attribute__((noinline)) static void go_round(struct weft__runtime *runtime,
                                               struct weft__fiber *self)
{
    weft__push_back(&runtime->ready, self);
    weft__suspend(runtime, self, 0);
}

/* SELF takes the last place, and whoever has the first one runs: a rotation of the queue. */
__attribute__((always_inline)) static inline void give_way(struct weft__runtime *runtime,
                                                           struct weft__fiber *self)
{
    struct weft__ready *ready = &runtime->ready;
    struct weft__fiber *next = ready->head;
    if (__builtin_expect(runtime->seed || --runtime->budget < 0, 0)) {
        go_round(runtime, self);
        return;
    }
    if (__builtin_expect(!next, 0))
        return;
    struct weft__fiber *second = next->next_ready;
    self->next_ready = NULL;
    if (second) {
        ready->tail->next_ready = self;
        ready->head = second;
    } else {
        ready->head = self; /* a branch: the next load of it must not wait for the one above */
    }
    ready->tail = self;
    if (__builtin_expect(runtime->tasks > WEFT__FETCH_BEYOND, 0))
        weft__fetch(ready->head);
    weft__to_fiber(runtime, self, next, 0);
}

void weft__reschedule(struct weft__fiber *self)
{
    give_way(self->runtime, self);
}

int weft_yield(void)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return weft__fail_with(EPERM, "weft_yield: no fiber runs here; call it below weft_run()");
    give_way(weft__runtime_current, self);
    if (__builtin_expect(self->frame->effective != 0, 0))
        return weft__fail(self->frame->effective);
    return 0;
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
    struct weft__fiber *next = weft__pop(runtime);
    weft__current = next;
    weft__count_switch(runtime);
    WEFT__PROBE2(switch, 0, next);
    weft__leave(runtime, &runtime->loop_sanitizer, &next->sanitizer, 0);
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

void weft_blocking_init(struct weft_blocking *blocking)
{
    struct weft__fiber *self = weft__current;
    *blocking = (struct weft_blocking){ self, self ? self->around : 0 };
    if (self)
        self->around |= WEFT__AROUND_ASKED;
}

void weft_blocking_fini(struct weft_blocking *blocking)
{
    struct weft__fiber *self = weft__current;
    if (self && blocking->fiber_ == self && !(blocking->before_ & WEFT__AROUND_ASKED))
        self->around &= (uint16_t)~WEFT__AROUND_ASKED;
}

bool weft_running(void)
{
    return weft__current != NULL;
}
