/* The client through proxies: of HTTP, by CONNECT, by SOCKS5, and as the environment says. */
#include "client_test.h"

static char asked[4096]; /* what the proxy was asked */
static struct wire origin;
static const char *refusal; /* what the proxy answers; NULL: it does what it is asked */

static int connect_to_origin(void)
{
    return wire_connect(&origin);
}

/* Bytes both ways until both have ended. */
static void pump(int one, int other)
{
    struct pollfd ends[] = { { .fd = one, .events = POLLIN }, { .fd = other, .events = POLLIN } };
    char bytes[16384];
    while (poll(ends, 2, WIRE_PATIENCE) > 0) {
        for (int i = 0; i < 2; i++) {
            if (!ends[i].revents) {
                continue;
            }
            ssize_t got = recv(ends[i].fd, bytes, sizeof(bytes), 0);
            if (got <= 0) {
                return;
            }
            wire_send(ends[1 - i].fd, bytes, (size_t)got);
        }
    }
}

static void http_proxy(struct scripted *proxy, int fd)
{
    if (scripted_request(fd, asked, sizeof(asked))) {
        proxy->requests++;
        if (refusal) {
            scripted_answer(fd, refusal);
        } else if (strncmp(asked, "CONNECT ", 8) == 0) {
            int other = connect_to_origin();
            scripted_answer(fd, "HTTP/1.1 200 Connected\r\n\r\n");
            pump(fd, other);
            close(other);
        } else {
            int other = connect_to_origin();
            wire_send(other, asked, strlen(asked)); /* the server takes absolute targets */
            pump(fd, other);
            close(other);
        }
    }
    close(fd);
}

static void receive_exactly(int fd, unsigned char *bytes, size_t length)
{
    for (size_t filled = 0; filled < length;) {
        ssize_t got = wire_receive(fd, (char *)bytes + filled, length - filled, WIRE_PATIENCE);
        must(got > 0, "the client speaks SOCKS5");
        filled += (size_t)got;
    }
}

static bool socks_wants_password;
static char socks_login[64];

static void socks_proxy(struct scripted *proxy, int fd)
{
    unsigned char bytes[512];
    proxy->requests++;
    receive_exactly(fd, bytes, 2);
    size_t methods = bytes[1];
    receive_exactly(fd, bytes, methods);
    bool offered = memchr(bytes, 2, methods) != NULL;
    if (socks_wants_password && !offered) {
        wire_send(fd, "\x05\xff", 2);
        close(fd);
        return;
    }
    wire_send(fd, socks_wants_password ? "\x05\x02" : "\x05\x00", 2);
    if (socks_wants_password) {
        receive_exactly(fd, bytes, 2);
        size_t length = bytes[1];
        receive_exactly(fd, bytes, length + 1);
        size_t second = bytes[length];
        int end = snprintf(socks_login, sizeof(socks_login), "%.*s:", (int)length, (char *)bytes);
        receive_exactly(fd, bytes, second);
        snprintf(socks_login + end, sizeof(socks_login) - (size_t)end, "%.*s", (int)second,
                 (char *)bytes);
        wire_send(fd, "\x01\x00", 2);
    }
    receive_exactly(fd, bytes, 5);
    size_t length = bytes[4];
    receive_exactly(fd, bytes, length + 2);
    snprintf(asked, sizeof(asked), "%.*s:%d", (int)length, (char *)bytes,
             bytes[length] << 8 | bytes[length + 1]);
    if (refusal) {
        wire_send(fd, "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", 10);
    } else {
        int other = connect_to_origin();
        wire_send(fd, "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50", 10);
        pump(fd, other);
        close(other);
    }
    close(fd);
}

static const char *proxy_url(const char *scheme, const char *user, int port)
{
    static char url[128];
    snprintf(url, sizeof(url), "%s://%s127.0.0.1:%d", scheme, user, port);
    return url;
}

/* 0 an answer of the origin; the failure's code. */
static int ask(const char *url, const char *proxy)
{
    struct weft_http_client_options options = { .url = url, .proxy = proxy, .retries = -1 };
    struct weft_http_client *client = weft_http_client_new(&options);
    must(client, "a client: %s", weft_error() ? weft_error()->message : "");
    struct weft_http_response *response = weft_http_client_get(client, "/show?q=1", NULL);
    int code = response ? 0 : client_error();
    if (response) {
        ok(strstr(client_text(response), "path=/show query=q=1"), "the origin answers");
    } else {
        diag("%s", weft_error()->message);
    }
    weft_http_response_close(response);
    weft_http_client_free(client);
    return code;
}

