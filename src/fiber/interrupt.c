/* Signal handlers and the calls of fibers that wait; see interrupt.h. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "fiber/fiber.h"
#include "fiber/inspect.h"

enum {
    SET_SIZE = 8
};

static inline uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

static uint64_t mask_now(void)
{
    uint64_t mask = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, SET_SIZE);
    return mask;
}

static void mask_set(uint64_t mask)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SET_SIZE);
}

static void post(struct weft__runtime *runtime)
{
    struct weft__interrupts *interrupts = &runtime->interrupts;
    if (!atomic_exchange(&interrupts->posted, true))
        weft__loop_post(&runtime->loop, &interrupts->message);
}

/* --- in a handler */

/* Kept back from the return of this handler on; the set in the context is as long as the kernel's.
 */
static void keep_back(void *context, int number, bool back)
{
    uint64_t mask;
    void *place = &((ucontext_t *)context)->uc_sigmask;
    memcpy(&mask, place, sizeof mask);
    mask = back ? mask | bit(number) : mask & ~bit(number);
    memcpy(place, &mask, sizeof mask);
}

bool weft__handler_defer(int number, siginfo_t *info, void *context)
{
    struct weft__runtime *runtime = weft__runtime_current;
    const struct weft__fiber *self = weft__current;
    if (!runtime || !atomic_load(&runtime->interrupts.defers) ||
        (self && self->interruptible.how == WEFT__UNINTERRUPTED))
        return false;
    struct weft__interrupts *interrupts = &runtime->interrupts;
    uint64_t one = bit(number);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &one, NULL, SET_SIZE);
    keep_back(context, number, true);
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, info) < 0) {
        keep_back(context, number, false);
        return false;
    }
    if (atomic_load(&interrupts->opened) && atomic_load(&interrupts->usual) & one)
        atomic_fetch_or(&interrupts->held, one);
    atomic_fetch_or(&interrupts->deferred, one);
    post(runtime);
    return true;
}

/* On top of SELF. What it was picked for interrupts nobody else. */
static void note(struct weft__fiber *self, int number, bool restarts)
{
    struct weft__interruptible *own = &self->interruptible;
    struct weft__interrupts *interrupts = &self->runtime->interrupts;
    own->handled |= restarts ? WEFT__HANDLED_RESTARTING : WEFT__HANDLED_ENDING;
    if (own->receiving & bit(number)) {
        own->receiving &= ~bit(number);
        return;
    }
    atomic_store(&interrupts->ran_at, self->runtime->switches);
    atomic_fetch_or(&interrupts->ran[restarts], bit(number));
    post(self->runtime);
}

struct weft__fiber *weft__handler_begin(int number, bool restarts)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return NULL;
    if (number)
        note(self, number, restarts);
    if (self->around & WEFT__AROUND_HANDLER)
        return NULL;
    self->around |= WEFT__AROUND_HANDLER;
    return self;
}

void weft__handler_end(struct weft__fiber *below)
{
    if (below)
        below->around &= (uint16_t)~WEFT__AROUND_HANDLER;
}

/* --- in the loop */

struct search {
    struct weft__runtime *runtime;
    uint64_t signals;
    bool held;       /* only a mask of its own lets them through */
    uint8_t least;   /* enum weft__interruption */
    uint64_t before; /* its call must have begun before that many switches */
    struct weft__fiber *found;
};

static uint64_t blocked_by(const struct weft__fiber *fiber, bool held)
{
    const struct weft__masked *masked = fiber->interruptible.masked;
    if (masked)
        return masked->mask;
    return held ? UINT64_MAX : 0;
}

static void look_at(void *context, const struct weft_task *task, int depth)
{
    struct search *search = context;
    struct weft__fiber *fiber = task->fiber;
    const struct weft__fiber *main = search->runtime->interrupts.main;
    (void)depth;
    if (fiber->state != WEFT__PARKED || !(fiber->cancellable || fiber->interruptible.wakeable) ||
        fiber->interruptible.how < search->least || fiber->interruptible.began >= search->before ||
        !(search->signals & ~blocked_by(fiber, search->held)))
        return;
    if (!search->found || fiber == main ||
        (search->found != main && fiber->interruptible.began < search->found->interruptible.began))
        search->found = fiber;
}

