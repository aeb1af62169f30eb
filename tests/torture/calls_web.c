/* Plain libcurl, whose system calls fail. */
#include <curl/curl.h>
#include <string.h>

#include "calls.h"

#define TIMEOUT 5000L /* ms */

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

/* Success means the whole file, byte for byte: with_server.py has the same generator. */
static int download(void *argument)
{
    unsigned number = *(unsigned *)argument;
    struct expected expected = { number * 2654435761u + 12345u, 1 + (size_t)number * number * 20,
                                 false };
    char url[128];
    snprintf(url, sizeof url, "%s/%u", number % 2 ? secure : plain, number);
    CURL *curl = curl_easy_init();
    if (!curl)
        return may_fail() ? 0 : -1;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, compare);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &expected);
    curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT);
    CURLcode code = curl_easy_perform(curl);
    double took = 0;
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &took);
    bool waited_in_vain = took * 1000 >= TIMEOUT; /* and not for an ETIMEDOUT */
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return expected.left || expected.differs ? -1 : 0;
    return may_fail() && !waited_in_vain ? 0 : -1;
}

static int download_both(void *unused)
{
    (void)unused;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, download, (unsigned){ 20 });
    weft_go(&scope, download, (unsigned){ 21 });
    return weft_scope_wait(&scope);
}

int main(void)
{
    plain = server_address("TEST_HTTP");
    secure = server_address("TEST_HTTPS");
    authority = server_address("TEST_CA");
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == 0, "libcurl");
    try_calls(download_both);
    curl_global_cleanup();
    return done_testing();
}
