/* Plain libcurl, whose system calls fail. */

#include "calls.h"
#include "hook/served.h"

#define TIMEOUT 5000L /* ms */

static const char *plain, *secure, *authority;

/* Success means the whole file, byte for byte. */
static int download(void *argument)
{
    unsigned number = *(unsigned *)argument;
    struct served expected = served_file(number);
    char url[128];
    snprintf(url, sizeof url, "%s/%u", number % 2 ? secure : plain, number);
    CURL *curl = curl_easy_init();
    if (!curl)
        return may_fail() ? 0 : -1;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, served_compare);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &expected);
    curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT);
    CURLcode code = curl_easy_perform(curl);
    double took = 0;
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &took);
    bool waited_in_vain = took * 1000 >= TIMEOUT; /* and not for an ETIMEDOUT */
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return served_whole(&expected) ? 0 : -1;
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
