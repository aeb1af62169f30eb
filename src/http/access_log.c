/* A line for each request, made when the exchange is over. */
#include <string.h>
#include <time.h>

#include <weft/error.h>
#include <weft/http/log.h>
#include <weft/time.h>

#include "base/buffer.h"
#include "base/fail.h"
#include "http/count.h"
#include "http/middleware.h"

enum {
    LINE_MAX_BYTES = 65536,
};

struct access_log {
    struct weft__middleware base;
    struct weft_http_access_log_options options;
    struct weft__buffer line; /* reused: making one never parks */
};

/* What is known when the handler is called. */
struct record {
    struct access_log *log;
    struct weft_http_request *request;
    struct weft_http_response *response;
    const char *peer;
    int64_t started;
    uint64_t bytes;
};

/* A text from outside: no byte of it can end a string or a line, or mean something to a terminal.
 */
static void put_text(struct weft__buffer *line, const char *text, const char *escape)
{
    for (size_t i = 0; i < WEFT_HTTP_LOG_TEXT_MAX && text[i]; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
            static const char HEX[] = "0123456789abcdef";
            weft__buffer_append(line, escape, strlen(escape));
            weft__buffer_append(line, (char[]){ HEX[byte >> 4], HEX[byte & 15] }, 2);
        } else {
            weft__buffer_append(line, text + i, 1);
        }
    }
}

static const char *field(const struct record *record, const char *name)
{
    return weft_http_headers_get(&record->request->headers, name);
}

/* "127.0.0.1" of "127.0.0.1:40000". */
static struct weft__slice host_of(const char *peer)
{
    const char *colon = strrchr(peer, ':');
    const char *bracket = strrchr(peer, ']');
    size_t length = colon && (!bracket || colon > bracket) ? (size_t)(colon - peer) : strlen(peer);
    bool v6 = length > 2 && peer[0] == '[';
    return v6 ? weft__slice(peer + 1, length - 2) : weft__slice(peer, length);
}

static void put_combined(struct weft__buffer *line, const struct record *record)
{
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const struct weft_http_request *request = record->request;
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    struct weft__slice host = host_of(record->peer);
    weft__buffer_appendf(line, "%.*s - - [%02d/%.3s/%04d:%02d:%02d:%02d +0000] \"",
                         WEFT__PRINT(host), tm.tm_mday, MONTHS + tm.tm_mon * 3, tm.tm_year + 1900,
                         tm.tm_hour, tm.tm_min, tm.tm_sec);
    put_text(line, request->method, "\\x");
    weft__buffer_append(line, " ", 1);
    put_text(line, request->target, "\\x");
    weft__buffer_appendf(line, " HTTP/%d.%d\" %d %llu", request->version / 10,
                         request->version % 10, record->response->status,
                         (unsigned long long)record->bytes);
    static const char *const LAST[] = { "referer", "user-agent" };
    for (size_t i = 0; i < 2; i++) {
        const char *text = field(record, LAST[i]);
        weft__buffer_append(line, " \"", 2);
        put_text(line, text ? text : "-", "\\x");
        weft__buffer_append(line, "\"", 1);
    }
}

static void put_member(struct weft__buffer *line, const char *name, const char *text)
{
    if (text) {
        weft__buffer_appendf(line, ",\"%s\":\"", name);
        put_text(line, text, "\\u00");
        weft__buffer_append(line, "\"", 1);
    }
}

static void put_json(struct weft__buffer *line, const struct record *record)
{
    const struct weft_http_request *request = record->request;
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    weft__buffer_appendf(line, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"",
                         tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                         tm.tm_sec, now.tv_nsec / 1000000);
    put_member(line, "peer", record->peer);
    put_member(line, "method", request->method);
    put_member(line, "target", request->target);
    int64_t took = weft_now() - record->started;
    weft__buffer_appendf(line,
                         ",\"protocol\":\"HTTP/%d.%d\",\"status\":%d,\"bytes\":%llu,"
                         "\"duration\":%lld.%06lld",
                         request->version / 10, request->version % 10, record->response->status,
                         (unsigned long long)record->bytes, (long long)(took / WEFT_SECOND),
                         (long long)(took % WEFT_SECOND / WEFT_MICROSECOND));
    put_member(line, "scheme", request->scheme);
    put_member(line, "host", request->authority);
    put_member(line, "id", field(record, "x-request-id"));
    put_member(line, "referer", field(record, "referer"));
    put_member(line, "agent", field(record, "user-agent"));
    weft__buffer_append(line, "}", 1);
}

static void finish(void *argument)
{
    const struct record *record = argument;
    const struct weft_http_access_log_options *options = &record->log->options;
    struct weft__buffer *line = &record->log->line;
    weft__buffer_clear(line);
    if (options->format == WEFT_HTTP_LOG_JSON) {
        put_json(line, record);
    } else {
        put_combined(line, record);
    }
    struct weft__slice bytes = weft__buffer_slice(line);
    if (options->write) {
        options->write(bytes.data, bytes.length, options->context);
    } else {
        weft_http_log_file_write(options->file, bytes.data, bytes.length);
    }
}

static int call(struct weft__middleware *base, struct weft_http_request *request,
                struct weft_http_response *response)
{
    struct record *record = weft_http_allocate(request->memory, sizeof(*record));
    if (!record) {
        return -1;
    }
    *record = (struct record){
        .log = (struct access_log *)base,
        .request = request,
        .response = response,
        .peer = weft_http_request_peer(request),
        .started = weft_now(),
    };
    record->peer = record->peer ? record->peer : "-";
    if (weft_http_defer(request->memory, finish, record) < 0 ||
        weft_http_call(base->handler.next, request, response) < 0) {
        return -1;
    }
    return weft__count_body(response, &record->bytes);
}

static void fini(struct weft__middleware *base)
{
    weft__buffer_fini(&((struct access_log *)base)->line);
}

static const struct weft__middleware_kind KIND = { sizeof(struct access_log), call, fini };

struct weft_http_handler *
weft_http_access_log_new(const struct weft_http_access_log_options *options,
                         struct weft_http_handler *next)
{
    struct access_log *self = weft__middleware_new(&KIND, next);
    if (!self) {
        return NULL;
    }
    self->options = *options;
    weft__buffer_init(&self->line, LINE_MAX_BYTES);
    if (!options->file && !options->write) {
        weft_http_middleware_free(&self->base.handler);
        weft_error_set("http", EINVAL, EINVAL,
                       "making an access log: there is neither a file nor a function to write to");
        return NULL;
    }
    return &self->base.handler;
}
