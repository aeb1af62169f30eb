/* Child processes: every call that waits for one, commands, and what a child finds. */
#include "hook.h"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

/* A child that lives until its gate is opened, and then ends with 7. */
struct child {
    pid_t pid;
    int gate;
};

static struct child child_start(bool own_group)
{
    int fds[2];
    char byte;
    must(pipe(fds) == 0, "a pipe");
    struct child child = { .pid = fork(), .gate = fds[1] };
    must(child.pid >= 0, "a child");
    if (child.pid == 0) {
        if (own_group)
            setpgid(0, 0);
        close(fds[1]);
        ssize_t none = read(fds[0], &byte, 1);
        _exit(none == 0 ? 7 : 1);
    }
    if (own_group)
        setpgid(child.pid, child.pid);
    close(fds[0]);
    return child;
}

static void child_end(struct child *child)
{
    close(child->gate);
}

/* What a call found out; checked by each. */
static int status_seen;

static long call_wait(int pid)
{
    (void)pid;
    return wait(&status_seen);
}

static long call_waitpid(int pid)
{
    return waitpid(pid, &status_seen, 0);
}

static long call_waitpid_any(int pid)
{
    (void)pid;
    return waitpid(-1, &status_seen, 0);
}

static long call_waitpid_group(int pid)
{
    return waitpid(-pid, &status_seen, 0);
}

static long call_waitpid_stops(int pid)
{
    return waitpid(pid, &status_seen, WUNTRACED | WCONTINUED);
}

static long call_wait3(int pid)
{
    (void)pid;
    struct rusage usage = { .ru_maxrss = -1 };
    long result = wait3(&status_seen, 0, &usage);
    return result > 0 && usage.ru_maxrss < 0 ? -2 : result;
}

static long call_wait4(int pid)
{
    struct rusage usage = { .ru_maxrss = -1 };
    long result = wait4(pid, &status_seen, 0, &usage);
    return result > 0 && usage.ru_maxrss < 0 ? -2 : result;
}

static long by_id(idtype_t type, id_t id, int options)
{
    siginfo_t info = { 0 };
    long result = waitid(type, id, &info, options);
    if (result == 0)
        status_seen = info.si_status << 8;
    return result == 0 ? info.si_pid : result;
}

static long call_waitid(int pid)
{
    return by_id(P_PID, (id_t)pid, WEXITED);
}

static long call_waitid_all(int pid)
{
    (void)pid;
    return by_id(P_ALL, 0, WEXITED);
}

static long call_waitid_group(int pid)
{
    return by_id(P_PGID, (id_t)pid, WEXITED);
}

static long call_waitid_quietly(int pid)
{
    int saved = errno;
    long result = waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
    int error = result == 0 ? saved : errno;
    if (result == 0 && (errno != saved || waitpid(pid, &status_seen, 0) != pid))
        return -2; /* it was to be left for another */
    errno = error;
    return result == 0 ? pid : result;
}

static long call_waitid_pidfd(int pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        errno = errno == ESRCH ? ECHILD : errno;
        return -1;
    }
    long result = by_id(P_PIDFD, (id_t)fd, WEXITED);
    int error = errno;
    close((int)fd);
    errno = error;
    return result;
}

static const struct {
    const char *name;
    long (*call)(int pid);
} calls[] = {
    { "wait", call_wait },
    { "waitpid", call_waitpid },
    { "waitpid of any", call_waitpid_any },
    { "waitpid of a group", call_waitpid_group },
    { "waitpid of stops too", call_waitpid_stops },
    { "wait3", call_wait3 },
    { "wait4", call_wait4 },
    { "waitid", call_waitid },
    { "waitid of all", call_waitid_all },
    { "waitid of a group", call_waitid_group },
    { "waitid that takes nothing", call_waitid_quietly },
    { "waitid of a pidfd", call_waitid_pidfd },
};

/* --- where nothing waits: a child that has ended, and no child */

struct answers {
    long (*call)(int pid);
    bool right; /* the child's number and status */
    int error;
    long none;
    int none_error;
};

