/*
 * 1,000 downloads by plain libcurl, its easy interface, at once on one thread; over HTTP and HTTPS.
 */
#include "served.h"

enum {
    DOWNLOADS = 1000,
    FILES = 64
};

static const char *base, *authority;
static int begun, good, most_threads;
static char first_failure[256];

static size_t compare(char *data, size_t one, size_t size, void *context)
{
    while (begun < DOWNLOADS) /* nobody is done before all have begun */
        usleep(1000);
    return served_compare(data, one, size, context);
}

static int download(void *argument)
{
    unsigned number = *(unsigned *)argument % FILES;
    struct served expected = served_file(number);
    char url[128], problem[CURL_ERROR_SIZE] = "";
    snprintf(url, sizeof url, "%s/%u", base, number);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, compare);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &expected);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 100L);
    begun++;
    crowd_enter();
    CURLcode code = curl_easy_perform(curl);
    crowd_leave();
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status == 200 && served_whole(&expected))
        good++;
    else if (!first_failure[0])
        snprintf(first_failure, sizeof first_failure, "%s: %d %s, status %ld, %zu bytes missing%s",
                 url, (int)code, problem, status, expected.left,
                 expected.differs ? ", wrong bytes" : "");
    curl_easy_cleanup(curl);
    return 0;
}

FIBER(download_all)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    for (unsigned i = 0; i < DOWNLOADS; i++)
        must(weft_go(&scope, download, (unsigned){ i }), "download %u was started", i);
    most_threads = thread_count();
    return weft_scope_wait(&scope);
}

static void run(const char *name, const char *address)
{
    base = address;
    begun = good = crowd_most = 0;
    in_runtime(download_all);
    if (first_failure[0])
        diag("%s", first_failure);
    is_int(good, DOWNLOADS, "%s: 1,000 downloads, byte for byte", name);
    is_int(crowd_most, DOWNLOADS, "%s: all at once", name);
    is_int(most_threads, 1, "%s: on one thread", name);
}

int main(void)
{
    alarm(110);
    const char *http = server_address("TEST_HTTP");
    authority = server_address("TEST_CA");
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == 0, "libcurl");
    int before = open_descriptors();
    run("HTTP", http);
    run("HTTPS", server_address("TEST_HTTPS"));
    is_int(open_descriptors(), before, "no descriptor is left behind");
    return done_testing();
}
