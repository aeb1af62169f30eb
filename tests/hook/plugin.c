/* A library that knows nothing of Weft, loaded when the program has long begun. */
#include <netdb.h>
#include <stddef.h>
#include <unistd.h>

long plugin_read(int fd);
int plugin_host(void);

long plugin_read(int fd)
{
    char buffer[8];
    return read(fd, buffer, sizeof buffer);
}

int plugin_host(void)
{
    struct addrinfo *found;
    int failed = getaddrinfo("127.0.0.1", NULL, NULL, &found);
    if (!failed)
        freeaddrinfo(found);
    return failed;
}