static int answer(void *argument)
{
    struct answers *answers = argument;
    struct child child = child_start(true);
    struct trial trial = { .call = answers->call, .fd = child.pid };
    child_end(&child);
    siginfo_t info;
    must(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT) == 0, "it has ended");
    status_seen = -1;
    trial_call(&trial);
    answers->right =
        trial.result == child.pid && WIFEXITED(status_seen) && WEXITSTATUS(status_seen) == 7;
    answers->error = trial.error;
    trial_call(&trial);
    answers->none = trial.result;
    answers->none_error = trial.error;
    return 0;
}

static void answers_are_the_same(const char *name, long (*call)(int pid))
{
    struct answers bare = { .call = call }, hooked = { .call = call };
    answer(&bare);
    must(weft_run(answer, &hooked) == 0, "the fiber ran");
    ok(bare.right && hooked.right && hooked.error == bare.error, "%s: a child that has ended",
       name);
    ok(bare.none == -1 && hooked.none == -1 && hooked.none_error == bare.none_error,
       "%s: no child (errno %d, as outside: %d)", name, hooked.none_error, bare.none_error);
}

/* --- where it waits */

struct waits {
    const char *name;
    long (*call)(int pid);
};

static void is_woken(const struct waits *waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct child child = child_start(true);
    struct trial trial = { .call = waits->call, .fd = child.pid };
    status_seen = -1;
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    child_end(&child);
    trial_join(task);
    ok(parked && trial.result == child.pid && trial.error == UNTOUCHED && WIFEXITED(status_seen) &&
           WEXITSTATUS(status_seen) == 7,
       "%s parks until the child ends (%ld, errno %d, status %x)", waits->name, trial.result,
       trial.error, status_seen);
}

static void is_ended(const struct waits *waits, int64_t timeout, int error)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct child child = child_start(true);
    struct trial trial = { .call = waits->call, .fd = child.pid, .timeout = timeout };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    if (!timeout)
        weft_cancel(task);
    trial_join(task);
    child_end(&child);
    int status;
    pid_t left = waitpid(child.pid, &status, 0);
    ok(parked && trial.result == -1 && trial.error == error && left == child.pid &&
           WEXITSTATUS(status) == 7,
       "%s ends early with errno %d (%ld, errno %d), and the child is there for the next call",
       waits->name, error, trial.result, trial.error);
}

static int wait_in_every_way(void *argument)
{
    is_woken(argument);
    is_ended(argument, 0, ECANCELED);
    is_ended(argument, 5 * WEFT_MILLISECOND, ETIMEDOUT);
    return 0;
}

FIBER(stops)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct child child = child_start(false);
    struct trial trial = { .call = call_waitpid_stops, .fd = child.pid };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    kill(child.pid, SIGSTOP);
    trial_join(task);
    ok(parked && trial.result == child.pid && WIFSTOPPED(status_seen), "a stop is told");
    task = trial_start(&scope, &trial);
    kill(child.pid, SIGCONT);
    trial_join(task);
    ok(trial.result == child.pid && WIFCONTINUED(status_seen), "and that it goes on");
    ok(waitpid(child.pid, NULL, WNOHANG) == 0, "WNOHANG: nothing yet");
    child_end(&child);
    ok(waitpid(child.pid, &status_seen, 0) == child.pid && WIFEXITED(status_seen),
       "and then it ends");
    return 0;
}

static int wait_own(void *argument)
{
    struct child *child = *(struct child **)argument;
    int status;
    return waitpid(child->pid, &status, 0) == child->pid && WEXITSTATUS(status) == 7 ? 0 : -1;
}

static int wait_one(void *argument)
{
    (void)argument;
    int status;
    return wait(&status) > 0 && WEXITSTATUS(status) == 7 ? 0 : -1;
}

enum {
    CROWD = 40
};

