/*
 * Several loops in several threads that hand work to each other by everything that crosses threads:
 * pthread locks and conditions, pipes, offloaded calls, descriptors closed by somebody else.
 */
#include "tap.h"
#include <pthread.h>
#include <sys/socket.h>
#include <weft/weft.h>

enum {
    LOOPS = 3,
    FIBERS = 8,
    ROUNDS = 200
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int baton;
static int passed;

/* The baton goes round all fibers of all loops, in order. */
static int passing(void *argument)
{
    int mine = *(int *)argument;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        while (baton != mine)
            pthread_cond_wait(&changed, &lock);
        baton = (baton + 1) % (LOOPS * FIBERS);
        passed++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return 0;
}

/* ThreadSanitizer answers for the condition variables itself, and holds the thread. */
#ifdef __SANITIZE_THREAD__
#define PASSING_FIBERS 0

/* Closing what somebody waits for is the very case that is tested. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:^closer$";
}
#else
#define PASSING_FIBERS FIBERS
#endif

static int doubled(void *argument)
{
    *(int *)argument *= 2;
    return *(int *)argument;
}

static int offloading(void *argument)
{
    (void)argument;
    for (int i = 1; i <= ROUNDS; i++) {
        int number = i;
        if (weft_offload(doubled, &number) != 2 * i)
            return -1;
    }
    return 0;
}

/* Between threads that come and go with every round's descriptors. */
static _Atomic int closing_fd[LOOPS];
static _Atomic bool all_done;

static void *closer(void *argument)
{
    (void)argument;
    while (!atomic_load(&all_done)) {
        for (int i = 0; i < LOOPS; i++) {
            int fd = atomic_exchange(&closing_fd[i], -1);
            if (fd >= 0)
                close(fd);
        }
        usleep(50);
    }
    return NULL;
}

static int closed_elsewhere(void *argument)
{
    int loop = *(int *)argument;
    for (int i = 0; i < ROUNDS; i++) {
        int fds[2];
        char byte;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
            return -1;
        int mine = fds[0];
        atomic_store(&closing_fd[loop], mine);
        ssize_t got = read(mine, &byte, 1);
        /* 0: the number was closed before the read began, and is another pair's by then. */
        if (got > 0 || (got < 0 && errno != EBADF))
            return weft_error_set("test", 0, EPROTO, "read gave %zd, errno %d", got, errno);
        close(fds[1]);
    }
    return 0;
}

static int root(void *argument)
{
    int loop = *(int *)argument;
    struct weft_scope scope = { .name = "all" };
    for (int i = 0; i < PASSING_FIBERS; i++)
        weft_go(&scope, passing, (int){ i * LOOPS + loop });
    weft_go(&scope, offloading, (int){ 0 });
    weft_go(&scope, closed_elsewhere, (int){ loop });
    int result = weft_scope_wait(&scope);
    if (result < 0)
        diag("loop %d: %s", loop, weft_error() ? weft_error()->message : strerror(errno));
    return result;
}

static void *running(void *argument)
{
    return (void *)(intptr_t)weft_run(root, argument);
}

int main(void)
{
    pthread_t threads[LOOPS], closing;
    int numbers[LOOPS], failures = 0;
    alarm(100);
    for (int i = 0; i < LOOPS; i++)
        atomic_store(&closing_fd[i], -1);
    must(pthread_create(&closing, NULL, closer, NULL) == 0, "a thread");
    for (int i = 0; i < LOOPS; i++) {
        numbers[i] = i;
        must(pthread_create(&threads[i], NULL, running, &numbers[i]) == 0, "a thread");
    }
    for (int i = 0; i < LOOPS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failures += result != NULL;
    }
    atomic_store(&all_done, true);
    pthread_join(closing, NULL);
    is_int(failures, 0, "every loop ended well");
    is_int(passed, LOOPS * PASSING_FIBERS * ROUNDS, "the baton was passed by everybody each time");
    return done_testing();
}
