/* What a client makes of content: compressed bodies, events, credentials. */
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "client_test.h"

static char incoming[4096];
static char request[4096]; /* the last one that came whole */
static char answer[1 << 16];
static size_t answer_length;
static atomic_int plays; /* answers left until the server says 204 */

static void play(struct scripted *server, int fd)
{
    while (scripted_request(fd, incoming, sizeof(incoming))) {
        memcpy(request, incoming, sizeof(request));
        server->requests++;
        if (plays-- <= 0) {
            scripted_answer(fd, "HTTP/1.1 204 No Content\r\n\r\n");
            break;
        }
        wire_send(fd, answer, answer_length);
        if (strstr(answer, "event-stream")) {
            break;
        }
    }
    close(fd);
}

static struct scripted server;

static void set_answer(const char *headers, const void *body, size_t length)
{
    int head = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n%scontent-length: %zu\r\n\r\n",
                        headers, length);
    must(head > 0 && (size_t)head + length < sizeof(answer), "the answer fits");
    memcpy(answer + head, body, length);
    answer_length = (size_t)head + length;
    plays = 1000;
}

/* --- compressed bodies */

static const char TEXT[] =
    "the same again, the same again, the same again, and then something else";
static char coded[1 << 15];

static size_t code_gzip(const void *data, size_t size)
{
    z_stream stream = { .next_in = (unsigned char *)(uintptr_t)data,
                        .avail_in = (unsigned)size,
                        .next_out = (unsigned char *)coded,
                        .avail_out = sizeof(coded) };
    must(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
             deflate(&stream, Z_FINISH) == Z_STREAM_END,
         "gzip");
    deflateEnd(&stream);
    return sizeof(coded) - stream.avail_out;
}

static size_t code_brotli(const void *data, size_t size)
{
    size_t length = sizeof(coded);
    must(BrotliEncoderCompress(5, 22, BROTLI_MODE_TEXT, size, data, &length, (uint8_t *)coded),
         "brotli");
    return length;
}

static size_t code_zstd(const void *data, size_t size)
{
    size_t length = ZSTD_compress(coded, sizeof(coded), data, size, 3);
    must(!ZSTD_isError(length), "zstd");
    return length;
}

static const struct {
    const char *name;
    size_t (*code)(const void *data, size_t size);
} CODINGS[] = { { "gzip", code_gzip }, { "br", code_brotli }, { "zstd", code_zstd } };

static const char *coding_header(const char *name)
{
    static char header[64];
    snprintf(header, sizeof(header), "content-encoding: %s\r\n", name);
    return header;
}

/* The body as text; NULL with the failure's code in *code. */
static char *get(struct weft_http_client *client, int *code)
{
    static char text[4096];
    struct weft_http_response *response = weft_http_client_get(client, "/", NULL);
    must(response, "an answer: %s", weft_error() ? weft_error()->message : "");
    weft_error_clear();
    size_t length = 0;
    const char *body = weft_http_response_read(response, (size_t)1 << 24, &length);
    *code = body ? 0 : client_error();
    if (body) {
        snprintf(text, sizeof(text), "%.*s", (int)(length < 4000 ? length : 4000), body);
    } else {
        diag("%s", weft_error()->message);
    }
    weft_http_response_close(response);
    return body ? text : NULL;
}

