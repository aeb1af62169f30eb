/* More descriptors become ready at once than a backend's queue of events holds: none is lost. */
#include "tap.h"
#include <sys/resource.h>
#include <sys/socket.h>
#include <weft/weft.h>

enum {
    PAIRS = 6000,
    ROUNDS = 5
};

static int (*pairs)[2];
static int received;

static int receiving(void *argument)
{
    int fd = *(int *)argument;
    char byte;
    for (int i = 0; i < ROUNDS; i++) {
        if (read(fd, &byte, 1) != 1)
            return -1;
        received++;
    }
    return 0;
}

/* The bare call, so that the loop sees all of it at once. */
static void send_to_all(void)
{
    for (int i = 0; i < PAIRS; i++)
        must(syscall(SYS_write, pairs[i][1], "x", 1) == 1, "a byte is written");
}

static int root(void *argument)
{
    (void)argument;
    struct weft_scope scope = { .name = "receivers" };
    for (int i = 0; i < PAIRS; i++)
        must(weft_go(&scope, receiving, (int){ pairs[i][0] }), "a receiver");
    for (int round = 1; round <= ROUNDS; round++) {
        send_to_all();
        int64_t end = weft_now() + 20 * WEFT_SECOND;
        while (received < round * PAIRS && weft_now() < end)
            weft_sleep(WEFT_MILLISECOND);
        is_int(received, round * PAIRS, "round %d reached everybody", round);
    }
    return weft_scope_wait(&scope);
}

int main(void)
{
    struct rlimit limit;
    alarm(120);
    must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * PAIRS + 64)
        skip_all("only %lu descriptors are allowed", (unsigned long)limit.rlim_cur);
    pairs = calloc(PAIRS, sizeof *pairs);
    for (int i = 0; i < PAIRS; i++)
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) == 0, "socketpair %d", i);
    is_int(weft_run(root, NULL), 0, "all end");
    free(pairs);
    return done_testing();
}
