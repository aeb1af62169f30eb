/*
 * A fiber that runs out of stack meets its guard page. The fault handler runs on a stack of its
 * own, names the fiber and what to do, and lets the fault take its course.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fiber/fiber.h"

enum {
    SIGNAL_STACK = 64 * 1024
};

/* What the program wants done with a fault. Its action in the kernel is on_fault() meanwhile. */
static struct sigaction previous;
static bool installed;

static void say(const char *text)
{
    (void)!syscall(SYS_write, STDERR_FILENO, text, strlen(text));
}

static void say_number(size_t number)
{
    char digits[24];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    say(first);
}

static void report(const struct weft__fiber *fiber)
{
    say("weft: stack overflow in fiber '");
    say(fiber->name[0] ? fiber->name : "unnamed");
    say("': its ");
    say_number(((size_t)((const char *)fiber - fiber->stack.low) + 1023) / 1024);
    say(" KiB are used up; raise weft_options.stack_size or WEFT_STACK_SIZE, "
        "or move large arrays to the heap\n");
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
        return;
    }
    if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
        return;
    }
    if (previous.sa_handler == SIG_IGN && info->si_code <= 0)
        return; /* a fault cannot be ignored; what somebody sent can */
    struct sigaction restore = { .sa_handler = SIG_DFL };
    weft__sigaction(number, &restore, NULL); /* the fault comes again, and ends the process */
    if (info->si_code <= 0)
        raise(number); /* sent by somebody: it does not come again by itself */
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    struct weft__runtime *runtime = weft__runtime_current;
    struct weft__stack *stack =
        runtime ? weft__stacks_guard(&runtime->stacks, info->si_addr) : NULL;
    if (stack)
        report(weft__container_of(stack, struct weft__fiber, stack));
    pass_on(number, info, context);
}

/* With the flags and the mask that the program's handler wants. */
static int set(const struct sigaction *wanted, struct sigaction *old)
{
    struct sigaction action = *wanted;
    action.sa_sigaction = on_fault;
    action.sa_flags |= SA_SIGINFO | SA_ONSTACK;
    return weft__sigaction(SIGSEGV, &action, old);
}

static void install(void)
{
    struct sigaction present;
    if (weft__sigaction(SIGSEGV, NULL, &present) < 0)
        return;
    previous = present;
    installed = set(&present, NULL) == 0;
}

int weft__overflow_sigaction(const struct sigaction *action, struct sigaction *old)
{
    struct sigaction present;
    if (weft__sigaction(SIGSEGV, NULL, &present) < 0 || !installed ||
        present.sa_sigaction != on_fault)
        return weft__sigaction(SIGSEGV, action, old);
    present = previous;
    if (action) {
        previous = *action;
        set(action, NULL);
    }
    if (old)
        *old = present;
    return 0;
}

void weft__overflow_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}

static int real_sigaltstack(const stack_t *stack, stack_t *old)
{
    return weft__real_sigaltstack ? weft__real_sigaltstack(stack, old) : sigaltstack(stack, old);
}

void weft__overflow_thread_begin(struct weft__runtime *runtime)
{
    stack_t present;
    if (real_sigaltstack(NULL, &present) == 0 && !(present.ss_flags & SS_DISABLE))
        return; /* the program has one: it serves */
    void *memory =
        mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return; /* an overflow will end the process without a word */
    stack_t own = { .ss_sp = memory, .ss_size = SIGNAL_STACK };
    real_sigaltstack(&own, NULL);
    runtime->signal_stack = memory;
}

void weft__overflow_thread_end(struct weft__runtime *runtime)
{
    stack_t present, none = { .ss_flags = SS_DISABLE };
    if (!runtime->signal_stack)
        return;
    if (real_sigaltstack(NULL, &present) == 0 && present.ss_sp == runtime->signal_stack)
        real_sigaltstack(&none, NULL); /* else the program has set its own since */
    munmap(runtime->signal_stack, SIGNAL_STACK);
}

/*
 * The program sees no stack where the runtime's own serves, and where it wants none, that one
 * serves again.
 */
int weft__overflow_sigaltstack(const stack_t *stack, stack_t *old)
{
    const struct weft__runtime *runtime = weft__runtime_current;
    void *own = runtime->signal_stack;
    stack_t wanted = { 0 }, before;
    if (stack)
        wanted = *stack;
    if (own && wanted.ss_flags == SS_DISABLE)
        wanted = (stack_t){ .ss_sp = own, .ss_size = SIGNAL_STACK };
    if (real_sigaltstack(stack ? &wanted : NULL, &before) < 0)
        return -1;
    if (own && before.ss_sp == own)
        before = (stack_t){ .ss_flags = SS_DISABLE };
    if (old)
        *old = before;
    return 0;
}
