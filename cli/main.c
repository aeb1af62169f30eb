/* weft: the command. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} COMMANDS[] = {
    { "bench", command_bench, "load for a running application, and what it measured" },
    { "doctor", command_doctor, "run a program, then tell what parked and what blocked" },
    { "dump", command_dump, "what every fiber of a running process does, with stacks" },
    { "get", command_get, "what is behind URLs" },
    { "run", command_run, "an unmodified program, its main as the first fiber" },
    { "serve", command_serve, "an application or a folder of files, by worker processes" },
    { "top", command_top, "a running process, live: tasks, waits, load, stalls" },
};

static void print_usage(FILE *stream)
{
    fputs("usage: weft COMMAND [ARGUMENT...]\n\n", stream);
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        fprintf(stream, "  %-8s %s\n", COMMANDS[i].name, COMMANDS[i].what);
    }
    fputs("\n`weft COMMAND --help` says more.\n", stream);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        if (strcmp(COMMANDS[i].name, name) == 0) {
            return COMMANDS[i].run(argc - 1, argv + 1);
        }
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_usage(argc > 1 ? stdout : stderr);
        return argc > 1 ? 0 : 2;
    }
    print_usage(stderr);
    fprintf(stderr, "weft: no command '%s'\n", name);
    return 2;
}