static struct weft__fiber *pick(struct search *search)
{
    const struct weft__tree_visitor visitor = { .task = look_at, .limit = SIZE_MAX };
    search->found = NULL;
    weft__tree_walk(search->runtime, &visitor, search);
    return search->found;
}

/* Give the signals to fibers; those that nobody takes are left. */
static uint64_t give(struct weft__runtime *runtime, uint64_t signals, bool held)
{
    struct search search = { .runtime = runtime,
                             .signals = signals,
                             .held = held,
                             .least = WEFT__HOSTS,
                             .before = UINT64_MAX };
    struct weft__fiber *fiber;
    while (search.signals && (fiber = pick(&search)) != NULL) {
        uint64_t taken = search.signals & ~blocked_by(fiber, held);
        fiber->interruptible.receiving = taken;
        fiber->interruptible.due = held ? 0 : taken;
        fiber->interruptible.signalled = true;
        weft__wake_first(fiber, -EINTR);
        search.signals &= ~taken;
    }
    return search.signals;
}

/* One fiber hears of handlers that have run on top of another. */
static void tell(struct weft__runtime *runtime, uint64_t ending, uint64_t restarting)
{
    struct search search = { .runtime = runtime,
                             .signals = ending ? ending : restarting,
                             .least = ending ? WEFT__RESTARTS : WEFT__ENDS,
                             .before = atomic_load(&runtime->interrupts.ran_at) };
    struct weft__fiber *fiber = search.signals ? pick(&search) : NULL;
    if (!fiber)
        return;
    fiber->interruptible.handled |= ending ? WEFT__HANDLED_ENDING : WEFT__HANDLED_RESTARTING;
    weft__wake_first(fiber, -EINTR);
}

/* No fiber waits in a call that could take them: they run on the loop's own stack. */
static void run_here(struct weft__runtime *runtime, uint64_t signals)
{
    if (!signals)
        return;
    bool defers = atomic_exchange(&runtime->interrupts.defers, false);
    mask_set(mask_now() & ~signals);
    atomic_store(&runtime->interrupts.defers, defers);
}

static void deal(struct weft__message *message)
{
    struct weft__interrupts *interrupts =
        weft__container_of(message, struct weft__interrupts, message);
    struct weft__runtime *runtime =
        weft__container_of(interrupts, struct weft__runtime, interrupts);
    atomic_store(&interrupts->posted, false);
    uint64_t deferred = atomic_exchange(&interrupts->deferred, 0);
    uint64_t held = atomic_exchange(&interrupts->held, 0) & deferred;
    uint64_t ending = atomic_exchange(&interrupts->ran[false], 0);
    uint64_t restarting = atomic_exchange(&interrupts->ran[true], 0);
    uint64_t left = give(runtime, deferred & ~held, false);
    give(runtime, held, true); /* what is left stays pending, as the usual mask has it */
    tell(runtime, ending, restarting);
    run_here(runtime, left);
}

void weft__interrupts_begin(struct weft__runtime *runtime)
{
    runtime->interrupts.message.run = deal;
    atomic_store(&runtime->interrupts.defers, true);
}

void weft__interrupts_end(struct weft__runtime *runtime)
{
    struct weft__interrupts *interrupts = &runtime->interrupts;
    atomic_store(&interrupts->defers, false);
    uint64_t deferred = atomic_exchange(&interrupts->deferred, 0);
    run_here(runtime, deferred & ~atomic_exchange(&interrupts->held, 0));
}

void weft__interrupts_abandon(struct weft__runtime *runtime)
{
    uint64_t kept = atomic_load(&runtime->interrupts.deferred);
    if (kept)
        mask_set(mask_now() & ~(kept & ~atomic_load(&runtime->interrupts.held)));
}

/* --- masks of their own */

