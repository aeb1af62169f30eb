/* Making a runtime, running its root, taking it down. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "fiber/doctor.h"
#include "fiber/fiber.h"
#include "fiber/inspect.h"

#define STACK_DEFAULT ((size_t)256 * 1024)
#define STACK_LEAST ((size_t)16 * 1024)
#define STACK_MOST ((size_t)1024 * 1024 * 1024)
#ifdef WEFT__TSAN /* no thread may be started after a fork in a process that has two */
#define WATCHDOG_DEFAULT WEFT_FOREVER
#else
#define WATCHDOG_DEFAULT (10 * WEFT_MILLISECOND)
#endif
#define WATCHDOG_LEAST WEFT_MILLISECOND
#define WATCHDOG_MOST (60 * WEFT_MINUTE)
#define TASKS_DEFAULT ((size_t)1 << 24)

enum {
    OFFLOAD_THREADS_DEFAULT = 4,
    BUDGET_FIRST = 64
};

static int bad_environment(const char *name, const char *value, const char *want)
{
    return weft__fail_with(EINVAL, "weft_run: the environment has %s=%s; %s", name, value, want);
}

static int read_number(const char *name, uint64_t *number)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return 0;
    char *end;
    int saved = errno;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    int error = errno;
    errno = saved;
    if (*end || error || *text == '-')
        return bad_environment(name, text, "a whole number is wanted");
    *number = value;
    return 0;
}

static int read_backend(enum weft_backend *backend)
{
    const char *text = getenv("WEFT_BACKEND");
    if (!text || !*text)
        return 0;
    if (strcmp(text, "epoll") == 0)
        *backend = WEFT_BACKEND_EPOLL;
    else if (strcmp(text, "uring") == 0)
        *backend = WEFT_BACKEND_URING;
    else if (strcmp(text, "auto") == 0)
        *backend = WEFT_BACKEND_AUTO;
    else
        return bad_environment("WEFT_BACKEND", text, "uring, epoll or auto is wanted");
    return 0;
}

static int check_stack_size(size_t size)
{
    if (size >= STACK_LEAST && size <= STACK_MOST)
        return 0;
    const char *text = getenv("WEFT_STACK_SIZE");
    if (text && *text)
        return bad_environment("WEFT_STACK_SIZE", text, "16384 to 1073741824 is wanted");
    return weft__fail_with(EINVAL, "weft_run: a stack of %zu bytes; 16 KiB to 1 GiB work", size);
}

static int check_backend(enum weft_backend backend)
{
    if (backend >= WEFT_BACKEND_AUTO && backend <= WEFT_BACKEND_EPOLL)
        return 0;
    return weft__fail_with(EINVAL, "weft_run: weft_options.backend is %d; enum weft_backend works",
                           (int)backend);
}

/* Milliseconds; 0 or "off": nothing is watched. */
static int read_watchdog(int64_t *threshold)
{
    const char *text = getenv("WEFT_WATCHDOG");
    uint64_t milliseconds = 0;
    if (!text || !*text)
        return 0;
    if (strcmp(text, "off") != 0 && read_number("WEFT_WATCHDOG", &milliseconds) < 0)
        return -1;
    if (milliseconds > WATCHDOG_MOST / WEFT_MILLISECOND)
        return bad_environment("WEFT_WATCHDOG", text, "1 to 3600000 milliseconds, or off");
    *threshold = milliseconds ? (int64_t)milliseconds * WEFT_MILLISECOND : WEFT_FOREVER;
    return 0;
}

static int check_watchdog(int64_t *threshold)
{
    if (*threshold == 0)
        *threshold = WATCHDOG_DEFAULT;
    if (*threshold == WEFT_FOREVER || (*threshold >= WATCHDOG_LEAST && *threshold <= WATCHDOG_MOST))
        return 0;
    return weft__fail_with(EINVAL,
                           "weft_run: a watchdog threshold of %" PRId64
                           " ns; 1 ms to 1 h work, and WEFT_FOREVER",
                           *threshold);
}

