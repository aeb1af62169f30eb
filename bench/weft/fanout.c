/* A WebSocket message of 300 bytes to a thousand clients, encoded once. */
#include "fanout.h"

#include <pthread.h>
#include <weft/http.h>
#include <weft/weft.h>

static struct weft_websocket *sockets[FANOUT_CLIENTS];
static int opened;
static struct weft_condition all;
static struct weft_http_server *server;

static int join_hub(struct weft_websocket *socket, void *context)
{
    (void)context;
    sockets[opened++] = socket;
    if (opened == FANOUT_CLIENTS)
        weft_condition_signal(&all);
    return 0;
}

static int ignore(struct weft_websocket *socket, const struct weft_websocket_message *message,
                  void *context)
{
    (void)socket;
    (void)message;
    (void)context;
    return 0;
}

static int handle(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    static const struct weft_websocket_options options = { .message = ignore, .open = join_hub };
    return weft_websocket_response(request, response, &options, NULL, 0);
}

static void send_to_all(void *context)
{
    static char text[FANOUT_BYTES];
    (void)context;
    memset(text, 'x', sizeof text);
    struct weft_websocket_frame *frame =
        weft_websocket_frame_new(WEFT_WEBSOCKET_TEXT, text, sizeof text);
    fanout_check(frame != NULL, "a frame");
    for (int i = 0; i < FANOUT_CLIENTS; i++)
        fanout_check(weft_websocket_send_frame(sockets[i], frame) == 0, "a send");
    weft_websocket_frame_unref(frame);
}

/* The clients, as far as they need a thread of their own: the handshake. */
static void *connect_clients(void *argument)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    (void)argument;
    for (int i = 0; i < FANOUT_CLIENTS; i++) {
        char answer[512] = "";
        size_t used = 0;
        int fd = fanout_connect(weft_http_server_port(server));
        fanout_check(write(fd, request, sizeof request - 1) == sizeof request - 1, "write");
        while (!strstr(answer, "\r\n\r\n")) {
            ssize_t got = read(fd, answer + used, sizeof answer - 1 - used);
            fanout_check(got > 0, "the handshake");
            used += (size_t)got;
            answer[used] = '\0';
        }
        fanout_clients[i] = fd;
    }
    return NULL;
}

static int measure(void *argument)
{
    pthread_t thread;
    (void)argument;
    fanout_check(pthread_create(&thread, NULL, connect_clients, NULL) == 0, "a thread");
    while (opened < FANOUT_CLIENTS)
        weft_condition_wait(&all);
    pthread_join(thread, NULL);
    fanout_measure(send_to_all, NULL);
    exit(0);
}

static int run(void *argument)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "bench" };
    (void)argument;
    if (!weft_go(&scope, measure, (int){ 0 }))
        return -1;
    return weft_http_server_run(server);
}

int main(void)
{
    struct weft_http_handler handler = { .call = handle };
    struct weft_http_options options = { .handler = &handler, .address = "127.0.0.1:0" };
    fanout_limits();
    server = weft_http_server_new(&options);
    fanout_check(server != NULL, "a server");
    return weft_run(run, NULL) < 0;
}
