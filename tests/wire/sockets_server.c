/* The test sockets as a program: prints its port, serves until SIGTERM. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "sockets.h"

int main(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, length) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &length) < 0) {
        perror("socket");
        return 1;
    }
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);
    struct weft_http_options options = { .handler = &sockets_handler, .listener = fd };
    return weft_http_serve(&options) < 0;
}
