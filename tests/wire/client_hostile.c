/*
 * Ten thousand calls, a hundred at a time, over one pool, against a server that ends connections
 * between requests and within answers, resets them, sends bad chunks and slow bytes: no POST
 * happens twice, no GET is lost, nothing leaks.
 */
#include <dirent.h>

#include "client_test.h"

enum {
    CALLS = 10000,
    FIBERS = 100,
};

static atomic_int arrived[CALLS]; /* how often the server has read that request */
static struct scripted server;
static uint64_t seed;

struct tally {
    int answered;
    int failed_posts;
    int failed_gets;
    int repeated; /* GETs that were begun anew since the body had been cut */
};

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void reset(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* One answer: true if the connection goes on. */
static bool answer(int fd, int number, uint64_t *state)
{
    char text[256];
    int length = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%05d",
                          5, number);
    switch (next(state) % 24) {
    case 0: /* half a head */
        wire_send(fd, text, 20);
        return false;
    case 1: /* nothing */
        return false;
    case 2:
        reset(fd);
        return false;
    case 3: /* a reset in the middle */
        wire_send(fd, text, (size_t)length - 2);
        reset(fd);
        return false;
    case 4: /* bad chunks */
        scripted_answer(fd, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcdeX\r\n");
        return false;
    case 5: /* slow bytes */
        for (int i = 0; i < length; i++) {
            wire_send(fd, text + i, 1);
        }
        return true;
    case 6: /* an end between requests, as it may come at any time */
        wire_send(fd, text, (size_t)length);
        return false;
    case 7: /* good chunks */
        length = snprintf(text, sizeof(text),
                          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                          "2\r\n%02d\r\n3\r\n%03d\r\n0\r\n\r\n",
                          number / 1000, number % 1000);
        wire_send(fd, text, (size_t)length);
        return true;
    default:
        wire_send(fd, text, (size_t)length);
        return true;
    }
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char text[4096];
    uint64_t state = seed + (uint64_t)fd * 0x9e3779b97f4a7c15u + (uint64_t)server.connections;
    while (next(&state) % 32 && scripted_request(fd, text, sizeof(text))) {
        const char *number = strstr(text, "/n/");
        if (!number) {
            break;
        }
        arrived[atoi(number + 3)]++;
        if (!answer(fd, atoi(number + 3), &state)) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static void serve_aside(struct scripted *scripted, int fd)
{
    (void)scripted;
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    must(pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd) == 0, "a thread");
    pthread_attr_destroy(&attributes);
}

/* One call. 1 answered, 0 not at all, -1 a body that was cut. */
static int call(struct weft_http_client *client, int number, bool post)
{
    char target[32];
    char expected[8];
    snprintf(target, sizeof(target), "/n/%05d", number);
    snprintf(expected, sizeof(expected), "%05d", number);
    const struct weft_http_request_options body = { .data = "payload" };
    struct weft_http_response *response = post ? weft_http_client_post(client, target, &body)
                                               : weft_http_client_get(client, target, NULL);
    if (!response) {
        return 0;
    }
    const char *text = weft_http_response_read(response, 100, NULL);
    int result = text && strcmp(text, expected) == 0 ? 1 : -1;
    weft_http_response_close(response);
    return result;
}

struct worker {
    struct weft_http_client *client;
    struct tally *tally;
    int first;
};

static int work(void *argument)
{
    const struct worker *worker = argument;
    for (int number = worker->first; number < CALLS; number += FIBERS) {
        bool post = number % 3 == 0;
        int result = call(worker->client, number, post);
        for (int i = 0; result < 0 && !post && i < 20; i++) {
            worker->tally->repeated++;
            result = call(worker->client, number, false);
        }
        worker->tally->answered += result > 0;
        worker->tally->failed_posts += result <= 0 && post;
        worker->tally->failed_gets += result <= 0 && !post;
    }
    return 0;
}

static int storm(void *argument)
{
    struct tally *tally = argument;
    struct weft_http_client_stats stats;
    struct weft_http_client *client =
        client_make(server.port, (struct weft_http_client_options){
                                     .retries = 20,
                                     .retry_budget = SIZE_MAX,
                                     .retry_delay = WEFT_MILLISECOND,
                                     .retry_delay_max = 10 * WEFT_MILLISECOND,
                                     .max_connections = FIBERS / 2,
                                 });
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "storm" };
        for (int i = 0; i < FIBERS; i++) {
            weft_go(&scope, work, (struct worker){ client, tally, i });
        }
        must(weft_scope_wait(&scope) == 0, "all workers end");
    }
    weft_http_client_stats(client, &stats);
    ok(stats.busy == 0 && stats.waiting == 0, "no connection is in use when all is over");
    ok(stats.idle <= FIBERS / 2, "no more are kept than may be open");
    ok(stats.reused > CALLS / 2, "most calls used one again");
    ok(stats.retries > 0 && stats.stale > 0, "and many met one that had ended");
    diag("%llu connections, %llu retries, %llu stale", (unsigned long long)stats.opened,
         (unsigned long long)stats.retries, (unsigned long long)stats.stale);
    weft_http_client_free(client);
    return 0;
}

static int open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    must(folder, "/proc/self/fd");
    int count = 0;
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count;
}

int main(void)
{
    struct tally tally = { 0 };
    const char *given = getenv("WEFT_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u;
    diag("WEFT_TEST_SEED=%llu", (unsigned long long)seed);
    alarm(120);
    signal(SIGPIPE, SIG_DFL);
    scripted_start(&server, serve_aside);
    must(weft_run(storm, &tally) == 0, "the storm");
    int before = 0;
    for (int i = 0; i < 200 && (before = open_files()) > 20; i++) {
        usleep(10000); /* the server's threads end */
    }
    int twice = 0;
    int never = 0;
    for (int i = 0; i < CALLS; i++) {
        twice += i % 3 == 0 && arrived[i] > 1;
        never += i % 3 != 0 && arrived[i] == 0;
    }
    is_int(twice, 0, "no POST happened twice");
    is_int(never, 0, "every GET reached the server");
    is_int(tally.failed_gets, 0, "and was answered in the end");
    is_int(tally.answered + tally.failed_posts, CALLS, "every call has an outcome");
    ok(tally.failed_posts > 0, "POSTs that met a fault were told so (%d)", tally.failed_posts);
    ok(before <= 20, "no descriptor is left (%d)", before);
    scripted_stop(&server);
    return done_testing();
}
