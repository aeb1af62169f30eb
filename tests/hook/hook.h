/*
 * What the tests of the hooks share: calls that wait, and the ways in which a wait ends.
 *
 * Every test that claims a call parks proves it: weft_go() comes back before the call does, and
 * what wakes the call happens only then.
 */
#ifndef TESTS_HOOK_H
#define TESTS_HOOK_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include <weft/weft.h>

#define FUSE 60

#if defined(__SANITIZE_THREAD__)
/*
 * ThreadSanitizer asks for pthread_cond_wait by its version and so goes past the hooks, it takes a
 * fiber's refused unlock for a mistake, ends with a join that fails, and looks into a resolver that
 * it would leave alone in getaddrinfo itself.
 */
#define UNDER_TSAN true
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:__check_pf\n";
}
#else
#define UNDER_TSAN false
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER true
#else
#define UNDER_SANITIZER false
#endif

/** What errno is before a call, to see that success leaves it. */
#define UNTOUCHED 4711

#define FIBER(name) static int name(__attribute__((unused)) void *argument)
#define NOTHING ((int){ 0 })
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void fuse_blown(int number)
{
    static const char text[] = "Bail out! No end after the fuse's time: something hangs\n";
    (void)number;
    long wrote = syscall(SYS_write, STDOUT_FILENO, text, sizeof(text) - 1);
    _exit(wrote < 0 ? 2 : 1);
}

__attribute__((constructor)) static void fuse_light(void)
{
    signal(SIGALRM, fuse_blown);
    alarm(FUSE);
    signal(SIGPIPE, SIG_IGN);
}

/** Run a test's body as the root fiber; it has to return 0. */
#define in_runtime(function) must(weft_run(function, NULL) == 0, "%s ran to its end", #function)

/** A call that waits, and what became of it. */
struct trial {
    long (*call)(int fd);
    int fd;
    int64_t timeout; /* a WEFT_TIMEOUT around it; 0: none */
    long result;
    int error;
    bool ended;
};

__attribute__((unused)) static void trial_call(struct trial *trial)
{
    errno = UNTOUCHED;
    trial->result = trial->call(trial->fd);
    trial->error = errno;
    trial->ended = true;
}

__attribute__((unused)) static int trial_run(void *argument)
{
    struct trial *trial = *(struct trial **)argument;
    if (trial->timeout > 0) {
        WEFT_TIMEOUT(trial->timeout);
        trial_call(trial);
    } else {
        trial_call(trial);
    }
    return 0;
}

/** Start a call in a fiber of its own; it has parked when this returns, or has ended. */
__attribute__((unused)) static struct weft_task *trial_start(struct weft_scope *scope,
                                                             struct trial *trial)
{
    struct weft_task *task = weft_spawn(scope, trial_run, &trial, sizeof trial);
    must(task, "a fiber was started");
    return task;
}

__attribute__((unused)) static void trial_join(struct weft_task *task)
{
    must(weft_join(task, NULL) == 0, "the fiber was joined");
}

/** A connected pair of TCP sockets over loopback, made outside of any hook's knowledge or within.
 */
__attribute__((unused)) static void tcp_pair(int pair[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 &&
             listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&address, &length) == 0,
         "a listener");
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(pair[0], (struct sockaddr *)&address, length) == 0, "a connection");
    pair[1] = accept(listener, NULL, NULL);
    must(pair[1] >= 0, "the other end");
    int on = 1;
    setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close(listener);
}

__attribute__((unused)) static void set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    must(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0, "O_NONBLOCK");
}

/** An address that is nobody's, unseen by the compiler. */
__attribute__((unused)) static void *nowhere(void)
{
    void *volatile address = (void *)8;
    return address;
}

/** One look at a number of open descriptors, to see that none is left behind. */
__attribute__((unused)) static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += syscall(SYS_fcntl, fd, F_GETFD) >= 0;
    return count;
}

#endif
