/* A program that has never heard of Weft, for run.py: does as its first argument says. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *sleep_a_little(void *result)
{
    usleep(10000);
    return result;
}

static int say_where(void)
{
    void *symbol = dlsym(RTLD_DEFAULT, "weft_running");
    bool (*running)(void);
    memcpy(&running, &symbol, sizeof running);
    puts(symbol && running() ? "in a fiber" : "outside");
    return 0;
}

static int use_the_stack(void)
{
    volatile char deep[4 * 1024 * 1024];
    for (size_t i = 0; i < sizeof deep; i += 1024)
        deep[i] = 1;
    puts(deep[1024] ? "deep" : "");
    return 0;
}

static int use_threads(void)
{
    pthread_t threads[4];
    long sum = 0;
    for (long i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, sleep_a_little, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    printf("%ld\n", sum);
    return 0;
}

static int fork_once(void)
{
    int ends[2];
    char word[6] = "";
    if (pipe(ends) < 0)
        return 1;
    if (fork() == 0) {
        usleep(10000);
        _exit(write(ends[1], "child", 5) != 5);
    }
    ssize_t size = read(ends[0], word, 5);
    printf("%.*s\n", (int)size, word);
    return 0;
}

/* The child returns from main. */
static int fork_return(void)
{
    int status = 0;
    printf("parent ");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        printf("child ");
        return 33;
    }
    waitpid(pid, &status, 0);
    printf("%d\n", WEXITSTATUS(status));
    return 0;
}

int main(int argc, char **argv, char **environment)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "where") == 0)
        return say_where();
    if (strcmp(what, "return") == 0)
        return atoi(argv[2]);
    if (strcmp(what, "exit") == 0)
        exit(atoi(argv[2]));
    if (strcmp(what, "kill") == 0)
        return raise(SIGTERM);
    if (strcmp(what, "stack") == 0)
        return use_the_stack();
    if (strcmp(what, "threads") == 0)
        return use_threads();
    if (strcmp(what, "fork") == 0)
        return fork_once();
    if (strcmp(what, "fork-return") == 0)
        return fork_return();
    if (strcmp(what, "environment") == 0)
        for (; *environment; environment++)
            puts(*environment);
    return 0;
}
