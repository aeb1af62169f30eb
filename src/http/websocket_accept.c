/* The handshake: is it one, is it allowed, what is agreed on. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "base/fail.h"
#include "http/exchange.h"
#include "http/websocket.h"

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static size_t size_or(size_t value, size_t usual)
{
    return value ? value : usual;
}

static int64_t time_or(int64_t value, int64_t usual)
{
    return value ? value : usual;
}

static void fill_in(struct weft_websocket_options *options)
{
    options->max_message = size_or(options->max_message, (size_t)1 << 20);
    options->max_fragments = size_or(options->max_fragments, 4096);
    options->max_controls = size_or(options->max_controls, 100);
    options->max_queue = size_or(options->max_queue, (size_t)1 << 20);
    options->ping_interval = time_or(options->ping_interval, 30 * WEFT_SECOND);
    options->pong_timeout = time_or(options->pong_timeout, 20 * WEFT_SECOND);
    options->idle_timeout = time_or(options->idle_timeout, WEFT_FOREVER);
    options->close_timeout = time_or(options->close_timeout, 5 * WEFT_SECOND);
    options->compress_from = size_or(options->compress_from, 256);
    options->server_bits = options->server_bits ? options->server_bits : 15;
    options->client_bits = options->client_bits ? options->client_bits : 15;
    options->compression_memory = size_or(options->compression_memory, (size_t)64 << 20);
}

static bool is_window(int bits)
{
    return bits >= 9 && bits <= 15;
}

int weft__websocket_options(struct weft_websocket_options *options)
{
    fill_in(options);
    const char *wrong = NULL;
    if (!options->run == !options->message) {
        wrong = "either run or message has to be set";
    } else if (options->run && (options->open || options->close)) {
        wrong = "open and close go with message; run does both itself";
    } else if (options->ping_interval < 0 || options->pong_timeout < 0 ||
               options->idle_timeout < 0 || options->close_timeout < 0) {
        wrong = "a time limit is negative";
    } else if (!is_window(options->server_bits) || !is_window(options->client_bits)) {
        wrong = "a window has 9 to 15 bits";
    } else if (options->compression > WEFT_WEBSOCKET_PLAIN) {
        wrong = "the compression is unknown";
    }
    return wrong ? weft_error_set("http", EINVAL, EINVAL, "a websocket's options: %s", wrong) : 0;
}

bool weft_websocket_requested(const struct weft_http_request *request)
{
    const struct weft__exchange *exchange = request->connection_;
    if (request->version >= 20) {
        return exchange && exchange->websocket;
    }
    return strcmp(request->method, "GET") == 0 &&
           weft_http_headers_has(&request->headers, "upgrade", "websocket");
}

/* "scheme://host:port" is the request's own host and port, whatever the scheme. */
static bool same_host(const struct weft_http_request *request, const char *origin)
{
    const char *host = strstr(origin, "://");
    return host && request->authority &&
           weft__slice_equal_case(weft__slice_string(host + 3),
                                  weft__slice_string(request->authority));
}

bool weft_websocket_origin_allowed(const struct weft_http_request *request,
                                   const char *const *origins)
{
    const char *origin = weft_http_headers_get(&request->headers, "origin");
    if (!origin) {
        return true;
    }
    if (!origins) {
        return same_host(request, origin);
    }
    for (; *origins; origins++) {
        if (strcmp(*origins, "*") == 0 ||
            weft__slice_equal_case(weft__slice_string(*origins), weft__slice_string(origin))) {
            return true;
        }
    }
    return false;
}

int weft__websocket_accept(char out[32], const char *key)
{
    char text[WEFT__WEBSOCKET_KEY + sizeof(GUID)];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    memcpy(text, key, WEFT__WEBSOCKET_KEY);
    memcpy(text + WEFT__WEBSOCKET_KEY, GUID, sizeof(GUID) - 1);
    if (EVP_Digest(text, sizeof(text) - 1, digest, &length, EVP_sha1(), NULL) != 1) {
        return weft_error_set("http", ENOTSUP, ENOTSUP,
                              "a websocket's handshake: libcrypto offers no SHA-1");
    }
    EVP_EncodeBlock((unsigned char *)out, digest, (int)length);
    return 0;
}

