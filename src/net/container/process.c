/* One worker process, as its parent sees it. */
#include "net/container/container.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/error.h>

#define DUMP_TIME (3 * WEFT_SECOND)

enum {
    MESSAGES_A_TURN = 256,
    FRAMES_MOST = 1024 /* that a stack may announce */
};

const char *weft__process_name(const struct weft__process *process, char text[48])
{
    snprintf(text, 48, "worker %u (pid %d)", process->seat->number, (int)process->pid);
    return text;
}

/* The slots of a process's loops. False if too many processes are about. */
static bool take_slots(struct weft__container *container, struct weft__process *process)
{
    size_t threads = container->options.threads;
    for (size_t i = 0; i * threads < container->slot_count; i++) {
        if (!container->slots_taken[i]) {
            container->slots_taken[i] = true;
            process->place = i;
            process->slot = i * threads;
            memset((void *)&container->slots[process->slot], 0,
                   threads * sizeof(*container->slots));
            return true;
        }
    }
    errno = EAGAIN;
    return false;
}

static void give_slots(struct weft__container *container, struct weft__process *process)
{
    for (unsigned i = 0; i < container->options.threads; i++) {
        atomic_store(&container->slots[process->slot + i].accepting, false);
    }
    container->slots_taken[process->place] = false;
}

/* The socket pair keeps messages apart, so that each is whole or missing. */
static int fork_worker(struct weft__container *container, struct weft__process *process)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return -1;
    }
    fflush(NULL); /* what is buffered is the parent's to write */
    process->control = ends[0];
    process->pid = fork();
    if (process->pid == 0) {
        weft__child_run(container, process, ends[1]);
    }
    int error = errno;
    close(ends[1]);
    if (process->pid < 0) {
        close(ends[0]);
        errno = error;
        return -1;
    }
    return 0;
}

struct weft__process *weft__process_start(struct weft__container *container,
                                          struct weft__seat *seat)
{
    struct weft__process *process = calloc(1, sizeof(*process));
    if (!process || !take_slots(container, process)) {
        free(process);
        return NULL;
    }
    process->seat = seat;
    process->generation = container->generation;
    process->state = WEFT__PROCESS_STARTING;
    process->started = weft_now();
    if (fork_worker(container, process) < 0) {
        int error = errno;
        give_slots(container, process);
        free(process);
        errno = error;
        return NULL;
    }
    weft__list_append(&container->processes, &process->node);
    container->process_count++;
    return process;
}

void weft__process_stop(struct weft__container *container, struct weft__process *process)
{
    if (process->state == WEFT__PROCESS_STOPPING || process->state == WEFT__PROCESS_DUMPING) {
        return;
    }
    process->state = WEFT__PROCESS_STOPPING;
    process->deadline = container->options.grace == WEFT_FOREVER
                            ? WEFT_FOREVER
                            : weft_now() + container->options.grace + WEFT__KILL_MARGIN;
    for (unsigned i = 0; i < container->options.threads; i++) {
        atomic_store(&container->slots[process->slot + i].accepting, false);
    }
    kill(process->pid, SIGTERM);
}

void weft__process_kill(struct weft__process *process, const char *reason)
{
    if (!process->killed) {
        process->killed = true;
        if (!process->reason[0]) {
            snprintf(process->reason, sizeof(process->reason), "%s", reason);
        }
        kill(process->pid, SIGKILL);
    }
}

void weft__process_dump(struct weft__process *process, pid_t thread, const char *reason)
{
    char name[48];
    weft_log(WEFT_LOG_ERROR,
             "container: %s %s; this is what it does:", weft__process_name(process, name), reason);
    snprintf(process->reason, sizeof(process->reason), "%s", reason);
    process->state = WEFT__PROCESS_DUMPING;
    process->deadline = weft_now() + DUMP_TIME;
    syscall(SYS_tgkill, process->pid, thread ? thread : process->pid, SIGQUIT);
    kill(process->pid, SIGCONT); /* a stopped one can't tell anything */
}

static void log_dump(struct weft__process *process, char *text)
{
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        if (*line && process->lines < WEFT__DUMP_LINES) {
            process->lines++;
            weft_log(WEFT_LOG_ERROR, "container: pid %d: %s", (int)process->pid, line);
        }
    }
}

/* What a worker is made of is as trustworthy as its application: nothing is taken for granted. */
static void hear_line(struct weft__container *container, struct weft__process *process,
                      const char *line)
{
    if (strcmp(line, "READY=1") == 0 && process->state == WEFT__PROCESS_STARTING) {
        process->state = WEFT__PROCESS_READY;
        process->ready = weft_now();
        weft__seats_ready(container, process);
    } else if (strcmp(line, "DUMPED=1") == 0 && process->state == WEFT__PROCESS_DUMPING) {
        weft__process_kill(process, "");
    } else if (strncmp(line, "STACK=", 6) == 0) {
        process->frames = (unsigned)atoi(line + 6) % FRAMES_MOST;
    } else if (strncmp(line, "ERRNO=", 6) == 0) {
        process->error = atoi(line + 6);
    } else if (strncmp(line, "STATUS=", 7) == 0 && !process->killed) {
        snprintf(process->reason, sizeof(process->reason), "%s", line + 7);
    }
}

void weft__process_hear(struct weft__container *container, struct weft__process *process)
{
    char message[WEFT__MESSAGE];
    /* One that talks without an end is interrupted: there are others. */
    for (int heard = 0; process->control >= 0 && heard < MESSAGES_A_TURN; heard++) {
        ssize_t length = recv(process->control, message, sizeof(message) - 1, MSG_DONTWAIT);
        if (length < 0) {
            return; /* nothing more for now */
        }
        if (length == 0) {
            close(process->control);
            process->control = -1;
            return;
        }
        message[length] = '\0';
        if (process->frames > 0) {
            process->frames--;
            log_dump(process, message);
            continue;
        }
        if (strncmp(message, "DUMP=", 5) == 0) {
            log_dump(process, message + 5);
            continue;
        }
        char *rest = message;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
            hear_line(container, process, line);
        }
    }
}

bool weft__process_ended(struct weft__process *process, int *status)
{
    pid_t ended;
    do {
        ended = waitpid(process->pid, status, WNOHANG);
    } while (ended < 0 && errno == EINTR);
    if (ended < 0) {
        *status = 0; /* somebody else has reaped it */
    }
    return ended != 0;
}

void weft__process_free(struct weft__container *container, struct weft__process *process)
{
    weft__list_remove(&process->node);
    container->process_count--;
    give_slots(container, process);
    if (process->control >= 0) {
        close(process->control);
    }
    free(process);
}
