#include "proto/url.h"

#include "tap.h"

static struct weft__buffer out;

/* A slice as a string, good until the 8th next call. */
static const char *string(struct weft__slice slice)
{
    static char texts[8][256];
    static unsigned next;
    char *text = texts[next++ % 8];

    must(slice.length < 256, "short");
    if (slice.length)
        memcpy(text, slice.data, slice.length);
    text[slice.length] = 0;
    return text;
}

static void test_parse(void)
{
    struct weft__url url;

    must(weft__url_parse(WEFT__SLICE("HTTPS://u:p@Example.com:8443/a/b?c=d?e#f?g#h"), &url) == 0,
         "a URL of all parts");
    is_str(string(url.scheme), "HTTPS", "scheme");
    ok(url.secure, "which is secure");
    is_str(string(url.user), "u:p", "user");
    is_str(string(url.authority), "Example.com:8443", "authority");
    is_str(string(url.host), "Example.com", "host");
    is_int(url.port, 8443, "port");
    is_str(string(url.path), "/a/b", "path");
    is_str(string(url.query), "c=d?e", "query");
    is_str(string(url.fragment), "f?g#h", "fragment");

    must(weft__url_parse(WEFT__SLICE("ws://[::1]"), &url) == 0, "an address alone");
    is_str(string(url.host), "::1", "host without brackets");
    ok(url.literal && !url.secure && url.port == 80, "literal, plain, port 80");
    ok(url.path.length == 0 && !url.has_query && !url.has_fragment, "and nothing else");
    must(weft__url_parse(WEFT__SLICE("wss://a?"), &url) == 0, "an empty query");
    ok(url.has_query && url.query.length == 0 && url.port == 443, "is there, port 443");
    must(weft__url_parse(WEFT__SLICE("http://a:/"), &url) == 0, "an empty port");
    is_int(url.port, 80, "is the usual one");
    must(weft__url_parse(WEFT__SLICE("http://a:65535/"), &url) == 0, "the largest port");
    is_int(url.port, 65535, "is 65535");
}

static void test_refused(void)
{
    static const char *const bad[] = {
        "",
        "http",
        "http:",
        "http:/a",
        "http://",
        "http:///a",
        "http://:80",
        "http://a:65536",
        "http://a:x",
        "http://a:-1",
        "http://a b",
        "http://a/ b",
        "http://a/\\b",
        "http://a/\x01",
        "http://a/\xc3\xa9",
        "http://[a",
        "http://[]/",
        "http://[1]/",
        "http://[::1]a/",
        "http://a%/",
        "http://a%4",
        "http://a%zz",
        "http://a,b/",
        "http://a<b/",
        "http://u@v@w/",
        "://a/",
        "//a/",
        "/a",
        "http://a\\b/",
        "http://a/?\n",
        " http://a/",
        "http://a/ ",
        "http://\xe2\x84\xaa/",
    };
    struct weft__url url;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        ok(weft__url_parse(weft__slice_string(bad[i]), &url) == -1 && errno == EINVAL,
           "refused: '%s'", bad[i]);
    }
    errno = 0;
    ok(weft__url_parse(WEFT__SLICE("ftp://a/"), &url) == -1 && errno == EPROTONOSUPPORT,
       "another scheme");
    errno = 0;
    ok(weft__url_parse(WEFT__SLICE("javascript:alert(1)"), &url) == -1 && errno == EPROTONOSUPPORT,
       "a scheme without a host");
}

