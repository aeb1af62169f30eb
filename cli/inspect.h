/*
 * Looking into a running process: `weft top`, `weft dump`.
 *
 *     inspect.c    finding its sockets, asking, and saying why it can't be asked
 *     dump.c       the tree with stacks, once
 *     top.c        the live view: terminal, keys, intervals
 *     top_view.c   what one picture of it shows
 */
#ifndef WEFT_CLI_INSPECT_H
#define WEFT_CLI_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum inspect_outcome {
    INSPECT_ANSWERED,
    INSPECT_NO_LOOP, /* nothing by that number listens */
    INSPECT_SILENT,  /* it takes no request: something holds its loop */
    INSPECT_DENIED,  /* another user's */
};

/**
 * Ask a loop (1 the first) of a process. *TEXT is to be freed, and ends with a 0 byte; it is set
 * for INSPECT_ANSWERED alone.
 */
enum inspect_outcome inspect_ask(pid_t process, unsigned loop, const char *command, char **text,
                                 size_t *size);

/** What a parent of workers says of them, to be freed; NULL: the process is none. */
char *inspect_workers(pid_t process);

/** The process of an argument, or, for NULL, the only one that can be looked into. 0 after a
 * message on stderr that begins with WHO. */
pid_t inspect_process(const char *who, const char *argument);

/** Say on stderr why a process can't be asked; 1, the exit status. */
int inspect_complain(const char *who, pid_t process, enum inspect_outcome outcome);

struct top_view {
    pid_t process;
    int columns;
    int rows; /* 0: all that there is to show */
    bool live;
    long long ticks; /* processor time at the last picture; -1: there was none */
    long long taken; /* when it was, in ns */
};

/** Draw the process as it is now. */
enum inspect_outcome top_draw(struct top_view *view, FILE *stream);

#endif
