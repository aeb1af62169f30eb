/*
 * sigaction, signal and their kin: handlers are reached by way of run(), which tells the runtime.
 *
 * The kernel has run() as the handler, with the flags and the mask that the program wants; here it
 * is remembered which function that stands for, and told to whoever asks. SA_RESETHAND is done by
 * run(), since a signal that is put off is delivered twice. Handlers that came by another way are
 * called by the kernel itself, and interrupt nobody.
 */
#include <setjmp.h>

#include "base/lock.h"
#include "hook/hook.h"

enum {
    SIGNALS = 64,
    SET_SIZE = 8,
    ADDED = SA_SIGINFO /* to the flags that the kernel gets */
};

/* By number. The handler stays when the action is no handler any more: one may be on its way. */
static struct {
    _Atomic(uintptr_t) handler;
    _Atomic int flags;
} actions[SIGNALS + 1];

static struct weft__lock lock;        /* held with all signals blocked */
static _Atomic uint64_t interrupting; /* siginterrupt(): signal() sets no SA_RESTART */

#ifdef WEFT__TSAN
static bool begun;
#else
static const bool begun = true;
#endif

static void reset_lock(void)
{
    atomic_store(&lock.state, 0);
}

__attribute__((constructor)) static void reset_at_fork(void)
{
    pthread_atfork(NULL, NULL, reset_lock);
#ifdef WEFT__TSAN
    begun = true;
#endif
}

static bool is_signal(int number)
{
    return number >= 1 && number <= SIGNALS;
}

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

/* --- the handler of all handlers */

/* What the running code has brought about, and nobody else: it interrupts no other fiber. */
static bool is_own(int number)
{
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGSYS:
    case SIGABRT:
    case SIGPIPE:
    case SIGXFSZ:
    case SIGXCPU:
    case SIGPROF:
    case SIGVTALRM:
        return true;
    default:
        return false;
    }
}

static void run(int number, siginfo_t *info, void *context);

static int set_real(int number, const struct sigaction *action, struct sigaction *old)
{
    return number == SIGSEGV ? weft__overflow_sigaction(action, old)
                             : WEFT__REAL(sigaction)(number, action, old);
}

/* As SA_RESETHAND has it: the rest of the action stays. */
static void reset_action(int number)
{
    struct sigaction action;
    if (set_real(number, NULL, &action) < 0 || action.sa_sigaction != run)
        return;
    action.sa_handler = SIG_DFL;
    set_real(number, &action, NULL);
}

/* All handlers are called as the kernel does: with three arguments, whatever they take. */
static void run(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    bool own = is_own(number);
    if (!own && weft__handler_defer(number, info, context)) {
        errno = saved;
        return;
    }
    uintptr_t handler = atomic_load(&actions[number].handler);
    int flags = atomic_load(&actions[number].flags);
    if (flags & SA_RESETHAND)
        reset_action(number);
    struct weft__fiber *below = weft__handler_begin(own ? 0 : number, flags & SA_RESTART);
    errno = saved;
    ((void (*)(int, siginfo_t *, void *))handler)(number, info, context);
    weft__handler_end(below);
}

/* --- setting actions */

int weft__real_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    return WEFT__REAL(sigaction)(number, action, old);
}

int weft__real_sigaltstack(const stack_t *stack, stack_t *old)
{
    return WEFT__REAL(sigaltstack)(stack, old);
}

static bool is_handler(const struct sigaction *action)
{
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* What the kernel has, as the program set it. */
static void translate(struct sigaction *action, uintptr_t handler, int flags)
{
    if (weft__native_owns(action)) {
        *action = (struct sigaction){ .sa_handler = SIG_DFL };
    } else if (action->sa_sigaction == run) {
        action->sa_handler = (sighandler_t)handler;
        action->sa_flags = (action->sa_flags & ~ADDED) | (flags & (ADDED | (int)SA_RESETHAND));
    }
}

static int replace(int number, const struct sigaction *action, struct sigaction *before)
{
    uintptr_t handler = atomic_load(&actions[number].handler);
    int flags = atomic_load(&actions[number].flags);
    struct sigaction wanted = *action;
    if (is_handler(action)) {
        atomic_store(&actions[number].handler, (uintptr_t)action->sa_handler);
        atomic_store(&actions[number].flags, action->sa_flags);
        wanted.sa_sigaction = run;
        wanted.sa_flags = (action->sa_flags | SA_SIGINFO) & ~(int)SA_RESETHAND;
    }
    int result = set_real(number, &wanted, before);
    if (result < 0) {
        atomic_store(&actions[number].handler, handler);
        atomic_store(&actions[number].flags, flags);
    }
    translate(before, handler, flags);
    return result;
}

static int look_up(int number, struct sigaction *before)
{
    int result = set_real(number, NULL, before);
    translate(before, atomic_load(&actions[number].handler), atomic_load(&actions[number].flags));
    return result;
}

__attribute__((noinline)) static int exchange(int number, const struct sigaction *action,
                                              struct sigaction *old)
{
    struct sigaction wanted = { 0 }, before = { 0 };
    if (action)
        wanted = *action;
    uint64_t all = UINT64_MAX, mask;
    weft__raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &mask, SET_SIZE);
    weft__lock_enter(&lock);
    int result = action ? replace(number, &wanted, &before) : look_up(number, &before);
    weft__lock_leave(&lock);
    weft__raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SET_SIZE);
    if (result == 0 && old)
        *old = before;
    return result;
}

