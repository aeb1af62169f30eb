/* One request from its first byte to the last of its answer. */
#include "http/exchange.h"

#include <errno.h>
#include <string.h>

#include <weft/error.h>
#include <weft/task.h>

/* The handler failed: say so to the client without telling it more than it may know. */
static void answer_failure(struct weft__exchange *exchange, int error)
{
    struct weft_http_response *response = &exchange->response;
    const struct weft__request_body *body = exchange->body;
    weft__response_reset(response, error);
    if (body && body->failure == error && body->status) {
        exchange->connection->server->stats.refused++;
        weft_http_response_text(response, (int)body->status, "%s.\n", body->reason);
        return;
    }
    bool theirs = weft_cancelled() || (body && body->failure == error); /* the client has gone */
    const struct weft_error *detail = weft_error();
    weft_log(theirs ? WEFT_LOG_DEBUG : WEFT_LOG_ERROR, "http: %s %s: the handler failed: %s%s%s",
             exchange->request.method, exchange->request.path, strerror(error), detail ? ": " : "",
             detail ? detail->message : "");
    bool stopped = error == ECANCELED;
    weft_http_response_text(response, stopped ? 503 : 500,
                            stopped ? "Service Unavailable\n" : "Internal Server Error\n");
}

void weft__exchange_handle(struct weft__exchange *exchange)
{
    struct weft_http_server *server = exchange->connection->server;
    struct weft_http_response *response = &exchange->response;
    response->status = 200;
    response->memory = &exchange->memory;
    response->headers.memory = &exchange->memory;
    server->stats.requests++;
    weft_error_clear();
    if (strcmp(exchange->request.method, "CONNECT") == 0) {
        /* Answered by a handler with 200, what follows would no longer be HTTP to the client. */
        exchange->client_keeps = false;
        weft_http_response_text(response, 501, "CONNECT is not supported.\n");
        return;
    }
    if (weft_http_call(server->options.handler, &exchange->request, response) < 0) {
        answer_failure(exchange, errno);
    }
}

static enum weft__next answer(struct weft__exchange *exchange)
{
    struct weft__connection *connection = exchange->connection;
    weft__exchange_handle(exchange);
    if (exchange->upgrade.begin && exchange->response.status == 101) {
        weft__gone_fini(exchange); /* what comes now is no request */
        return exchange->upgrade.begin(exchange, exchange->upgrade.argument);
    }
    int sent = weft__response_send(exchange);
    if (sent == 0 && weft__request_body_finish(exchange) == 0) {
        return connection->stream.in.length > 0 ? WEFT__NEXT_REQUEST : WEFT__NEXT_IDLE;
    }
    bool unread = exchange->body && !exchange->body->done;
    return unread ? WEFT__NEXT_LINGER : WEFT__NEXT_CLOSE;
}

static void fini(struct weft__exchange *exchange)
{
    weft__gone_fini(exchange);
    weft__memory_fini(&exchange->memory);
    if (exchange->head_bytes.data) {
        weft__stream_release_buffer(&exchange->connection->server->pool, &exchange->head_bytes);
    }
}

enum weft__next weft__exchange_run(struct weft__connection *connection)
{
    struct weft__exchange exchange;
    struct weft__http1_head head;
    memset(&exchange, 0, offsetof(struct weft__exchange, memory));
    weft__memory_init(&exchange.memory);
    exchange.connection = connection;
    exchange.request.connection_ = &exchange;
    exchange.request.scheme = connection->stream.tls ? "https" : "http";
    exchange.request.memory = &exchange.memory;
    exchange.request.headers.memory = &exchange.memory;

    enum weft__next next = WEFT__NEXT_CLOSE;
    unsigned status = 0;
    const char *reason = NULL;
    int got = weft__request_read(&exchange, &head, &next, &status, &reason);
    if (got > 0) {
        next = answer(&exchange);
    } else if (got < 0) {
        weft__response_refuse(connection, status, reason);
        next = WEFT__NEXT_LINGER;
    }
    fini(&exchange);
    return next;
}
