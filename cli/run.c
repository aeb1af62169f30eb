/* weft run PROGRAM [ARGUMENT...]: become the program, with libweft preloaded. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weft/weft.h>

#include "command.h"
#include "run.h"

enum {
    NOT_USED_RIGHT = 2,
    CANNOT_RUN = 126,
    NOT_FOUND = 127
};

static int usage(FILE *stream)
{
    fputs("usage: weft run [--backend uring|epoll] PROGRAM [ARGUMENT...]\n\n"
          "Runs a dynamically linked program whose blocking calls park fibers; its main is the\n"
          "first. The exit status is the program's; 126 and 127 as of a shell. Programs that it\n"
          "starts run as ever.\n",
          stream);
    return stream == stdout ? 0 : NOT_USED_RIGHT;
}

/* The very library this command is linked with. */
static bool find_library(char path[PATH_MAX])
{
    Dl_info found;
    if (!dladdr((const void *)(uintptr_t)weft_run, &found) || !realpath(found.dli_fname, path)) {
        fprintf(stderr, "%s: libweft.so can't be found: is it installed beside this command?\n",
                run_caller);
        return false;
    }
    if (strpbrk(path, ": ")) {
        fprintf(stderr,
                "%s: %s can't be preloaded: LD_PRELOAD takes no path with a blank "
                "or a colon; install it elsewhere\n",
                run_caller, path);
        return false;
    }
    return true;
}

static bool set_environment(const char *library)
{
    const char *others = getenv("LD_PRELOAD");
    char *list = NULL;
    if (asprintf(&list, others && *others ? "%s:%s" : "%s", library, others) < 0)
        return false;
    bool done = setenv("LD_PRELOAD", list, 1) == 0 && setenv("WEFT_RUN", "1", 1) == 0;
    free(list);
    return done;
}

int run_become(char **argv)
{
    char path[PATH_MAX], library[PATH_MAX];
    if (!run_find(argv[0], path))
        return NOT_FOUND;
    if (!run_check(path) || !find_library(library))
        return CANNOT_RUN;
    if (set_environment(library))
        execv(path, argv);
    fprintf(stderr, "%s: %s can't be run: %s\n", run_caller, path, strerror(errno));
    return CANNOT_RUN;
}

int command_run(int argc, char **argv)
{
    int first = 1;
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc > 2 && strcmp(argv[1], "--backend") == 0) {
        setenv("WEFT_BACKEND", argv[2], 1);
        first = 3;
    }
    if (first >= argc || argv[first][0] == '-')
        return usage(stderr);
    return run_become(argv + first);
}
