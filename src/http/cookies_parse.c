/* A set-cookie field taken apart (RFC 6265bis, 5.1.1 and 5.6). */
#include <string.h>
#include <time.h>

#include "base/fail.h"
#include "http/cookies.h"

enum {
    ATTRIBUTE_MAX = 1024,
    KEPT_MOST = 400 * 24 * 60 * 60 /* s */
};

/* --- dates */

struct date {
    int hour, minute, second; /* hour below 0: not found */
    int day, month, year;     /* likewise below 0 */
};

/* Up to `most` digits at the front; their number, -1: none, or more. */
static int digits(struct weft__slice *text, size_t least, size_t most)
{
    int number = 0;
    size_t count = 0;
    while (count < text->length && weft__is_digit(text->data[count])) {
        if (count == most) {
            return -1;
        }
        number = number * 10 + text->data[count++] - '0';
    }
    *text = weft__slice(text->data + count, text->length - count);
    return count >= least ? number : -1;
}

static bool take_time(struct date *date, struct weft__slice token)
{
    int parts[3];
    for (size_t i = 0; i < 3; i++) {
        parts[i] = digits(&token, 1, 2);
        if (parts[i] < 0) {
            return false;
        }
        if (i < 2) {
            if (token.length == 0 || token.data[0] != ':') {
                return false;
            }
            token = weft__slice(token.data + 1, token.length - 1);
        }
    }
    date->hour = parts[0];
    date->minute = parts[1];
    date->second = parts[2];
    return true;
}

static bool take_month(struct date *date, struct weft__slice token)
{
    static const char MONTHS[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; i < 12 && token.length >= 3; i++) {
        if (weft__slice_equal_case(weft__slice(token.data, 3), weft__slice(MONTHS + 3 * i, 3))) {
            date->month = i;
            return true;
        }
    }
    return false;
}

static void take_token(struct date *date, struct weft__slice token)
{
    struct weft__slice rest = token;
    if (date->hour < 0 && take_time(date, token)) {
        return;
    }
    if (date->day < 0 && (date->day = digits(&rest, 1, 2)) >= 0) {
        return;
    }
    if (date->month < 0 && take_month(date, token)) {
        return;
    }
    rest = token;
    if (date->year < 0) {
        date->year = digits(&rest, 2, 4);
        if (date->year >= 0 && date->year < 70) {
            date->year += 2000;
        } else if (date->year >= 70 && date->year < 100) {
            date->year += 1900;
        }
    }
}

static bool is_delimiter(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c == 9 || (c >= 0x20 && c <= 0x2f) || (c >= 0x3b && c <= 0x40) ||
           (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7e);
}

int weft__cookie_date(struct weft__slice text, int64_t *seconds)
{
    struct date date = { -1, -1, -1, -1, -1, -1 };
    size_t at = 0;
    while (at < text.length) {
        size_t start = at;
        while (at < text.length && !is_delimiter(text.data[at])) {
            at++;
        }
        if (at > start) {
            take_token(&date, weft__slice(text.data + start, at - start));
        } else {
            at++;
        }
    }
    if (date.hour < 0 || date.hour > 23 || date.minute > 59 || date.second > 59 || date.day < 1 ||
        date.day > 31 || date.month < 0 || date.year < 1601) {
        return weft__fail(EINVAL);
    }
    struct tm tm = { .tm_sec = date.second,
                     .tm_min = date.minute,
                     .tm_hour = date.hour,
                     .tm_mday = date.day,
                     .tm_mon = date.month,
                     .tm_year = date.year - 1900 };
    time_t time = timegm(&tm);
    if (tm.tm_mday != date.day) {
        return weft__fail(EINVAL); /* the 31st of a shorter month */
    }
    *seconds = time;
    return 0;
}

/* --- attributes */

static void take_max_age(struct weft__cookie_text *cookie, struct weft__slice value, int64_t now)
{
    bool negative = value.length > 0 && value.data[0] == '-';
    uint64_t age;
    if (negative) {
        value = weft__slice(value.data + 1, value.length - 1);
    }
    int parsed = weft__parse_decimal(value, &age);
    if (parsed < 0 && errno != ERANGE) {
        return;
    }
    if (parsed < 0 || age > KEPT_MOST) {
        age = KEPT_MOST;
    }
    cookie->expires_set = true;
    cookie->expires = negative || age == 0 ? 0 : now + (int64_t)age;
}

static void take_expires(struct weft__cookie_text *cookie, struct weft__slice value, int64_t now)
{
    int64_t when;
    if (weft__cookie_date(value, &when) == 0) {
        cookie->expires_set = true;
        cookie->expires = when < now + KEPT_MOST ? when : now + KEPT_MOST;
    }
}

static void take_attribute(struct weft__cookie_text *cookie, struct weft__slice text, int64_t now,
                           bool *has_age)
{
    size_t equals = weft__slice_find(text, '=');
    struct weft__slice name = weft__slice_trim(weft__slice(text.data, equals));
    struct weft__slice value = weft__slice("", 0);
    if (equals < text.length) {
        value = weft__slice_trim(weft__slice(text.data + equals + 1, text.length - equals - 1));
    }
    if (value.length > ATTRIBUTE_MAX) {
        return;
    }
    if (weft__slice_is_case(name, "max-age")) {
        *has_age = true;
        take_max_age(cookie, value, now);
    } else if (weft__slice_is_case(name, "expires") && !*has_age) {
        take_expires(cookie, value, now);
    } else if (weft__slice_is_case(name, "domain")) {
        bool dot = value.length > 0 && value.data[0] == '.';
        cookie->domain = dot ? weft__slice(value.data + 1, value.length - 1) : value;
    } else if (weft__slice_is_case(name, "path")) {
        bool good = value.length > 0 && value.data[0] == '/';
        cookie->path = good ? value : weft__slice("", 0);
    } else if (weft__slice_is_case(name, "secure")) {
        cookie->secure = true;
    }
}

int weft__cookie_parse(struct weft__slice text, int64_t now, struct weft__cookie_text *cookie)
{
    struct weft__slice rest = text;
    struct weft__slice pair;
    bool has_age = false;
    memset(cookie, 0, sizeof(*cookie));
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return weft__fail(EINVAL);
        }
    }
    if (!weft__slice_split(&rest, ';', &pair)) {
        return weft__fail(EINVAL);
    }
    size_t equals = weft__slice_find(pair, '=');
    bool named = equals < pair.length;
    cookie->name = named ? weft__slice_trim(weft__slice(pair.data, equals)) : weft__slice("", 0);
    cookie->value = weft__slice_trim(
        named ? weft__slice(pair.data + equals + 1, pair.length - equals - 1) : pair);
    if (cookie->name.length + cookie->value.length == 0 ||
        cookie->name.length + cookie->value.length > WEFT_COOKIE_MAX) {
        return weft__fail(EINVAL);
    }
    while (weft__slice_split(&rest, ';', &pair)) {
        take_attribute(cookie, weft__slice_trim(pair), now, &has_age);
    }
    return 0;
}
