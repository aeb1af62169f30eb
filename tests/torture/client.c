/*
 * The HTTP client: the n-th allocation fails, or the n-th park cancels the task that parks, for
 * every n until a run comes to its end without having met the fault. What a call has not done is
 * told, no descriptor and no memory is left.
 */
#include <dirent.h>
#include <zlib.h>

#include "base/alloc.h"
#include "fiber/fiber.h"
#include "wire/client_test.h"

enum {
    FUSE = 60,
    MOST = 5000
};

static struct scripted server;
static char packed[256];
static size_t packed_length;

static void pack(void)
{
    static const char TEXT[] = "packed packed packed";
    z_stream stream = { .next_in = (unsigned char *)(uintptr_t)TEXT,
                        .avail_in = sizeof(TEXT) - 1,
                        .next_out = (unsigned char *)packed,
                        .avail_out = sizeof(packed) };
    must(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
             deflate(&stream, Z_FINISH) == Z_STREAM_END,
         "gzip");
    deflateEnd(&stream);
    packed_length = sizeof(packed) - stream.avail_out;
}

static void answer(int fd, const char *request)
{
    char text[512];
    if (strstr(request, " /packed ")) {
        int length = snprintf(text, sizeof(text),
                              "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n"
                              "content-length: %zu\r\n\r\n",
                              packed_length);
        wire_send(fd, text, (size_t)length);
        wire_send(fd, packed, packed_length);
    } else if (strstr(request, " /events ")) {
        scripted_answer(fd, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                            "transfer-encoding: chunked\r\n\r\n"
                            "f\r\nid: 7\ndata: x\n\n\r\n0\r\nx-end: yes\r\n\r\n");
    } else if (strstr(request, " /away ")) {
        scripted_answer(fd, "HTTP/1.1 302 Go\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
    } else {
        scripted_answer(fd, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain");
    }
}

/* A body in chunks is read up to its end. */
static void converse(struct scripted *scripted, int fd)
{
    char request[4096];
    size_t filled = 0;
    (void)scripted;
    for (;;) {
        ssize_t got =
            wire_receive(fd, request + filled, sizeof(request) - 1 - filled, WIRE_PATIENCE);
        if (got <= 0) {
            break;
        }
        filled += (size_t)got;
        request[filled] = '\0';
        bool chunked = strcasestr(request, "transfer-encoding: chunked") != NULL;
        if (strstr(request, chunked ? "\r\n0\r\n\r\n" : "\r\n\r\n")) {
            usleep(2000); /* so that the client has parked */
            answer(fd, request);
            filled = 0;
        }
    }
    close(fd);
}

static int expect(struct weft_http_response *response, const char *text)
{
    const char *got = response ? weft_http_response_read(response, 1000, NULL) : NULL;
    int error = errno;
    int result = got ? 0 : -1;
    must(!got || strcmp(got, text) == 0, "a body is whole, or not there");
    weft_http_response_close(response);
    errno = error;
    return result;
}

static int write_body(struct weft_http_stream *stream, void *context)
{
    (void)context;
    return weft_http_stream_printf(stream, "a line\n");
}

static int read_event(struct weft_sse_reader *reader)
{
    struct weft_sse_event event;
    int got = reader ? weft_sse_reader_next(reader, &event) : -1;
    int error = errno;
    must(got < 1 || strcmp(event.data, "x") == 0, "an event is whole, or not there");
    weft_sse_reader_free(reader);
    errno = error;
    return got == 1 ? 0 : -1;
}

static int use_client(struct weft_http_client *client)
{
    const struct weft_http_header headers[] = { { "x-one", "1" },
                                                { "x-two", "2" },
                                                { NULL, NULL } };
    const struct weft_http_request_options options = { .headers = headers, .write = write_body };
    if (expect(weft_http_client_get(client, "/", NULL), "plain") < 0 ||
        expect(weft_http_client_get(client, "/packed", NULL), "packed packed packed") < 0 ||
        expect(weft_http_client_post(client, "/", &options), "plain") < 0) {
        return -1;
    }
    struct weft_http_response *response = weft_http_client_get(client, "/events", NULL);
    int result = response ? read_event(weft_sse_reader_new(response, 0)) : -1;
    int error = errno;
    weft_http_response_close(response);
    errno = error;
    return result < 0 ? -1 : read_event(weft_sse_subscribe(client, "/events", NULL));
}

static int use_internet(void)
{
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/away", server.port);
    struct weft_internet *internet = weft_internet_new(NULL);
    int result = internet ? expect(weft_internet_get(internet, url, NULL), "plain") : -1;
    int error = errno;
    weft_internet_free(internet);
    errno = error;
    return result;
}

static int root(void *unused)
{
    char url[64];
    (void)unused;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
    struct weft_http_client_options options = { .url = url, .bearer = "token", .retries = -1 };
    struct weft_http_client *client = weft_http_client_new(&options);
    int result = client ? use_client(client) : -1;
    int error = errno;
    weft_http_client_free(client);
    errno = error;
    return result < 0 ? -1 : use_internet();
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    must(folder, "/proc/self/fd can be read");
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}

/* The server's thread closes its ends a moment later. */
static bool descriptors_reach(int wanted)
{
    for (int i = 0; i < 2000; i++) {
        if (open_descriptors() <= wanted) {
            return true;
        }
        usleep(1000);
    }
    return false;
}

static void try_all(const char *name, void (*arm)(uint64_t n), uint64_t (*count)(void),
                    int expected)
{
    must(weft_run(root, NULL) == 0 && weft_run(root, NULL) == 0, "without a fault all is exact: %s",
         weft_error() ? weft_error()->message : strerror(errno));
    int64_t live = weft__torture_live();
    usleep(100000); /* the server's thread closes its end */
    int open = open_descriptors();
    int failed = 0;
    for (uint64_t n = 1; n < MOST; n++) {
        alarm(FUSE);
        arm(n);
        uint64_t before = count();
        int result = weft_run(root, NULL);
        int error = errno;
        bool met = count() - before >= n;
        arm(0);
        must(result == 0 || met, "%s: it fails only for the fault", name);
        must(result == 0 || error == expected || error == EAGAIN || error == ECANCELED,
             "%s %lu: %s", name, (unsigned long)n, strerror(error));
        must(descriptors_reach(open), "%s %lu: no descriptor is left", name, (unsigned long)n);
        failed += result < 0;
        if (!met) {
            break;
        }
    }
    must(weft_run(root, NULL) == 0, "afterwards all is exact");
    ok(failed > 5, "%s: told %d times, no descriptor is left", name, failed);
    ok(weft__torture_live() <= live, "and no memory (%lld, before %lld)",
       (long long)weft__torture_live(), (long long)live);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    pack();
    scripted_start(&server, converse);
    try_all("allocation fails", weft__torture_fail_allocation, weft__torture_allocations, ENOMEM);
    try_all("park is cancelled", weft__torture_cancel_at, weft__torture_parks, ECANCELED);
    scripted_stop(&server);
    return done_testing();
}