/* Each gets one, whoever ends first; what nobody wants does not disturb. */
FIBER(crowds)
{
    struct child children[CROWD];
    int before = open_descriptors();
    for (int round = 0; round < 2; round++) {
        struct weft_scope scope = { 0 };
        for (int i = 0; i < CROWD; i++) {
            struct child *child = &children[i];
            children[i] = child_start(false);
            weft_spawn(&scope, round == 0 ? wait_own : wait_one, &child, sizeof child);
        }
        for (int i = CROWD - 1; i >= 0; i--)
            child_end(&children[i]);
        ok(weft_scope_wait(&scope) == 0, "%d fibers wait for %s", CROWD,
           round == 0 ? "a child each" : "any child");
    }
    is_int(open_descriptors(), before, "no descriptor is left");
    struct child unwanted = child_start(true), wanted = child_start(true);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trial = { .call = call_waitpid_group, .fd = wanted.pid };
    child_end(&unwanted);
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    child_end(&wanted);
    trial_join(task);
    ok(parked && trial.result == wanted.pid, "a group is waited for beside a child nobody wants");
    must(waitpid(unwanted.pid, NULL, 0) == unwanted.pid, "the other one");
    return 0;
}

FIBER(ignored)
{
    signal(SIGCHLD, SIG_IGN);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct child child = child_start(false);
    struct trial trial = { .call = call_wait, .fd = 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    child_end(&child);
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == ECHILD,
       "with SIGCHLD ignored, a wait ends when the last child has (errno %d)", trial.error);
    signal(SIGCHLD, SIG_DFL);
    return 0;
}

/* --- commands */

static const char *const commands[] = { "exit 3", "true", "kill -9 $$",
                                        "no-such-command-at-all 2>&-", NULL };

static int run_commands(void *argument)
{
    int *statuses = argument;
    for (size_t i = 0; i < COUNT(commands); i++)
        statuses[i] = system(commands[i]);
    return 0;
}

static int tick(void *argument)
{
    int *ticks = *(int **)argument;
    for (;;) {
        if (usleep(1000) < 0)
            return -1;
        ++*ticks;
    }
}

static long call_system(int unused)
{
    (void)unused;
    return system("exec sleep 10");
}

static bool is_default(int number)
{
    struct sigaction action;
    sigaction(number, NULL, &action);
    return action.sa_handler == SIG_DFL;
}

static bool is_blocked(int number)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, number);
}

FIBER(systems)
{
    int ticks = 0;
    int *place = &ticks;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_spawn_transient(&scope, tick, &place, sizeof place);
    errno = UNTOUCHED;
    int status = system("sleep 0.05; exit 4");
    ok(WEXITSTATUS(status) == 4 && errno == UNTOUCHED && ticks > 3,
       "system parks: others ran %d times meanwhile", ticks);
    ok(WEXITSTATUS(system("test \"$(grep SigBlk /proc/self/status)\" = "
                          "\"$(printf 'SigBlk:\\t0000000000000000')\"")) == 0,
       "the command gets its parent's signal mask");
    for (int i = 0; i < 2; i++) {
        struct trial trial = { .call = call_system, .timeout = i * 20 * WEFT_MILLISECOND };
        struct weft_task *task = trial_start(&scope, &trial);
        bool set = !is_default(SIGINT) && !is_default(SIGQUIT) && is_blocked(SIGCHLD);
        bool parked = !trial.ended;
        if (i == 0)
            weft_cancel(task);
        trial_join(task);
        ok(parked && set && trial.result == -1 && trial.error == (i ? ETIMEDOUT : ECANCELED),
           "system ends early (errno %d)", trial.error);
        ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "and its command with it");
        ok(is_default(SIGINT) && is_default(SIGQUIT) && !is_blocked(SIGCHLD),
           "the signals are as they were");
    }
    return 0;
}

static int short_command(void *argument)
{
    (void)argument;
    return system("sleep 0.02") == 0 ? 0 : -1;
}

FIBER(systems_at_once)
{
    struct weft_scope scope = { 0 };
    for (int i = 0; i < 8; i++)
        weft_go(&scope, short_command, NOTHING);
    ok(weft_scope_wait(&scope) == 0 && is_default(SIGINT) && !is_blocked(SIGCHLD),
       "eight commands at once, and the signals are as they were");
    return 0;
}

