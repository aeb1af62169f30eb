/* Plain libcurl under a thousand orders of its fibers. */
#include <curl/curl.h>

#include "seeds.h"

enum {
    PLAIN = 5,
    SECURE = 1,
    LARGEST = 25 /* number of the largest file asked for: 12 kB */
};

static const char *plain, *secure, *authority;

struct expected {
    uint32_t state;
    size_t left;
    bool differs;
};

static size_t compare(char *data, size_t one, size_t size, void *context)
{
    struct expected *expected = context;
    for (size_t i = 0; i < size * one; i++) {
        expected->state = expected->state * 1664525u + 1013904223u;
        expected->differs |= expected->left == 0 || (unsigned char)data[i] != expected->state >> 24;
        expected->left -= expected->left > 0;
    }
    return size * one;
}

/* What each file holds: with_server.py has the same generator. */
static int download(void *argument)
{
    unsigned number = *(unsigned *)argument;
    struct expected expected = { number * 2654435761u + 12345u, 1 + (size_t)number * number * 20,
                                 false };
    char url[128];
    snprintf(url, sizeof url, "%s/%u", number % 6 < PLAIN ? plain : secure, number);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, compare);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &expected);
    curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK || expected.left || expected.differs)
        diag("%s: %s, %zu bytes missing", url, curl_easy_strerror(code), expected.left);
    return code == CURLE_OK && !expected.left && !expected.differs ? 0 : -1;
}

FIBER(download_some)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (unsigned i = 0; i < PLAIN + SECURE; i++)
        weft_go(&scope, download, (unsigned){ LARGEST - LARGEST % 6 - 6 + i });
    return weft_scope_wait(&scope);
}

int main(void)
{
    alarm(140);
    plain = server_address("TEST_HTTP");
    secure = server_address("TEST_HTTPS");
    authority = server_address("TEST_CA");
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == 0, "libcurl");
    try_seeds(download_some);
    return done_testing();
}
