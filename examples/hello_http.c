/* A web server: `curl http://127.0.0.1:9292/` answers "Hello, world!". */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/error.h>
#include <weft/http.h>

static int hello(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler;
    const char *name = weft_http_request_query(request, "name");
    return weft_http_response_text(response, 200, "Hello, %s!\n", name ? name : "world");
}

int main(int argc, char **argv)
{
    struct weft_http_handler handler = { .call = hello };
    struct weft_http_options options = { .handler = &handler,
                                         .address = argc > 1 ? argv[1] : NULL };
    if (weft_http_serve(&options) < 0) {
        fprintf(stderr, "hello_http: %s\n", weft_error() ? weft_error()->message : strerror(errno));
        return 1;
    }
    return 0;
}
