/* Any URL: clients for many origins, and where redirects lead. */
#include "client_test.h"

static char incoming[4096];
static char seen[4096];
static char location[256]; /* where "/N-…" redirects with status N */

static void play(struct scripted *server, int fd)
{
    while (scripted_request(fd, incoming, sizeof(incoming))) {
        char text[1024];
        memcpy(seen, incoming, sizeof(seen));
        server->requests++;
        const char *path = strchr(seen, '/');
        int status = path ? atoi(path + 1) : 0;
        if (status) {
            snprintf(text, sizeof(text),
                     "HTTP/1.1 %d Go\r\nlocation: %s\r\nconnection: close\r\n"
                     "content-length: 2\r\n\r\ngo",
                     status, location);
        } else {
            snprintf(text, sizeof(text),
                     "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nthere");
        }
        scripted_answer(fd, text);
        break;
    }
    close(fd);
}

static struct scripted here;
static struct scripted there;

static const char *url_of(int port, const char *user, const char *target)
{
    static char urls[4][256];
    static int next;
    char *url = urls[next++ % 4];
    snprintf(url, sizeof(urls[0]), "http://%s127.0.0.1:%d%s", user, port, target);
    return url;
}

/* The status; the failure's code, negative. */
static int ask(struct weft_internet *internet, const char *method, const char *url,
               const struct weft_http_request_options *options)
{
    struct weft_http_response *response = weft_internet_request(internet, method, url, options);
    int status = response ? response->status : -client_error();
    if (!response) {
        diag("%s", weft_error()->message);
    }
    weft_http_response_close(response);
    return status;
}

static void check_plain(struct weft_internet *internet)
{
    struct weft_http_response *response =
        weft_internet_get(internet, url_of(here.port, "", "/x?y#z"), NULL);
    must(response, "an answer: %s", weft_error() ? weft_error()->message : "");
    is_str(client_text(response), "there", "a URL");
    ok(strncmp(seen, "GET /x?y HTTP/1.1\r\n", 19) == 0, "of which the fragment stays here");
    is_str(weft_http_response_url(response), url_of(here.port, "", "/x?y"), "the response knows");
    weft_http_response_close(response);
    is_int(ask(internet, "GET", url_of(here.port, "anna:s%21@", "/"), NULL), 200, "a name in it");
    ok(strstr(seen, "authorization: Basic YW5uYTpzIQ==\r\n"), "becomes credentials");
    is_int(ask(internet, "GET", "gopher://x/", NULL), -WEFT_HTTP_ERROR_ARGUMENT, "no other scheme");
    is_int(ask(internet, "GET", "http://a b/", NULL), -WEFT_HTTP_ERROR_ARGUMENT, "no spaces");
}

static void check_methods(struct weft_internet *internet)
{
    const struct weft_http_request_options body = { .data = "body", .type = "text/plain" };
    static const struct {
        const char *method;
        const char *path;
        const char *becomes;
        bool body;
    } CASES[] = {
        { "POST", "/301-", "GET ", false }, { "POST", "/302-", "GET ", false },
        { "POST", "/303-", "GET ", false }, { "POST", "/307-", "POST ", true },
        { "POST", "/308-", "POST ", true }, { "PUT", "/301-", "PUT ", true },
        { "PUT", "/303-", "GET ", false },  { "HEAD", "/303-", "HEAD ", false },
    };
    snprintf(location, sizeof(location), "/end");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        bool head = strcmp(CASES[i].method, "HEAD") == 0;
        int status = ask(internet, CASES[i].method, url_of(here.port, "", CASES[i].path),
                         head ? NULL : &body);
        ok(status == 200 && strncmp(seen, CASES[i].becomes, strlen(CASES[i].becomes)) == 0 &&
               strstr(seen, "/end HTTP") &&
               (strstr(seen, "\r\n\r\nbody") != NULL) == CASES[i].body &&
               (strstr(seen, "content-type") != NULL) == CASES[i].body,
           "%s %s goes on as %s", CASES[i].method, CASES[i].path, CASES[i].becomes);
    }
}

