/*
 * Fetch many pages at once with libcurl's plain blocking interface: fetch_all URL ...
 *
 * Nothing in fetch() is made for fibers: curl_easy_perform() looks a name up, connects and reads as
 * in any program, and each of those waits parks one fiber. At most 64 fetches run at a time, and
 * all of them share 30 seconds. A page that can't be had is a line of the list, not a failure of
 * all.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

struct reply {
    CURLcode code;
    long status;
    size_t bytes;
};

struct job {
    const char *url;
    struct reply *out;
};

struct list {
    char **urls;
    size_t count;
    struct reply *replies;
};

static size_t count_bytes(char *data, size_t size, size_t count, void *bytes)
{
    (void)data;
    *(size_t *)bytes += size * count;
    return size * count;
}

static int fetch(void *argument)
{
    struct job *job = argument;
    CURL *curl = curl_easy_init();
    if (!curl)
        return -1;
    curl_easy_setopt(curl, CURLOPT_URL, job->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &job->out->bytes);
    job->out->code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &job->out->status);
    curl_easy_cleanup(curl);
    return 0;
}

static int fetch_all(void *argument)
{
    struct list *list = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .limit = 64, .timeout = 30 * WEFT_SECOND };
    for (size_t i = 0; i < list->count; i++) {
        list->replies[i].code = CURLE_OPERATION_TIMEDOUT; /* unless it gets its turn */
        weft_go(&scope, fetch, (struct job){ list->urls[i], &list->replies[i] });
    }
    return weft_scope_wait(&scope);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: fetch_all URL ...\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct list list = { argv + 1, (size_t)argc - 1, calloc((size_t)argc, sizeof(struct reply)) };
    if (!list.replies || weft_run(fetch_all, &list) < 0)
        perror("fetch_all");
    for (size_t i = 0; list.replies && i < list.count; i++) {
        const struct reply *reply = &list.replies[i];
        if (reply->code == CURLE_OK)
            printf("%s: %ld, %zu bytes\n", list.urls[i], reply->status, reply->bytes);
        else
            printf("%s: %s\n", list.urls[i], curl_easy_strerror(reply->code));
    }
    free(list.replies);
    curl_global_cleanup();
    return 0;
}
