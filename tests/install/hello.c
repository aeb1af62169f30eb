/* A user's program: three fibers sleep side by side, found by pkg-config alone. */
#include <stdio.h>
#include <time.h>
#include <weft/weft.h>

struct greeting {
    int number;
};

static int order[3];
static int arrived;

static int greet(void *argument)
{
    struct greeting *greeting = argument;
    struct timespec pause = { .tv_nsec = 10000000L * (3 - greeting->number) };
    nanosleep(&pause, NULL);
    order[arrived++] = greeting->number;
    return 0;
}

static int greet_all(void *argument)
{
    (void)argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .limit = 8 };
    for (int i = 0; i < 3; i++) {
        weft_go(&scope, greet, (struct greeting){ i });
    }
    return weft_scope_wait(&scope);
}

int main(void)
{
    if (weft_run(greet_all, NULL) < 0) {
        perror("weft_run");
        return 1;
    }
    printf("%d%d%d\n", order[0], order[1], order[2]);
    return 0;
}