static void check_credentials(struct weft_internet *internet)
{
    const struct weft_http_header headers[] = {
        { "Authorization", "Bearer x" }, { "Cookie", "a=b" }, { "x-other", "stays" }, { NULL, NULL }
    };
    const struct weft_http_request_options options = { .headers = headers };
    snprintf(location, sizeof(location), "/end");
    ask(internet, "GET", url_of(here.port, "", "/302-"), &options);
    ok(strstr(seen, "Bearer x") && strstr(seen, "a=b"), "credentials go along on one origin");
    snprintf(location, sizeof(location), "http://127.0.0.1:%d/end", there.port);
    is_int(ask(internet, "GET", url_of(here.port, "", "/302-"), &options), 200, "to another one");
    ok(!strstr(seen, "Bearer x") && !strstr(seen, "a=b") && strstr(seen, "x-other: stays"),
       "they do not");
    is_int(ask(internet, "GET", url_of(here.port, "anna:s@", "/302-"), NULL), 200, "nor do");
    ok(!strstr(seen, "uthorization"), "those of the URL");
    snprintf(location, sizeof(location), "http://eve:x@127.0.0.1:%d/end", there.port);
    ask(internet, "GET", url_of(here.port, "", "/302-"), NULL);
    ok(!strstr(seen, "uthorization"), "and none are taken from a redirect");
}

static void check_bounds(void)
{
    struct weft_internet_options options = { .redirects = 3 };
    struct weft_internet *internet = weft_internet_new(&options);
    must(internet, "an internet");
    snprintf(location, sizeof(location), "/302-");
    here.requests = 0;
    is_int(ask(internet, "GET", url_of(here.port, "", "/302-"), NULL), -WEFT_HTTP_ERROR_REDIRECT,
           "a circle ends");
    is_int(here.requests, 4, "after three redirects");
    snprintf(location, sizeof(location), "file:///etc/passwd");
    is_int(ask(internet, "GET", url_of(here.port, "", "/302-"), NULL), -WEFT_HTTP_ERROR_REDIRECT,
           "no way leads out of the web");
    weft_internet_free(internet);

    options.redirects = -1;
    internet = weft_internet_new(&options);
    is_int(ask(internet, "GET", url_of(here.port, "", "/302-"), NULL), 302,
           "or they are not followed");
    weft_internet_free(internet);

    options = (struct weft_internet_options){ .max_origins = 1 };
    internet = weft_internet_new(&options);
    struct weft_http_response *open = weft_internet_get(internet, url_of(here.port, "", "/"), NULL);
    must(open, "an answer");
    is_int(ask(internet, "GET", url_of(there.port, "", "/"), NULL), -WEFT_HTTP_ERROR_POOL,
           "no more origins than max_origins while their responses are open");
    weft_http_response_close(open);
    is_int(ask(internet, "GET", url_of(there.port, "", "/"), NULL), 200, "then one makes room");
    weft_internet_free(internet);
    options.client.bearer = "x";
    ok(!weft_internet_new(&options) && errno == EINVAL, "credentials belong to one origin");
}

static int everything(void *argument)
{
    (void)argument;
    struct weft_internet *internet = weft_internet_new(NULL);
    must(internet, "an internet");
    check_plain(internet);
    check_methods(internet);
    check_credentials(internet);
    weft_internet_free(internet);
    check_bounds();
    return 0;
}

int main(void)
{
    alarm(120);
    signal(SIGPIPE, SIG_DFL);
    scripted_start(&here, play);
    scripted_start(&there, play);
    must(weft_run(everything, NULL) == 0, "in a fiber");
    everything(NULL);
    scripted_stop(&here);
    scripted_stop(&there);
    return done_testing();
}