/* "-dns,-stdio": families of hooks to go around. */
static int read_hooks(uint16_t *around)
{
    static const char *const families[WEFT__FAMILY_COUNT] = {
        [WEFT__FAMILY_IO] = "io",
        [WEFT__FAMILY_SOCKET] = "socket",
        [WEFT__FAMILY_DESCRIPTOR] = "descriptor",
        [WEFT__FAMILY_POLL] = "poll",
        [WEFT__FAMILY_TIME] = "time",
        [WEFT__FAMILY_LOCK] = "lock",
        [WEFT__FAMILY_FILE] = "file",
        [WEFT__FAMILY_SIGNAL] = "signal",
        [WEFT__FAMILY_PROCESS] = "process",
        [WEFT__FAMILY_STDIO] = "stdio",
        [WEFT__FAMILY_DNS] = "dns",
        [WEFT__FAMILY_KEY] = "key",
        [WEFT__FAMILY_HANDLER] = "handler",
        [WEFT__FAMILY_IPC] = "ipc",
    };
    const char *text = getenv("WEFT_HOOKS");
    *around = 0;
    for (const char *rest = text; rest && *rest; rest += *rest == ',') {
        size_t length = strcspn(rest, ",");
        int family = 0;
        while (family < WEFT__FAMILY_COUNT &&
               (*rest != '-' || strlen(families[family]) != length - 1 ||
                memcmp(rest + 1, families[family], length - 1) != 0))
            family++;
        if (family == WEFT__FAMILY_COUNT)
            return bad_environment("WEFT_HOOKS", text,
                                   "families with a minus before each are wanted, such as "
                                   "-dns,-stdio (io, socket, descriptor, poll, time, lock, file, "
                                   "signal, process, stdio, dns, key, handler, ipc)");
        *around |= (uint16_t)(1U << family);
        rest += length;
    }
    return 0;
}

static int read_environment(struct weft_options *options)
{
    uint64_t stack_size = options->stack_size;
    uint64_t virtual_clock = options->virtual_clock;
    uint64_t inspect = options->inspect;
    if (read_backend(&options->backend) < 0 || read_number("WEFT_STACK_SIZE", &stack_size) < 0 ||
        read_number("WEFT_SEED", &options->seed) < 0 ||
        read_number("WEFT_VIRTUAL_CLOCK", &virtual_clock) < 0 ||
        read_number("WEFT_INSPECT", &inspect) < 0 || read_watchdog(&options->watchdog) < 0)
        return -1;
    options->stack_size = (size_t)stack_size;
    options->virtual_clock = virtual_clock != 0;
    options->inspect = inspect != 0;
    if (!options->stack_size)
        options->stack_size = STACK_DEFAULT;
    if (check_backend(options->backend) < 0 || check_stack_size(options->stack_size) < 0 ||
        check_watchdog(&options->watchdog) < 0)
        return -1;
    if (!options->max_tasks)
        options->max_tasks = TASKS_DEFAULT;
    if (!options->offload_threads)
        options->offload_threads = OFFLOAD_THREADS_DEFAULT;
    return 0;
}

static int no_backend(enum weft_backend backend, int error)
{
    if (error == -EMFILE || error == -ENFILE)
        return weft__fail_with(EMFILE, "weft_run: no descriptor is left for the loop; "
                                       "raise the limit (ulimit -n)");
    if (backend == WEFT_BACKEND_URING)
        return weft__fail_with(-error,
                               "weft_run: no io_uring: %s (a seccomp profile or "
                               "kernel.io_uring_disabled may forbid it; WEFT_BACKEND=auto works)",
                               strerror(-error));
    return weft__fail_with(-error, "weft_run: the loop cannot be made: %s", strerror(-error));
}

__attribute__((constructor)) static void find_errno(void)
{
    weft__errno_offset = (char *)&errno - (char *)__builtin_thread_pointer();
}

/* epoll unless io_uring is asked for: docs/decisions/013-backend-choice.md has the numbers. */
static int open_loop(struct weft__runtime *runtime, enum weft_backend backend)
{
    int error = -ENOSYS;
    if (backend != WEFT_BACKEND_URING)
        error = weft__loop_open(&runtime->loop, &weft__loop_epoll);
#if WEFT_WITH_URING
    else
        error = weft__loop_open(&runtime->loop, &weft__loop_uring);
#endif
    return error ? no_backend(backend, error) : 0;
}

/* The root scope belongs to no fiber: it holds the root task and what outlives its creator. */
static void open_root(struct weft__runtime *runtime)
{
    struct weft__scope *scope = weft__scope_inner(&runtime->root);
    runtime->root.name = "root";
    runtime->root.keep_going = true;
    *scope = (struct weft__scope){ .magic = WEFT__SCOPE_MAGIC, .state = WEFT__SCOPE_OPEN };
    scope->runtime = runtime;
    weft__list_init(&scope->opened);
    weft__list_init(&scope->running);
    weft__list_init(&scope->ended);
    weft__list_init(&scope->watches);
    weft__list_init(&scope->queue);
}

