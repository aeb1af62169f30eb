/* A thousand look-ups that take their time leave the other threads of the pool alone. */
#include "hook.h"

#include <netdb.h>

enum {
    NAMES = 1000
};

static int asked, answered;

FIBER(look_up)
{
    struct addrinfo *found;
    asked++;
    int failed = getaddrinfo("slow.example", "http", NULL, &found);
    answered++;
    if (failed != EAI_AGAIN)
        diag("getaddrinfo: %d", failed);
    return failed == EAI_AGAIN ? 0 : -1;
}

static int add_up(void *argument)
{
    long *sum = argument;
    for (int i = 1; i <= 1000; i++)
        *sum += i;
    return 0;
}

FIBER(all)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < NAMES; i++)
        weft_go(&scope, look_up, NOTHING);
    must(asked == NAMES && answered < NAMES, "a thousand look-ups wait");
    int before = answered;
    for (int i = 0; i < 20; i++) {
        long sum = 0;
        must(weft_offload(add_up, &sum) == 0 && sum == 500500, "a computation");
    }
    char path[] = "/tmp/weft-names-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    must(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0, "a file is written and synchronized");
    close(fd);
    ok(answered < NAMES, "all that while names are still being looked up (%d answered, %d before)",
       answered, before);
    is_int(weft_scope_wait(&scope), 0, "each gets its own answer");
    is_int(answered, NAMES, "none is forgotten");
    return 0;
}

int main(void)
{
    in_runtime(all);
    return done_testing();
}
