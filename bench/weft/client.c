/* Small GETs over one pool, a hundred at a time. usage: weft-client URL COUNT */
#include "bench.h"

#include <weft/http.h>
#include <weft/weft.h>

enum {
    FIBERS = 100
};

struct work {
    struct weft_http_client *client;
    int64_t *left;
    int64_t *bytes;
};

static int work(void *argument)
{
    const struct work *own = argument;

    while ((*own->left)-- > 0) {
        struct weft_http_response *response = weft_http_client_get(own->client, "/", NULL);
        const void *chunk;
        ssize_t got;
        if (!response) {
            fprintf(stderr, "%s\n", weft_error()->message);
            return -1;
        }
        while ((got = weft_http_body_read(response->body, &chunk)) > 0)
            *own->bytes += got;
        weft_http_response_close(response);
        if (got < 0)
            return -1;
    }
    return 0;
}

static int batch(struct weft_http_client *client, int64_t count)
{
    int64_t left = count, bytes = 0;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "batch" };

    for (int i = 0; i < FIBERS; i++)
        weft_go(&scope, work, (struct work){ client, &left, &bytes });
    return weft_scope_wait(&scope) < 0 || bytes == 0 ? -1 : 0;
}

static int run(void *argument)
{
    char **argv = argument;
    int64_t count = atoll(argv[2]);
    struct weft_http_client_options options = { .url = argv[1],
                                                .max_connections = FIBERS,
                                                .encoded = true };
    struct weft_http_client *client = weft_http_client_new(&options);

    if (!client || batch(client, count / 10) < 0)
        return -1;
    int64_t start = bench_cpu();
    if (batch(client, count) < 0)
        return -1;
    bench_report("client_get", (double)(bench_cpu() - start) / (double)count);
    weft_http_client_free(client);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    return weft_run(run, argv) < 0;
}
