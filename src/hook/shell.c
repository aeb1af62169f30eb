/*
 * system: the C library's own steps, with a wait that parks.
 *
 * While a command runs, the process ignores SIGINT and SIGQUIT and the thread blocks SIGCHLD, as
 * POSIX has it. Several may run at once, also on one thread: the first to begin sets this up, the
 * last to end undoes it. A thread outside any fiber takes the same way, since two who each restore
 * what they found would leave the signals ignored.
 */
#include <spawn.h>
#include <stdlib.h>

#include "base/lock.h"
#include "hook/children.h"

static struct {
    struct weft__lock lock;
    unsigned commands;
    struct sigaction interrupt, quit; /* before the first of them */
} signals;

/* Of this thread. */
static _Thread_local struct {
    unsigned commands;
    sigset_t before;
} blocked;

static void reset(void)
{
    atomic_store(&signals.lock.state, 0);
}

__attribute__((constructor)) static void reset_at_fork(void)
{
    pthread_atfork(NULL, NULL, reset);
}

static void signals_enter(void)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    weft__lock_enter(&signals.lock);
    if (signals.commands++ == 0) {
        WEFT__REAL(sigaction)(SIGINT, &ignore, &signals.interrupt);
        WEFT__REAL(sigaction)(SIGQUIT, &ignore, &signals.quit);
    }
    weft__lock_leave(&signals.lock);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (blocked.commands++ == 0)
        pthread_sigmask(SIG_BLOCK, &child, &blocked.before);
}

static void signals_leave(void)
{
    int saved = errno;
    weft__lock_enter(&signals.lock);
    if (--signals.commands == 0) {
        WEFT__REAL(sigaction)(SIGINT, &signals.interrupt, NULL);
        WEFT__REAL(sigaction)(SIGQUIT, &signals.quit, NULL);
    }
    weft__lock_leave(&signals.lock);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (--blocked.commands == 0 && !sigismember(&blocked.before, SIGCHLD))
        pthread_sigmask(SIG_UNBLOCK, &child, NULL);
    errno = saved;
}

/* The shell gets the signals as they were. An error number. */
static int start(const char *command, pid_t *pid)
{
    posix_spawnattr_t attributes;
    sigset_t mask, defaults;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (!sigismember(&blocked.before, SIGCHLD))
        sigdelset(&mask, SIGCHLD);
    sigemptyset(&defaults);
    if (signals.interrupt.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGINT);
    if (signals.quit.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGQUIT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    char shell[] = "sh", option[] = "-c";
    char *arguments[] = { shell, option, (char *)(uintptr_t)command, NULL };
    int error = posix_spawn(pid, "/bin/sh", NULL, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* --- waiting for it; a command whose caller gives up is killed */

static long await_parked(struct weft__fiber *self, pid_t pid, int *status)
{
    struct weft__child_wait wait = { .pid = pid, .status = status };
    long result = weft__child_await(self, &wait);
    if (result == -ECANCELED || result == -ETIMEDOUT) {
        weft__raw(SYS_kill, pid, SIGKILL);
        weft__child_reap(self, pid);
    }
    return result;
}

static void give_up(void *pid)
{
    weft__raw(SYS_kill, *(pid_t *)pid, SIGKILL);
    while (weft__raw(SYS_wait4, *(pid_t *)pid, NULL, 0, NULL) == -EINTR)
        ;
    signals_leave();
}

static long await_blocked(pid_t pid, int *status)
{
    long result;
    pthread_cleanup_push(give_up, &pid);
    do
        result = WEFT__REAL(wait4)(pid, status, 0, NULL);
    while (result < 0 && errno == EINTR);
    pthread_cleanup_pop(0);
    return result < 0 ? -errno : result;
}

static int run(struct weft__fiber *self, const char *command)
{
    pid_t pid;
    int status = W_EXITCODE(127, 0);
    long result = 0;
    int saved = errno;
    signals_enter();
    int error = start(command, &pid);
    if (!error)
        result = self ? await_parked(self, pid, &status) : await_blocked(pid, &status);
    signals_leave();
    errno = error ? error : saved;
    return result < 0 ? weft__fail((int)-result) : status;
}

int weft__hook_system(struct weft__fiber *self, const char *command)
{
    return command ? run(self, command) : run(self, "exit 0") == 0;
}
