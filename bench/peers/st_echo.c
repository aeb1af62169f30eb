/* State Threads' echo server: a thread for each connection, on its epoll event system. */
#include "echo.h"

#include <st.h>
#include <stdint.h>

static void *serve(void *arg)
{
    st_netfd_t peer = arg;
    char buffer[ECHO_BUFFER];
    ssize_t got;

    while ((got = st_read(peer, buffer, sizeof buffer, ST_UTIME_NO_TIMEOUT)) > 0) {
        if (st_write(peer, buffer, (size_t)got, ST_UTIME_NO_TIMEOUT) != got)
            break;
    }
    st_netfd_close(peer);
    return NULL;
}

int main(void)
{
    if (st_set_eventsys(ST_EVENTSYS_ALT) < 0 || st_init() < 0)
        return 1;
    int fd = echo_listen(0);
    st_netfd_t listener = fd < 0 ? NULL : st_netfd_open_socket(fd);
    if (!listener)
        return 1;
    for (;;) {
        st_netfd_t peer = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT);
        if (!peer)
            return 1;
        echo_no_delay(st_netfd_fileno(peer));
        if (!st_thread_create(serve, peer, 0, 16 * 1024))
            st_netfd_close(peer);
    }
}
