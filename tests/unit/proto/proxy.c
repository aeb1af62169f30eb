#include "proto/proxy.h"

#include "proto/ip.h"
#include "tap.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct sample {
    const char *what;
    struct weft__slice bytes;
    enum weft__proxy_result result;
    enum weft__proxy_family family;
    size_t length;
    uint16_t port;
};

#define LINE(text) WEFT__SLICE(text), WEFT__PROXY_DONE
#define BAD(text) WEFT__SLICE(text), WEFT__PROXY_INVALID, 0, 0, 0
#define MORE(text) WEFT__SLICE(text), WEFT__PROXY_MORE, 0, 0, 0

static const struct sample samples[] = {
    { "IPv4", LINE("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET"), WEFT__PROXY_IPV4, 45,
      56324 },
    { "IPv6", LINE("PROXY TCP6 2001:db8::1 ::1 65535 1\r\n"), WEFT__PROXY_IPV6, 36, 65535 },
    { "unknown", LINE("PROXY UNKNOWN\r\n"), WEFT__PROXY_UNKNOWN, 15, 0 },
    { "unknown with words", LINE("PROXY UNKNOWN a b c d e f\r\n"), WEFT__PROXY_UNKNOWN, 27, 0 },
    { "a port above 65535", BAD("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n") },
    { "a port with a zero before it", BAD("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n") },
    { "a signed port", BAD("PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n") },
    { "no port", BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n") },
    { "a word too many", BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n") },
    { "two spaces", BAD("PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n") },
    { "another protocol", BAD("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n") },
    { "lower case", BAD("PROXY tcp4 1.2.3.4 1.2.3.4 1 1\r\n") },
    { "an address of the other family", BAD("PROXY TCP4 ::1 ::1 1 1\r\n") },
    { "an octet with a zero before it", BAD("PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n") },
    { "an octet above 255", BAD("PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n") },
    { "three octets", BAD("PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n") },
    { "a bare CR", BAD("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\rX") },
    { "nothing behind the word", BAD("PROXY \r\n") },
    { "HTTP", BAD("GET / HTTP/1.1\r\n") },
    { "HTTP that begins alike", BAD("PROXYGET / HTTP/1.1\r\n") },
    { "a beginning", MORE("PRO") },
    { "nothing", MORE("") },
    { "no line end yet", MORE("PROXY TCP4 1.2.3.4 1.2.3.4 1 1") },
    { "half a line end", MORE("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r") },
    { "version 2, IPv4", LINE(SIGNATURE "\x21\x11\0\x0c\1\2\3\4\5\6\7\x08\x10\0\0\x50GET"),
      WEFT__PROXY_IPV4, 28, 4096 },
    { "version 2 with a TLV", LINE(SIGNATURE "\x21\x11\0\x10\1\2\3\4\5\6\7\x08\x10\0\0\x50\4\0\1x"),
      WEFT__PROXY_IPV4, 32, 4096 },
    { "version 2, local", LINE(SIGNATURE "\x20\0\0\0"), WEFT__PROXY_UNKNOWN, 16, 0 },
    { "version 2, unspecified", LINE(SIGNATURE "\x21\0\0\2ab"), WEFT__PROXY_UNKNOWN, 18, 0 },
    { "a TLV that is longer than the rest",
      BAD(SIGNATURE "\x21\x11\0\x10\1\2\3\4\5\6\7\x08\x10\0\0\x50\4\0\2x") },
    { "half a TLV", BAD(SIGNATURE "\x21\x11\0\x0e\1\2\3\4\5\6\7\x08\x10\0\0\x50\4\0") },
    { "too short for its family", BAD(SIGNATURE "\x21\x11\0\x0b\1\2\3\4\5\6\7\x08\x10\0\0") },
    { "version 3", BAD(SIGNATURE "\x31\x11\0\x0c") },
    { "another command", BAD(SIGNATURE "\x22\x11\0\x0c") },
    { "UDP", BAD(SIGNATURE "\x21\x12\0\x0c\1\2\3\4\5\6\7\x08\x10\0\0\x50") },
    { "too long", BAD(SIGNATURE "\x21\x11\x07\xf1") },
    { "as long as may be", MORE(SIGNATURE "\x21\x11\x07\xf0") },
    { "half a signature", MORE("\r\n\r\n") },
    { "half a binary header", MORE(SIGNATURE "\x21\x11\0\x0c\1\2\3") },
};

static void check_cuts(const struct sample *sample)
{
    size_t wrong = 0;
    for (size_t cut = 0; cut < sample->length; cut++) {
        struct weft__proxy proxy;
        wrong +=
            weft__proxy_parse(&proxy, weft__slice(sample->bytes.data, cut)) != WEFT__PROXY_MORE;
    }
    is_int(wrong, 0, "asks for more at each cut: %s", sample->what);
}

static void check_line_length(void)
{
    char line[WEFT__PROXY_LINE_MAX + 2];
    struct weft__proxy proxy;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    is_int(weft__proxy_parse(&proxy, weft__slice(line, WEFT__PROXY_LINE_MAX - 1)), WEFT__PROXY_MORE,
           "106 bytes may go on");
    is_int(weft__proxy_parse(&proxy, weft__slice(line, WEFT__PROXY_LINE_MAX)), WEFT__PROXY_INVALID,
           "107 bytes without an end may not");
    memcpy(line + WEFT__PROXY_LINE_MAX - 2, "\r\n", 2);
    is_int(weft__proxy_parse(&proxy, weft__slice(line, WEFT__PROXY_LINE_MAX)), WEFT__PROXY_DONE,
           "107 bytes with their end are a header");
}

static const struct {
    const char *text;
    const char *bytes; /* NULL: malformed */
} addresses[] = {
    { "::", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" },
    { "::1", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" },
    { "1::", "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0" },
    { "1:2:3:4:5:6:7:8", "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\x08" },
    { "1::7:8", "\0\1\0\0\0\0\0\0\0\0\0\0\0\7\0\x08" },
    { "::ffff:1.2.3.4", "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4" },
    { "1:2:3:4:5:6:1.2.3.4", "\0\1\0\2\0\3\0\4\0\5\0\6\1\2\3\4" },
    { "2:3:4:5:6:7:8::", "\0\2\0\3\0\4\0\5\0\6\0\7\0\x08\0\0" },
    { "1:2:3:4:5:6:7", NULL },
    { "1:2:3:4:5:6:7:8:9", NULL },
    { "1:2:3:4:5:6:7:8::", NULL },
    { "1::2::3", NULL },
    { ":::", NULL },
    { ":1", NULL },
    { "1:", NULL },
    { "12345::", NULL },
    { "g::", NULL },
    { "1.2.3.4::", NULL },
    { "1.2.3.4:1::", NULL },
    { "::1.2.3", NULL },
    { "::1.2.3.4:1", NULL },
    { "1:2:3:4:5:6:7:1.2.3.4", NULL },
    { "::1%lo", NULL },
    { "", NULL },
};

int main(void)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        const struct sample *sample = &samples[i];
        struct weft__proxy proxy;
        enum weft__proxy_result result = weft__proxy_parse(&proxy, sample->bytes);
        is_int(result, sample->result, "%s", sample->what);
        if (result == WEFT__PROXY_DONE) {
            ok(proxy.family == sample->family && proxy.length == sample->length &&
                   proxy.source_port == sample->port,
               "family, length and port: %s", sample->what);
            check_cuts(sample);
        }
    }
    check_line_length();
    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        uint8_t bytes[16];
        int result = weft__ipv6_parse(weft__slice_string(addresses[i].text), bytes);
        ok(addresses[i].bytes ? result == 0 && memcmp(bytes, addresses[i].bytes, 16) == 0
                              : result < 0,
           "IPv6: '%s'", addresses[i].text);
    }
    return done_testing();
}
