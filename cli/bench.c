/* weft bench WHAT. */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "command.h"

int command_bench(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "conversations") == 0) {
        return bench_conversations(argc - 1, argv + 1);
    }
    bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
    fputs("usage: weft bench conversations [OPTION...]\n\n"
          "  conversations   streaming conversations with a running chat: when each got its\n"
          "                  first token, alone on a fiber or in a pool of slots\n",
          help ? stdout : stderr);
    return help ? 0 : 2;
}