static void test_target(void)
{
    struct weft__url_target target;

    must(weft__url_target_parse(WEFT__SLICE("/a//b?c"), &target) == 0, "origin form");
    is_str(string(target.path), "/a//b", "its path");
    is_str(string(target.query), "c", "its query");
    must(weft__url_target_parse(WEFT__SLICE("http://h:1?q"), &target) == 0, "absolute form");
    is_str(string(target.path), "/", "an absent path is the root");
    is_str(string(target.authority), "h:1", "its authority");
    must(weft__url_target_parse(WEFT__SLICE("//a/b"), &target) == 0, "a path of two slashes");
    is_str(string(target.path), "//a/b", "is a path, not a host");
    must(weft__url_target_parse(WEFT__SLICE("*"), &target) == 0, "asterisk form");
    is_str(string(target.path), "*", "its path");
    static const char *const bad[] = {
        "", "a", "?a", "/a#b", "/a\\b", "/a b", "http://u@h/", "**"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(weft__url_target_parse(weft__slice_string(bad[i]), &target) == -1, "refused: '%s'",
           bad[i]);
}

static const char *decoded(const char *text, bool plus)
{
    char place[128];
    size_t length;

    errno = 0;
    if (weft__url_decode(weft__slice_string(text), place, &length, plus) < 0)
        return errno == EINVAL ? "EINVAL" : "other";
    return string(weft__slice(place, length));
}

static void test_decode(void)
{
    is_str(decoded("a%20b%2Fc%2f%C3%A9", false), "a b/c/\xc3\xa9", "escapes of both cases");
    is_str(decoded("%252e", false), "%2e", "are decoded once");
    is_str(decoded("a+b", false), "a+b", "a plus is a plus");
    is_str(decoded("a+b%2B", true), "a b+", "or a space in a form");
    is_str(decoded("%", false), "EINVAL", "a lone percent");
    is_str(decoded("%2", false), "EINVAL", "half an escape");
    is_str(decoded("%2g", false), "EINVAL", "no digit");
    is_str(decoded("%00", false), "EINVAL", "a NUL");
    char place[] = "%41%42";
    size_t length = 0;
    ok(weft__url_decode(weft__slice(place, 6), place, &length, false) == 0 && length == 2 &&
           memcmp(place, "AB", 2) == 0,
       "in place");

    must(weft__url_encode(&out, WEFT__SLICE("a-._~Z9 /%\xc3\xa9")) == 0, "encode");
    is_str(string(weft__buffer_slice(&out)), "a-._~Z9%20%2F%25%C3%A9", "encoded");
    weft__buffer_clear(&out);
    struct weft__buffer tiny;
    weft__buffer_init(&tiny, 5);
    ok(weft__url_encode(&tiny, WEFT__SLICE("  ")) == -1 && errno == ENOBUFS && tiny.length == 0,
       "all or nothing");
    weft__buffer_fini(&tiny);
}

static const char *clean(const char *path)
{
    size_t size = strlen(path) + 1, length = 0;
    char *place = malloc(size); /* exactly what the interface asks for */

    must(place, "memory");
    errno = 0;
    const char *text;
    if (weft__url_path_clean(weft__slice_string(path), place, &length) == 0)
        text = string(weft__slice(place, length));
    else
        text = errno == EINVAL ? "EINVAL" : errno == EACCES ? "EACCES" : "other";
    free(place);
    return text;
}

static void test_clean(void)
{
    static const char *const cases[][2] = {
        { "/", "/" },
        { "/a", "/a" },
        { "/a/", "/a/" },
        { "//", "/" },
        { "//a///b//", "/a/b/" },
        { "/.", "/" },
        { "/./a/./", "/a/" },
        { "/a/.", "/a/" },
        { "/a/..", "/" },
        { "/a/b/..", "/a/" },
        { "/a/b/../", "/a/" },
        { "/a/../b", "/b" },
        { "/a/b/../../c", "/c" },
        { "/a//../b", "/b" },
        { "/...", "/..." },
        { "/..a", "/..a" },
        { "/a..", "/a.." },
        { "/%61%20b", "/a b" },
        { "/%C3%A9", "/\xc3\xa9" },
        { "/%252e%252e/", "/%2e%2e/" },
        { "/a/%2e%2E/b", "/b" },
        { "/a/.%2e/b", "/b" },
        { "/..", "EACCES" },
        { "/../", "EACCES" },
        { "/../etc/passwd", "EACCES" },
        { "/a/../../b", "EACCES" },
        { "/./../a", "EACCES" },
        { "//../a", "EACCES" },
        { "/%2e%2e/a", "EACCES" },
        { "/.%2E/a", "EACCES" },
        { "/a/%2e%2e/%2e%2e/b", "EACCES" },
        { "", "EINVAL" },
        { "a", "EINVAL" },
        { "../a", "EINVAL" },
        { "/a%2fb", "EINVAL" },
        { "/..%2f..%2fetc", "EINVAL" },
        { "/a%5cb", "EINVAL" },
        { "/..\\..\\etc", "EINVAL" },
        { "/a%00b", "EINVAL" },
        { "/a%0ab", "EINVAL" },
        { "/a%7f", "EINVAL" },
        { "/a\tb", "EINVAL" },
        { "/%", "EINVAL" },
        { "/%4", "EINVAL" },
        { "/%zz", "EINVAL" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_str(clean(cases[i][0]), cases[i][1], "clean '%s'", cases[i][0]);
}

static void test_query(void)
{
    static const char *const expected[][2] = {
        { "a", "1" }, { "b", "" }, { "c", "" }, { "", "d" }, { "e", "f=g" }
    };
    struct weft__slice rest = WEFT__SLICE("&a=1&b&&c=&=d&e=f=g&"), name, value;
    size_t count = 0;

    while (weft__url_query_next(&rest, &name, &value)) {
        must(count < 5, "five pairs at most");
        is_str(string(name), expected[count][0], "name %zu", count);
        is_str(string(value), expected[count][1], "value %zu", count);
        count++;
    }
    is_int(count, 5, "five pairs");
    rest = WEFT__SLICE("");
    ok(!weft__url_query_next(&rest, &name, &value), "none in an empty query");
}

static void test_resolve(void)
{
    /* RFC 3986 section 5.4, with a host in place of `a`; abnormal ones included */
    static const char *const cases[][2] = {
        { "g", "http://h/b/c/g" },
        { "./g", "http://h/b/c/g" },
        { "g/", "http://h/b/c/g/" },
        { "/g", "http://h/g" },
        { "//g", "http://g" },
        { "?y", "http://h/b/c/d;p?y" },
        { "g?y", "http://h/b/c/g?y" },
        { "#s", "http://h/b/c/d;p?q#s" },
        { "g#s", "http://h/b/c/g#s" },
        { "g?y#s", "http://h/b/c/g?y#s" },
        { ";x", "http://h/b/c/;x" },
        { "g;x", "http://h/b/c/g;x" },
        { "g;x?y#s", "http://h/b/c/g;x?y#s" },
        { "", "http://h/b/c/d;p?q" },
        { ".", "http://h/b/c/" },
        { "./", "http://h/b/c/" },
        { "..", "http://h/b/" },
        { "../", "http://h/b/" },
        { "../g", "http://h/b/g" },
        { "../..", "http://h/" },
        { "../../", "http://h/" },
        { "../../g", "http://h/g" },
        { "../../../g", "http://h/g" },
        { "../../../../g", "http://h/g" },
        { "/./g", "http://h/g" },
        { "/../g", "http://h/g" },
        { "g.", "http://h/b/c/g." },
        { ".g", "http://h/b/c/.g" },
        { "g..", "http://h/b/c/g.." },
        { "..g", "http://h/b/c/..g" },
        { "./../g", "http://h/b/g" },
        { "./g/.", "http://h/b/c/g/" },
        { "g/./h", "http://h/b/c/g/h" },
        { "g/../h", "http://h/b/c/h" },
        { "g;x=1/./y", "http://h/b/c/g;x=1/y" },
        { "g;x=1/../y", "http://h/b/c/y" },
        { "g?y/./x", "http://h/b/c/g?y/./x" },
        { "g?y/../x", "http://h/b/c/g?y/../x" },
        { "g#s/../x", "http://h/b/c/g#s/../x" },
        { "https://other/x", "https://other/x" },
        { "//u:1/x", "http://u:1/x" },
    };
    struct weft__url base;

    must(weft__url_parse(WEFT__SLICE("http://h/b/c/d;p?q#f"), &base) == 0, "base");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(weft__buffer_append(&out, "before ", 7) == 0, "append");
        ok(weft__url_resolve(&out, &base, weft__slice_string(cases[i][0])) == 0, "resolve '%s'",
           cases[i][0]);
        is_str(string(weft__buffer_slice(&out)) + 7, cases[i][1], "to '%s'", cases[i][1]);
        weft__buffer_clear(&out);
    }
    errno = 0;
    ok(weft__url_resolve(&out, &base, WEFT__SLICE("mailto:a")) == -1 && errno == EPROTONOSUPPORT,
       "another scheme is refused");
    ok(weft__url_resolve(&out, &base, WEFT__SLICE("a b")) == -1 && errno == EINVAL,
       "so is a blank");
    ok(weft__url_resolve(&out, &base, WEFT__SLICE("\r\nx")) == -1 && errno == EINVAL,
       "so is a line break");
    is_int(out.length, 0, "and nothing is left behind");
    must(weft__url_parse(WEFT__SLICE("http://h"), &base) == 0, "a base without a path");
    ok(weft__url_resolve(&out, &base, WEFT__SLICE("g")) == 0, "resolve below it");
    is_str(string(weft__buffer_slice(&out)), "http://h/g", "has a slash");
}

int main(void)
{
    weft__buffer_init(&out, 4096);
    test_parse();
    test_refused();
    test_target();
    test_decode();
    test_clean();
    test_query();
    test_resolve();
    weft__buffer_fini(&out);
    return done_testing();
}
