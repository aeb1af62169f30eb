/* The test application as a program: prints its port, serves until SIGTERM. */
#include <stdio.h>

#include "app.h"

static int serve(void *argument)
{
    return weft_http_server_run(argument);
}

int main(void)
{
    struct weft_http_options options = { .handler = app_make(), .address = "127.0.0.1:0" };
    struct weft_http_server *server = weft_http_server_new(&options);
    if (!server) {
        perror("server");
        return 1;
    }
    printf("%d\n", weft_http_server_port(server));
    fflush(stdout);
    return weft_run(serve, server) < 0;
}