/*
 * Like the C library's, callable from a handler. ThreadSanitizer sets its own while it begins, when
 * nothing that it instruments may be called.
 */
WEFT__EARLY int weft__hook_sigaction(struct weft__fiber *self, int number,
                                     const struct sigaction *action, struct sigaction *old)
{
    (void)self;
    if (number < 1 || number > SIGNALS || !begun)
        return WEFT__REAL(sigaction)(number, action, old);
    return exchange(number, action, old);
}

static sighandler_t set(int number, sighandler_t handler, int flags, bool holds_itself)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags }, old = { 0 };
    if (handler == SIG_ERR || !is_signal(number)) {
        errno = EINVAL;
        return SIG_ERR;
    }
    sigemptyset(&action.sa_mask);
    if (holds_itself)
        sigaddset(&action.sa_mask, number);
    return weft__hook_sigaction(NULL, number, &action, &old) < 0 ? SIG_ERR : old.sa_handler;
}

sighandler_t weft__hook_signal(struct weft__fiber *self, int number, sighandler_t handler)
{
    (void)self;
    bool restarts = !is_signal(number) || !(atomic_load(&interrupting) & bit(number));
    return set(number, handler, restarts ? SA_RESTART : 0, true);
}

sighandler_t weft__hook___sysv_signal(struct weft__fiber *self, int number, sighandler_t handler)
{
    (void)self;
    return set(number, handler, SA_INTERRUPT | (int)SA_RESETHAND | SA_NODEFER, false);
}

int weft__hook_siginterrupt(struct weft__fiber *self, int number, int ends)
{
    struct sigaction action = { 0 };
    if (weft__hook_sigaction(self, number, NULL, &action) < 0)
        return -1;
    if (ends) {
        atomic_fetch_or(&interrupting, bit(number));
        action.sa_flags &= ~SA_RESTART;
    } else {
        atomic_fetch_and(&interrupting, ~bit(number));
        action.sa_flags |= SA_RESTART;
    }
    return weft__hook_sigaction(self, number, &action, NULL);
}

/* Beside the action, it says whether the signal is held. */
sighandler_t weft__hook_sigset(struct weft__fiber *self, int number, sighandler_t handler)
{
    if (!is_signal(number) || handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    struct sigaction present = { 0 };
    uint64_t one = bit(number), mask;
    int how = handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK;
    if (weft__hook_sigaction(self, number, NULL, &present) < 0)
        return SIG_ERR;
    sighandler_t before = present.sa_handler;
    if (handler != SIG_HOLD && (before = set(number, handler, 0, false)) == SIG_ERR)
        return SIG_ERR;
    weft__raw(SYS_rt_sigprocmask, how, &one, &mask, SET_SIZE);
    return mask & one ? SIG_HOLD : before;
}

/* A sanitizer asks while it begins. */
WEFT__EARLY int weft__hook_sigaltstack(struct weft__fiber *self, const stack_t *stack, stack_t *old)
{
    (void)self;
    return weft__runtime_current ? weft__overflow_sigaltstack(stack, old)
                                 : WEFT__REAL(sigaltstack)(stack, old);
}

/* --- jumping out of a handler: calls park again from here on */

void weft__hook_longjmp(struct weft__fiber *self, struct __jmp_buf_tag *environment, int value)
{
    (void)self;
    weft__handler_left();
    WEFT__REAL(longjmp)(environment, value);
}

void weft__hook___longjmp_chk(struct weft__fiber *self, struct __jmp_buf_tag *environment,
                              int value)
{
    (void)self;
    weft__handler_left();
    WEFT__REAL(__longjmp_chk)(environment, value);
}
