/* Plain libcurl under a thousand orders of its fibers. */

#include "seeds.h"
#include "served.h"

enum {
    PLAIN = 5,
    SECURE = 1,
    LARGEST = 25 /* number of the largest file asked for: 12 kB */
};

static const char *plain, *secure, *authority;

static int download(void *argument)
{
    unsigned number = *(unsigned *)argument;
    struct served expected = served_file(number);
    char url[128];
    snprintf(url, sizeof url, "%s/%u", number % 6 < PLAIN ? plain : secure, number);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, served_compare);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &expected);
    curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK || !served_whole(&expected))
        diag("%s: %s, %zu bytes missing", url, curl_easy_strerror(code), expected.left);
    return code == CURLE_OK && served_whole(&expected) ? 0 : -1;
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
