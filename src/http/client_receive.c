/* The head of an answer, its texts copied into the response's memory. */
#include <string.h>

#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"
#include "http/headers.h"

/* A text of the head, in the copy of its bytes, with a NUL in place of what stood behind it. */
static const char *moved(char *copy, const char *origin, struct weft__slice text)
{
    char *start = copy + (text.data - origin);
    start[text.length] = '\0';
    return start;
}

static int copy_fields(struct weft__call *call, const struct weft__http1_head *head,
                       const char *bytes)
{
    struct weft_http_headers *headers = &call->response->headers;
    if (weft__headers_reserve(headers, head->field_count) < 0) {
        return -1;
    }
    char *copy = weft__memory_copy(call->response->memory, bytes, head->length);
    if (!copy) {
        return -1;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        const struct weft__http1_field *field = &head->fields[i];
        headers->fields[i] = (struct weft_http_field){
            .name = moved(copy, bytes, field->name),
            .value = moved(copy, bytes, field->value),
            .name_length = (uint32_t)field->name.length,
            .value_length = (uint32_t)field->value.length,
        };
    }
    headers->count = head->field_count;
    return 0;
}

static int refuse(struct weft__call *call, enum weft__http1_error error)
{
    bool large = error == WEFT__HTTP1_HEAD_TOO_LARGE || error == WEFT__HTTP1_FIELD_TOO_LARGE ||
                 error == WEFT__HTTP1_TOO_MANY_FIELDS || error == WEFT__HTTP1_STATUS_LINE_TOO_LONG;
    return weft__call_fail(call, large ? WEFT_HTTP_ERROR_TOO_LARGE : WEFT_HTTP_ERROR_MALFORMED,
                           large ? EMSGSIZE : EBADMSG, "the answer is refused: %s%s",
                           weft__http1_error_message(error),
                           large ? " (see max_head, max_fields)" : "");
}

static int take(struct weft__call *call, struct weft__http1_head *head, const char *bytes)
{
    call->response->status = (int)head->status;
    call->keeps = head->keep_alive;
    if (copy_fields(call, head, bytes) < 0) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for the answer");
    }
    call->answered = true;
    call->client->stats.requests++;
    weft__buffer_consume(&call->connection->stream.in, head->length);
    return weft__answer_begin(call, head);
}

int weft__receive_look(struct weft__call *call)
{
    struct weft_http_client *client = call->client;
    struct weft__buffer *in = &call->connection->stream.in;
    for (;;) {
        struct weft__http1_head head;
        weft__http1_response_init(&head, &client->limits, client->fields, client->limits.fields,
                                  weft__slice_string(call->method));
        struct weft__slice bytes = weft__buffer_slice(in);
        enum weft__http1_result result = weft__http1_head_parse(&head, bytes.data, bytes.length);
        if (result == WEFT__HTTP1_MORE) {
            return 0;
        }
        if (result == WEFT__HTTP1_ERROR) {
            return refuse(call, head.error);
        }
        if (head.status >= 200 || head.status == 101) {
            return take(call, &head, bytes.data) < 0 ? -1 : 1;
        }
        weft__buffer_consume(in, head.length); /* an interim answer */
    }
}

static int ended(struct weft__call *call, ssize_t got)
{
    if (got < 0) {
        int error = errno;
        bool reset = error == ECONNRESET || error == EPIPE;
        return weft__call_fail(call, WEFT_HTTP_ERROR_CLOSED, error, "%s",
                               reset ? "the connection was reset before the answer"
                                     : strerror(error));
    }
    return weft__call_fail(call, WEFT_HTTP_ERROR_CLOSED, ECONNRESET,
                           "the connection ended before the answer%s",
                           call->connection->stream.in.length ? " was whole" : "");
}

int weft__receive_head(struct weft__call *call)
{
    int64_t since = weft_now();
    while (!call->answered) {
        ssize_t got = weft__call_fill(call, WEFT__STAGE_HEAD, since);
        if (got < 0 && (errno == ETIMEDOUT || errno == ECANCELED)) {
            return -1; /* told already */
        }
        if (got <= 0) {
            return ended(call, got);
        }
        if (weft__receive_look(call) < 0) {
            return -1;
        }
    }
    return 0;
}