/* --- streams to commands */

static FILE *opened;

static long call_pclose(int unused)
{
    (void)unused;
    return pclose(opened);
}

struct streamed {
    char line[32];
    int status, fclosed, written;
    bool refused, closes_on_exec;
    int error;
};

static int stream(void *argument)
{
    struct streamed *result = argument;
    FILE *from = popen("echo hello; exit 5", "r");
    must(from && fgets(result->line, sizeof result->line, from), "a line of a command");
    result->status = pclose(from);
    FILE *to = popen("read line; test \"$line\" = there", "w");
    must(to && fputs("there\n", to) >= 0, "a line to a command");
    result->written = pclose(to);
    from = popen("exit 6", "re");
    result->closes_on_exec = fcntl(fileno(from), F_GETFD) & FD_CLOEXEC;
    int (*volatile close_it)(FILE * stream) = fclose;
    result->fclosed = close_it(from);
    errno = 0;
    result->refused = !popen("true", "rw") && errno == EINVAL && !popen("true", "x");
    result->error = errno;
    return 0;
}

static void streams_are_the_same(void)
{
    struct streamed bare = { 0 }, hooked = { 0 };
    stream(&bare);
    must(weft_run(stream, &hooked) == 0, "the fiber ran");
    const struct streamed *both[] = { &bare, &hooked };
    for (int i = 0; i < 2; i++)
        ok(strcmp(both[i]->line, "hello\n") == 0 && WEXITSTATUS(both[i]->status) == 5 &&
               both[i]->written == 0 && WEXITSTATUS(both[i]->fclosed) == 6 &&
               both[i]->closes_on_exec && both[i]->refused && both[i]->error == EINVAL,
           "popen and pclose %s", i ? "in a fiber" : "outside");
}

FIBER(streams)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = call_pclose };
    opened = popen("sleep 0.02; exit 9", "r");
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    trial_join(task);
    ok(parked && WEXITSTATUS((int)trial.result) == 9 && trial.error == UNTOUCHED,
       "pclose parks until the command ends");
    FILE *other = popen("cat", "w");
    FILE *list = popen("cd /proc/$$/fd && echo *", "r");
    char line[128] = "";
    must(fgets(line, sizeof line, list), "the descriptors of a command");
    pclose(list);
    pclose(other);
    list = popen("cd /proc/$$/fd && echo *", "r");
    char alone[128] = "";
    must(fgets(alone, sizeof alone, list), "again");
    pclose(list);
    is_str(line, alone, "a command has none of the streams to others");
    for (int i = 0; i < 2; i++) {
        int before = open_descriptors();
        trial = (struct trial){ .call = call_pclose, .timeout = i * 5 * WEFT_MILLISECOND };
        opened = popen("read line; sleep 0.1; exit 1", "w");
        task = trial_start(&scope, &trial);
        parked = !trial.ended;
        if (i == 0)
            weft_cancel(task);
        trial_join(task);
        ok(parked && trial.result == -1 && trial.error == (i ? ETIMEDOUT : ECANCELED) &&
               open_descriptors() == before,
           "pclose ends early (%ld, errno %d), and the stream is closed (%d descriptors)",
           trial.result, trial.error, open_descriptors() - before);
    }
    usleep(200000);
    opened = popen("true", "r");
    pclose(opened);
    ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
       "later calls wait for the commands that were left");
    return 0;
}

/* --- what a child is and has */

static long list_descriptors(char *text, size_t size)
{
    char *arguments[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t) "ls /proc/$$/fd", NULL };
    int fds[2];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    must(pipe2(fds, O_CLOEXEC) == 0, "a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    must(posix_spawn(&pid, "/bin/sh", &actions, NULL, arguments, environ) == 0, "a process");
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    size_t length = 0;
    ssize_t count;
    while ((count = read(fds[0], text + length, size - 1 - length)) > 0)
        length += (size_t)count;
    text[length] = '\0';
    close(fds[0]);
    int status;
    must(waitpid(pid, &status, 0) == pid, "its end");
    return status;
}