/* Why the handshake is refused; 0: it is not. */
static int find_fault(const struct weft_http_request *request,
                      const struct weft_websocket_options *options, const char **reason)
{
    const struct weft_http_headers *headers = &request->headers;
    const char *version = weft_http_headers_get(headers, "sec-websocket-version");
    const char *key = weft_http_headers_get(headers, "sec-websocket-key");
    if (!weft_websocket_requested(request)) {
        *reason = "This address speaks WebSocket";
        return 426;
    }
    bool framed = request->version >= 20; /* HTTP/2 has told both by an extended CONNECT */
    if (!framed && !weft_http_headers_has(headers, "connection", "upgrade")) {
        *reason = "The field connection does not name upgrade";
        return 400;
    }
    if (request->version < 11 || request->body) {
        *reason = request->body ? "A handshake has no body" : "WebSocket needs HTTP/1.1";
        return 400;
    }
    if (!version || strcmp(version, "13") != 0) {
        *reason = "The version of WebSocket has to be 13";
        return 426;
    }
    if (!framed && (!key || !weft__websocket_key_valid(weft__slice_string(key)))) {
        *reason = "The field sec-websocket-key is missing or invalid";
        return 400;
    }
    if (!weft_websocket_origin_allowed(request, options->origins)) {
        *reason = "This origin may not connect";
        return 403;
    }
    return 0;
}

static int refuse(struct weft_http_response *response, int status, const char *reason)
{
    if (status == 426 &&
        (weft_http_headers_set(&response->headers, "upgrade", "websocket") < 0 ||
         weft_http_headers_set(&response->headers, "sec-websocket-version", "13") < 0)) {
        return -1;
    }
    return weft_http_response_text(response, status, "%s.\n", reason);
}

/* The first of ours that the client lists. */
static const char *choose_protocol(const struct weft_http_request *request,
                                   const char *const *protocols)
{
    const struct weft_http_headers *headers = &request->headers;
    for (; protocols && *protocols; protocols++) {
        for (size_t i = 0; i < headers->count; i++) {
            struct weft__slice name = weft__slice_string(headers->fields[i].name);
            struct weft__slice list = weft__slice_string(headers->fields[i].value);
            struct weft__slice piece;
            while (weft__slice_is_case(name, "sec-websocket-protocol") &&
                   weft__slice_list(&list, &piece)) {
                if (weft__slice_is(piece, *protocols)) {
                    return *protocols;
                }
            }
        }
    }
    return NULL;
}

static int agree_on_compression(struct weft_http_request *request,
                                struct weft_http_response *response,
                                struct weft_http_server *server, struct weft__websocket_plan *plan)
{
    const struct weft_websocket_options *options = &plan->options;
    bool together = options->compression == WEFT_WEBSOCKET_COMPRESS_TOGETHER;
    const struct weft__websocket_deflate wanted = {
        .server_takeover = together,
        .client_takeover = together,
        .server_bits = (uint8_t)options->server_bits,
        .client_bits = (uint8_t)options->client_bits,
    };
    if (options->compression == WEFT_WEBSOCKET_PLAIN ||
        !weft__websocket_can_deflate(server, options->compression_memory)) {
        return 0;
    }
    for (size_t i = 0; i < request->headers.count && !plan->deflate; i++) {
        const struct weft_http_field *field = &request->headers.fields[i];
        if (weft__slice_is_case(weft__slice_string(field->name), "sec-websocket-extensions")) {
            plan->deflate = weft__websocket_deflate_choose(weft__slice_string(field->value),
                                                           &wanted, &plan->agreed);
        }
    }
    if (!plan->deflate) {
        return 0;
    }
    char room[192];
    struct weft__buffer text = { .data = room, .capacity = sizeof(room), .limit = sizeof(room) };
    if (weft__websocket_deflate_write(&text, &plan->agreed) < 0 ||
        weft__buffer_append(&text, "", 1) < 0) {
        return -1;
    }
    return weft_http_headers_set(&response->headers, "sec-websocket-extensions", text.data);
}

static enum weft__next begin(struct weft__exchange *exchange, void *argument);