static bool all_are_masked(const struct weft__runtime *runtime, size_t masked)
{
    size_t parked = 0;
    for (int i = 0; i < WEFT__WAIT_COUNT; i++)
        parked += runtime->parked[i];
    return !runtime->ready.head && parked == masked;
}

/*
 * As among threads, a signal is kept back only while all fibers keep it back: those without a mask
 * of their own by the thread's.
 */
void weft__masks_open(struct weft__runtime *runtime)
{
    struct weft__interrupts *interrupts = &runtime->interrupts;
    uint64_t usual = mask_now(), by_all = UINT64_MAX;
    size_t count = 0;
    weft__list_each(node, &interrupts->masked) {
        by_all &= weft__container_of(node, struct weft__masked, node)->mask;
        count++;
    }
    atomic_store(&interrupts->usual, usual);
    interrupts->open = all_are_masked(runtime, count) ? by_all : usual & by_all;
    atomic_store(&interrupts->opened, true);
    mask_set(interrupts->open);
}

/* Signals that were put off meanwhile stay back. */
void weft__masks_close(struct weft__runtime *runtime)
{
    struct weft__interrupts *interrupts = &runtime->interrupts;
    uint64_t kept = mask_now() & ~interrupts->open;
    atomic_store(&interrupts->opened, false);
    mask_set(atomic_load(&interrupts->usual) | kept);
}

void weft__masked_begin(struct weft__fiber *self, struct weft__masked *masked, const sigset_t *mask)
{
    if (!mask)
        return;
    memcpy(&masked->mask, mask, sizeof masked->mask);
    weft__list_init(&masked->node);
    weft__list_append(&self->runtime->interrupts.masked, &masked->node);
    self->interruptible.masked = masked;
}

void weft__masked_end(struct weft__fiber *self)
{
    struct weft__masked *masked = self->interruptible.masked;
    self->interruptible.masked = NULL;
    if (masked)
        weft__list_remove(&masked->node);
}

/* --- in the fiber that was picked */

/* Handlers run inside mask_set(), and perhaps never return. */
static void take(struct weft__fiber *self, const struct weft__masked *masked)
{
    struct weft__interruptible *own = &self->interruptible;
    uint64_t due = own->due;
    uint64_t usual = mask_now() & ~due;
    own->due = 0;
    own->signalled = false;
    if (masked) {
        own->receiving = ~masked->mask;
        mask_set(masked->mask);
    }
    mask_set(usual);
    own->receiving = 0;
}

/* What came in the call, but before or after its wait. */
static void take_early(struct weft__fiber *self)
{
    struct weft__interrupts *interrupts = &self->runtime->interrupts;
    struct weft__interruptible *own = &self->interruptible;
    uint64_t early = atomic_load(&interrupts->deferred) & ~atomic_load(&interrupts->held);
    if (!early)
        return;
    atomic_fetch_and(&interrupts->deferred, ~early);
    own->receiving = own->signalled ? own->receiving | early : early;
    own->due = own->signalled ? own->due | early : early;
    own->signalled = true;
}

static unsigned ends_it(enum weft__interruption how)
{
    if (how == WEFT__ENDS)
        return WEFT__HANDLED_ENDING | WEFT__HANDLED_RESTARTING;
    return how == WEFT__RESTARTS ? WEFT__HANDLED_ENDING : 0;
}

long weft__interruptible_take(struct weft__fiber *self, enum weft__interruption how,
                              const struct weft__masked *masked, long result)
{
    take_early(self);
    if (self->interruptible.signalled)
        take(self, masked);
    if (result == -EINTR)
        result = self->interruptible.handled & ends_it(how) ? -EINTR : 0;
    return result;
}

bool weft__was_interrupted(struct weft__fiber *self, enum weft__interruption how)
{
    return self->interruptible.handled & ends_it(how) && weft__interrupted_here(self);
}

bool weft__interrupted_here(struct weft__fiber *self)
{
    struct weft__interrupts *interrupts = &self->runtime->interrupts;
    if (!self->interruptible.handled)
        return false;
    atomic_store(&interrupts->ran[false], 0);
    atomic_store(&interrupts->ran[true], 0);
    return true;
}
