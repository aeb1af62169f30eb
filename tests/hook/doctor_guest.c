/* A program that has never heard of Weft, for doctor.py: parks, computes, goes past the hooks. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int pair[2];

/* As a runtime of another language would: without the C library. */
__attribute__((noinline)) static void nap_past_hooks(long milliseconds)
{
    struct timespec time = { 0, milliseconds * 1000000 };
#if defined(__x86_64__)
    long result;
    __asm__ volatile("mov $35, %%eax\n\tsyscall"
                     : "=&a"(result)
                     : "D"(&time), "S"(0L)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long request __asm__("x0") = (long)&time;
    register long rest __asm__("x1") = 0;
    __asm__ volatile("mov x8, #101\n\tsvc #0" : "+r"(request) : "r"(rest) : "x8", "memory");
#endif
}

__attribute__((noinline)) static clock_t compute(void)
{
    clock_t end = clock() + CLOCKS_PER_SEC / 3;
    clock_t now;
    do
        now = clock();
    while (now < end);
    return now;
}

static void *send_late(void *unused)
{
    (void)unused;
    usleep(20000);
    return write(pair[1], "x", 1) == 1 ? pair : NULL;
}

__attribute__((noinline)) static int fetch(void)
{
    char byte;
    pthread_t thread;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
        pthread_create(&thread, NULL, send_late, NULL) != 0)
        return 1;
    int result = read(pair[0], &byte, 1) == 1 ? 0 : 1;
    pthread_join(thread, NULL);
    return result;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    for (int i = 0; i < 10; i++)
        usleep(1000);
    if (strcmp(what, "all") == 0) {
        int failed = fetch();
        nap_past_hooks(300);
        usleep(1000);
        compute();
        printf("done %d %s\n", failed,
               getenv("WEFT_DOCTOR") || getenv("WEFT_WATCHDOG") ? "with a record" : "alone");
    }
    if (strcmp(what, "nap") == 0)
        usleep(300000);
    if (strcmp(what, "_exit") == 0)
        _exit(5);
    if (strcmp(what, "kill") == 0)
        raise(SIGKILL);
    return 3;
}