static void check_http(int port)
{
    is_int(ask("http://origin.test", proxy_url("http", "", port)), 0, "a proxy of HTTP");
    ok(strstr(asked, "GET http://origin.test/show?q=1 HTTP/1.1\r\n") &&
           strstr(asked, "host: origin.test\r\n"),
       "is given the whole URL");
    ok(!strstr(asked, "proxy-authorization"), "and no credentials");
    ask("http://origin.test", proxy_url("http", "anna:se%3acret@", port));
    ok(strstr(asked, "proxy-authorization: Basic YW5uYTpzZTpjcmV0\r\n"), "unless it wants some");

    refusal = "HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n";
    ok(ask("https://origin.test", proxy_url("http", "", port)) == WEFT_HTTP_ERROR_PROXY &&
           errno == EACCES && strstr(asked, "CONNECT origin.test:443 HTTP/1.1\r\n"),
       "https goes by CONNECT, and a 407 says what it wants");
    refusal = "HTTP/1.1 502 Down\r\ncontent-length: 0\r\n\r\n";
    is_int(ask("https://origin.test", proxy_url("http", "", port)), WEFT_HTTP_ERROR_PROXY,
           "any other refusal too");
    refusal = "HTTP/1.1 200 OK\r\n\r\nearly";
    is_int(ask("https://origin.test", proxy_url("http", "", port)), WEFT_HTTP_ERROR_PROXY,
           "bytes before the client's are refused");
    refusal = NULL;
    is_int(ask("https://origin.test", proxy_url("http", "", port)), WEFT_HTTP_ERROR_TLS,
           "TLS begins in the tunnel, to a server that has none");
}

static void check_socks(int port)
{
    is_int(ask("http://origin.test:81", proxy_url("socks5", "", port)), 0, "a SOCKS5 proxy");
    is_str(asked, "origin.test:81", "looks the name up itself");
    socks_wants_password = true;
    is_int(ask("http://origin.test", proxy_url("socks5h", "anna:secret@", port)), 0,
           "with a name and a password");
    is_str(socks_login, "anna:secret", "that it gets");
    ok(ask("http://origin.test", proxy_url("socks5", "", port)) == WEFT_HTTP_ERROR_PROXY &&
           errno == EACCES,
       "and asks for");
    socks_wants_password = false;
    refusal = "no";
    is_int(ask("http://origin.test", proxy_url("socks5", "", port)), WEFT_HTTP_ERROR_PROXY,
           "a refusal is told");
    refusal = NULL;
}

static void check_environment(struct scripted *proxy)
{
    char direct[64];
    snprintf(direct, sizeof(direct), "http://127.0.0.1:%d", origin.port);
    proxy->requests = 0;
    setenv("http_proxy", proxy_url("http", "", proxy->port), 1);
    is_int(ask("http://origin.test", NULL), 0, "http_proxy is followed");
    is_int(proxy->requests, 1, "to the proxy");
    is_int(ask(direct, ""), 0, "not where the options say that there is none");
    setenv("no_proxy", "example.org, 127.0.0.1", 1);
    is_int(ask(direct, NULL), 0, "nor for what no_proxy lists");
    is_int(proxy->requests, 1, "which goes past it");
    setenv("no_proxy", "*", 1);
    is_int(ask(direct, NULL), 0, "which may be all");
    setenv("no_proxy", "7.0.0.1, 127.0.0.1:1", 1);
    is_int(ask(direct, NULL), 0, "a part of a name, or another port, is no match");
    is_int(proxy->requests, 2, "so that the proxy is used");
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    struct weft_http_client_options bad = { .url = "http://x", .proxy = "ftp://x" };
    ok(!weft_http_client_new(&bad) && errno == EINVAL, "no other kind of proxy");
}

static struct scripted http;
static struct scripted socks;

static int everything(void *argument)
{
    (void)argument;
    check_http(http.port);
    check_socks(socks.port);
    check_environment(&http);
    return 0;
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("no_proxy");
    wire_start(&origin, (struct weft_http_options){ 0 });
    scripted_start(&http, http_proxy);
    scripted_start(&socks, socks_proxy);
    must(weft_run(everything, NULL) == 0, "in a fiber");
    everything(NULL);
    scripted_stop(&http);
    scripted_stop(&socks);
    wire_stop(&origin);
    return done_testing();
}