static void check_coding(struct weft_http_client *client, size_t which)
{
    const char *name = CODINGS[which].name;
    int code;
    size_t length = CODINGS[which].code(TEXT, sizeof(TEXT) - 1);
    set_answer(coding_header(name), coded, length);
    is_str(get(client, &code), TEXT, "%s is undone", name);
    ok(strstr(request, "accept-encoding: gzip, br, zstd\r\n"), "having been asked for");
    set_answer(coding_header(name), coded, length - 3);
    ok(!get(client, &code) && code == WEFT_HTTP_ERROR_TRUNCATED, "%s that is cut is an error",
       name);
    coded[length / 2] ^= 0x55;
    coded[length / 2 + 1] ^= 0x55;
    set_answer(coding_header(name), coded, length);
    get(client, &code);
    ok(code == WEFT_HTTP_ERROR_ENCODING || code == WEFT_HTTP_ERROR_TRUNCATED || code == 0,
       "%s that is broken does no harm", name);
    set_answer(coding_header(name), "no such data at all", 19);
    ok(!get(client, &code) && code == WEFT_HTTP_ERROR_ENCODING, "what is no %s is an error", name);
    set_answer(coding_header(name), "", 0);
    is_str(get(client, &code), "", "an empty body stays one");
}

static void check_bomb(size_t which)
{
    size_t size = (size_t)4 << 20;
    char *zeros = calloc(1, size);
    must(zeros, "memory");
    size_t length = CODINGS[which].code(zeros, size);
    free(zeros);
    set_answer(coding_header(CODINGS[which].name), coded, length);
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .max_decoded = size });
    int code;
    ok(get(client, &code), "%s of max_decoded bytes", CODINGS[which].name);
    weft_http_client_free(client);
    client = client_make(server.port, (struct weft_http_client_options){ .max_decoded = size - 1 });
    ok(!get(client, &code) && code == WEFT_HTTP_ERROR_TOO_LARGE, "and one more");
    weft_http_client_free(client);
}

static void check_left_alone(void)
{
    int code;
    size_t length = code_gzip(TEXT, sizeof(TEXT) - 1);
    set_answer(coding_header("gzip"), coded, length);
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .encoded = true });
    const char *text = get(client, &code);
    ok(text && text[0] == 0x1f && !strstr(request, "accept-encoding"),
       "`encoded` asks for nothing and undoes nothing");
    weft_http_client_free(client);
    client = client_make(server.port, (struct weft_http_client_options){ 0 });
    set_answer(coding_header("unknown"), "as it is", 8);
    is_str(get(client, &code), "as it is", "an unknown coding is left alone");
    weft_http_client_free(client);
}

/* --- credentials */

static void check_credentials(void)
{
    int code;
    set_answer("", "", 0);
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .bearer = "sesame" });
    get(client, &code);
    ok(strstr(request, "authorization: Bearer sesame\r\n"), "a bearer token");
    const struct weft_http_header own[] = { { "Authorization", "Other x" }, { NULL, NULL } };
    weft_http_response_close(
        weft_http_client_get(client, "/", &(struct weft_http_request_options){ .headers = own }));
    ok(strstr(request, "Authorization: Other x\r\n") && !strstr(request, "sesame"),
       "which a request's own field takes the place of");
    weft_http_client_free(client);
    client = client_make(server.port, (struct weft_http_client_options){
                                          .user = "Aladdin", .password = "open sesame" });
    get(client, &code);
    ok(strstr(request, "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
       "a name and a password, as RFC 7617 shows them");
    weft_http_client_free(client);
    struct weft_http_client_options bad = { .url = "http://x", .bearer = "a\r\nb: c" };
    ok(!weft_http_client_new(&bad) && errno == EINVAL, "no line break in a token");
}

/* --- events */

static void set_events(const char *text)
{
    answer_length = (size_t)snprintf(answer, sizeof(answer),
                                     "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                     "connection: close\r\n\r\n%s",
                                     text);
    plays = 1;
}

