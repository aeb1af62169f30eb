/*
 * Time limits reach code that has never heard of them: the reader below is plain POSIX, and the
 * pipe that it reads never says anything.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weft/weft.h>

/* Any library's code: it retries as libraries do, and knows nothing of fibers. */
static ssize_t read_stubbornly(int fd, char *buffer, size_t size)
{
    ssize_t count = -1;
    for (int tries = 0; tries < 3 && count < 0; tries++)
        count = read(fd, buffer, size);
    return count;
}

static void one_limit(int fd)
{
    char buffer[16];
    int64_t began = weft_now();
    WEFT_TIMEOUT(50 * WEFT_MILLISECOND); /* for the rest of this block */
    ssize_t count = read_stubbornly(fd, buffer, sizeof buffer);
    bool at_once = weft_now() - began < 500 * WEFT_MILLISECOND;
    printf("read: %zd, %s, %s\n", count, strerror(errno), at_once ? "in time" : "late");
}

static void nested_limits(int fd)
{
    char buffer[16];
    WEFT_TIMEOUT_AS(outer, 50 * WEFT_MILLISECOND);
    {
        WEFT_TIMEOUT_AS(inner, 10 * WEFT_SECOND);
        read(fd, buffer, sizeof buffer); /* the earliest limit wins */
        printf("inner expired: %s\n", weft_timeout_expired(&inner) ? "yes" : "no");
    }
    printf("outer expired: %s\n", weft_timeout_expired(&outer) ? "yes" : "no");
}

static int say_goodbye(void *argument)
{
    int *fds = argument;
    char buffer[16];
    if (read(fds[0], buffer, sizeof buffer) < 0) {
        printf("cancelled: %s\n", strerror(errno));
        WEFT_SHIELD(WEFT_SECOND); /* blocking works again, for a second at most */
        usleep(1000);
        return write(fds[1], "bye", 3) < 0 ? -1 : 0;
    }
    return 0;
}

static int run(void *argument)
{
    (void)argument;
    int silent[2], farewell[2];
    char text[4] = "";
    if (pipe(silent) < 0 || pipe(farewell) < 0)
        return -1;
    one_limit(silent[0]);
    nested_limits(silent[0]);

    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *task = weft_go(&scope, say_goodbye, (int[2]){ silent[0], farewell[1] });
    weft_cancel(task);
    weft_join(task, NULL);
    read(farewell[0], text, 3);
    printf("it said: %s\n", text);
    for (int i = 0; i < 2; i++) {
        close(silent[i]);
        close(farewell[i]);
    }
    return weft_scope_wait(&scope);
}

int main(void)
{
    if (weft_run(run, NULL) < 0)
        return perror("timeouts"), 1;
    return 0;
}
