/*
 * The test sockets as a program: prints its port, serves until SIGTERM.
 *
 *      sockets_server [CERTIFICATE KEY]        with both: over TLS
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "sockets.h"

int main(int count, char **arguments)
{
    const struct weft_http_certificate certificate = { count > 2 ? arguments[1] : NULL,
                                                       count > 2 ? arguments[2] : NULL };
    const struct weft_http_tls tls = { .certificates = &certificate, .count = 1 };
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
    struct weft_http_options options = { .handler = &sockets_handler,
                                         .listener = fd,
                                         .tls = count > 2 ? &tls : NULL };
    return weft_http_serve(&options) < 0;
}
