/* Who sits where: starts, failures, generations. */
#include "net/container/container.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <weft/error.h>

#define BACKOFF_FIRST (100 * WEFT_MILLISECOND)
#define BACKOFF_LAST (10 * WEFT_SECOND)
#define PROVEN_AFTER (10 * WEFT_SECOND) /* a worker that has lived so long was no false start */

/* --- ends */

void weft__seats_give_up(struct weft__container *container, int error, const char *format, ...)
{
    if (container->error) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(container->reason, sizeof(container->reason), format, args);
    va_end(args);
    container->error = error;
    weft_log(WEFT_LOG_ERROR, "container: %s", container->reason);
    if (!container->stopping) {
        weft__seats_stop(container);
    }
}

static void stop_all(struct weft__container *container)
{
    weft__list_each(node, &container->processes) {
        weft__process_stop(container, weft__container_of(node, struct weft__process, node));
    }
}

static void kill_all(struct weft__container *container)
{
    weft__list_each(node, &container->processes) {
        weft__process_kill(weft__container_of(node, struct weft__process, node),
                           "was killed by a second signal");
    }
}

void weft__seats_stop(struct weft__container *container)
{
    if (container->stopping) {
        kill_all(container);
        return;
    }
    container->stopping = true;
    weft__manager_tell(&container->manager, "STOPPING=1\nSTATUS=%s",
                       container->error ? container->reason : "The workers end.");
    weft__title_set("%s: parent, ending", container->options.name);
    weft__listeners_close(container); /* the workers have theirs; who comes now is refused */
    stop_all(container);
}

/* --- failures */

/* 100 ms, doubling up to 10 s, give or take a quarter so that workers don't start in step. */
static int64_t backoff(struct weft__container *container, unsigned streak)
{
    int64_t pause = BACKOFF_FIRST;
    for (unsigned i = 0; i < streak && pause < BACKOFF_LAST; i++) {
        pause *= 2;
    }
    pause = pause < BACKOFF_LAST ? pause : BACKOFF_LAST;
    return pause - pause / 4 +
           rand_r(&container->random) % (pause / 2 / WEFT_MICROSECOND) * WEFT_MICROSECOND;
}

void weft__seats_failure(struct weft__container *container, const char *what)
{
    int64_t now = weft_now();
    container->failed[container->failure_count++ % WEFT__FAILURES_MAX] = now;
    unsigned recent = 0;
    uint64_t known = container->failure_count < WEFT__FAILURES_MAX ? container->failure_count
                                                                   : WEFT__FAILURES_MAX;
    for (uint64_t i = 0; i < known; i++) {
        recent += now - container->failed[i] < container->options.failure_window;
    }
    if (recent > container->options.failures) {
        weft__seats_give_up(container, ENOTRECOVERABLE,
                            "%u failures within %lld s, %u are borne: giving up. The last: %s",
                            recent, (long long)(container->options.failure_window / WEFT_SECOND),
                            container->options.failures, what);
    }
}

