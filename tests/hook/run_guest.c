/* A program that has never heard of Weft, for run.py: does as its first argument says. */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
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

static volatile int handled;
static sigjmp_buf away;

static void count_one(int number)
{
    (void)number;
    handled++;
}

static void jump(int number)
{
    siglongjmp(away, number);
}

static void say_result(const char *what, long result)
{
    printf("%s: %ld, %s, %d handled\n", what, result, result < 0 ? strerror(errno) : "", handled);
}

/* Waits that SIGALRM ends, one way or the other. */
static int use_signals(void)
{
    struct sigaction action = { .sa_handler = count_one }, old;
    struct timespec left;
    struct timespec whole = { .tv_sec = 50 };
    sigset_t all, none;
    char byte;
    int ends[2];
    if (pipe(ends) < 0 || sigaction(SIGALRM, &action, NULL) < 0)
        return 1;
    ualarm(20000, 0);
    say_result("read", read(ends[0], &byte, 1));
    ualarm(20000, 0);
    say_result("pause", pause());
    ualarm(20000, 0);
    say_result("sleep", sleep(50) < 50);
    ualarm(20000, 0);
    say_result("nanosleep", nanosleep(&whole, &left));
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, &old);
    printf("%d, flags %x\n", old.sa_handler == count_one, (unsigned)old.sa_flags);
    ualarm(20000, 0);
    say_result("poll", poll(NULL, 0, -1));
    if (fork() == 0) {
        usleep(60000);
        _exit(write(ends[1], "x", 1) != 1);
    }
    ualarm(20000, 0);
    say_result("read, SA_RESTART", read(ends[0], &byte, 1));
    ualarm(1000, 0);
    say_result("wait", wait(NULL) > 0);
    signal(SIGALRM, jump);
    if (sigsetjmp(away, 1) == 0) {
        ualarm(20000, 0);
        say_result("not interrupted", read(ends[0], &byte, 1));
    }
    signal(SIGALRM, count_one);
    sigemptyset(&none);
    sigemptyset(&all);
    sigaddset(&all, SIGALRM);
    sigprocmask(SIG_BLOCK, &all, NULL);
    ualarm(1, 0);
    say_result("usleep", usleep(5000));
    say_result("sigsuspend", sigsuspend(&none));
    ualarm(20000, 0);
    say_result("ppoll", ppoll(NULL, 0, NULL, &none));
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
    if (strcmp(what, "signals") == 0)
        return use_signals();
    if (strcmp(what, "environment") == 0)
        for (; *environment; environment++)
            puts(*environment);
    return 0;
}
