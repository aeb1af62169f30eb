/*
 * The start of a program under `weft run`: its main becomes the first fiber.
 *
 * WEFT_RUN says so, and the preloaded library is how it comes to be here. Both are taken out of the
 * environment before main sees it: the programs it starts are others, which nobody asked to run
 * under Weft (docs/decisions/005-run.md).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <dlfcn.h>

#include "hook/hook.h"

typedef int program_main(int count, char **arguments, char **environment);

static program_main *program;
static int argument_count;
static char **argument_values;
static int status;

enum {
    STACK_LEAST = 256 * 1024,
    STACK_MOST = 64 * 1024 * 1024
};

/* Take this library out of LD_PRELOAD, and the variable with it if nothing else is there. */
static void forget_preload(void)
{
    Dl_info self;
    const char *list = getenv("LD_PRELOAD");
    if (!list || !dladdr((const void *)(uintptr_t)forget_preload, &self))
        return;
    size_t length = strlen(self.dli_fname);
    if (strncmp(list, self.dli_fname, length) != 0)
        return;
    if (list[length] != ':') {
        unsetenv("LD_PRELOAD");
        return;
    }
    char *rest = strdup(list + length + 1);
    if (rest)
        setenv("LD_PRELOAD", rest, 1);
    free(rest);
}

static int run_program(void *unused)
{
    (void)unused;
    if (getenv("WEFT_DOCTOR")) { /* it and the threshold are for this process alone */
        unsetenv("WEFT_DOCTOR");
        unsetenv("WEFT_WATCHDOG");
    }
    status = program(argument_count, argument_values, environ);
    if (!weft__current)
        exit(status); /* the child of a fork: no loop to go back to */
    return 0;
}

/* A program expects the stack of a main thread. */
static size_t stack_size(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur > STACK_MOST)
        return STACK_MOST;
    return limit.rlim_cur < STACK_LEAST ? STACK_LEAST : (size_t)limit.rlim_cur;
}

/* This is the command speaking, in the process it became: not the library. */
static int complain(void)
{
    const struct weft_error *error = weft_error();
    char line[512];
    int length = snprintf(line, sizeof line, "weft run: the first fiber could not be started: %s\n",
                          error ? error->message : strerror(errno));
    if (length > 0)
        weft__raw(SYS_write, STDERR_FILENO, line, strnlen(line, sizeof line));
    return 126;
}

static int main_as_fiber(int count, char **arguments, char **environment)
{
    (void)environment;
    unsetenv("WEFT_RUN");
    forget_preload();
    argument_count = count;
    argument_values = arguments;
    struct weft_options options = { .stack_size = stack_size(), .name = "main" };
    return weft_run_with(&options, run_program, NULL) < 0 ? complain() : status;
}

int weft__hook___libc_start_main(struct weft__fiber *self, void *start, int count, char **arguments,
                                 void *init, void *fini, void *unload, void *stack)
{
    (void)self;
    const char *wanted = getenv("WEFT_RUN");
    if (wanted && strcmp(wanted, "1") == 0) {
        program = (program_main *)(uintptr_t)start;
        start = (void *)(uintptr_t)main_as_fiber;
    }
    return WEFT__REAL(__libc_start_main)(start, count, arguments, init, fini, unload, stack);
}