static void describe_end(const struct weft__process *process, int status, char *text, size_t size)
{
    char name[48];
    weft__process_name(process, name);
    if (process->reason[0]) {
        snprintf(text, size, "%s %s%s", name, process->killed ? "" : "gave up: ", process->reason);
    } else if (WIFSIGNALED(status)) {
        snprintf(text, size, "%s was ended by signal %d (%s)%s", name, WTERMSIG(status),
                 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    } else {
        snprintf(text, size, "%s ended by itself with status %d", name, WEXITSTATUS(status));
    }
}

/* --- starts */

static void postpone(struct weft__container *container, struct weft__seat *seat)
{
    seat->retry = weft_now() + backoff(container, seat->streak++);
}

static void start_current(struct weft__container *container, struct weft__seat *seat)
{
    seat->retry = 0;
    seat->current = weft__process_start(container, seat);
    if (!seat->current) {
        weft_log(WEFT_LOG_ERROR, "container: worker %u can't be started: %s", seat->number,
                 strerror(errno));
        postpone(container, seat);
    }
}

/* Loads the application in the parent for those that are forked from now on. */
static int load(struct weft__container *container, const char **why)
{
    const struct weft_container_options *options = &container->options;
    if (!options->preload || !options->load) {
        return 0;
    }
    weft_error_clear();
    if (options->load(options->context) >= 0) {
        return 0;
    }
    int error = errno ? errno : EIO;
    *why = weft_error() ? weft_error()->message : strerror(error);
    errno = error;
    return -1;
}

static void begin_first(struct weft__container *container)
{
    const char *why;
    container->generation = 1;
    if (load(container, &why) < 0) {
        weft__seats_give_up(container, errno, "%s", why);
    }
}

void weft__seats_start(struct weft__container *container, int64_t now)
{
    if (container->generation == 0) {
        begin_first(container);
    }
    for (unsigned i = 0; i < container->options.processes && !container->stopping; i++) {
        struct weft__seat *seat = &container->seats[i];
        if (!seat->current && seat->retry && now >= seat->retry) {
            start_current(container, seat);
        }
    }
    if (container->renew && !container->renewing && !container->stopping) {
        weft__seats_renew(container);
    }
}

/* --- one takes over from another */

static void take_over(struct weft__container *container, struct weft__seat *seat)
{
    struct weft__process *before = seat->current;
    seat->current = seat->successor;
    seat->successor = NULL;
    seat->retry = 0;
    seat->restarts++;
    if (before) {
        weft__process_stop(container, before);
    }
}

static bool all_ready(const struct weft__container *container, bool successors)
{
    for (unsigned i = 0; i < container->options.processes; i++) {
        const struct weft__process *process =
            successors ? container->seats[i].successor : container->seats[i].current;
        if (!process || process->state != WEFT__PROCESS_READY) {
            return false;
        }
    }
    return true;
}

static void tell_ready(struct weft__container *container)
{
    unsigned loops = container->options.processes * container->options.threads;
    weft_log(WEFT_LOG_INFO, "container: ready, generation %u: %u process%s, %u loop%s",
             container->generation, container->options.processes,
             container->options.processes == 1 ? "" : "es", loops, loops == 1 ? "" : "s");
    weft__manager_tell(&container->manager,
                       "READY=1\nSTATUS=Generation %u serves with %u processes.",
                       container->generation, container->options.processes);
    weft__title_set("%s: parent of %u, generation %u", container->options.name,
                    container->options.processes, container->generation);
}

void weft__seats_ready(struct weft__container *container, struct weft__process *process)
{
    struct weft__seat *seat = process->seat;
    if (container->renewing && all_ready(container, true)) {
        container->renewing = false;
        for (unsigned i = 0; i < container->options.processes; i++) {
            take_over(container, &container->seats[i]);
            container->seats[i].streak = 0;
        }
        tell_ready(container);
    } else if (!container->renewing && seat->successor == process) {
        take_over(container, seat);
    } else if (!container->was_ready && all_ready(container, false)) {
        container->was_ready = true;
        tell_ready(container);
    }
}

void weft__seats_replace(struct weft__container *container, struct weft__seat *seat)
{
    seat->successor = weft__process_start(container, seat);
    if (!seat->successor) {
        int error = errno;
        weft_log(WEFT_LOG_ERROR, "container: a successor of worker %u can't be started: %s",
                 seat->number, strerror(error));
        errno = error;
    }
}

/* --- generations */

static void abandon_renewal(struct weft__container *container, const char *why)
{
    container->renewing = false;
    container->generation--;
    weft_log(WEFT_LOG_ERROR, "container: the new generation can't serve, the old one stays: %s",
             why);
    for (unsigned i = 0; i < container->options.processes; i++) {
        struct weft__process *successor = container->seats[i].successor;
        container->seats[i].successor = NULL;
        if (successor) {
            weft__process_kill(successor, "was of a generation that can't serve");
        }
    }
    weft__manager_tell(&container->manager, "READY=1\nSTATUS=The old generation stays: %s", why);
}

/* A generation begins when the one before has, and when not too many are still ending. */
static bool can_renew(const struct weft__container *container)
{
    if (!container->was_ready || container->renewing ||
        container->process_count > (size_t)container->options.processes * WEFT__GENERATIONS) {
        return false;
    }
    for (unsigned i = 0; i < container->options.processes; i++) {
        if (container->seats[i].successor) {
            return false;
        }
    }
    return true;
}

void weft__seats_renew(struct weft__container *container)
{
    container->renew = !container->stopping;
    if (container->stopping || !can_renew(container)) {
        return;
    }
    container->renew = false;
    container->renewing = true;
    container->generation++;
    weft_log(WEFT_LOG_INFO, "container: generation %u begins", container->generation);
    int64_t now = weft_now();
    weft__manager_tell(&container->manager,
                       "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Generation %u begins.",
                       (long long)(now / WEFT_MICROSECOND), container->generation);
    const char *why;
    if (load(container, &why) < 0) {
        abandon_renewal(container, why);
        return;
    }
    for (unsigned i = 0; i < container->options.processes; i++) {
        weft__seats_replace(container, &container->seats[i]);
        if (!container->seats[i].successor) {
            abandon_renewal(container, strerror(errno));
            return;
        }
    }
}

/* --- a process has ended */

static void successor_ended(struct weft__container *container, const char *what)
{
    if (container->renewing) {
        abandon_renewal(container, what);
    } else {
        weft_log(WEFT_LOG_ERROR, "container: %s; it was to replace another", what);
        weft__seats_failure(container, what);
    }
}

static void current_ended(struct weft__container *container, struct weft__process *process,
                          const char *what)
{
    struct weft__seat *seat = process->seat;
    bool false_start = !container->was_ready && process->error && !process->ready;
    if (false_start) { /* the others would say the same */
        weft__seats_give_up(container, process->error, "%s", process->reason);
        return;
    }
    if (process->ready && weft_now() - process->ready > PROVEN_AFTER) {
        seat->streak = 0;
    }
    seat->restarts++;
    postpone(container, seat);
    weft_log(WEFT_LOG_ERROR, "container: %s; another is started in %lld ms", what,
             (long long)((seat->retry - weft_now()) / WEFT_MILLISECOND));
    weft__seats_failure(container, what);
}

void weft__seats_ended(struct weft__container *container, struct weft__process *process, int status)
{
    char what[400];
    struct weft__seat *seat = process->seat;
    bool current = seat->current == process;
    bool successor = seat->successor == process;
    bool clean =
        process->state == WEFT__PROCESS_STOPPING && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    describe_end(process, status, what, sizeof(what));
    if (current) {
        seat->current = NULL;
    }
    if (successor) {
        seat->successor = NULL;
    }
    if (container->stopping || (!current && !successor)) {
        weft_log(clean ? WEFT_LOG_DEBUG : WEFT_LOG_WARNING, "container: %s", what);
    } else if (successor) {
        successor_ended(container, what);
    } else {
        current_ended(container, process, what);
    }
    if (WIFSIGNALED(status)) {
        weft__supervise_forget(container, process->pid);
    }
    weft__process_free(container, process);
}
