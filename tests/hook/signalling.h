/* Signals sent at the moment at which a test wants them, and handlers that count. */
#ifndef TESTS_SIGNALLING_H
#define TESTS_SIGNALLING_H

#include "hook.h"

static volatile sig_atomic_t handled, handled_by_other;
static pid_t loop_thread;

__attribute__((unused)) static void count_one(int number)
{
    (void)number;
    if (syscall(SYS_gettid) == loop_thread)
        handled++;
    else
        handled_by_other++;
}

__attribute__((unused)) static void install(int number, void (*handler)(int number), int flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
    sigemptyset(&action.sa_mask);
    must(sigaction(number, &action, NULL) == 0, "a handler is installed");
}

/* Other threads leave the process's signals to the loop's. */
__attribute__((unused)) static void send_signal(int number)
{
    must(kill(getpid(), number) == 0, "a signal is sent");
}

/* Send a signal once the loop's thread is asleep. */
__attribute__((unused)) static bool loop_is_asleep(void)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)loop_thread);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long size = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    const char *state = size > 0 ? strrchr(text, ')') : NULL;
    return state && state[2] == 'S';
}

__attribute__((unused)) static void *send_to_sleeper(void *number)
{
    struct timespec moment = { .tv_nsec = 200000 };
    do
        nanosleep(&moment, NULL);
    while (!loop_is_asleep());
    syscall(SYS_tgkill, getpid(), loop_thread, (int)(intptr_t)number);
    return NULL;
}

/* It handles no signal itself. */
__attribute__((unused)) static pthread_t start_thread(void *(*body)(void *argument), int argument)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    must(pthread_create(&thread, NULL, body, (void *)(intptr_t)argument) == 0, "a thread");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return thread;
}

__attribute__((unused)) static pthread_t send_later(int number)
{
    return start_thread(send_to_sleeper, number);
}

__attribute__((unused)) static void others_run(void)
{
    for (int i = 0; i < 3; i++)
        weft_sleep(WEFT_MILLISECOND);
}

__attribute__((unused)) static bool is_blocked(int number)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, number) == 1;
}

/** On the thread of the loops that follow. */
__attribute__((unused)) static void signalling_begin(void)
{
    loop_thread = (pid_t)syscall(SYS_gettid);
}

#endif
