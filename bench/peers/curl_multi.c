/* The same as weft/client.c by libcurl's multi interface and epoll. usage: curl-multi URL COUNT */
#include "bench.h"

#include <curl/curl.h>
#include <sys/epoll.h>

enum {
    TRANSFERS = 100,
    EVENTS = 64
};

static int epoll;
static long timeout_ms = -1;
static int64_t bytes;

static size_t take(char *data, size_t size, size_t count, void *context)
{
    (void)data, (void)context;
    bytes += (int64_t)(size * count);
    return size * count;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct epoll_event event = { .data.fd = fd };

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (known) {
        epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
    } else {
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        curl_multi_assign((CURLM *)context, fd, &epoll);
    }
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *context)
{
    (void)multi, (void)context;
    timeout_ms = ms;
    return 0;
}

static void begin(CURLM *multi, const char *url)
{
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_multi_add_handle(multi, easy);
}

/* Those that are done begin anew while there is something left to do. */
static void collect(CURLM *multi, int64_t *left, int *running)
{
    CURLMsg *message;
    int queued;

    while ((message = curl_multi_info_read(multi, &queued))) {
        CURL *easy = message->easy_handle;
        if (message->msg != CURLMSG_DONE || message->data.result != CURLE_OK)
            abort();
        curl_multi_remove_handle(multi, easy);
        if ((*left)-- > 0) {
            curl_multi_add_handle(multi, easy);
        } else {
            curl_easy_cleanup(easy);
            (*running)--;
        }
    }
}

static void batch(CURLM *multi, const char *url, int64_t count)
{
    struct epoll_event events[EVENTS];
    int64_t left = count - TRANSFERS;
    int running = TRANSFERS, active;

    for (int i = 0; i < TRANSFERS; i++)
        begin(multi, url);
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &active);
    while (running > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, (int)timeout_ms);
        if (ready <= 0)
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &active);
        for (int i = 0; i < ready; i++) {
            int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(multi, events[i].data.fd, what, &active);
        }
        collect(multi, &left, &running);
        if (timeout_ms == 0)
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &active);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int64_t count = atoll(argv[2]);
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)TRANSFERS);
    batch(multi, argv[1], count / 10);
    int64_t start = bench_cpu();
    batch(multi, argv[1], count);
    bench_report("client_get", (double)(bench_cpu() - start) / (double)count);
    return bytes == 0;
}
