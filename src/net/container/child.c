/*
 * The worker process: its loops, their beats, and its end.
 *
 *      SIGTERM, or the parent's end ──> one fiber of the first loop ──> an eventfd that is never
 *      read ──> a fiber of each loop ──> weft_worker_wait() returns
 *
 * SIGTERM is read from a signalfd, so that it interrupts nobody's call. SIGQUIT has a handler: it
 * is for a loop that does not turn any more.
 */
#include "net/container/worker.h"

#include <errno.h>
#include <execinfo.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/inspect.h>

enum {
    FRAMES = 64,
    PIECE = 1024 /* bytes of a dump in one message */
};

static struct weft__child self; /* one a process */

/* --- telling the parent */

static void tell(const char *text, size_t length)
{
    syscall(SYS_sendto, self.control, text, length, MSG_NOSIGNAL, NULL, 0);
}

static void tell_failure(int error)
{
    char text[320];
    const struct weft_error *detail = weft_error();
    int length = snprintf(text, sizeof(text), "ERRNO=%d\nSTATUS=%s", error,
                          detail && detail->error == error ? detail->message : strerror(error));
    for (int i = 0; i < length && i < (int)sizeof(text) - 1; i++) {
        if (text[i] == '\n' && strncmp(text + i, "\nSTATUS=", 8) != 0) {
            text[i] = ' ';
        }
    }
    tell(text, strlen(text));
}

/* --- telling what a stuck loop does */

static void tell_dump(const char *text, size_t size)
{
    char message[PIECE + 8];
    while (size > 0) {
        size_t piece = size < PIECE ? size : PIECE;
        const char *end = piece < size ? memrchr(text, '\n', piece) : NULL;
        piece = end ? (size_t)(end - text) + 1 : piece;
        memcpy(message, "DUMP=", 5);
        memcpy(message + 5, text, piece);
        tell(message, piece + 5);
        text += piece;
        size -= piece;
    }
}

/*
 * First the stack of what was interrupted, a message a frame, which needs no memory. Then the tree
 * of fibers, which does and may hang where the stuck fiber is within malloc: the parent does not
 * wait for ever.
 */
static void on_quit(int number)
{
    (void)number;
    int saved = errno;
    WEFT_BLOCKING();
    void *frames[FRAMES];
    char announced[16];
    int count = backtrace(frames, FRAMES);
    snprintf(announced, sizeof(announced), "STACK=%d", count);
    tell(announced, strlen(announced));
    backtrace_symbols_fd(frames, count, self.control);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream) {
        weft_dump(stream);
        if (fclose(stream) == 0) {
            tell_dump(text, size);
        }
        free(text);
    }
    tell("DUMPED=1", 8);
    errno = saved;
}

/* --- a loop */

static uint32_t present_load(void)
{
    struct weft_stats stats;
    return weft_stats(&stats) == 0 ? stats.load : 0;
}

static void publish(struct weft_worker *worker)
{
    struct weft__slot *slot = worker->slot;
    struct weft_worker_figures figures = { 0 };
    atomic_store(&slot->beat, weft_now());
    atomic_store(&slot->load, present_load());
    if (worker->observe) {
        worker->observe(worker->observed, &figures);
        atomic_store(&slot->connections, figures.connections);
        atomic_store(&slot->active, figures.active);
        atomic_store(&slot->accepted, figures.accepted);
        atomic_store(&slot->requests, figures.requests);
    }
    if (worker->index == 0) {
        weft__title_set("%s: worker %u%s (C=%llu R=%llu/%llu L=%u%%)", self.container->options.name,
                        self.process->seat->number, worker->stopping ? ", ending" : "",
                        (unsigned long long)figures.connections, (unsigned long long)figures.active,
                        (unsigned long long)figures.requests, atomic_load(&slot->load));
    }
}

static int beat(void *argument)
{
    struct weft_worker *worker = *(struct weft_worker **)argument;
    int64_t health = self.container->options.health_timeout;
    int64_t interval = health / 4 < WEFT_SECOND ? health / 4 : WEFT_SECOND;
    do {
        publish(worker);
    } while (weft_sleep(interval) == 0);
    return 0;
}

static int wait_readable(int fd, int other)
{
    struct pollfd wait[] = { { fd, POLLIN, 0 }, { other, POLLIN, 0 } };
    for (;;) {
        if (poll(wait, 2, -1) > 0) {
            return 0;
        }
        if (errno != EINTR) {
            return -1;
        }
    }
}

/* In the first loop: SIGTERM, or the parent has gone. */
static int heed(void *argument)
{
    (void)argument;
    if (wait_readable(self.signals, self.control) == 0) {
        uint64_t one = 1;
        ssize_t written = write(self.stop, &one, sizeof(one));
        (void)written; /* an eventfd takes it */
    }
    return 0;
}

static int await_stop(void *argument)
{
    struct weft_worker *worker = *(struct weft_worker **)argument;
    if (wait_readable(self.stop, -1) == 0) {
        worker->stopping = true;
        atomic_store(&worker->slot->accepting, false);
        weft_condition_broadcast(&worker->asked);
        publish(worker);
    }
    return 0;
}

