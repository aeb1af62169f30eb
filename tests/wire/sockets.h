/* The WebSockets that the wire tests talk to. */
#ifndef TESTS_WIRE_SOCKETS_H
#define TESTS_WIRE_SOCKETS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <weft/http.h>
#include <weft/weft.h>

/* What the application noticed, for the thread that asks. */
static atomic_int sockets_opened;
static atomic_int sockets_closed;
static atomic_int sockets_code;      /* of the last one */
static atomic_int sockets_most;      /* bytes that were ever queued */
static atomic_int sockets_queued;    /* a broadcast had to queue */
static atomic_int sockets_dropped;   /* sends that failed with ENOBUFS */
static atomic_int sockets_error;     /* errno of the last read that failed */
static atomic_int sockets_cancelled; /* waits cut short */

static int sockets_open(struct weft_websocket *socket, void *context)
{
    (void)socket;
    (void)context;
    sockets_opened++;
    return 0;
}

static void sockets_close(struct weft_websocket *socket, void *context)
{
    (void)context;
    sockets_code = weft_websocket_close_code(socket);
    sockets_closed++;
}

static int sockets_echo(struct weft_websocket *socket, const struct weft_websocket_message *message,
                        void *context)
{
    (void)context;
    return weft_websocket_send(socket, message->kind, message->data, message->length);
}

/* The same in plain blocking code. */
static int sockets_run(struct weft_websocket *socket, void *context)
{
    (void)context;
    struct weft_websocket_message message;
    int got;
    sockets_opened++;
    while ((got = weft_websocket_read(socket, &message)) > 0) {
        if (strcmp(message.data, "fail") == 0) {
            errno = EIO;
            got = -1;
            break;
        }
        if (strcmp(message.data, "leave") == 0) {
            got = 0;
            break;
        }
        if (weft_websocket_send(socket, message.kind, message.data, message.length) < 0) {
            break;
        }
    }
    if (got < 0) {
        sockets_error = errno;
        sockets_cancelled += errno == ECANCELED;
    }
    sockets_code = weft_websocket_close_code(socket);
    sockets_closed++;
    return got;
}

/* Counts a message's bytes without holding it; one that begins with 's' is left unread. */
static int sockets_count(struct weft_websocket *socket, void *context)
{
    (void)context;
    struct weft_http_body *body;
    enum weft_websocket_kind kind;
    int got;
    while ((got = weft_websocket_read_body(socket, &kind, &body)) > 0) {
        const void *chunk;
        ssize_t length;
        size_t total = 0;
        while ((length = weft_http_body_read(body, &chunk)) > 0) {
            total += (size_t)length;
            if (*(const char *)chunk == 's') {
                break;
            }
        }
        if (length < 0) {
            sockets_error = errno;
            return -1;
        }
        if (weft_websocket_printf(socket, "%s %zu", kind == WEFT_WEBSOCKET_TEXT ? "text" : "binary",
                                  total) < 0) {
            return -1;
        }
    }
    return got;
}

/* Everybody in the hub hears every message. */
enum {
    HUB_MAX = 1100
};

static struct weft_websocket *hub[HUB_MAX];
static size_t hub_count;

static int hub_open(struct weft_websocket *socket, void *context)
{
    if (hub_count == HUB_MAX) {
        errno = ENOSPC;
        return -1;
    }
    hub[hub_count++] = socket;
    return sockets_open(socket, context);
}

static void hub_close(struct weft_websocket *socket, void *context)
{
    for (size_t i = 0; i < hub_count; i++) {
        if (hub[i] == socket) {
            hub[i] = hub[--hub_count];
            break;
        }
    }
    sockets_close(socket, context);
}

static int hub_message(struct weft_websocket *socket, const struct weft_websocket_message *message,
                       void *context)
{
    (void)socket;
    (void)context;
    struct weft_websocket_frame *frame =
        weft_websocket_frame_new(message->kind, message->data, message->length);
    if (!frame) {
        return -1;
    }
    for (size_t i = 0; i < hub_count; i++) {
        if (weft_websocket_send_frame(hub[i], frame) < 0) {
            sockets_dropped += errno == ENOBUFS;
        }
        int queued = (int)weft_websocket_queued(hub[i]);
        sockets_queued = sockets_queued || queued > 0;
        sockets_most = queued > sockets_most ? queued : sockets_most;
    }
    weft_websocket_frame_unref(frame);
    return 0;
}

