#include "proto/url.h"

#include <string.h>

#include "base/fail.h"
#include "proto/url_bytes.h"

static bool is_host(struct weft__slice host)
{
    for (size_t i = 0; i < host.length; i++) {
        char byte = host.data[i];
        if (weft__url_is_unreserved(byte))
            continue;
        if (byte == '%') {
            if (host.length - i < 3 || weft__hex_digit(host.data[i + 1]) < 0 ||
                weft__hex_digit(host.data[i + 2]) < 0)
                return false;
            i += 2;
        } else if (byte == ',' || !weft__url_is_sub_delimiter(byte)) {
            return false;
        }
    }
    return host.length > 0;
}

/* Characters of an IPv6 address; whether it is one is for inet_pton to say when it is used. */
static bool is_literal(struct weft__slice host)
{
    bool colon = false;
    for (size_t i = 0; i < host.length; i++) {
        char byte = host.data[i];
        colon |= byte == ':';
        if (weft__hex_digit(byte) < 0 && byte != ':' && byte != '.')
            return false;
    }
    return colon;
}

static int parse_port(struct weft__slice text, uint16_t *port)
{
    uint64_t number = 0;
    if (text.length > 0 && weft__parse_decimal(text, &number) < 0)
        return weft__fail(EINVAL);
    if (number > UINT16_MAX)
        return weft__fail(EINVAL);
    *port = (uint16_t)number;
    return 0;
}

int weft__url_authority_parse(struct weft__slice text, struct weft__url_authority *authority)
{
    struct weft__slice host, rest;
    bool literal = text.length > 0 && text.data[0] == '[';

    if (literal) {
        size_t end = weft__slice_find(text, ']');
        if (end == text.length)
            return weft__fail(EINVAL);
        host = weft__slice(text.data + 1, end - 1);
        rest = weft__slice(text.data + end + 1, text.length - end - 1);
    } else {
        size_t end = weft__slice_find(text, ':');
        host = weft__slice(text.data, end);
        rest = weft__slice(text.data + end, text.length - end);
    }
    if (literal ? !is_literal(host) : !is_host(host))
        return weft__fail(EINVAL);
    uint16_t port = 0;
    if (rest.length > 0) {
        if (rest.data[0] != ':' ||
            parse_port(weft__slice(rest.data + 1, rest.length - 1), &port) < 0)
            return weft__fail(EINVAL);
    }
    *authority = (struct weft__url_authority){ host, port, literal };
    return 0;
}

static struct weft__slice before(struct weft__slice text, size_t end)
{
    return weft__slice(text.data, end);
}

static struct weft__slice after(struct weft__slice text, size_t start)
{
    return start >= text.length ? weft__slice("", 0)
                                : weft__slice(text.data + start, text.length - start);
}

/* Bytes up to the first of `/?#`: where an authority ends. */
static size_t authority_length(struct weft__slice text)
{
    size_t i = 0;
    while (i < text.length && text.data[i] != '/' && text.data[i] != '?' && text.data[i] != '#')
        i++;
    return i;
}

/* Visible ASCII throughout, and no backslash: browsers read one as a slash, others do not. */
static bool is_path(struct weft__slice path)
{
    for (size_t i = 0; i < path.length; i++) {
        if (!weft__url_is_visible(path.data[i]) || path.data[i] == '\\')
            return false;
    }
    return true;
}

static bool is_query(struct weft__slice query)
{
    for (size_t i = 0; i < query.length; i++) {
        if (!weft__url_is_visible(query.data[i]))
            return false;
    }
    return true;
}

/* `/path?query#fragment` into its parts. */
static int parse_tail(struct weft__slice text, struct weft__url *url)
{
    size_t hash = weft__slice_find(text, '#');
    url->has_fragment = hash < text.length;
    url->fragment = after(text, hash + 1);
    text = before(text, hash);
    size_t mark = weft__slice_find(text, '?');
    url->has_query = mark < text.length;
    url->query = after(text, mark + 1);
    url->path = before(text, mark);
    if (!is_path(url->path) || !is_query(url->query) || !is_query(url->fragment))
        return weft__fail(EINVAL);
    return 0;
}

static bool is_scheme(struct weft__slice scheme)
{
    for (size_t i = 0; i < scheme.length; i++) {
        char lower = weft__lower(scheme.data[i]);
        bool letter = lower >= 'a' && lower <= 'z';
        bool later = weft__is_digit(lower) || lower == '+' || lower == '-' || lower == '.';
        if (!letter && !(later && i > 0))
            return false;
    }
    return scheme.length > 0;
}

static int parse_scheme(struct weft__slice text, struct weft__url *url)
{
    static const struct {
        const char *name;
        bool secure;
    } schemes[] = { { "http", false }, { "https", true }, { "ws", false }, { "wss", true } };
    size_t colon = weft__slice_find(text, ':');

    url->scheme = before(text, colon);
    if (colon == text.length || !is_scheme(url->scheme))
        return weft__fail(EINVAL);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (weft__slice_is_case(url->scheme, schemes[i].name)) {
            url->secure = schemes[i].secure;
            return 0;
        }
    }
    return weft__fail(EPROTONOSUPPORT);
}

static int parse_authority(struct weft__slice text, struct weft__url *url)
{
    struct weft__url_authority authority;
    size_t at = weft__slice_find(text, '@');

    if (at < text.length) {
        url->user = before(text, at);
        text = after(text, at + 1);
        if (!is_path(url->user))
            return weft__fail(EINVAL);
    }
    if (weft__url_authority_parse(text, &authority) < 0)
        return -1;
    url->authority = text;
    url->host = authority.host;
    url->literal = authority.literal;
    url->port = authority.port ? authority.port : (url->secure ? 443 : 80);
    return 0;
}

int weft__url_parse(struct weft__slice text, struct weft__url *url)
{
    struct weft__url parts = { 0 };

    if (parse_scheme(text, &parts) < 0)
        return -1;
    struct weft__slice rest = after(text, parts.scheme.length + 1);
    if (!weft__slice_starts(rest, "//"))
        return weft__fail(EINVAL);
    rest = after(rest, 2);
    size_t length = authority_length(rest);
    if (parse_authority(before(rest, length), &parts) < 0 ||
        parse_tail(after(rest, length), &parts) < 0)
        return -1;
    *url = parts;
    return 0;
}

int weft__url_target_parse(struct weft__slice text, struct weft__url_target *target)
{
    struct weft__url parts = { 0 };

    if (weft__slice_is(text, "*")) {
        *target = (struct weft__url_target){ .path = text };
        return 0;
    }
    if (text.length > 0 && text.data[0] == '/') {
        if (parse_tail(text, &parts) < 0)
            return -1;
    } else if (weft__url_parse(text, &parts) < 0 || parts.user.data != NULL) {
        return weft__fail(EINVAL);
    }
    if (parts.has_fragment)
        return weft__fail(EINVAL);
    if (parts.path.length == 0)
        parts.path = WEFT__SLICE("/");
    *target =
        (struct weft__url_target){ parts.authority, parts.path, parts.query, parts.has_query };
    return 0;
}

bool weft__url_query_next(struct weft__slice *rest, struct weft__slice *name,
                          struct weft__slice *value)
{
    struct weft__slice pair;

    while (weft__slice_split(rest, '&', &pair)) {
        if (pair.length == 0)
            continue;
        size_t equals = weft__slice_find(pair, '=');
        *name = before(pair, equals);
        *value = after(pair, equals + 1);
        return true;
    }
    return false;
}
