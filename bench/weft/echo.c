/* Weft's echo server: a fiber for each connection, in plain read() and write(). */
#include "echo.h"

#include <unistd.h>
#include <weft/weft.h>

static int serve(void *arg)
{
    int fd = *(int *)arg;
    char buffer[ECHO_BUFFER];
    ssize_t got;

    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        if (write(fd, buffer, (size_t)got) != got)
            break;
    }
    close(fd);
    return 0;
}

static int accept_all(void *arg)
{
    WEFT_AUTO(weft_scope) struct weft_scope peers = { .reap = true, .keep_going = true };
    int listener = *(int *)arg;

    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        echo_no_delay(fd);
        if (!weft_go(&peers, serve, (int){ fd }))
            close(fd);
    }
    return -1;
}

int main(void)
{
    int listener = echo_listen(0);

    if (listener < 0)
        return 1;
    return weft_run(accept_all, &listener) < 0;
}