/* A message of its own before and behind a broadcast. */
static int sockets_mix(struct weft_websocket *socket, const struct weft_websocket_message *message,
                       void *context)
{
    if (sockets_echo(socket, message, context) < 0) {
        return -1;
    }
    struct weft_websocket_frame *frame =
        weft_websocket_frame_new(message->kind, message->data, message->length);
    int result = frame ? weft_websocket_send_frame(socket, frame) : -1;
    weft_websocket_frame_unref(frame);
    struct weft_websocket_message again;
    if (weft_websocket_read(socket, &again) != -1 || errno != EBUSY) {
        return -1;
    }
    return result < 0 ? -1 : sockets_echo(socket, message, context);
}

/* Ten fibers write at once; no message may be torn. */
struct sockets_writer {
    struct weft_websocket *socket;
    char letter;
};

static int sockets_write_much(void *argument)
{
    const struct sockets_writer *writer = argument;
    size_t size = 100000;
    char *data = malloc(size);
    if (!data) {
        return -1;
    }
    memset(data, writer->letter, size);
    int result = 0;
    for (int i = 0; i < 5 && result == 0; i++) {
        result = weft_websocket_send(writer->socket, WEFT_WEBSOCKET_TEXT, data, size);
    }
    free(data);
    return result;
}

static int sockets_crowd(struct weft_websocket *socket, void *context)
{
    (void)context;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "writers" };
    for (char letter = 'a'; letter < 'k'; letter++) {
        weft_go(&scope, sockets_write_much, (struct sockets_writer){ socket, letter });
    }
    return weft_scope_wait(&scope);
}

/* Says the subprotocol, then its own count of messages: a copy of the context for each. */
struct sockets_state {
    int count;
};

static int sockets_hello(struct weft_websocket *socket, void *context)
{
    (void)context;
    const char *protocol = weft_websocket_protocol(socket);
    return weft_websocket_printf(socket, "protocol %s", protocol ? protocol : "none");
}

static int sockets_number(struct weft_websocket *socket,
                          const struct weft_websocket_message *message, void *context)
{
    (void)message;
    struct sockets_state *state = context;
    return weft_websocket_printf(socket, "message %d", ++state->count);
}

/* Writes until that fails. */
static int sockets_flood(struct weft_websocket *socket, void *context)
{
    (void)context;
    static char data[100000];
    memset(data, 'x', sizeof(data));
    while (weft_websocket_send(socket, WEFT_WEBSOCKET_BINARY, data, sizeof(data)) == 0) {
    }
    sockets_error = errno;
    sockets_code = weft_websocket_close_code(socket);
    return -1;
}

/* A deadline in the middle of a message: no other can follow it. */
static int sockets_cut(struct weft_websocket *socket, void *context)
{
    (void)context;
    size_t size = (size_t)40 << 20;
    char *data = calloc(1, size);
    if (!data) {
        return -1;
    }
    {
        WEFT_TIMEOUT(50 * WEFT_MILLISECOND);
        sockets_error =
            weft_websocket_send(socket, WEFT_WEBSOCKET_BINARY, data, size) < 0 ? errno : 0;
    }
    free(data);
    sockets_code = weft_websocket_send(socket, WEFT_WEBSOCKET_BINARY, "x", 1) < 0 ? errno : 0;
    return 0;
}

static int sockets_count_turns(void *argument)
{
    int *turns = *(int **)argument;
    while (weft_yield() == 0) {
        (*turns)++;
    }
    return 0;
}

/* How often another fiber runs while a thousand messages are read that lie there. */
static int sockets_turns(struct weft_websocket *socket, void *context)
{
    (void)context;
    struct weft_websocket_message message;
    int turns = 0;
    if (weft_websocket_read(socket, &message) <= 0) {
        return -1;
    }
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "turns" };
    weft_go(&scope, sockets_count_turns, (int *){ &turns });
    for (int i = 1; i < 1000; i++) {
        if (weft_websocket_read(socket, &message) <= 0) {
            return -1;
        }
    }
    return weft_websocket_printf(socket, "%d turns", turns);
}

/* Each wrong use fails by itself and harms nothing. */
static int sockets_misuse(struct weft_websocket *socket, void *context)
{
    (void)context;
    static const char longest[126] = "";
    int faults = 0;
    faults += weft_websocket_send(socket, WEFT_WEBSOCKET_TEXT, "\xff", 1) == 0 || errno != EILSEQ;
    faults +=
        weft_websocket_send(socket, (enum weft_websocket_kind)9, "x", 1) == 0 || errno != EINVAL;
    faults += weft_websocket_frame_new(WEFT_WEBSOCKET_TEXT, "\xff", 1) || errno != EILSEQ;
    faults += weft_websocket_ping(socket, longest, 126) == 0 || errno != EMSGSIZE;
    faults += weft_websocket_close(socket, 1005, NULL) == 0 || errno != EINVAL;
    faults += weft_websocket_close(socket, 0, "why") == 0 || errno != EINVAL;
    faults += weft_websocket_close(socket, 1000, "\xff") == 0 || errno != EILSEQ;
    faults += weft_websocket_printf(socket, "%d faults%01000d", faults, 0) < 0;
    faults += weft_websocket_close(socket, 3333, "all") < 0;
    faults += weft_websocket_close(socket, 1000, "again") < 0;
    faults += weft_websocket_send(socket, WEFT_WEBSOCKET_TEXT, "x", 1) == 0 || errno != EPIPE;
    faults += weft_websocket_ping(socket, NULL, 0) == 0 || errno != EPIPE;
    sockets_error = faults;
    return 0;
}

