/* A little of everything, for tools that watch a program from outside: valgrind, a debugger. */
#include "tap.h"
#include <sys/socket.h>
#include <weft/weft.h>

static int echoing(void *argument)
{
    int fd = *(int *)argument;
    char bytes[16];
    ssize_t got = read(fd, bytes, sizeof bytes);
    return got > 0 && write(fd, bytes, (size_t)got) == got ? 0 : -1;
}

static int watched(void *argument)
{
    int *runs = argument;
    ++*runs;
    return 0;
}

static int squared(void *argument)
{
    int *number = argument;
    return *number * *number;
}

/* Named so that a debugger's breakpoint finds it, with a fiber's stack above. */
int smoke_here(int value);
__attribute__((noinline)) int smoke_here(int value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

static int talking(void *argument)
{
    (void)argument;
    int pair[2], other[2], runs = 0;
    char byte = 'x';
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0, "socketpair");
    struct weft_scope scope = { .timeout = 20 * WEFT_SECOND, .limit = 10 };
    weft_go(&scope, echoing, (int){ pair[1] });
    must(weft_watch(&scope, other[1], watched, &runs), "a watch");
    is_int(write(pair[0], "hello", 5) + write(other[0], &byte, 1), 6, "written");
    char bytes[8] = "";
    is_int(read(pair[0], bytes, sizeof bytes), 5, "echoed");
    {
        WEFT_TIMEOUT(WEFT_MILLISECOND);
        ok(read(pair[0], &byte, 1) == -1 && errno == ETIMEDOUT, "a time limit ends a read");
    }
    int number = 12;
    is_int(weft_offload(squared, &number), 144, "a thread computes");
    FILE *nowhere = fopen("/dev/null", "w");
    must(nowhere && weft_dump(nowhere) == 0, "dump");
    fclose(nowhere);
    int result = weft_scope_wait(&scope);
    is_int(runs, 1, "the watch ran");
    is_int(smoke_here(1), 1, "a debugger may look");
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(other[i]);
    }
    return result;
}

static int root(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .name = "smoke" };
    weft_go(&scope, talking, (int){ 0 });
    return weft_scope_wait(&scope);
}

int main(void)
{
    alarm(100);
    is_int(weft_run(root, NULL), 0, "all is well");
    return done_testing();
}
