/* The subcommands of `weft`. Each gets its own name as argv[0] and returns the exit status. */
#ifndef WEFT_CLI_COMMAND_H
#define WEFT_CLI_COMMAND_H

int command_bench(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_get(int argc, char **argv);
int command_run(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_top(int argc, char **argv);

#endif