static const char *const sockets_protocols[] = { "v2.weft", "v1.weft", NULL };
static const char *const sockets_origins[] = { "https://weft.example", NULL };
static const char *const sockets_any[] = { "*", NULL };

/* A line of the table below. */
struct sockets_line {
    const char *path;
    struct weft_websocket_options options;
};

#define ECHO .message = sockets_echo, .open = sockets_open, .close = sockets_close

static const struct sockets_line sockets_lines[] = {
    { "/echo", { ECHO, .origins = sockets_any, .max_message = 20 << 20, .max_fragments = 100000 } },
    { "/plain", { ECHO, .compression = WEFT_WEBSOCKET_PLAIN } },
    { "/together", { ECHO, .compression = WEFT_WEBSOCKET_COMPRESS_TOGETHER, .compress_from = 1 } },
    { "/windows",
      { ECHO, .compression = WEFT_WEBSOCKET_COMPRESS_TOGETHER, .compress_from = 1, .server_bits = 9,
        .client_bits = 9 } },
    { "/alone9", { ECHO, .compress_from = 1, .server_bits = 9 } },
    { "/alone", { ECHO, .compress_from = 1 } },
    { "/scarce", { ECHO, .compress_from = 1, .compression_memory = 50000 } },
    { "/run", { .run = sockets_run } },
    { "/count", { .run = sockets_count, .max_message = 8 << 20, .max_fragments = SIZE_MAX } },
    { "/small", { ECHO, .max_message = 1000, .max_fragments = 3, .max_controls = 5 } },
    { "/hub",
      { .message = hub_message,
        .open = hub_open,
        .close = hub_close,
        .max_queue = 300000,
        .max_message = 2000000 } },
    { "/mix",
      { .message = sockets_mix,
        .compression = WEFT_WEBSOCKET_COMPRESS_TOGETHER,
        .compress_from = 1 } },
    { "/crowd", { .run = sockets_crowd } },
    { "/state",
      { .message = sockets_number, .open = sockets_hello, .protocols = sockets_protocols } },
    { "/origin", { ECHO, .origins = sockets_origins } },
    { "/pings", { ECHO, .ping_interval = 20 * WEFT_MILLISECOND } },
    { "/deaf",
      { ECHO, .ping_interval = 20 * WEFT_MILLISECOND, .pong_timeout = 50 * WEFT_MILLISECOND } },
    { "/idle", { ECHO, .idle_timeout = 40 * WEFT_MILLISECOND } },
    { "/impatient", { .run = sockets_run, .close_timeout = 40 * WEFT_MILLISECOND } },
    { "/flood", { .run = sockets_flood } },
    { "/cut", { .run = sockets_cut } },
    { "/turns", { .run = sockets_turns } },
    { "/misuse", { .run = sockets_misuse } },
    { "/default", { .message = sockets_echo } },
    { "/wrong", { 0 } },
};

static int sockets_page(struct weft_http_response *response)
{
    return weft_http_response_text(response, 200, "Hello, world!\n");
}

static int sockets_handle(struct weft_http_handler *handler, struct weft_http_request *request,
                          struct weft_http_response *response)
{
    (void)handler;
    if (strcmp(request->path, "/") == 0) {
        static const char PAGE[] = "<!doctype html><title>sockets</title>";
        return weft_http_response_bytes(response, 200, "text/html", PAGE, sizeof(PAGE) - 1);
    }
    if (strcmp(request->path, "/both") == 0 && !weft_websocket_requested(request)) {
        return sockets_page(response);
    }
    const char *path = strcmp(request->path, "/both") == 0 ? "/echo" : request->path;
    for (size_t i = 0; i < sizeof(sockets_lines) / sizeof(sockets_lines[0]); i++) {
        if (strcmp(path, sockets_lines[i].path) == 0) {
            weft_http_headers_add(&response->headers, "x-served-by", "weft");
            return weft_websocket_response(request, response, &sockets_lines[i].options,
                                           &(struct sockets_state){ 0 },
                                           sizeof(struct sockets_state));
        }
    }
    return weft_http_response_text(response, 404, "Not Found\n");
}

static struct weft_http_handler sockets_handler = { .call = sockets_handle };

#endif
