/* `weft serve serve_hello.so`, then `curl http://127.0.0.1:9292/` answers "Hello, world!". */
#include <weft/app.h>

static int hello(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler, (void)request;
    return weft_http_response_text(response, 200, "Hello, world!\n");
}

static struct weft_http_handler handler = { .call = hello };

WEFT_APP(.handler = &handler);
