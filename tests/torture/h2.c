/*
 * A server and a client of HTTP/2 in one loop: every kind of answer, a body, a reset, a WebSocket.
 * Wherever it is hit, each stream comes to an end or the connection does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/http.h>
#include <weft/weft.h>

#include "everything.h"

enum {
    HEAD = 9,
    STREAMS = 16,
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    END = 1,
};

static const char *step;

/* --- the application */

static int write_lines(struct weft_http_stream *stream, void *context)
{
    (void)context;
    for (int i = 0; i < 3; i++)
        if (weft_http_stream_printf(stream, "line %d\n", i) < 0 || weft_yield() < 0)
            return -1;
    return 0;
}

static int echo_socket(struct weft_websocket *socket, void *context)
{
    struct weft_websocket_message message;
    int got;
    (void)context;
    while ((got = weft_websocket_read(socket, &message)) > 0)
        if (weft_websocket_send(socket, message.kind, message.data, message.length) < 0)
            return -1;
    return got;
}

static int echo_message(struct weft_websocket *socket, const struct weft_websocket_message *message,
                        void *context)
{
    (void)context;
    return weft_websocket_send(socket, message->kind, message->data, message->length);
}

static int handle(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    static const struct weft_websocket_options by_run = { .run = echo_socket };
    static const struct weft_websocket_options by_message = { .message = echo_message };
    size_t length;
    (void)handler;
    switch (request->path[1]) {
    case 'e': {
        const char *text = weft_http_request_text(request, &length);
        return text ? weft_http_response_bytes(response, 200, "text/plain", text, length) : -1;
    }
    case 's':
        return weft_http_response_stream(response, 200, "text/plain", write_lines, NULL, 0);
    case 'w':
        return weft_sleep(60 * WEFT_SECOND);
    case 'r':
        return weft_websocket_response(request, response, &by_run, NULL, 0);
    case 'm':
        return weft_websocket_response(request, response, &by_message, NULL, 0);
    default:
        return weft_http_response_text(response, 200, "Hello!\n");
    }
}

/* --- the client */

struct client {
    int fd;
    char out[1024];
    size_t used;
    bool ended[STREAMS];
    unsigned wanted; /* a bit for each stream that has to end before the next phase */
    char in[16384];
    size_t filled;
};

static void put(struct client *client, unsigned type, unsigned flags, unsigned stream,
                const char *payload, size_t length)
{
    const char head[HEAD] = { 0, 0, (char)length, (char)type, (char)flags, 0, 0, 0, (char)stream };
    memcpy(client->out + client->used, head, HEAD);
    if (length)
        memcpy(client->out + client->used + HEAD, payload, length);
    client->used += HEAD + length;
}

#define PUT(client, type, flags, stream, literal)                                                  \
    put(client, type, flags, stream, literal, sizeof(literal) - 1)

/* Fields by HPACK's static table, and literals of one byte. */
#define PATH(letter) "\x04\x02/" letter
#define GET(letter)                                                                                \
    "\x82\x86\x01\x01"                                                                             \
    "a" PATH(letter)
#define POST(letter)                                                                               \
    "\x83\x86\x01\x01"                                                                             \
    "a" PATH(letter)
#define CONNECT(letter)                                                                            \
    "\x02\x07"                                                                                     \
    "CONNECT"                                                                                      \
    "\x86\x01\x01"                                                                                 \
    "a" PATH(letter) "\x10\x09"                                                                    \
                     ":protocol"                                                                   \
                     "\x09"                                                                        \
                     "websocket"                                                                   \
                     "\x10\x15"                                                                    \
                     "sec-websocket-version"                                                       \
                     "\x02"                                                                        \
                     "13"
#define TEXT "\x81\x82\0\0\0\0hi"
#define CLOSE "\x88\x82\0\0\0\0\x03\xe8"

