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

static struct sigaction previous;

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
    struct sigaction restore = { .sa_handler = SIG_DFL };
    sigaction(number, &restore, NULL); /* the fault comes again, and ends the process */
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

static void install(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous);
}

void weft__overflow_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}

void weft__overflow_thread_begin(struct weft__runtime *runtime)
{
    stack_t present;
    if (sigaltstack(NULL, &present) == 0 && !(present.ss_flags & SS_DISABLE))
        return; /* the program has one: it serves */
    void *memory =
        mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return; /* an overflow will end the process without a word */
    stack_t own = { .ss_sp = memory, .ss_size = SIGNAL_STACK };
    sigaltstack(&own, NULL);
    runtime->signal_stack = memory;
}

void weft__overflow_thread_end(struct weft__runtime *runtime)
{
    if (!runtime->signal_stack)
        return;
    stack_t none = { .ss_flags = SS_DISABLE };
    sigaltstack(&none, NULL);
    munmap(runtime->signal_stack, SIGNAL_STACK);
}
