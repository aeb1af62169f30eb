/*
 * Processes that are started beside a running loop: what they find, loops of their own, crowds of
 * commands, children that nobody waits for in time.
 */
#include "hook.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "crowd.h"

/* --- posix_spawn */

static volatile sig_atomic_t handled;

static void count_one(int number)
{
    (void)number;
    handled++;
}

static char told[512];

/* What a child is, in its own words: its signals, or its descriptors. */
static const char *const tellers[][5] = {
    { "grep", "-E", "Sig(Blk|Ign|Cgt)", "/proc/self/status", NULL },
    { "ls", "/proc/self/fd", NULL },
};

static pid_t spawn_teller(bool by_name, int *from, char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    char path[32];
    int ends[2], error;
    pid_t pid = -1;
    snprintf(path, sizeof path, "/bin/%s", arguments[0]);
    must(pipe2(ends, O_CLOEXEC) == 0, "a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    error = by_name ? posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ)
                    : posix_spawn(&pid, path, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    must(error == 0 && pid > 0, "it is spawned (%d)", error);
    *from = ends[0];
    return pid;
}

static size_t listen_to(bool by_name, char *const arguments[], size_t length)
{
    int from, status;
    pid_t pid = spawn_teller(by_name, &from, arguments);
    for (ssize_t got = 1; got > 0; length += (size_t)got) {
        got = read(from, told + length, sizeof told - 1 - length);
        must(got >= 0, "it tells");
    }
    must(waitpid(pid, &status, 0) == pid && status == 0, "it ends");
    close(from);
    return length;
}

static int tell(void *by_name)
{
    sigset_t blocked, old;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    signal(SIGUSR1, count_one);
    signal(SIGHUP, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &blocked, &old);
    size_t length = 0;
    memset(told, 0, sizeof told);
    for (size_t i = 0; i < COUNT(tellers); i++)
        length = listen_to(by_name != NULL, (char *const *)(uintptr_t)tellers[i], length);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    return 0;
}

static void spawned_as_outside(void)
{
    static int by_name;
    char bare[sizeof told];
    for (int i = 0; i < 2; i++) {
        void *how = i ? &by_name : NULL;
        must(tell(how) == 0, "a child outside");
        memcpy(bare, told, sizeof bare);
        must(weft_run(tell, how) == 0, "a child in a fiber");
        is_str(told, bare, "posix_spawn%s: descriptors and signals are as outside", i ? "p" : "");
        ok(strstr(bare, "SigBlk:\t0000000000000800"), "they are what was set");
    }
}

static int spawn_wrong(void *unused)
{
    char name[] = "no-such-program", *arguments[] = { name, NULL };
    pid_t pid;
    (void)unused;
    int error = posix_spawn(&pid, "/no/such/program", NULL, NULL, arguments, environ);
    return error == ENOENT && waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 0 : -1;
}

/* Vforks share memory: what goes on in the child must not show in the parent. */
static int spawn_and_wait(void *argument)
{
    char name[] = "true", *arguments[] = { name, NULL };
    pid_t pid;
    int status = -1, fd = *(int *)argument;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclose(&actions, fd);
    int error = posix_spawnp(&pid, "true", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static long call_read(int fd)
{
    char byte;
    return read(fd, &byte, 1);
}

FIBER(closed_in_child)
{
    int ends[2];
    must(pipe(ends) == 0, "a pipe");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trial = { .call = call_read, .fd = ends[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    struct weft_scope crowd = { 0 };
    for (int i = 0; i < 30; i++)
        weft_go(&crowd, spawn_and_wait, (int){ ends[0] });
    is_int(weft_scope_wait(&crowd), 0, "30 children at once, each closing a descriptor");
    ok(!trial.ended, "on which a fiber waits here, as before");
    must(write(ends[1], "x", 1) == 1, "a byte");
    trial_join(task);
    is_int(trial.result, 1, "and gets what comes");
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* --- loops in children */

static int double_it(void *argument)
{
    *(int *)argument *= 2;
    return 0;
}

static int child_fiber(void *argument)
{
    int number = *(int *)argument, ends[2];
    struct timespec moment = { .tv_nsec = 1000000 };
    char byte = 0;
    if (pipe(ends) < 0 || write(ends[1], "c", 1) != 1 || nanosleep(&moment, NULL) < 0 ||
        read(ends[0], &byte, 1) != 1 || weft_offload(double_it, &number) < 0)
        return -1;
    return number;
}

/* Fibers, offloads, hooks, commands and children of its own. */
static int child_root(void *ends)
{
    int *fds = ends, sum = 0;
    char byte;
    struct weft_task *tasks[20];
    struct weft_result result;
    for (int i = 0; i < 20; i++)
        tasks[i] = weft_go(NULL, child_fiber, (int){ i });
    for (int i = 0; i < 20; i++) {
        if (weft_join(tasks[i], &result) < 0 || result.value < 0)
            return -1;
        sum += result.value;
    }
    pid_t pid = fork();
    int status = -1;
    if (pid == 0)
        _exit(5);
    if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 5 || system("exit 6") != 6 << 8)
        return -1;
    if (write(fds[1], "x", 1) != 1 || read(fds[2], &byte, 1) != 1)
        return -1;
    return sum;
}

static int fork_with_loop(void *unused)
{
    int to[2], from[2], status = -1;
    char byte = 0;
    (void)unused;
    must(pipe(to) == 0 && pipe(from) == 0, "pipes");
    int fds[3] = { from[0], from[1], to[0] };
    pid_t pid = fork();
    if (pid == 0) {
        bool bare = !weft_running();
        int sum = weft_run(child_root, fds);
        _exit(bare && sum == 380 && !weft_running() ? 9 : 1);
    }
    must(pid > 0 && read(from[0], &byte, 1) == 1, "the child's loop has run");
    must(write(to[1], "y", 1) == 1, "it may go on");
    must(waitpid(pid, &status, 0) == pid, "it ends");
    for (int i = 0; i < 2; i++) {
        close(to[i]);
        close(from[i]);
    }
    return WEXITSTATUS(status) == 9 ? 0 : -1;
}

FIBER(loops_in_children)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int before = open_descriptors();
    is_int(fork_with_loop(NULL), 0, "the child of the root runs a loop of its own");
    for (int i = 0; i < 5; i++)
        weft_go(&scope, fork_with_loop, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "so do those of five other fibers, at once");
    is_int(open_descriptors(), before, "no descriptor is left");
    return 0;
}

/* --- crowds of commands, all inside before any may end */

enum {
    COMMANDS = 200
};

static char gate[64];

static int wait_at_gate(void *argument)
{
    char command[128];
    int number = *(int *)argument;
    snprintf(command, sizeof command, "read x < %s; exit %d", gate, number % 100);
    crowd_enter();
    int status = system(command);
    crowd_leave();
    return WIFEXITED(status) && WEXITSTATUS(status) == number % 100 ? 0 : -1;
}

FIBER(crowd_of_commands)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct sigaction before, after;
    sigaction(SIGINT, NULL, &before);
    snprintf(gate, sizeof gate, "/tmp/weft-spawning-%d", (int)getpid());
    must(mkfifo(gate, 0600) == 0, "a FIFO");
    for (int i = 0; i < COMMANDS; i++)
        weft_go(&scope, wait_at_gate, (int){ i });
    is_int(crowd_most, COMMANDS, "all commands run at once");
    int fd = open(gate, O_WRONLY | O_CLOEXEC); /* parks until a command reads */
    int keeper = open(gate, O_RDWR | O_CLOEXEC);
    must(fd >= 0 && keeper >= 0, "the gate");
    for (int i = 0; i < COMMANDS; i++)
        must(write(fd, "\n", 1) == 1, "a line for each");
    is_int(weft_scope_wait(&scope), 0, "each has its own command's status");
    close(fd);
    close(keeper);
    unlink(gate);
    sigaction(SIGINT, NULL, &after);
    ok(before.sa_handler == after.sa_handler, "SIGINT is as before");
    return 0;
}

/* --- children that end before, while, and after somebody begins to wait */

static int wait_for_own(void *argument)
{
    int number = *(int *)argument, status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(number);
    for (int i = 0; i < number % 4; i++)
        weft_yield();
    if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != number)
        return -1;
    return waitpid(pid, &status, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

static int stop_and_go(void *argument)
{
    int status = 0;
    (void)argument;
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(3);
    }
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        return -1;
    kill(pid, SIGCONT);
    if (waitpid(pid, &status, WCONTINUED) != pid)
        return -1;
    if (!WIFCONTINUED(status))
        return WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : -1;
    return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3 ? 0 : -1;
}

static void crowd_of(int (*body)(void *), int count, const char *what)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < count; i++)
        weft_go(&scope, body, (int){ i });
    is_int(weft_scope_wait(&scope), 0, "%s", what);
    ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "and no child is left");
}

FIBER(races)
{
    crowd_of(wait_for_own, 100, "children that end before the wait begins");
    crowd_of(stop_and_go, 20, "children that stop and go on");
    return 0;
}

/* With a handler that collects whatever has ended, as many programs have it. */
static volatile sig_atomic_t collected;

static void collect(int number)
{
    int saved = errno;
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        collected++;
    errno = saved;
}

FIBER(child_handlers)
{
    struct sigaction action = { .sa_handler = count_one, .sa_flags = SA_RESTART };
    sigaction(SIGCHLD, &action, NULL);
    handled = 0;
    crowd_of(wait_for_own, 30, "beside a handler of SIGCHLD");
    ok(handled > 0, "which runs (%d times)", (int)handled);
    must(system("true") == 0, "a command beside it");
    action.sa_handler = collect;
    sigaction(SIGCHLD, &action, NULL);
    sigset_t child, old;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child, &old);
    for (int i = 0; i < 5; i++)
        if (fork() == 0)
            _exit(0);
    while (collected < 5)
        sigsuspend(&old);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    ok(waitpid(-1, NULL, 0) == -1 && errno == ECHILD, "one that collects all leaves none to wait");
    is_int(WEXITSTATUS(system("exit 3")), 3, "but system() gets its own command's status");
    signal(SIGCHLD, SIG_DFL);
    return 0;
}

