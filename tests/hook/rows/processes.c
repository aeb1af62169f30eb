/* Rows: child processes. */
#include "rows.h"

#include <sys/resource.h>
#include <sys/wait.h>

/* A child that ends with 7 once it gets a byte. */
static void prepare_child(void)
{
    char byte;
    place_pipe();
    place.child = fork();
    if (place.child == 0) {
        close(place.peer);
        _exit(read(place.fd, &byte, 1) == 1 ? 7 : 1);
    }
}

static void wake_child(void)
{
    must(write(place.peer, "x", 1) == 1, "a byte");
}

static const struct setting child = { .prepare = prepare_child, .wake = wake_child };

static long ended(pid_t pid, int status)
{
    if (pid < 0)
        return -1;
    bool ours = pid == place.child;
    place.child = ours ? 0 : place.child;
    return ours && WIFEXITED(status) ? WEXITSTATUS(status) : -100;
}

static int status;
static struct rusage usage;
static siginfo_t info;

static long waited_by_id(void)
{
    int result = waitid(P_PID, (id_t)place.child, &info, WEXITED);
    return result < 0 ? -1 : ended(info.si_pid, info.si_status << 8);
}

static long ended_now(pid_t pid)
{
    return ended(pid, status);
}

ROW(wait, child, ended_now(wait(&status)))
ROW(waitpid, child, ended_now(waitpid(place.child, &status, 0)))
ROW(waitid, child, waited_by_id())
ROW(wait3, child, ended_now(wait3(&status, 0, &usage)))
ROW(wait4, child, ended_now(wait4(place.child, &status, 0, &usage)))
ROW(wait, still, wait(&status))
ROW(waitpid, still, waitpid(getpid(), &status, 0))
ROW(waitpid, still, waitpid(-1, &status, 4711))
ROW(waitid, still, waitid(P_PID, 1, &info, 0))
ROW(wait3, still, wait3(&status, WNOHANG, NULL))
ROW(wait4, still, wait4(-1, &status, 0, NULL))

/* --- shells: one that waits for a byte on a descriptor that it inherited */

static char command[64];

static void prepare_command(void)
{
    place_pipe();
    snprintf(command, sizeof command, "read byte <&%d; exit 7", place.fd);
}

static void wake_command(void)
{
    must(write(place.peer, "x\n", 2) == 2, "a line");
}

static const struct setting shell = { .prepare = prepare_command, .wake = wake_command };

static long exit_status(int result)
{
    return result < 0 ? -1 : WIFEXITED(result) ? WEXITSTATUS(result) : 100 + WTERMSIG(result);
}

static void close_opened(void)
{
    must(pclose(place.stream) == 7 << 8, "its process ended");
    place.stream = NULL;
}

static const struct setting opened_stream = { .finish = close_opened, .traits = STILL };

ROW(system, shell, exit_status(system(command)))
ROW(popen, still, popen("exit 7", "q") != NULL)
ROW(popen, opened_stream, (place.stream = popen("exit 7", "r")) != NULL)

static void prepare_stream(void)
{
    prepare_command();
    place.stream = popen(command, "r");
    must(place.stream, "a command");
}

/* A pclose() that was cancelled has closed the stream; its process ends, and is fetched later. */
static void finish_stream(void)
{
    wake_command();
}

static const struct setting stream = { .prepare = prepare_stream,
                                       .wake = wake_command,
                                       .finish = finish_stream };

static long closed_stream(void)
{
    FILE *closed = place.stream;
    place.stream = NULL;
    return exit_status(pclose(closed));
}

ROW(pclose, stream, closed_stream())

static long spawned(void)
{
    pid_t pid = vfork();
    if (pid == 0)
        _exit(7);
    return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -100;
}

ROW(vfork, still, spawned())
