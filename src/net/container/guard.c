/*
 * Who ends a worker that its parent can't end any more, because the parent was killed: a thread
 * that waits for the end of the socket between them, whatever the loops do. They get the time they
 * would have had; the process is killed if it is still there then.
 */
#include "net/container/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum {
    STACK = 64 * 1024
};

static void sleep_for(int64_t duration)
{
    struct timespec left = { duration / WEFT_SECOND, duration % WEFT_SECOND };
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

static void *guard(void *argument)
{
    const struct weft__child *child = argument;
    int64_t grace = child->container->options.grace;
    struct pollfd wait = { .fd = child->control }; /* the end is told unasked */
    while (poll(&wait, 1, -1) < 0 && errno == EINTR) {
    }
    if (grace != WEFT_FOREVER) {
        sleep_for(grace + WEFT__KILL_MARGIN);
        kill(getpid(), SIGKILL);
    }
    return NULL;
}

int weft__guard_start(struct weft__child *child)
{
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    pthread_t thread;
    sigfillset(&all);
    int error = pthread_attr_init(&attributes);
    if (error) {
        return error;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    error = pthread_create(&thread, &attributes, guard, child);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}