/* Who has to wait for what is next: the handlers for the client, or the client for them. */
static void put_phase(struct client *client, int phase)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    client->used = 0;
    switch (phase) {
    case 0:
        memcpy(client->out, preface, sizeof(preface) - 1);
        client->used = sizeof(preface) - 1;
        put(client, 4, 0, 0, NULL, 0);
        PUT(client, HEADERS, 5, 1, GET("t"));
        PUT(client, HEADERS, 4, 3, POST("e"));
        PUT(client, DATA, 0, 3, "some ");
        PUT(client, HEADERS, 5, 7, GET("w"));
        PUT(client, HEADERS, 4, 9, CONNECT("r"));
        PUT(client, HEADERS, 4, 11, CONNECT("m"));
        client->wanted = 1u << 1;
        break;
    case 1:
        PUT(client, DATA, 1, 3, "content");
        PUT(client, RST_STREAM, 0, 7, "\0\0\0\x08");
        PUT(client, HEADERS, 5, 13, GET("s"));
        client->ended[7] = true;
        client->wanted |= 1u << 3;
        break;
    case 2:
        PUT(client, DATA, 0, 9, TEXT);
        PUT(client, DATA, 0, 11, TEXT);
        client->wanted |= 1u << 13;
        break;
    default:
        PUT(client, DATA, 0, 9, CLOSE);
        PUT(client, DATA, 0, 11, CLOSE);
        client->wanted |= 1u << 9 | 1u << 11;
    }
}

static bool is_done(const struct client *client)
{
    for (int i = 0; i < STREAMS; i++)
        if (client->wanted >> i & 1 && !client->ended[i])
            return false;
    return true;
}

static void take_frames(struct client *client)
{
    size_t at = 0;
    while (client->filled - at >= HEAD) {
        const unsigned char *head = (const unsigned char *)client->in + at;
        size_t length = (size_t)head[1] << 8 | head[2];
        if (client->filled - at < HEAD + length)
            break;
        bool ends =
            head[3] == RST_STREAM || ((head[3] == DATA || head[3] == HEADERS) && head[4] & END);
        if (ends && head[8] < STREAMS)
            client->ended[head[8]] = true;
        at += HEAD + length;
    }
    memmove(client->in, client->in + at, client->filled - at);
    client->filled -= at;
}

static bool has_hung_up(int error)
{
    return error == EPIPE || error == ECONNRESET;
}

/* 1 go on; 0 the connection has ended; -1. */
static int talk(struct client *client)
{
    for (size_t sent = 0; sent < client->used;) {
        ssize_t some = send(client->fd, client->out + sent, client->used - sent, MSG_NOSIGNAL);
        if (some < 0)
            return has_hung_up(errno) ? 0 : -1;
        sent += (size_t)some;
    }
    while (!is_done(client)) {
        ssize_t got =
            recv(client->fd, client->in + client->filled, sizeof client->in - client->filled, 0);
        if (got <= 0)
            return got == 0 || has_hung_up(errno) ? 0 : -1;
        client->filled += (size_t)got;
        take_frames(client);
    }
    return 1;
}

static int converse(struct client *client)
{
    int result = 1;
    for (int phase = 0; phase < 4 && result > 0; phase++) {
        put_phase(client, phase);
        result = talk(client);
    }
    return result < 0 ? -1 : 0;
}

static int run_client(int port)
{
    static struct client client;
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    WEFT_TIMEOUT(10 * WEFT_SECOND);
    memset(&client, 0, sizeof client);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client.fd < 0)
        return -1;
    int result = connect(client.fd, (struct sockaddr *)&name, sizeof name);
    if (result == 0)
        result = converse(&client);
    int error = errno == ECONNREFUSED ? ECANCELED : errno; /* the server was hit before it began */
    close(client.fd);
    errno = error;
    return result;
}

static int run_server(void *argument)
{
    return weft_http_server_run(*(struct weft_http_server **)argument);
}

static int serve(struct weft_http_server *server)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "server", .keep_going = true };
    step = "starting the server";
    if (!weft_go(&scope, run_server, (struct weft_http_server *){ server }))
        return -1;
    step = "the conversation";
    int result = run_client(weft_http_server_port(server));
    int error = errno;
    weft_http_server_stop(server);
    step = "the end";
    int ended = weft_scope_wait(&scope);
    if (result < 0)
        errno = error;
    return result < 0 ? result : ended;
}

int everything(void *reached)
{
    static struct weft_http_handler handler = { .call = handle };
    const struct weft_http_options options = { .handler = &handler,
                                               .address = "127.0.0.1:0",
                                               .grace = WEFT_SECOND };
    step = "making a server";
    struct weft_http_server *server = weft_http_server_new(&options);
    int result = server ? serve(server) : -1;
    int error = errno;
    weft_http_server_free(server);
    *(const char **)reached = step;
    errno = error;
    return result;
}
