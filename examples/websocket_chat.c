/*
 * A chat room over WebSockets: what anybody says, everybody reads.
 *
 * A message is encoded once and sent to all. A reader that is too slow is dropped by the library
 * and costs the others nothing. Between two messages a socket holds neither a stack nor a buffer,
 * so that ten thousand people may sit here and listen.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/error.h>
#include <weft/http.h>

static const char PAGE[] =
    "<!doctype html><html lang=en><meta charset=utf-8><title>Chat</title>"
    "<form><input autofocus aria-label=message><button>Send</button></form><ol id=said></ol>"
    "<script>const socket = new WebSocket(location.origin.replace('http', 'ws') + '/chat');"
    "const input = document.querySelector('input');"
    "document.querySelector('form').onsubmit = (event) => {"
    " event.preventDefault(); socket.send(input.value); input.value = ''; };"
    "socket.onmessage = ({ data }) => {"
    " said.append(Object.assign(document.createElement('li'), { textContent: data })); };"
    "</script></html>\n";

/* One person in the room. */
struct person {
    struct person *next;
    struct weft_websocket *socket;
    char name[64];
};

static struct person *room;

static void say(const char *name, const char *text)
{
    char line[1024];
    int length = snprintf(line, sizeof(line), "%s %s", name, text);
    if (length < 0 || (size_t)length >= sizeof(line)) {
        return;
    }
    struct weft_websocket_frame *frame =
        weft_websocket_frame_new(WEFT_WEBSOCKET_TEXT, line, (size_t)length);
    for (struct person *person = room; frame && person; person = person->next) {
        weft_websocket_send_frame(person->socket, frame); /* never waits */
    }
    weft_websocket_frame_unref(frame);
}

/* Each socket has its own copy of the context, which lives as long as it does. */
static int enter(struct weft_websocket *socket, void *context)
{
    struct person *person = context;
    person->socket = socket;
    person->next = room;
    room = person;
    say(person->name, "enters");
    return 0;
}

static int hear(struct weft_websocket *socket, const struct weft_websocket_message *message,
                void *context)
{
    (void)socket;
    const struct person *person = context;
    say(person->name, message->data);
    return 0;
}

static void leave(struct weft_websocket *socket, void *context)
{
    (void)socket;
    const struct person *person = context;
    for (struct person **at = &room; *at; at = &(*at)->next) {
        if (*at == person) {
            *at = person->next;
            break;
        }
    }
    say(person->name, "leaves");
}

static int chat(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler;
    static const struct weft_websocket_options options = {
        .open = enter, .message = hear, .close = leave, .max_message = 900
    };
    struct person person = { 0 };
    const char *name = weft_http_request_query(request, "name");
    const char *peer = weft_http_request_peer(request);
    snprintf(person.name, sizeof(person.name), "%.60s:", name ? name : peer ? peer : "somebody");
    return weft_websocket_response(request, response, &options, &person, sizeof(person));
}

static int page(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler;
    const struct weft_http_asset asset = { .type = "text/html; charset=utf-8",
                                           .data = PAGE,
                                           .length = sizeof(PAGE) - 1 };
    return weft_http_response_asset(request, response, &asset);
}

static struct weft_http_route routes[] = {
    { "GET", "/", { .call = page } },
    { "GET", "/chat", { .call = chat } },
};

int main(int argc, char **argv)
{
    struct weft_http_router router;
    if (weft_http_router_init(&router, routes, sizeof(routes) / sizeof(routes[0])) < 0) {
        return 1;
    }
    struct weft_http_options options = { .handler = &router.handler,
                                         .address = argc > 1 ? argv[1] : NULL };
    if (weft_http_serve(&options) < 0) {
        fprintf(stderr, "websocket_chat: %s\n",
                weft_error() ? weft_error()->message : strerror(errno));
        return 1;
    }
    return 0;
}
