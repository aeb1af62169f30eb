/* A jar of cookies: what is kept, and who gets it. */
#include "client_test.h"

static struct weft_cookies *jar;

static void is_sent(const char *url, const char *expected, const char *what)
{
    char *text = weft_cookies_get(jar, url);
    is_str(text, expected, "%s", what);
    free(text);
}

static int set(const char *url, const char *text)
{
    return weft_cookies_set(jar, url, text);
}

static void begin(void)
{
    weft_cookies_free(jar);
    jar = weft_cookies_new();
    must(jar, "a jar");
}

static void check_domains(void)
{
    begin();
    set("http://www.example.org/", "own=1");
    is_sent("http://www.example.org/", "own=1", "a cookie comes back");
    is_sent("http://WWW.Example.ORG/", "own=1", "in any case of the host's name");
    is_sent("http://example.org/", NULL, "not to another host");
    is_sent("http://sub.www.example.org/", NULL, "nor to one below");
    begin();
    set("http://www.example.org/", "all=1; Domain=.example.org");
    is_sent("http://a.b.example.org/", "all=1", "with a domain, to all in it");
    is_sent("http://badexample.org/", NULL, "whose name ends with a dot before it");
    ok(set("http://www.example.org/", "x=1; Domain=other.org") < 0 && errno == EINVAL,
       "no other domain's");
    ok(set("http://www.example.org/", "x=1; Domain=sub.www.example.org") < 0, "none below");
    ok(set("http://www.example.org/", "x=1; Domain=org") < 0, "and none of a public suffix");
    ok(set("http://shop.example.co.uk/", "x=1; Domain=co.uk") < 0, "of two labels either");
    begin();
    ok(set("http://127.0.0.1/", "x=1; Domain=0.0.1") < 0, "an address has no domain");
    ok(set("http://127.0.0.1/", "x=1; Domain=127.0.0.1") == 0, "but itself");
    is_sent("http://127.0.0.1/", "x=1", "to which it comes back");
}

static void check_paths(void)
{
    begin();
    set("http://h.test/docs/page", "a=1");
    is_sent("http://h.test/docs/other", "a=1", "the path is the page's folder");
    is_sent("http://h.test/docs", "a=1", "itself included");
    is_sent("http://h.test/docsmore", NULL, "not what begins alike");
    is_sent("http://h.test/", NULL, "nor what is above");
    set("http://h.test/docs/page", "b=2; Path=/");
    set("http://h.test/docs/page", "c=3; Path=/docs/deep/");
    is_sent("http://h.test/docs/deep/x?y", "c=3; a=1; b=2", "the longest path comes first");
    set("http://h.test/docs/page", "a=9");
    is_sent("http://h.test/docs/", "a=9; b=2", "one of the same name and path is replaced");
}

static void check_times(void)
{
    begin();
    set("http://h.test/", "a=1; Max-Age=100");
    is_sent("http://h.test/", "a=1", "one with time");
    set("http://h.test/", "a=1; Max-Age=0");
    is_sent("http://h.test/", NULL, "no time removes it");
    set("http://h.test/", "b=1; Max-Age=-1");
    is_sent("http://h.test/", NULL, "nor below");
    set("http://h.test/", "c=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT");
    is_sent("http://h.test/", NULL, "a date that is over");
    set("http://h.test/", "c=1; Expires=Wed, 21-Oct-37 07:28:00 GMT");
    is_sent("http://h.test/", "c=1", "one to come, of two digits");
    set("http://h.test/", "c=2; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Max-Age=9");
    is_sent("http://h.test/", "c=2", "max-age counts before expires");
    set("http://h.test/", "c=3; Expires=nonsense");
    is_sent("http://h.test/", "c=3", "a date that is none does not count");
}

static void check_secure(void)
{
    begin();
    ok(set("http://h.test/", "s=1; Secure") < 0, "a secure one needs https");
    ok(set("https://h.test/", "s=1; Secure") == 0, "and gets it");
    is_sent("http://h.test/", NULL, "it is not sent in plain");
    is_sent("https://h.test/", "s=1", "but over https");
    ok(set("http://h.test/", "s=2") < 0, "plain HTTP does not hide it");
    ok(set("https://h.test/", "__Secure-a=1") < 0, "__Secure- has to be");
    ok(set("https://h.test/x/y", "__Host-a=1; Secure") < 0, "__Host- is of the whole host");
    ok(set("https://h.test/x", "__Host-a=1; Secure; Path=/") == 0, "as it says then");
}

static void check_limits(void)
{
    static char text[WEFT_COOKIE_MAX + 64];
    begin();
    memset(text, 'v', sizeof(text));
    memcpy(text, "n=", 2);
    text[WEFT_COOKIE_MAX + 1] = '\0';
    ok(set("http://h.test/", text) == 0, "a cookie of WEFT_COOKIE_MAX bytes");
    text[WEFT_COOKIE_MAX + 1] = 'v';
    text[WEFT_COOKIE_MAX + 2] = '\0';
    ok(set("http://h.test/", text) < 0, "and one more");
    ok(set("http://h.test/", "a=1\x01") < 0 && set("http://h.test/", "=") < 0, "malformed ones");
    begin();
    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof(text), "n%d=1", i);
        set("http://h.test/", text);
    }
    is_int(weft_cookies_count(jar), WEFT_COOKIES_DOMAIN_MAX, "so many of a domain");
    char *sent = weft_cookies_get(jar, "http://h.test/");
    ok(sent && strncmp(sent, "n10=1; n11=1", 12) == 0, "the first have made room");
    free(sent);
    begin();
    for (int i = 0; i < 3010; i++) {
        char url[64];
        snprintf(url, sizeof(url), "http://h%d.test/", i);
        set(url, "a=1");
    }
    is_int(weft_cookies_count(jar), WEFT_COOKIES_MAX, "so many of all");
}

static char seen[4096];

static void play(struct scripted *server, int fd)
{
    if (scripted_request(fd, seen, sizeof(seen))) {
        server->requests++;
        scripted_answer(fd,
                        strstr(seen, " /in ")
                            ? "HTTP/1.1 302 Go\r\nlocation: /home\r\nset-cookie: id=7; Path=/\r\n"
                              "connection: close\r\ncontent-length: 0\r\n\r\n"
                            : "HTTP/1.1 200 OK\r\nconnection: close\r\n"
                              "content-length: 0\r\n\r\n");
    }
    close(fd);
}

static void check_client(void)
{
    struct scripted server;
    char url[64];
    begin();
    scripted_start(&server, play);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/in", server.port);
    struct weft_internet *internet =
        weft_internet_new(&(struct weft_internet_options){ .client.cookies = jar });
    must(internet, "an internet");
    weft_http_response_close(weft_internet_get(internet, url, NULL));
    ok(strstr(seen, "GET /home") && strstr(seen, "cookie: id=7\r\n"),
       "a cookie that came with a redirect is sent where it leads");
    weft_internet_free(internet);
    scripted_stop(&server);
}

int main(void)
{
    alarm(60);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    check_domains();
    check_paths();
    check_times();
    check_secure();
    check_limits();
    check_client();
    weft_cookies_free(jar);
    return done_testing();
}
