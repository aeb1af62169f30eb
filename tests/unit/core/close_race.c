/*
 * A descriptor that another thread closes just as a fiber begins to wait for it: whatever comes
 * first, the fiber is woken with EBADF.
 */
#include "tap.h"
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <weft/weft.h>

enum {
    ROUNDS = 4000
};

#if defined(__SANITIZE_THREAD__)
/* The race is what is tested. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:closing\n";
}
#endif

static _Atomic int to_close = -1;
static _Atomic bool stop;

static void *closing(void *argument)
{
    unsigned random = 1;
    (void)argument;
    while (!atomic_load(&stop)) {
        int fd = atomic_load_explicit(&to_close, memory_order_acquire);
        if (fd < 0) {
            sched_yield(); /* on a busy machine each round would else cost a slice of time */
            continue;
        }
        random = random * 1664525 + 1013904223;
        for (volatile unsigned i = 0; i < random >> 21; i++)
            ;
        close(fd);
        atomic_store(&to_close, -1);
    }
    return NULL;
}

static int root(void *argument)
{
    (void)argument;
    int woken = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int fds[2];
        char byte;
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
        atomic_store(&to_close, fds[0]);
        ssize_t got = read(fds[0], &byte, 1);
        woken += got == -1 && errno == EBADF;
        while (atomic_load(&to_close) >= 0) {
            weft_yield();
            sched_yield();
        }
        close(fds[1]);
    }
    is_int(woken, ROUNDS, "every read ended with EBADF");
    return 0;
}

int main(void)
{
    pthread_t closer;
    alarm(60);
    must(pthread_create(&closer, NULL, closing, NULL) == 0, "a thread");
    is_int(weft_run(root, NULL), 0, "all rounds end");
    atomic_store(&stop, true);
    pthread_join(closer, NULL);
    return done_testing();
}
