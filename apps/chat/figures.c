/* The live strip: figures of this process, taken once a second for all who look. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chat.h"

enum {
    STATUS_ROOM = 4096, /* bytes of /proc/self/status, about 1,500 */
    EVENT_ROOM = 768,
};

static struct weft_condition taken;
static char event[EVENT_ROOM]; /* the newest figures, encoded */
static size_t event_length;
static double rate;     /* tokens in the last second */
static uint64_t before; /* tokens until then */

static long status_value(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    return line ? strtol(line + strlen(name), NULL, 10) : 0;
}

static void read_status(long *threads, long *memory)
{
    char *status = calloc(1, STATUS_ROOM);
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (status && fd >= 0 && read(fd, status, STATUS_ROOM - 1) > 0) {
        *threads = status_value(status, "\nThreads:");
        *memory = status_value(status, "\nVmRSS:") * 1024;
    }
    if (fd >= 0) {
        close(fd);
    }
    free(status);
}

static void take(void)
{
    struct weft_stats stats = { 0 };
    struct text text = { .limit = EVENT_ROOM - 1 };
    long threads = 0;
    long memory = 0;
    weft_stats(&stats);
    read_status(&threads, &memory);
    text_format(&text,
                "event: stats\ndata: {\"conversations\":%zu,\"fibers\":%zu,\"threads\":%ld,"
                "\"memory_bytes\":%ld,\"load\":%.2f,\"tokens_per_second\":%.0f,\"model\":",
                chat_turns.under_way, stats.tasks, threads, memory, stats.load / 100.0, rate);
    text_json(&text, chat_provider.model, strlen(chat_provider.model));
    text_format(&text, ",\"provider\":\"%s\"}\n\n", chat_provider.kind);
    if (!text.failed) {
        memcpy(event, text.bytes, text.length);
        event_length = text.length;
    }
    text_free(&text);
}

int figures_run(void *context)
{
    (void)context;
    int64_t last = weft_now();
    int64_t next = last + WEFT_SECOND;
    while (weft_sleep(next - weft_now()) == 0) {
        int64_t now = weft_now();
        rate = (double)(chat_turns.tokens - before) * (double)WEFT_SECOND / (double)(now - last);
        before = chat_turns.tokens;
        last = now;
        next += ((now - next) / WEFT_SECOND + 1) * WEFT_SECOND;
        take();
        weft_condition_broadcast(&taken);
    }
    return -1;
}

static int stream(struct weft_sse *sse, void *context)
{
    (void)context;
    take();
    do {
        if (weft_sse_send_encoded(sse, event, event_length) < 0) {
            return -1;
        }
    } while (!weft_http_stream_stopping(weft_sse_stream(sse)) && weft_condition_wait(&taken) == 0);
    return weft_cancelled() ? -1 : 0;
}

int figures_stream(struct weft_http_handler *handler, struct weft_http_request *request,
                   struct weft_http_response *response)
{
    (void)handler;
    return weft_sse_response(request, response, stream, NULL, 0);
}