static struct weft__runtime *runtime_new(const struct weft_options *options)
{
    struct weft__runtime *runtime = weft__calloc(1, sizeof *runtime);
    if (!runtime) {
        weft__fail_with(ENOMEM, "weft_run: no memory");
        return NULL;
    }
    if (open_loop(runtime, options->backend) < 0) {
        int saved = errno;
        weft__free(runtime);
        errno = saved;
        return NULL;
    }
    runtime->budget_next = BUDGET_FIRST;
    runtime->max_tasks = options->max_tasks;
    runtime->offload_threads = options->offload_threads;
    runtime->seed = options->seed;
    runtime->virtual_clock = options->virtual_clock;
    runtime->virtual_now = weft__clock();
    runtime->inspect_fd = -1;
    runtime->turn_started = runtime->virtual_now;
    runtime->load.window_start = runtime->virtual_now;
    runtime->name = options->name ? options->name : "main";
    weft__list_init(&runtime->free_tasks);
    weft__list_init(&runtime->interrupts.masked);
    weft__stacks_init(&runtime->stacks, options->stack_size, sizeof(struct weft__fiber));
    weft__sanitizer_adopt(&runtime->loop_sanitizer);
    weft__overflow_thread_begin(runtime);
    open_root(runtime);
    weft__watchdog_begin(runtime, options->watchdog);
    return runtime;
}

static void runtime_free(struct weft__runtime *runtime)
{
    weft__watchdog_end(runtime);
    weft__runtime_current = NULL;
    weft__overflow_thread_end(runtime);
    weft__stacks_fini(&runtime->stacks);
    weft__task_chunks_free(runtime);
    weft__loop_close(&runtime->loop);
    weft__free(runtime);
}

/* The root task's outcome becomes the thread's. */
static int take_outcome(struct weft__runtime *runtime)
{
    struct weft__scope *root = weft__scope_inner(&runtime->root);
    struct weft__list *node = weft__list_pop(&root->ended);
    weft_assert(node && weft__list_empty(&root->ended));
    struct weft_task *task = weft__container_of(node, struct weft_task, node);
    int value = task->value;
    int error = task->error;
    weft__errors_to_thread(root->errors ? &root->errors : &task->errors);
    weft__task_free(runtime, task);
    if (value < 0)
        errno = error;
    return value;
}

static int run_root(struct weft__runtime *runtime, bool inspect, int (*function)(void *),
                    void *argument)
{
    struct weft_task *task =
        weft__task_start(weft__scope_inner(&runtime->root), function, NULL, 0, false);
    if (!task)
        return -1;
    task->fiber->argument = argument;
    runtime->interrupts.main = task->fiber;
    memcpy(task->fiber->name, "root", sizeof "root");
    weft__make_ready(runtime, task->fiber);
    weft__runtime_current = runtime;
    if (inspect)
        weft__inspect_start(runtime);
    int error = weft__run_loop(runtime);
    weft_assert(error == 0); /* the program has closed the loop's own descriptor */
    return take_outcome(runtime);
}

struct nested {
    int (*function)(void *);
    void *argument;
};

static int run_nested(void *argument)
{
    struct nested *nested = argument;
    return nested->function(nested->argument);
}

/* Inside a fiber: a child task, waited for. */
static int run_inside(int (*function)(void *), void *argument)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "weft_run" };
    struct nested nested = { function, argument };
    struct weft_task *task = weft_spawn(&scope, run_nested, &nested, sizeof nested);
    if (!task)
        return -1;
    struct weft_result result;
    if (weft_join(task, &result) < 0)
        return -1;
    if (result.value < 0)
        errno = result.error;
    return result.value;
}

int weft_run_with(const struct weft_options *options, int (*function)(void *), void *argument)
{
    if (weft__current)
        return run_inside(function, argument);
    if (weft__runtime_current)
        return weft__fail_with(EBUSY, "weft_run: this thread's loop runs already");
    int saved = errno;
    int error = weft__context_supported();
    if (error)
        return weft__fail_with(-error, "weft_run: the thread runs with a shadow stack; fibers need "
                                       "it off (GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)");
    struct weft_options chosen = options ? *options : (struct weft_options){ 0 };
    uint16_t around;
    if (read_environment(&chosen) < 0 || read_hooks(&around) < 0 ||
        weft__doctor_begin(chosen.watchdog) < 0)
        return -1;
    weft__fork_install();
    weft__overflow_install();
    struct weft__runtime *runtime = runtime_new(&chosen);
    if (!runtime)
        return -1;
    runtime->around = around;
    int value = run_root(runtime, chosen.inspect, function, argument);
    if (value < 0)
        saved = errno;
    runtime_free(runtime);
    errno = saved;
    return value;
}

int weft_run(int (*function)(void *), void *argument)
{
    return weft_run_with(NULL, function, argument);
}
