/* A small answer to every request. Prints its port, serves until TERM. */
#include <stdio.h>
#include <weft/http.h>
#include <weft/weft.h>

static int answer(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    (void)request;
    return weft_http_response_text(response, 200, "Hello, %s!\n", "world");
}

static int serve(void *argument)
{
    return weft_http_server_run(argument);
}

int main(void)
{
    struct weft_http_handler handler = { .call = answer };
    const struct weft_http_options options = { .handler = &handler, .address = "127.0.0.1:0" };
    struct weft_http_server *server = weft_http_server_new(&options);
    if (!server)
        return 1;
    printf("port %d\n", weft_http_server_port(server));
    fflush(stdout);
    return weft_run(serve, server) < 0;
}
