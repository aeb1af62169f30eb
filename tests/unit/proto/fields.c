/* Small texts in header fields: cookies, dates, base64, Forwarded. */
#include <stdlib.h>

#include "proto/base64.h"
#include "proto/cookie.h"
#include "proto/forwarded.h"
#include "proto/http_date.h"
#include "tap.h"

static const struct {
    const char *field;
    const char *expected;
} cookies[] = {
    { "a=b", "a=b|" },
    { "a=b; c=d", "a=b|c=d|" },
    { "a=b;c=d", "a=b|c=d|" },
    { " a = b ;; c=", "a=b|c=|" },
    { "a=b=c", "a=b=c|" },
    { "a=\"b\"", "a=\"b\"|" },
    { "alone; a=b; =c", "a=b|" },
    { "a=\x01; b=c", "b=c|" },
    { "", "" },
};

static void check_cookies(void)
{
    for (size_t i = 0; i < sizeof(cookies) / sizeof(*cookies); i++) {
        struct weft__slice rest = weft__slice_string(cookies[i].field);
        struct weft__slice name;
        struct weft__slice value;
        char text[256] = "";
        while (weft__cookie_next(&rest, &name, &value)) {
            size_t length = strlen(text);
            snprintf(text + length, sizeof(text) - length, "%.*s=%.*s|", WEFT__PRINT(name),
                     WEFT__PRINT(value));
        }
        is_str(text, cookies[i].expected, "cookies: '%s'", cookies[i].field);
    }
    ok(weft__cookie_is_value(WEFT__SLICE("a!#$%&'()*+-./:<=>?@[]^_`{|}~")), "what may be a value");
    static const char *const BAD[] = { " ", "\"", ",", ";", "\\", "\x7f", "\xc3\xa4", "\n" };
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        ok(!weft__cookie_is_value(weft__slice_string(BAD[i])), "what may not: %zu", i);
    }
}

static const struct {
    const char *text;
    int64_t seconds; /* -1: malformed */
} dates[] = {
    { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
    { "Sun Nov  6 08:49:37 1994", 784111777 },
    { "Sun Nov 16 08:49:37 1994", 784975777 },
    { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
    { "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799) },
    { "Thu, 01-Jan-70 00:00:00 GMT", -1 },
    { "Thursday, 01-Jan-70 00:00:00 GMT", INT64_C(3155760000) },
    { "Friday, 01-Jan-99 00:00:00 GMT", 915148800 },
    { "Thu, 29 Feb 2023 12:00:00 GMT", -1 },
    { "Thu, 31 Apr 2024 12:00:00 GMT", -1 },
    { "Thu, 00 Apr 2024 12:00:00 GMT", -1 },
    { "Thu, 01 Apr 2024 24:00:00 GMT", -1 },
    { "Thu, 01 Apr 2024 12:60:00 GMT", -1 },
    { "Thu, 01 Xxx 2024 12:00:00 GMT", -1 },
    { "Xxx, 01 Apr 2024 12:00:00 GMT", -1 },
    { "Thu, 1 Apr 2024 12:00:00 GMT", -1 },
    { "Thu, 01 Apr 2024 12:00:00 UTC", -1 },
    { "Thu, 01 Apr 2024 12:00:00", -1 },
    { "1709208000", -1 },
    { "", -1 },
};

static void check_dates(void)
{
    char text[WEFT__HTTP_DATE];
    for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
        int64_t seconds = -1;
        weft__http_date_parse(weft__slice_string(dates[i].text), 1732500000, &seconds);
        is_int(seconds, dates[i].seconds, "date: '%s'", dates[i].text);
    }
    size_t wrong = 0;
    for (int64_t at = 0; at < INT64_C(8000000000); at += 86399 * 7 + 13) {
        int64_t back = -1;
        weft__http_date_format(at, text);
        wrong += weft__http_date_parse(weft__slice_string(text), 0, &back) < 0 || back != at;
    }
    is_int(wrong, 0, "what is written is read as the same");
    weft__http_date_format(-1, text);
    is_str(text, "Wed, 31 Dec 1969 23:59:59 GMT", "before 1970");
    weft__http_date_format(INT64_MIN, text);
    is_str(text, "Mon, 01 Jan 0001 00:00:00 GMT", "before the beginning");
    weft__http_date_format(INT64_MAX, text);
    is_str(text, "Fri, 31 Dec 9999 23:59:59 GMT", "behind the end");
}

static const struct {
    const char *text;
    const char *plain; /* NULL: malformed */
} encoded[] = {
    { "", "" },        { "YQ==", "a" },  { "YWI=", "ab" },       { "YWJj", "abc" },
    { "YTpi", "a:b" }, { "YR==", NULL }, { "YWJ=", NULL },       { "YQ", NULL },
    { "YQ=", NULL },   { "Y===", NULL }, { "====", NULL },       { "YQ==YQ==", NULL },
    { "Y Q=", NULL },  { "YQ-_", NULL }, { "YWJjZA==", "abcd" },
};

static void check_base64(void)
{
    for (size_t i = 0; i < sizeof(encoded) / sizeof(*encoded); i++) {
        char plain[64];
        size_t length = 0;
        int result = weft__base64_decode(weft__slice_string(encoded[i].text), plain, &length);
        plain[length] = '\0';
        ok(encoded[i].plain ? result == 0 && strcmp(plain, encoded[i].plain) == 0 : result < 0,
           "base64: '%s'", encoded[i].text);
        if (encoded[i].plain) {
            char again[64];
            weft__base64_encode(weft__slice(plain, length), again);
            is_str(again, encoded[i].text, "and back");
        }
    }
}

static const struct {
    const char *element;
    const char *value; /* of "for"; NULL: not there */
} elements[] = {
    { "for=192.0.2.1", "192.0.2.1" },
    { "For=\"[2001:db8::1]:80\"", "[2001:db8::1]:80" },
    { "proto=https;for=a", "a" },
    { "by=\"a;for=b\";for=c", "c" },
    { "proto=https", NULL },
    { "for=", NULL },
    { "for=\"a", NULL },
    { "for=\"a\\b\"", NULL },
    { "for", NULL },
    { "", NULL },
};

static void check_forwarded(void)
{
    for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++) {
        struct weft__slice value;
        bool found = weft__forwarded_find(weft__slice_string(elements[i].element), "for", &value);
        ok(elements[i].value ? found && weft__slice_is(value, elements[i].value) : !found,
           "Forwarded: '%s'", elements[i].element);
    }
}

int main(void)
{
    check_cookies();
    check_dates();
    check_base64();
    check_forwarded();
    return done_testing();
}
