/* A thousand look-ups that take their time leave the other threads of the pool alone. */
#include "hook.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>

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

FIBER(look_up_in_vain)
{
    struct addrinfo *found;
    int failed = getaddrinfo("slow.example", "http", NULL, &found);
    return failed == EAI_SYSTEM && errno == ECANCELED ? 0 : failed == EAI_AGAIN ? 0 : -1;
}

/* Those that no thread had come to are not made for nobody. */
FIBER(called_off)
{
    enum {
        THREADS = 8 /* may be at work as they are cancelled, and may have taken up one more each */
    };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    atomic_int *made = dlsym(RTLD_DEFAULT, "slow_names_asked");
    must(made, "the resolver's count");
    static struct weft_task *tasks[NAMES];
    for (int i = 0; i < NAMES; i++)
        tasks[i] = weft_go(&scope, look_up_in_vain, NOTHING);
    struct weft_result result;
    int failures = 0;
    for (int i = 0; i < NAMES; i++)
        weft_cancel(tasks[i]);
    for (int i = 0; i < NAMES; i++)
        failures += weft_join(tasks[i], &result) < 0;
    is_int(failures, 0, "a thousand look-ups are called off");
    int before = *made;
    struct weft_task *last = weft_go(&scope, look_up, NOTHING);
    must(weft_join(last, NULL) == 0, "one more");
    ok(*made - before <= 2 * THREADS + 1, "they are not in the way of the next one (%d of %d made)",
       *made - before, NAMES);
    return 0;
}

int main(void)
{
    in_runtime(all);
    in_runtime(called_off);
    return done_testing();
}
