/* The parent's loop, from the first bind to the last child. */
#include "net/container/container.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/error.h>

#include "base/fail.h"

/* A file is written in several steps: it is taken up once it has been left alone for so long. */
#define WATCH_SETTLE (300 * WEFT_MILLISECOND)

static unsigned usable_processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > WEFT_CONTAINER_PROCESSES_MAX ? WEFT_CONTAINER_PROCESSES_MAX : (unsigned)count;
}

static int64_t time_or(int64_t value, int64_t usual)
{
    return value ? value : usual;
}

static void fill_in(struct weft_container_options *options)
{
    options->name = options->name ? options->name : "weft";
    options->processes = options->processes ? options->processes : usable_processors();
    options->threads = options->threads ? options->threads : 1;
    options->backlog = options->backlog ? options->backlog : 4096;
    options->start_timeout = time_or(options->start_timeout, 30 * WEFT_SECOND);
    options->health_timeout = time_or(options->health_timeout, 30 * WEFT_SECOND);
    options->grace = time_or(options->grace, 10 * WEFT_SECOND);
    options->failures = options->failures ? options->failures : 6;
    options->failure_window = time_or(options->failure_window, 60 * WEFT_SECOND);
}

static int check(const struct weft_container_options *options)
{
    const char *wrong = NULL;
    if (!options->work) {
        wrong = "there is no work function";
    } else if (options->processes > WEFT_CONTAINER_PROCESSES_MAX) {
        wrong = "processes is above WEFT_CONTAINER_PROCESSES_MAX (256)";
    } else if (options->threads > WEFT_CONTAINER_THREADS_MAX) {
        wrong = "threads is above WEFT_CONTAINER_THREADS_MAX (64)";
    } else if (options->processes * options->threads > WEFT_CONTAINER_LOOPS_MAX) {
        wrong = "processes times threads is above WEFT_CONTAINER_LOOPS_MAX (1024)";
    } else if (options->address_count > WEFT_CONTAINER_LISTENERS_MAX) {
        wrong = "there are more addresses than WEFT_CONTAINER_LISTENERS_MAX (16)";
    } else if (options->start_timeout < 0 || options->grace < 0 || options->failure_window < 0) {
        wrong = "a time limit is negative";
    } else if (options->health_timeout < 100 * WEFT_MILLISECOND) {
        wrong = "health_timeout is below 100 ms";
    } else if (options->failures >= WEFT__FAILURES_MAX) {
        wrong = "failures is above 1023";
    } else if (options->backlog < 0) {
        wrong = "the backlog is negative";
    }
    return wrong ? weft_error_set("container", EINVAL, EINVAL, "making a container: %s", wrong) : 0;
}

/* SIGCHLD may come ignored from who started us; then no child could be waited for. */
static int take_signals(struct weft__container *container)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGCHLD);
    struct sigaction usual = { .sa_handler = SIG_DFL };
    sigaction(SIGCHLD, &usual, &container->child_before);
    int error = pthread_sigmask(SIG_BLOCK, &ours, &container->mask_before);
    if (error) {
        return weft__fail(error);
    }
    container->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    return container->signals < 0 ? -1 : 0;
}

static void return_signals(struct weft__container *container)
{
    if (container->signals >= 0) {
        close(container->signals);
    }
    sigaction(SIGCHLD, &container->child_before, NULL);
    pthread_sigmask(SIG_SETMASK, &container->mask_before, NULL);
}

/* Slots for every generation that may live at a time. Pages that nobody uses cost nothing. */
static int make_memory(struct weft__container *container)
{
    const struct weft_container_options *options = &container->options;
    size_t processes = (size_t)options->processes * (WEFT__GENERATIONS + 2);
    container->slot_count = processes * options->threads;
    container->seats = calloc(options->processes, sizeof(*container->seats));
    container->slots_taken = calloc(processes, sizeof(*container->slots_taken));
    if (!container->seats || !container->slots_taken) {
        return -1;
    }
    void *memory = mmap(NULL, container->slot_count * sizeof(*container->slots),
                        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return -1;
    }
    container->slots = memory;
    for (unsigned i = 0; i < options->processes; i++) {
        container->seats[i] = (struct weft__seat){ .number = i, .retry = 1 };
    }
    return 0;
}

static void heed(struct weft__container *container, unsigned number)
{
    switch (number) {
    case SIGCHLD:
        break;
    case SIGHUP:
        weft__seats_renew(container);
        break;
    default:
        weft_log(WEFT_LOG_INFO, "container: %s: %s", strsignal((int)number),
                 container->stopping ? "the workers are killed" : "the workers end gracefully");
        weft__seats_stop(container);
        break;
    }
}

