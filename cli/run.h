/*
 * `weft run`: an unmodified program with its blocking calls hooked.
 *
 *     run.c          the command: environment, and becoming the program
 *     run_program.c  which file it is, and whether a library can be preloaded into it
 */
#ifndef WEFT_CLI_RUN_H
#define WEFT_CLI_RUN_H

#include <limits.h>
#include <stdbool.h>

/** Find a program as execvp(3) does. false after a message on stderr. */
bool run_find(const char *name, char path[PATH_MAX]);

/** Become the program ARGV names, hooked; the exit status if that fails, after a message. */
int run_become(char **argv);

/** What messages begin with: "weft run". */
extern const char *run_caller;

/** Whether the loader will preload a library into it. false after a message on stderr. */
bool run_check(const char *path);

#endif
