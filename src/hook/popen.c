/*
 * popen and pclose: the C library keeps to itself which process belongs to a stream, so the pair is
 * our own. A stream that came from elsewhere is closed by the C library.
 */
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "hook/children.h"

struct command {
    struct weft__list node;
    FILE *stream; /* NULL: closed, and nobody has waited for the process to its end */
    int fd;
    pid_t pid;
};

static struct {
    struct weft__lock lock;
    struct weft__list list;
} commands = { .list = WEFT__LIST(commands.list) };

/* A child keeps its parent's streams, and must not find the lock held. */
static void hold(void)
{
    weft__lock_enter(&commands.lock);
}

static void release(void)
{
    weft__lock_leave(&commands.lock);
}

__attribute__((constructor)) static void keep_at_fork(void)
{
    pthread_atfork(hold, release, release);
}

/* Processes that were left running, and have ended since. */
static void sweep(void)
{
    weft__lock_enter(&commands.lock);
    weft__list_each(node, &commands.list) {
        struct command *command = weft__container_of(node, struct command, node);
        if (command->stream || weft__raw(SYS_wait4, command->pid, NULL, WNOHANG, NULL) == 0)
            continue;
        weft__list_remove(node);
        weft__free(command);
    }
    weft__lock_leave(&commands.lock);
}

/* --- opening */

/* O_RDONLY or O_WRONLY, with O_CLOEXEC; -1: neither or both. */
static int parse(const char *mode)
{
    bool reads = false, writes = false, closes = false;
    for (; *mode; mode++) {
        reads |= *mode == 'r';
        writes |= *mode == 'w';
        closes |= *mode == 'e';
        if (!strchr("rwe", *mode))
            return -1;
    }
    if (reads == writes)
        return -1;
    return (reads ? O_RDONLY : O_WRONLY) | (closes ? O_CLOEXEC : 0);
}

/* The shell has none of the streams that earlier calls opened. */
static int close_others(posix_spawn_file_actions_t *actions, int target)
{
    int error = 0;
    weft__list_each(node, &commands.list) {
        struct command *command = weft__container_of(node, struct command, node);
        if (command->stream && command->fd != target && !error)
            error = posix_spawn_file_actions_addclose(actions, command->fd);
    }
    return error;
}

static int start(const char *text, int end, int target, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int error = posix_spawn_file_actions_adddup2(&actions, end, target);
    if (!error)
        error = close_others(&actions, target);
    char shell[] = "sh", option[] = "-c";
    char *arguments[] = { shell, option, (char *)(uintptr_t)text, NULL };
    if (!error)
        error = posix_spawn(pid, "/bin/sh", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void close_pipe(const int fds[2])
{
    weft__raw(SYS_close, fds[0]);
    weft__raw(SYS_close, fds[1]);
}

/* An error number; the caller's end of the pipe is left in FD. */
static int connect_to(const char *text, int mode, struct command *command)
{
    int fds[2] = { -1, -1 };
    long made = weft__raw(SYS_pipe2, fds, O_CLOEXEC);
    if (made < 0)
        return (int)-made;
    bool writes = (mode & O_ACCMODE) == O_WRONLY;
    int ours = writes ? fds[1] : fds[0], theirs = writes ? fds[0] : fds[1];
    command->fd = ours;
    command->stream = fdopen(ours, writes ? "w" : "r");
    if (!command->stream) {
        int error = errno;
        close_pipe(fds);
        return error;
    }
    weft__fd_opened(ours, WEFT__FD_NOWAIT, 0);
    weft__lock_enter(&commands.lock);
    int error = start(text, theirs, writes ? STDIN_FILENO : STDOUT_FILENO, &command->pid);
    if (!error)
        weft__list_append(&commands.list, &command->node);
    weft__lock_leave(&commands.lock);
    weft__raw(SYS_close, theirs);
    if (error)
        fclose(command->stream);
    else if (!(mode & O_CLOEXEC))
        weft__raw(SYS_fcntl, ours, F_SETFD, 0);
    return error;
}

FILE *weft__hook_popen(struct weft__fiber *self, const char *text, const char *mode)
{
    int saved = errno;
    int flags = parse(mode);
    struct command *command = weft__calloc(1, sizeof *command);
    int error = flags < 0 ? EINVAL : !command ? ENOMEM : 0;
    (void)self;
    sweep();
    if (!error) {
        weft__list_init(&command->node);
        error = connect_to(text, flags, command);
    }
    if (error)
        weft__free(command);
    errno = error ? error : saved;
    return error ? NULL : command->stream;
}

/* --- closing */

static struct command *take(const FILE *stream)
{
    struct command *found = NULL;
    weft__lock_enter(&commands.lock);
    weft__list_each(node, &commands.list) {
        struct command *command = weft__container_of(node, struct command, node);
        if (stream && command->stream == stream)
            found = command;
    }
    if (found)
        weft__list_remove(&found->node);
    weft__lock_leave(&commands.lock);
    return found;
}

/* The stream is gone; a later call waits for the process. */
static void leave_running(struct command *command)
{
    command->stream = NULL;
    weft__lock_enter(&commands.lock);
    weft__list_append(&commands.list, &command->node);
    weft__lock_leave(&commands.lock);
}

static long await_blocked(pid_t pid, int *status)
{
    long result;
    do
        result = WEFT__REAL(wait4)(pid, status, 0, NULL);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

int weft__hook_pclose(struct weft__fiber *self, FILE *stream)
{
    struct command *command = take(stream);
    if (!command)
        return WEFT__REAL(pclose)(stream);
    int saved = errno, status = -1;
    fclose(stream);
    errno = saved;
    struct weft__child_wait wait = { .pid = command->pid, .status = &status };
    long result = self ? weft__checkpoint(self) : 0;
    if (result == 0)
        result = self ? weft__child_await(self, &wait) : await_blocked(wait.pid, &status);
    errno = saved;
    if (result == -ECANCELED || result == -ETIMEDOUT)
        leave_running(command);
    else
        weft__free(command);
    return result < 0 ? weft__fail((int)-result) : status;
}

/* Closing it with fclose is what the C library allows too. */
bool weft__popen_owns(const FILE *stream)
{
    bool owned = false;
    weft__lock_enter(&commands.lock);
    weft__list_each(node, &commands.list)
        owned |= weft__container_of(node, struct command, node)->stream == stream;
    weft__lock_leave(&commands.lock);
    return owned;
}
