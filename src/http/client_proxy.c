/*
 * Which proxy: the options', or what the environment says, as curl reads it: http_proxy (in lower
 * case alone, since a CGI's HTTP_PROXY is a request's header), https_proxy, all_proxy, no_proxy.
 */
#include "http/client_proxy.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "http/client.h"

enum {
    SOCKS_PORT = 1080,
    SOCKS_TEXT_MAX = 255 /* RFC 1929, 2 */
};

static char *decode(struct weft_http_memory *memory, struct weft__slice text)
{
    char *copy = weft__memory_copy(memory, text.data, text.length);
    size_t length;
    if (!copy || weft__url_decode(text, copy, &length, false) < 0) {
        return NULL;
    }
    copy[length] = '\0';
    return copy;
}

static int take_user(struct weft__client_proxy *proxy, struct weft_http_memory *memory,
                     struct weft__slice user)
{
    if (user.length == 0) {
        return 0;
    }
    struct weft__slice name = weft__slice(user.data, weft__slice_find(user, ':'));
    struct weft__slice password = weft__slice("", 0);
    if (name.length < user.length) {
        password = weft__slice(user.data + name.length + 1, user.length - name.length - 1);
    }
    proxy->user = decode(memory, name);
    proxy->password = decode(memory, password);
    if (!proxy->user || !proxy->password) {
        return -1;
    }
    if (strlen(proxy->user) > SOCKS_TEXT_MAX || strlen(proxy->password) > SOCKS_TEXT_MAX) {
        return weft__fail(EINVAL);
    }
    proxy->authorization = weft__basic_credentials(memory, weft__slice_string(proxy->user),
                                                   weft__slice_string(proxy->password));
    return proxy->authorization ? 0 : -1;
}

int weft__client_proxy_parse(struct weft__client_proxy *proxy, struct weft_http_memory *memory,
                             const char *text)
{
    struct weft__url url;
    const char *rest = strstr(text, "://");
    bool socks = strncmp(text, "socks5://", 9) == 0 || strncmp(text, "socks5h://", 10) == 0;
    if (rest && !socks && strncmp(text, "http://", 7) != 0) {
        return weft__fail(EINVAL);
    }
    const char *plain = weft_http_format(memory, "http://%s", rest ? rest + 3 : text);
    if (!plain || weft__url_parse(weft__slice_string(plain), &url) < 0) {
        return -1;
    }
    struct weft__url_authority authority;
    if (url.path.length > 1 || url.has_query ||
        weft__url_authority_parse(url.authority, &authority) < 0) {
        return weft__fail(EINVAL);
    }
    *proxy = (struct weft__client_proxy){ .kind = socks ? WEFT__PROXY_SOCKS5 : WEFT__PROXY_HTTP };
    proxy->port = authority.port ? authority.port : socks ? SOCKS_PORT : url.port;
    proxy->host = weft__memory_copy(memory, url.host.data, url.host.length);
    return proxy->host ? take_user(proxy, memory, url.user) : -1;
}

static const char *variable(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    if ((!value || !*value) && upper) {
        value = getenv(upper);
    }
    return value && *value ? value : NULL;
}

/* "example.org", ".example.org" and "example.org:8080" are for the host and those below it. */
static bool is_for(struct weft__slice entry, const char *host, uint16_t port)
{
    size_t colon = weft__slice_find(entry, ':');
    uint64_t number;
    if (colon < entry.length) {
        struct weft__slice digits = weft__slice(entry.data + colon + 1, entry.length - colon - 1);
        if (weft__parse_decimal(digits, &number) == 0) {
            if (number != port) {
                return false;
            }
            entry.length = colon;
        }
    }
    if (entry.length > 0 && entry.data[0] == '.') {
        entry = weft__slice(entry.data + 1, entry.length - 1);
    }
    size_t length = strlen(host);
    if (entry.length == 0 || entry.length > length) {
        return false;
    }
    struct weft__slice end = weft__slice(host + length - entry.length, entry.length);
    return weft__slice_equal_case(end, entry) &&
           (entry.length == length || host[length - entry.length - 1] == '.');
}

static bool is_excepted(const char *host, uint16_t port)
{
    const char *list = variable("no_proxy", "NO_PROXY");
    struct weft__slice rest = weft__slice_string(list ? list : "");
    struct weft__slice entry;
    while (weft__slice_split(&rest, ',', &entry)) {
        entry = weft__slice_trim(entry);
        if (weft__slice_is(entry, "*") || is_for(entry, host, port)) {
            return true;
        }
    }
    return false;
}

const char *weft__proxy_of_environment(bool secure, const char *host, uint16_t port)
{
    const char *url =
        secure ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", NULL);
    url = url ? url : variable("all_proxy", "ALL_PROXY");
    return url && !is_excepted(host, port) ? url : NULL;
}