static void check_events(void)
{
    struct weft_sse_event event;
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .retries = -1 });
    set_events("data: one\n\n: quiet\n\nevent: tick\nid: 7\ndata: two\ndata: lines\n\n");
    struct weft_http_response *response = weft_http_client_get(client, "/", NULL);
    must(response, "events");
    struct weft_sse_reader *reader = weft_sse_reader_new(response, 0);
    must(reader, "a reader");
    ok(weft_sse_reader_next(reader, &event) == 1 && strcmp(event.name, "message") == 0 &&
           strcmp(event.data, "one") == 0 && !event.id,
       "an event");
    ok(weft_sse_reader_next(reader, &event) == 1 && strcmp(event.name, "tick") == 0 &&
           strcmp(event.data, "two\nlines") == 0 && strcmp(event.id, "7") == 0,
       "a named one with an id");
    is_int(weft_sse_reader_next(reader, &event), 0, "the end");
    weft_sse_reader_free(reader);
    weft_http_response_close(response);

    set_events("data: one\n\ndata: tw");
    response = weft_http_client_get(client, "/", NULL);
    must(response, "events");
    reader = weft_sse_reader_new(response, 0);
    ok(weft_sse_reader_next(reader, &event) == 1 && weft_sse_reader_next(reader, &event) == -1 &&
           client_error() == WEFT_HTTP_ERROR_TRUNCATED,
       "an event that is cut is an error");
    weft_sse_reader_free(reader);
    weft_http_response_close(response);

    set_events("data: 12345\n\n");
    response = weft_http_client_get(client, "/", NULL);
    must(response, "events");
    reader = weft_sse_reader_new(response, 4);
    ok(weft_sse_reader_next(reader, &event) == -1 && client_error() == WEFT_HTTP_ERROR_TOO_LARGE,
       "and one above max_event");
    weft_sse_reader_free(reader);
    weft_http_response_close(response);

    set_answer("content-type: text/plain\r\n", "x", 1);
    response = weft_http_client_get(client, "/", NULL);
    must(response, "no events");
    ok(!weft_sse_reader_new(response, 0) && errno == EBADMSG, "another content-type has none");
    weft_http_response_close(response);
    weft_http_client_free(client);
}

static void check_subscription(void)
{
    struct weft_sse_event event;
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){ .retries = -1 });
    set_events("retry: 1\nid: a1\ndata: hello\n\n");
    plays = 3;
    server.requests = 0;
    struct weft_sse_reader *reader = weft_sse_subscribe(client, "/events", NULL);
    must(reader, "a subscription");
    ok(weft_sse_reader_next(reader, &event) == 1 && !strstr(request, "last-event-id"),
       "the first event of a subscription");
    ok(weft_sse_reader_next(reader, &event) == 1 && strstr(request, "last-event-id: a1\r\n"),
       "the next one after a reconnect, which tells where to go on");
    is_str(weft_sse_reader_last_id(reader), "a1", "the last id");
    must(weft_sse_reader_next(reader, &event) == 1, "a third");
    is_int(weft_sse_reader_next(reader, &event), 0, "204 ends it");
    is_int(server.requests, 4, "after four requests");
    weft_sse_reader_free(reader);

    set_events("");
    plays = 1000;
    server.requests = 0;
    reader = weft_sse_subscribe(
        client, "/events",
        &(struct weft_sse_subscription){ .retry = 1, .attempts = 3, .last_id = "b2" });
    ok(weft_sse_reader_next(reader, &event) == -1 && server.requests == 3,
       "attempts without an event come to an end");
    ok(strstr(request, "last-event-id: b2\r\n"), "and begin where they are told to");
    weft_sse_reader_free(reader);
    weft_http_client_free(client);
}

static int everything(void *argument)
{
    (void)argument;
    for (size_t i = 0; i < sizeof(CODINGS) / sizeof(CODINGS[0]); i++) {
        struct weft_http_client *client =
            client_make(server.port, (struct weft_http_client_options){ 0 });
        check_coding(client, i);
        weft_http_client_free(client);
        check_bomb(i);
    }
    check_left_alone();
    check_credentials();
    check_events();
    check_subscription();
    return 0;
}

int main(void)
{
    alarm(120);
    signal(SIGPIPE, SIG_DFL);
    scripted_start(&server, play);
    must(weft_run(everything, NULL) == 0, "in a fiber");
    everything(NULL);
    scripted_stop(&server);
    return done_testing();
}