static int prepare(struct weft_http_request *request, struct weft_http_response *response,
                   struct weft__websocket_plan *plan)
{
    struct weft__exchange *exchange = request->connection_;
    char accept[32];
    const char *key = weft_http_headers_get(&request->headers, "sec-websocket-key");
    if (!exchange->h2 &&
        (weft__websocket_accept(accept, key) < 0 ||
         weft_http_headers_set(&response->headers, "sec-websocket-accept", accept) < 0)) {
        return -1;
    }
    if (agree_on_compression(request, response, exchange->connection->server, plan) < 0) {
        return -1;
    }
    plan->protocol = choose_protocol(request, plan->options.protocols);
    if (plan->protocol &&
        weft_http_headers_set(&response->headers, "sec-websocket-protocol", plan->protocol) < 0) {
        return -1;
    }
    weft_http_body_close(response->body, 0);
    response->body = NULL;
    response->status = 101;
    exchange->upgrade =
        (struct weft__upgrade){ exchange->h2 ? weft__h2_socket_begin : begin, plan };
    return 0;
}

int weft_websocket_response(struct weft_http_request *request, struct weft_http_response *response,
                            const struct weft_websocket_options *options, const void *context,
                            size_t size)
{
    struct weft_websocket_options filled = *options;
    const char *reason;
    if (weft__websocket_options(&filled) < 0) {
        return -1;
    }
    int status = find_fault(request, &filled, &reason);
    if (status) {
        return refuse(response, status, reason);
    }
    if (!request->connection_) {
        return weft__fail(ENOTSUP);
    }
    struct weft__websocket_plan *plan = weft_http_allocate(request->memory, sizeof(*plan));
    void *own = weft__memory_keep(request->memory, context, size);
    if (!plan || (size && !own)) {
        return -1;
    }
    *plan = (struct weft__websocket_plan){ .options = filled, .context = own, .size = size };
    return prepare(request, response, plan);
}

/* The stream below is the connection's own. */

static struct weft__buffer *input(void *stream)
{
    struct weft__connection *connection = stream;
    return &connection->stream.in;
}

/* While it waits it holds no buffer. */
static ssize_t fill(void *stream, bool wait)
{
    struct weft__connection *connection = stream;
    ssize_t got;
    while ((got = weft__stream_try_fill(&connection->stream)) < 0 && errno == EAGAIN && wait) {
        if (connection->stream.in.length == 0) {
            weft__stream_release(&connection->stream);
        }
        if (weft__stream_wait_readable(&connection->stream) < 0) {
            return -1;
        }
    }
    return got;
}

static ssize_t send_slices(void *stream, struct iovec *slices, size_t count)
{
    struct weft__connection *connection = stream;
    return count == 1
               ? weft__stream_try_send(&connection->stream, slices->iov_base, slices->iov_len)
               : weft__stream_try_send_slices(&connection->stream, slices, count);
}

static int wait_writable(void *stream)
{
    struct weft__connection *connection = stream;
    int ready = weft__stream_wait_writable(&connection->stream);
    if (ready < 0 && weft__stream_halfway(&connection->stream)) {
        weft__stream_shut(&connection->stream); /* other bytes may not follow */
    }
    return ready;
}

static void relax(void *stream)
{
    struct weft__connection *connection = stream;
    if (connection->stream.in.length == 0) {
        weft__stream_release(&connection->stream);
    }
}

static void drop(void *stream)
{
    struct weft__connection *connection = stream;
    weft__stream_shut(&connection->stream);
}

static const struct weft__websocket_stream connection_stream = {
    .input = input,
    .fill = fill,
    .send = send_slices,
    .wait = wait_writable,
    .relax = relax,
    .drop = drop,
};

static enum weft__next begin(struct weft__exchange *exchange, void *argument)
{
    struct weft__connection *connection = exchange->connection;
    struct weft_websocket *socket = weft__websocket_new(connection->server, argument);
    if (!socket) {
        return WEFT__NEXT_CLOSE;
    }
    if (weft__request_keep(exchange) < 0 || weft__response_switch(exchange, "websocket") < 0) {
        weft__websocket_free(socket);
        return WEFT__NEXT_CLOSE;
    }
    socket->operations = &connection_stream;
    socket->stream = connection;
    connection->upgraded = &socket->upgraded;
    return weft__websocket_serve(socket);
}
