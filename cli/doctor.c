/* weft doctor PROGRAM [ARGUMENT...]: run it, then tell what parked and what held the thread. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

#include "command.h"
#include "run.h"

enum {
    NOT_USED_RIGHT = 2,
    CANNOT_RUN = 126,
    BY_SIGNAL = 128
};

struct wishes {
    const char *output; /* NULL: stderr */
    const char *threshold;
    char **program;
};

static int usage(FILE *stream)
{
    fputs("usage: weft doctor [-o FILE] [--threshold MS] [--backend uring|epoll]\n"
          "                   PROGRAM [ARGUMENT...]\n\n"
          "Runs a program as `weft run` does. When it has ended, tells on stderr or in FILE which\n"
          "calls parked a fiber, how often and how long; where the thread was held for MS\n"
          "milliseconds (1) or longer, and whether that went past the hooks; which of the loaded\n"
          "libraries make system calls of their own. The exit status is the program's; 128 more\n"
          "than the signal's number if one ended it.\n",
          stream);
    return stream == stdout ? 0 : NOT_USED_RIGHT;
}

static bool read_wishes(char **argv, struct wishes *wishes)
{
    int i = 1;
    *wishes = (struct wishes){ .threshold = "1" };
    for (; argv[i] && argv[i][0] == '-' && argv[i + 1]; i += 2) {
        if (strcmp(argv[i], "-o") == 0)
            wishes->output = argv[i + 1];
        else if (strcmp(argv[i], "--threshold") == 0)
            wishes->threshold = argv[i + 1];
        else if (strcmp(argv[i], "--backend") == 0)
            setenv("WEFT_BACKEND", argv[i + 1], 1);
        else
            return false;
    }
    wishes->program = argv + i;
    return argv[i] && argv[i][0] != '-';
}

/* How the shell would put it; -1 after a message on stderr. */
static int run_and_wait(const struct wishes *wishes, const char *record)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("WEFT_DOCTOR", record, 1);
        setenv("WEFT_WATCHDOG", wishes->threshold, 1);
        _exit(run_become(wishes->program));
    }
    /* Ctrl-C is the program's: what it did until then is to be told. */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0) {
        fprintf(stderr, "weft doctor: no process can be made: %s\n", strerror(errno));
        return -1;
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "weft doctor: %s was ended by %s\n", wishes->program[0],
                strsignal(WTERMSIG(status)));
        return BY_SIGNAL + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

static bool report(const struct wishes *wishes, const char *record, bool has_complained)
{
    FILE *stream = wishes->output ? fopen(wishes->output, "we") : stderr;
    if (!stream) {
        fprintf(stderr, "weft doctor: %s: %s\n", wishes->output, strerror(errno));
        return false;
    }
    bool done = weft_doctor_print(record, stream) == 0;
    if (!done && !(errno == ENODATA && has_complained))
        fprintf(stderr, "weft doctor: %s\n",
                weft_error() ? weft_error()->message : strerror(errno));
    if (stream != stderr && fclose(stream) != 0) {
        fprintf(stderr, "weft doctor: %s: %s\n", wishes->output, strerror(errno));
        done = false;
    }
    return done;
}

int command_doctor(int argc, char **argv)
{
    struct wishes wishes;
    run_caller = "weft doctor";
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (!read_wishes(argv, &wishes))
        return usage(stderr);
    const char *folder = getenv("TMPDIR");
    char record[4096];
    if (snprintf(record, sizeof record, "%s/weft-doctor-XXXXXX",
                 folder && *folder ? folder : "/tmp") >= (int)sizeof record)
        return usage(stderr);
    int fd = mkstemp(record);
    if (fd < 0) {
        fprintf(stderr, "weft doctor: %s: %s\n", record, strerror(errno));
        return CANNOT_RUN;
    }
    close(fd);
    int status = run_and_wait(&wishes, record);
    if (status < 0 || (!report(&wishes, record, status >= CANNOT_RUN) && status == 0))
        status = CANNOT_RUN;
    unlink(record);
    return status;
}