static int root(void *argument)
{
    struct weft_worker *worker = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "worker", .keep_going = true };
    weft_annotate("worker %u", weft_worker_number(worker));
    atomic_store(&worker->slot->thread, (pid_t)syscall(SYS_gettid));
    if ((worker->index == 0 && !weft_go_transient(&scope, heed, (int){ 0 })) ||
        !weft_go_transient(&scope, await_stop, (struct weft_worker *){ worker }) ||
        !weft_go_transient(&scope, beat, (struct weft_worker *){ worker })) {
        return -1;
    }
    return self.container->options.work(worker, self.container->options.context);
}

/* The end of one loop is the end of all: none of them works on without the others. */
static void *run_loop(void *argument)
{
    struct weft_worker *worker = argument;
    struct weft_options options = { 0 };
    if (self.container->options.runtime) {
        options = *self.container->options.runtime;
    }
    options.inspect = options.inspect || self.container->options.inspect;
    if (weft_run_with(&options, root, worker) < 0) {
        worker->error = errno ? errno : EIO;
        tell_failure(worker->error);
    }
    uint64_t one = 1;
    ssize_t written = write(self.stop, &one, sizeof(one));
    (void)written;
    return NULL;
}

/* --- the process */

static void close_parents(struct weft__container *container, const struct weft__process *process)
{
    weft__list_each(node, &container->processes) {
        struct weft__process *other = weft__container_of(node, struct weft__process, node);
        if (other->control >= 0) {
            close(other->control);
        }
    }
    close(process->control);
    close(container->signals);
    if (container->supervisor >= 0) {
        close(container->supervisor);
    }
    for (int i = 0; i < WEFT__SUPERVISE_CLIENTS; i++) {
        if (container->clients[i].fd >= 0) {
            close(container->clients[i].fd);
        }
    }
    weft__manager_close(&container->manager);
}

static int take_signals(const struct weft__container *container)
{
    signal(SIGINT, SIG_IGN); /* a terminal sends it to all: the parent heeds it */
    signal(SIGHUP, SIG_IGN);
    struct sigaction quit = { .sa_handler = on_quit, .sa_flags = SA_RESTART };
    void *frame[1];
    backtrace(frame, 1); /* its first call loads the unwinder, which no handler may */
    sigaction(SIGQUIT, &quit, NULL);
    sigset_t mask = container->mask_before;
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaddset(&mask, SIGTERM);
    sigdelset(&mask, SIGQUIT);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    self.signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    self.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return self.signals < 0 || self.stop < 0 ? -1 : 0;
}

static int load(const struct weft_container_options *options)
{
    return options->preload || !options->load || options->load(options->context) >= 0 ? 0 : -1;
}

static int make_workers(void)
{
    unsigned threads = self.container->options.threads;
    self.workers = calloc(threads, sizeof(*self.workers));
    for (unsigned i = 0; self.workers && i < threads; i++) {
        self.workers[i].child = &self;
        self.workers[i].index = i;
        self.workers[i].slot = &self.container->slots[self.process->slot + i];
    }
    return self.workers ? 0 : -1;
}

/* The first loop runs on the main thread, and the others beside it. */
static int run_loops(void)
{
    unsigned threads = self.container->options.threads;
    pthread_t others[WEFT_CONTAINER_THREADS_MAX];
    unsigned running = 1;
    for (; running < threads; running++) {
        int error = pthread_create(&others[running], NULL, run_loop, &self.workers[running]);
        if (error) {
            tell_failure(error);
            return -1;
        }
    }
    run_loop(&self.workers[0]);
    for (unsigned i = 1; i < running; i++) {
        pthread_join(others[i], NULL);
    }
    int failed = 0;
    for (unsigned i = 0; i < threads; i++) {
        failed |= self.workers[i].error;
    }
    return failed ? -1 : 0;
}

#if defined(__SANITIZE_ADDRESS__)
int __lsan_do_recoverable_leak_check(void);
#endif

/* What the parent registered with atexit() is not ours to run. */
static _Noreturn void leave(int status)
{
    free(self.workers);
    self.workers = NULL;
#if defined(__SANITIZE_ADDRESS__)
    if (status == 0 && __lsan_do_recoverable_leak_check()) {
        status = 23;
    }
#endif
    fflush(NULL);
    _exit(status);
}

_Noreturn void weft__child_run(struct weft__container *container, struct weft__process *process,
                               int control)
{
    self = (struct weft__child){ .container = container,
                                 .process = process,
                                 .control = control,
                                 .starting = (int)container->options.threads };
    close_parents(container, process);
    weft__title_set("%s: worker %u, starting", container->options.name, process->seat->number);
    weft_error_clear();
    if (take_signals(container) < 0 || load(&container->options) < 0 || make_workers() < 0) {
        tell_failure(errno ? errno : EIO);
        leave(1);
    }
    int error = weft__guard_start(&self);
    if (error) {
        tell_failure(error);
        leave(1);
    }
    leave(run_loops() < 0 ? 1 : 0);
}
