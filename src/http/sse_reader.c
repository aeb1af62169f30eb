/* Events as a client reads them, and the reconnects of a subscription. */
#include <weft/http/sse_reader.h>

#include <stdlib.h>
#include <string.h>

#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/memory.h"
#include "proto/sse.h"

enum {
    EVENT_MAX = 1 << 20
};

struct weft_sse_reader {
    struct weft__sse parser;
    struct weft_http_response *response; /* NULL: not connected */
    struct weft__slice bytes;            /* of the chunk at hand */
    struct weft__buffer texts;           /* of the event at hand */
    char *id;                            /* the last one; NULL: none */

    /* a subscription */
    struct weft_http_client *client; /* NULL: a response's events */
    char *target;
    struct weft_sse_subscription options;
    int failures; /* in a row */
};

static int fail(enum weft_http_error code, int error, const char *what)
{
    return weft_error_set("http", (int)code, error, "reading events: %s", what);
}

static struct weft_sse_reader *make(size_t max_event)
{
    struct weft_sse_reader *reader = weft__calloc(1, sizeof(*reader));
    if (!reader) {
        fail(WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory");
        return NULL;
    }
    max_event = max_event ? max_event : EVENT_MAX;
    weft__sse_init(&reader->parser, max_event);
    weft__buffer_init(&reader->texts, max_event > SIZE_MAX / 4 ? SIZE_MAX : 2 * max_event + 64);
    return reader;
}

static bool has_events(const struct weft_http_response *response)
{
    return weft_http_headers_has(&response->headers, "content-type", "text/event-stream");
}

struct weft_sse_reader *weft_sse_reader_new(struct weft_http_response *response, size_t max_event)
{
    if (!has_events(response)) {
        fail(WEFT_HTTP_ERROR_MALFORMED, EBADMSG,
             "the answer's content-type is not text/event-stream (look at its status and text)");
        return NULL;
    }
    struct weft_sse_reader *reader = make(max_event);
    if (reader) {
        reader->response = response;
    }
    return reader;
}

static void fill_in(struct weft_sse_subscription *options)
{
    options->retry = options->retry ? options->retry : 3 * WEFT_SECOND;
    options->retry_max = options->retry_max ? options->retry_max : WEFT_MINUTE;
    options->attempts = options->attempts ? options->attempts : 10;
}

static int keep_id(struct weft_sse_reader *reader, struct weft__slice id)
{
    if (id.length == 0 || (reader->id && weft__slice_is(id, reader->id))) {
        return 0;
    }
    char *copy = weft__malloc(id.length + 1);
    if (!copy) {
        return fail(WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory for an id");
    }
    memcpy(copy, id.data, id.length);
    copy[id.length] = '\0';
    weft__free(reader->id);
    reader->id = copy;
    return 0;
}

struct weft_sse_reader *weft_sse_subscribe(struct weft_http_client *client, const char *target,
                                           const struct weft_sse_subscription *options)
{
    static const struct weft_sse_subscription NONE;
    options = options ? options : &NONE;
    struct weft_sse_reader *reader = make(options->max_event);
    if (!reader) {
        return NULL;
    }
    reader->client = client;
    reader->options = *options;
    reader->options.last_id = NULL;
    fill_in(&reader->options);
    size_t size = strlen(target) + 1;
    reader->target = weft__malloc(size);
    if (!reader->target ||
        (options->last_id && keep_id(reader, weft__slice_string(options->last_id)) < 0)) {
        weft_sse_reader_free(reader);
        fail(WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory");
        return NULL;
    }
    memcpy(reader->target, target, size);
    return reader;
}

/* A text behind those that are there, with a NUL; its place, since the buffer may still move. */
static int keep(struct weft_sse_reader *reader, struct weft__slice text, size_t *place)
{
    *place = reader->texts.length;
    if (weft__buffer_append_slice(&reader->texts, text) < 0 ||
        weft__buffer_append(&reader->texts, "", 1) < 0) {
        return fail(WEFT_HTTP_ERROR_MEMORY, errno, "no memory for an event");
    }
    return 0;
}

static int hand_out(struct weft_sse_reader *reader, const struct weft__sse_event *parsed,
                    struct weft_sse_event *event)
{
    size_t name;
    size_t data;
    weft__buffer_clear(&reader->texts);
    if (keep(reader, parsed->type, &name) < 0 || keep(reader, parsed->data, &data) < 0 ||
        keep_id(reader, parsed->id) < 0) {
        return -1;
    }
    const char *base = weft__buffer_slice(&reader->texts).data;
    *event = (struct weft_sse_event){
        .name = base + name,
        .id = reader->id,
        .data = base + data,
        .length = parsed->data.length,
    };
    reader->failures = 0;
    return 1;
}

/* Events of the connection at hand. 1; 0 its proper end; -1 with weft_error(). */
static int next_here(struct weft_sse_reader *reader, struct weft_sse_event *event)
{
    for (;;) {
        struct weft__sse_event parsed;
        int result = weft__sse_next(&reader->parser, &reader->bytes, &parsed);
        if (result > 0) {
            return hand_out(reader, &parsed, event);
        }
        if (result < 0) {
            bool large = errno == EMSGSIZE;
            return fail(large ? WEFT_HTTP_ERROR_TOO_LARGE : WEFT_HTTP_ERROR_MEMORY, errno,
                        large ? "an event is larger than max_event" : "no memory");
        }
        const void *chunk = NULL;
        ssize_t length = weft_http_body_read(reader->response->body, &chunk);
        if (length < 0) {
            return -1;
        }
        if (length == 0) {
            return weft__sse_unfinished(&reader->parser)
                       ? fail(WEFT_HTTP_ERROR_TRUNCATED, ECONNRESET,
                              "the stream ended in the middle of an event")
                       : 0;
        }
        reader->bytes = weft__slice(chunk, (size_t)length);
    }
}

static void disconnect(struct weft_sse_reader *reader)
{
    weft_http_response_close(reader->response);
    reader->response = NULL;
    reader->bytes = weft__slice(NULL, 0);
    weft__sse_restart(&reader->parser);
}

/* A status with which a server asks for patience. */
static bool is_temporary(int status)
{
    return status == 429 || status == 500 || (status >= 502 && status <= 504);
}

static struct weft_http_response *ask(struct weft_sse_reader *reader,
                                      struct weft_http_memory *memory)
{
    struct weft_http_headers headers = { .memory = memory };
    const struct weft_http_header *given = reader->options.headers;
    const char *id = weft_sse_reader_last_id(reader);
    bool good = weft_http_headers_add(&headers, "accept", "text/event-stream") == 0 &&
                weft_http_headers_add(&headers, "cache-control", "no-store") == 0 &&
                (!id || weft_http_headers_add(&headers, "last-event-id", id) == 0);
    for (; good && given && given->name; given++) {
        good = weft_http_headers_set(&headers, given->name, given->value) == 0;
    }
    struct weft_http_header *list =
        good ? weft_http_allocate(memory, (headers.count + 1) * sizeof(*list)) : NULL;
    if (!list) {
        fail(WEFT_HTTP_ERROR_ARGUMENT, errno, "a header is malformed, or there is no memory");
        return NULL;
    }
    for (size_t i = 0; i < headers.count; i++) {
        list[i] = (struct weft_http_header){ headers.fields[i].name, headers.fields[i].value };
    }
    list[headers.count] = (struct weft_http_header){ NULL, NULL };
    return weft_http_client_get(reader->client, reader->target,
                                &(struct weft_http_request_options){
                                    .headers = list,
                                    .stall_timeout = reader->options.stall_timeout,
                                });
}

/* 1 connected; 0 the server wants no more; -1 with weft_error(), *again: it may go better later. */
static int connect_once(struct weft_sse_reader *reader, bool *again)
{
    struct weft_http_memory memory;
    weft__memory_init(&memory);
    struct weft_http_response *response = ask(reader, &memory);
    int error = errno;
    weft__memory_fini(&memory);
    errno = error;
    *again = true;
    if (!response) {
        const struct weft_error *detail = weft_error();
        *again = !weft_cancelled() && detail && detail->code != WEFT_HTTP_ERROR_ARGUMENT;
        return -1;
    }
    int status = response->status;
    if (status == 200 && has_events(response)) {
        reader->response = response;
        return 1;
    }
    weft_http_response_close(response);
    *again = is_temporary(status);
    return status == 204 ? 0
                         : weft_error_set("http", WEFT_HTTP_ERROR_MALFORMED, EBADMSG,
                                          "subscribing to '%.80s': the answer has status %d and is "
                                          "no stream of events",
                                          reader->target, status);
}

/* Wait before the next attempt: longer each time. 0; -1: no attempt is left, or interrupted. */
static int wait_to_retry(struct weft_sse_reader *reader)
{
    int error = errno;
    if (reader->options.attempts > 0 && ++reader->failures >= reader->options.attempts) {
        return weft__fail(error);
    }
    int64_t most = reader->options.retry_max;
    int64_t delay = reader->options.retry;
    if (reader->parser.retry >= 0) {
        delay = reader->parser.retry < most / WEFT_MILLISECOND
                    ? reader->parser.retry * WEFT_MILLISECOND
                    : most;
    }
    for (int i = 1; i < reader->failures && delay < most; i++) {
        delay *= 2;
    }
    if (weft_sleep(delay < most ? delay : most) < 0) {
        return fail(WEFT_HTTP_ERROR_STOPPED, errno, "cancelled, or a deadline has passed");
    }
    return 0;
}

static int next_of_subscription(struct weft_sse_reader *reader, struct weft_sse_event *event)
{
    for (;;) {
        bool again = true;
        int result = reader->response ? 1 : connect_once(reader, &again);
        if (result == 0) {
            return 0;
        }
        if (result > 0) {
            result = next_here(reader, event);
            if (result > 0) {
                return result;
            }
            int error = errno;
            again = !weft_cancelled() && (result == 0 || error != EMSGSIZE);
            disconnect(reader);
            errno = error;
        }
        if (result == 0) {
            fail(WEFT_HTTP_ERROR_TRUNCATED, ECONNRESET, "the server ends the stream each time");
        }
        if (!again || wait_to_retry(reader) < 0) {
            return -1;
        }
    }
}

int weft_sse_reader_next(struct weft_sse_reader *reader, struct weft_sse_event *event)
{
    return reader->client ? next_of_subscription(reader, event) : next_here(reader, event);
}

const char *weft_sse_reader_last_id(const struct weft_sse_reader *reader)
{
    return reader->id;
}

void weft_sse_reader_free(struct weft_sse_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->client) {
        weft_http_response_close(reader->response);
    }
    weft__sse_fini(&reader->parser);
    weft__buffer_fini(&reader->texts);
    weft__free(reader->id);
    weft__free(reader->target);
    weft__free(reader);
}
