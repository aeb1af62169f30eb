#include "proto/proxy.h"

#include "proto/ip.h"

static const char LINE_START[] = "PROXY ";
static const char SIGNATURE[] = "\r\n\r\n\0\r\nQUIT\n";

enum {
    SIGNATURE_LENGTH = 12,
    FIXED = 16, /* bytes of version 2 before the addresses */
    UNIX_LENGTH = 216,
};

/* Whether bytes are the beginning of a text, as far as both go. */
static bool agrees(struct weft__slice bytes, const char *text, size_t length)
{
    return memcmp(bytes.data, text, bytes.length < length ? bytes.length : length) == 0;
}

static int parse_port(struct weft__slice text, uint16_t *port)
{
    uint64_t number;
    bool zeros = text.length > 1 && text.data[0] == '0';
    if (zeros || text.length > 5 || weft__parse_decimal(text, &number) < 0 || number > UINT16_MAX) {
        return -1;
    }
    *port = (uint16_t)number;
    return 0;
}

static int parse_address(enum weft__proxy_family family, struct weft__slice text, uint8_t bytes[16])
{
    return family == WEFT__PROXY_IPV4 ? weft__ipv4_parse(text, bytes)
                                      : weft__ipv6_parse(text, bytes);
}

/* "TCP4 source destination port port", single spaces between. */
static enum weft__proxy_result parse_words(struct weft__proxy *proxy, struct weft__slice line)
{
    struct weft__slice words[5];
    struct weft__slice word;
    size_t count = 0;
    while (weft__slice_split(&line, ' ', &word)) {
        if (count < 5) {
            words[count] = word;
        }
        count++;
    }
    if (count > 0 && weft__slice_is(words[0], "UNKNOWN")) {
        return WEFT__PROXY_DONE; /* whatever follows it is not looked at */
    }
    if (count != 5) {
        return WEFT__PROXY_INVALID;
    }
    if (weft__slice_is(words[0], "TCP4")) {
        proxy->family = WEFT__PROXY_IPV4;
    } else if (weft__slice_is(words[0], "TCP6")) {
        proxy->family = WEFT__PROXY_IPV6;
    } else {
        return WEFT__PROXY_INVALID;
    }
    return parse_address(proxy->family, words[1], proxy->source) < 0 ||
                   parse_address(proxy->family, words[2], proxy->destination) < 0 ||
                   parse_port(words[3], &proxy->source_port) < 0 ||
                   parse_port(words[4], &proxy->destination_port) < 0
               ? WEFT__PROXY_INVALID
               : WEFT__PROXY_DONE;
}

static enum weft__proxy_result parse_line(struct weft__proxy *proxy, struct weft__slice bytes)
{
    size_t start = sizeof(LINE_START) - 1;
    size_t most = bytes.length < WEFT__PROXY_LINE_MAX ? bytes.length : WEFT__PROXY_LINE_MAX;
    size_t end = weft__slice_find(weft__slice(bytes.data, most), '\r');
    if (end + 1 >= most) {
        return most == WEFT__PROXY_LINE_MAX ? WEFT__PROXY_INVALID : WEFT__PROXY_MORE;
    }
    if (bytes.data[end + 1] != '\n' || end < start) {
        return WEFT__PROXY_INVALID;
    }
    proxy->length = end + 2;
    return parse_words(proxy, weft__slice(bytes.data + start, end - start));
}

static uint16_t number_at(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* TLVs must fill the rest exactly. What they say is not used. */
static bool are_tlvs(const uint8_t *at, size_t left)
{
    while (left > 0) {
        if (left < 3 || (size_t)number_at(at + 1) + 3 > left) {
            return false;
        }
        size_t length = (size_t)number_at(at + 1) + 3;
        at += length;
        left -= length;
    }
    return true;
}

/* Bytes of the addresses; the family is set if it is one that is known. -1: malformed. */
static int addresses_of(struct weft__proxy *proxy, uint8_t kind)
{
    switch (kind) {
    case 0x11: /* TCP over IPv4 */
        proxy->family = WEFT__PROXY_IPV4;
        return 12;
    case 0x21:
        proxy->family = WEFT__PROXY_IPV6;
        return 36;
    case 0x31:
        proxy->family = WEFT__PROXY_UNIX;
        return UNIX_LENGTH;
    default:
        return kind == 0 ? 0 : -1;
    }
}

static void take_addresses(struct weft__proxy *proxy, const uint8_t *at)
{
    size_t length = proxy->family == WEFT__PROXY_IPV4 ? 4 : 16;
    if (proxy->family != WEFT__PROXY_IPV4 && proxy->family != WEFT__PROXY_IPV6) {
        return;
    }
    memcpy(proxy->source, at, length);
    memcpy(proxy->destination, at + length, length);
    proxy->source_port = number_at(at + 2 * length);
    proxy->destination_port = number_at(at + 2 * length + 2);
}

static enum weft__proxy_result parse_binary(struct weft__proxy *proxy, struct weft__slice bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    if (bytes.length > 12 && at[12] != 0x20 && at[12] != 0x21) {
        return WEFT__PROXY_INVALID;
    }
    if (bytes.length < FIXED) {
        return WEFT__PROXY_MORE;
    }
    size_t length = number_at(at + 14);
    if (length > WEFT__PROXY_HEADER_MAX - FIXED) {
        return WEFT__PROXY_INVALID;
    }
    if (bytes.length < FIXED + length) {
        return WEFT__PROXY_MORE;
    }
    proxy->length = FIXED + length;
    if (at[12] == 0x20) { /* LOCAL: the proxy itself, a health check */
        return WEFT__PROXY_DONE;
    }
    int addresses = addresses_of(proxy, at[13]);
    if (addresses < 0 || length < (size_t)addresses) {
        return WEFT__PROXY_INVALID;
    }
    if (at[13] != 0 && !are_tlvs(at + FIXED + addresses, length - (size_t)addresses)) {
        return WEFT__PROXY_INVALID;
    }
    take_addresses(proxy, at + FIXED);
    return WEFT__PROXY_DONE;
}

enum weft__proxy_result weft__proxy_parse(struct weft__proxy *proxy, struct weft__slice bytes)
{
    memset(proxy, 0, sizeof(*proxy));
    if (bytes.length == 0) {
        return WEFT__PROXY_MORE;
    }
    if (agrees(bytes, LINE_START, sizeof(LINE_START) - 1)) {
        return bytes.length < sizeof(LINE_START) - 1 ? WEFT__PROXY_MORE : parse_line(proxy, bytes);
    }
    if (agrees(bytes, SIGNATURE, SIGNATURE_LENGTH)) {
        return bytes.length < SIGNATURE_LENGTH ? WEFT__PROXY_MORE : parse_binary(proxy, bytes);
    }
    return WEFT__PROXY_INVALID;
}
