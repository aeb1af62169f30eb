/* weft dump PID: what every fiber of a process does, with stacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "inspect.h"

static int usage(FILE *stream)
{
    fputs(
        "usage: weft dump [PID]\n\n"
        "Prints the tree of a process's tasks: name, age, what each waits for, and the native\n"
        "stack of parked ones. The process was started with WEFT_INSPECT=1 in its environment or\n"
        "sets weft_options.inspect. Without a PID: the only one that is.\n",
        stream);
    return stream == stdout ? 0 : 2;
}

int command_dump(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc > 2 || (argc > 1 && argv[1][0] == '-'))
        return usage(stderr);
    pid_t process = inspect_process("weft dump", argc > 1 ? argv[1] : NULL);
    if (!process)
        return 1;
    for (unsigned loop = 1;; loop++) {
        char *text;
        size_t size;
        enum inspect_outcome outcome = inspect_ask(process, loop, "dump", &text, &size);
        if (outcome == INSPECT_NO_LOOP && loop > 1)
            return fflush(stdout) == 0 ? 0 : 1;
        if (outcome != INSPECT_ANSWERED)
            return inspect_complain("weft dump", process, outcome);
        if (strncmp(text, "error: ", 7) == 0) {
            fprintf(stderr, "weft dump: %s", text + 7);
            free(text);
            return 1;
        }
        fwrite(text, 1, size, stdout);
        free(text);
    }
}