/* --- clocks of the process */

static long call_timerfd(int fd)
{
    uint64_t fired = 0;
    return read(fd, &fired, sizeof fired) == sizeof fired ? (long)fired : -1;
}

FIBER(timer_descriptors)
{
    static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };
    for (size_t i = 0; i < COUNT(clocks); i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        struct itimerspec when = { .it_interval.tv_nsec = 1000000 };
        int fd = timerfd_create(clocks[i], TFD_CLOEXEC);
        clock_gettime(clocks[i], &when.it_value);
        when.it_value.tv_nsec += 5000000;
        if (when.it_value.tv_nsec >= 1000000000) {
            when.it_value.tv_sec++;
            when.it_value.tv_nsec -= 1000000000;
        }
        must(fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) == 0, "a timer");
        struct trial trial = { .call = call_timerfd, .fd = fd };
        struct weft_task *task = trial_start(&scope, &trial);
        trial_join(task);
        struct timespec now;
        clock_gettime(clocks[i], &now);
        ok(trial.result >= 1 &&
               (now.tv_sec > when.it_value.tv_sec ||
                (now.tv_sec == when.it_value.tv_sec && now.tv_nsec >= when.it_value.tv_nsec)),
           "a timer of clock %d fires at its time", (int)clocks[i]);
        is_int(clock_nanosleep(clocks[i], TIMER_ABSTIME, &when.it_value, NULL), 0,
               "a time that is past is not slept for");
        close(fd);
    }
    return 0;
}

int main(void)
{
    spawned_as_outside();
    must(weft_run(spawn_wrong, NULL) == 0, "a program that does not exist leaves no child");
    in_runtime(closed_in_child);
    if (UNDER_TSAN)
        skip("ThreadSanitizer starts no threads after a fork");
    else
        in_runtime(loops_in_children);
    in_runtime(crowd_of_commands);
    in_runtime(races);
    if (UNDER_TSAN)
        skip("ThreadSanitizer installs handlers of its own past the hooks");
    else
        in_runtime(child_handlers);
    in_runtime(timer_descriptors);
    return done_testing();
}
