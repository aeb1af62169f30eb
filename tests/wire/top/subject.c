/*
 * A program to look into: subject MODE.
 *
 *     tree     named fibers that wait for all sorts of things, after one of them held the loop
 *     held     a fiber holds the loop until a byte comes on standard input, read around the hooks
 *     loops    three loops, one a thread
 *     again    a second loop after the first has ended
 *     forked   the child of a fork goes on; the parent ends
 *
 * Prints "ready", and ends when its standard input does.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <weft/weft.h>

static void ready(void)
{
    (void)!syscall(SYS_write, STDOUT_FILENO, "ready\n", 6);
}

static int until_told(void *argument)
{
    char byte;
    (void)argument;
    ready();
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return 0;
}

static int hold(void *argument)
{
    struct timespec time = { 0, 60 * WEFT_MILLISECOND };
    (void)argument;
    weft_annotate("the holder");
    return syscall(SYS_nanosleep, &time, NULL) == 0 ? 0 : -1;
}

static int sleeper(void *argument)
{
    (void)argument;
    weft_annotate("a \"quoted\" \t \033[2J name");
    return weft_sleep(WEFT_FOREVER);
}

static int reader(void *argument)
{
    char byte;
    weft_annotate("the reader");
    return (int)read(*(int *)argument, &byte, 1);
}

static int parent(void *argument)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "nursery" };
    weft_annotate("the parent");
    weft_go(&scope, reader, (int){ *(int *)argument });
    return weft_scope_wait(&scope);
}

static int tree(void *argument)
{
    int pair[2];
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "all", .keep_going = true };
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
        weft_join(weft_go(NULL, hold, (int){ 0 }), NULL) < 0)
        return -1;
    weft_go(&scope, sleeper, (int){ 0 });
    weft_go(&scope, parent, (int){ pair[0] });
    weft_sleep(20 * WEFT_MILLISECOND); /* the watchdog's next look */
    return until_told(argument);
}

static int held(void *argument)
{
    char byte;
    (void)argument;
    ready();
    return (int)syscall(SYS_read, STDIN_FILENO, &byte, 1) < 0 ? -1 : 0;
}

static void *run_loop(void *name)
{
    struct weft_options options = { .name = name };
    if (weft_run_with(&options, until_told, NULL) < 0)
        exit(1);
    return NULL;
}

static int loops(void)
{
    static char names[3][8] = { "first", "second", "third" };
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, run_loop, names[i]) != 0)
            return 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

static int forked(void *argument)
{
    pid_t child = fork();
    if (child != 0)
        return child > 0 ? 0 : -1;
    until_told(argument);
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *mode = argc == 2 ? argv[1] : "";
    if (strcmp(mode, "tree") == 0)
        return weft_run(tree, NULL) < 0;
    if (strcmp(mode, "held") == 0)
        return weft_run(held, NULL) < 0;
    if (strcmp(mode, "loops") == 0)
        return loops();
    if (strcmp(mode, "again") == 0)
        return weft_run(nothing, NULL) < 0 || weft_run(until_told, NULL) < 0;
    if (strcmp(mode, "forked") == 0)
        return weft_run(forked, NULL) < 0;
    return 2;
}