static void heed_signals(struct weft__container *container)
{
    struct signalfd_siginfo info;
    while (read(container->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        heed(container, info.ssi_signo);
    }
}

static void reap(struct weft__container *container)
{
    weft__list_each(node, &container->processes) {
        struct weft__process *process = weft__container_of(node, struct weft__process, node);
        int status;
        if (weft__process_ended(process, &status)) {
            weft__process_hear(container, process); /* its last words */
            weft__seats_ended(container, process, status);
        }
    }
}

/* True once the file has changed, is whole, and was left alone. */
static bool file_changed(struct weft__container *container, int64_t now)
{
    struct stat status;
    if (!container->options.watch || stat(container->options.watch, &status) < 0 ||
        status.st_size == 0) {
        return false;
    }
    if (status.st_mtim.tv_sec != container->watched.tv_sec ||
        status.st_mtim.tv_nsec != container->watched.tv_nsec ||
        status.st_ino != container->watched_inode) {
        bool first = container->watched_inode == 0;
        container->watched = status.st_mtim;
        container->watched_inode = status.st_ino;
        container->watch_changed = first ? 0 : now;
        return false;
    }
    if (!container->watch_changed || now - container->watch_changed < WATCH_SETTLE) {
        return false;
    }
    container->watch_changed = 0;
    return true;
}

static void turn(struct weft__container *container, int64_t now)
{
    reap(container);
    if (file_changed(container, now)) {
        weft_log(WEFT_LOG_INFO, "container: %s has changed", container->options.watch);
        weft__seats_renew(container);
    }
    weft__health_check(container, now);
    weft__seats_start(container, now);
    weft__manager_tick(&container->manager, now);
}

/* The descriptors to wait for: signals, the supervisor's, its clients', the workers'. */
static size_t gather(struct weft__container *container, struct pollfd *all)
{
    size_t count = 0;
    all[count++] = (struct pollfd){ container->signals, POLLIN, 0 };
    bool rests = weft_now() < container->supervisor_rest;
    all[count++] = (struct pollfd){ rests ? -1 : container->supervisor, POLLIN, 0 };
    for (int i = 0; i < WEFT__SUPERVISE_CLIENTS; i++) {
        all[count++] = (struct pollfd){ container->clients[i].fd, POLLIN, 0 };
    }
    weft__list_each(node, &container->processes) {
        struct weft__process *process = weft__container_of(node, struct weft__process, node);
        all[count++] = (struct pollfd){ process->control, POLLIN, 0 };
    }
    return count;
}

static void dispatch(struct weft__container *container, const struct pollfd *all)
{
    size_t at = 2 + WEFT__SUPERVISE_CLIENTS;
    weft__list_each(node, &container->processes) {
        struct weft__process *process = weft__container_of(node, struct weft__process, node);
        if (all[at++].revents) {
            weft__process_hear(container, process);
        }
    }
    int64_t now = weft_now();
    for (int i = 0; i < WEFT__SUPERVISE_CLIENTS; i++) {
        struct weft__client *client = &container->clients[i];
        if (client->fd >= 0 && (all[2 + i].revents || now > client->deadline)) {
            weft__supervise_hear(container, client, now);
        }
    }
    if (all[1].revents) {
        weft__supervise_accept(container);
    }
    if (all[0].revents) {
        heed_signals(container);
    }
}

static int supervise(struct weft__container *container)
{
    size_t most = 2 + WEFT__SUPERVISE_CLIENTS +
                  (size_t)container->options.processes * (WEFT__GENERATIONS + 2);
    struct pollfd *all = calloc(most, sizeof(*all));
    if (!all) {
        return -1;
    }
    do {
        turn(container, weft_now());
        size_t count = gather(container, all);
        if (poll(all, count, (int)(WEFT__TICK / WEFT_MILLISECOND)) > 0) {
            dispatch(container, all);
        }
    } while (!container->stopping || !weft__list_empty(&container->processes));
    free(all);
    return 0;
}

static void fini(struct weft__container *container)
{
    weft__supervise_close(container);
    weft__listeners_close(container);
    weft__manager_close(&container->manager);
    if (container->slots) {
        munmap(container->slots, container->slot_count * sizeof(*container->slots));
    }
    free(container->slots_taken);
    free(container->seats);
    return_signals(container);
}

static int run(struct weft__container *container)
{
    if (weft__listeners_open(container) < 0) {
        return -1;
    }
    if (take_signals(container) < 0 || make_memory(container) < 0) {
        return -1;
    }
    weft__manager_open(&container->manager);
    if (container->options.titles) {
        weft__title_prepare();
    }
    if (container->options.inspect) {
        weft__supervise_open(container);
    }
    weft__title_set("%s: parent of %u", container->options.name, container->options.processes);
    if (supervise(container) < 0) {
        return -1;
    }
    return container->error ? weft_error_set("container", container->error, container->error, "%s",
                                             container->reason)
                            : 0;
}

int weft_container_run(const struct weft_container_options *options)
{
    struct weft_container_options filled = *options;
    fill_in(&filled);
    if (check(&filled) < 0) {
        return -1;
    }
    if (weft_running()) {
        return weft_error_set("container", EPERM, EPERM,
                              "running a container: a fiber can't fork workers; call "
                              "weft_container_run() outside of weft_run()");
    }
    struct weft__container *container = calloc(1, sizeof(*container));
    if (!container) {
        return -1;
    }
    container->options = filled;
    container->signals = container->supervisor = container->manager.fd = -1;
    container->started = container->looked = weft_now();
    container->random = (unsigned)getpid() ^ (unsigned)container->started;
    weft__list_init(&container->processes);
    for (int i = 0; i < WEFT__SUPERVISE_CLIENTS; i++) {
        container->clients[i].fd = -1;
    }
    pthread_sigmask(SIG_BLOCK, NULL, &container->mask_before);
    sigaction(SIGCHLD, NULL, &container->child_before);
    int result = run(container);
    int error = errno;
    fini(container);
    free(container);
    errno = error;
    return result;
}