static char bare_list[256];

FIBER(spawned)
{
    char list[256];
    is_int(list_descriptors(list, sizeof list), 0, "posix_spawn beside a running loop");
    is_str(list, bare_list, "its child gets no descriptor of the loop");
    return 0;
}

static int at_exit_gate = -1;

static void at_exit(void)
{
    if (at_exit_gate >= 0)
        syscall(SYS_write, at_exit_gate, "x", 1);
}

static int fork_and_return(void *argument)
{
    pid_t *pid = *(pid_t **)argument;
    *pid = fork();
    return *pid == 0 ? 21 : 0;
}

/* In the child every call is the plain one: it blocks, and nothing parks. */
static int child_work(int gate)
{
    char byte;
    struct timespec moment = { .tv_nsec = 1000000 };
    if (weft_running() || nanosleep(&moment, NULL) < 0 || read(gate, &byte, 1) != 1)
        return 1;
    return system("exit 12") >> 8;
}

FIBER(forks)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int status, fds[2];
    char byte;
    must(pipe(fds) == 0, "a pipe");
    pid_t pid = fork();
    if (pid == 0)
        _exit(child_work(fds[0]));
    must(write(fds[1], "x", 1) == 1, "a byte");
    ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 12,
       "a fiber's child runs on without hooks");
    pid = fork();
    if (pid == 0) {
        at_exit_gate = fds[1];
        exit(13);
    }
    ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 13 && read(fds[0], &byte, 1) == 1,
       "it may exit");
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 14", (char *)NULL);
        _exit(1);
    }
    ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 14, "it may become another");
    pid_t *place = &pid;
    struct weft_task *task = weft_spawn(&scope, fork_and_return, &place, sizeof place);
    must(weft_join(task, NULL) == 0, "the fiber ended");
    ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 21,
       "it may return from the fiber's function");
    return 0;
}

static int vfork_fd;

/* The child closes what a fiber of its parent waits on. */
static pid_t vfork_child(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        close(vfork_fd);
        execl("/bin/sh", "sh", "-c", "exit 15", (char *)NULL);
        _exit(1);
    }
    return pid;
}

static long call_read(int fd)
{
    char byte;
    return read(fd, &byte, 1);
}

FIBER(vforks)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int status, fds[2];
    must(pipe(fds) == 0, "a pipe");
    struct trial trial = { .call = call_read, .fd = fds[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    vfork_fd = fds[0];
    pid_t pid = vfork_child();
    ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 15, "vfork, then another program");
    bool parked = !trial.ended;
    must(write(fds[1], "x", 1) == 1, "a byte");
    trial_join(task);
    ok(parked && trial.result == 1, "what its child closes is not closed for the parent's fibers");
    return 0;
}

int main(void)
{
    atexit(at_exit);
    signal(SIGINT, SIG_DFL); /* a shell starts what runs in the background with both ignored */
    signal(SIGQUIT, SIG_DFL);
    list_descriptors(bare_list, sizeof bare_list);
    for (size_t i = 0; i < COUNT(calls); i++) {
        answers_are_the_same(calls[i].name, calls[i].call);
        struct waits waits = { calls[i].name, calls[i].call };
        must(weft_run(wait_in_every_way, &waits) == 0, "waited in every way");
    }
    in_runtime(stops);
    in_runtime(crowds);
    in_runtime(ignored);
    int bare[COUNT(commands)], hooked[COUNT(commands)];
    run_commands(bare);
    must(weft_run(run_commands, hooked) == 0, "the commands ran");
    for (size_t i = 0; i < COUNT(commands); i++)
        is_int(hooked[i], bare[i], "system: %s", commands[i] ? commands[i] : "NULL");
    in_runtime(systems);
    in_runtime(systems_at_once);
    streams_are_the_same();
    in_runtime(streams);
    in_runtime(spawned);
    in_runtime(forks);
    in_runtime(vforks);
    return done_testing();
}
