/* libcurl under a WEFT_TIMEOUT, towards a server that takes the request and never answers. */
#include <curl/curl.h>

#include "crowd.h"

enum {
    ROUNDS = 20
};

static char url[64];

static size_t discard(char *data, size_t one, size_t size, void *context)
{
    (void)data, (void)context;
    return one * size;
}

static CURLcode ask_once(int64_t *took, char *problem)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    int64_t began = weft_now();
    CURLcode code;
    {
        WEFT_TIMEOUT(100 * WEFT_MILLISECOND);
        code = curl_easy_perform(curl);
    }
    *took = weft_now() - began;
    curl_easy_cleanup(curl);
    return code;
}

FIBER(ask)
{
    char problem[CURL_ERROR_SIZE] = "";
    int64_t took;
    CURLcode code = ask_once(&took, problem);
    ok(code != CURLE_OK, "libcurl gives its own error: %d, %s", (int)code,
       problem[0] ? problem : curl_easy_strerror(code));
    ok(took >= 100 * WEFT_MILLISECOND && took < WEFT_SECOND, "in time: %lld ms",
       (long long)(took / WEFT_MILLISECOND));
    int descriptors = open_descriptors();
    for (int i = 0; i < ROUNDS / 2; i++) /* malloc's caches fill up */
        must(ask_once(&took, problem) != CURLE_OK, "again");
    size_t memory = mallinfo2().uordblks;
    for (int i = 0; i < ROUNDS; i++)
        must(ask_once(&took, problem) != CURLE_OK, "again");
    is_int(open_descriptors(), descriptors, "20 times more: no descriptor is left behind");
    size_t now = mallinfo2().uordblks;
    ok(now <= memory + 1024, "no memory is: %zu bytes, %zu before", now, memory);
    ok(usleep(1000) == 0, "and the fiber sleeps as before");
    return 0;
}

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 64) == 0 &&
             getsockname(listener, (struct sockaddr *)&address, &length) == 0,
         "a server that never answers");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == 0, "libcurl");
    in_runtime(ask);
    return done_testing();
}
