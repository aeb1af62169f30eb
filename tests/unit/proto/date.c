/* Dates of header fields. */
#include "proto/date.h"

#include "tap.h"

static int64_t read_date(const char *text)
{
    int64_t seconds = -1;
    return weft__date_read(weft__slice_string(text), &seconds) == 0 ? seconds : INT64_MIN;
}

static void check_write(int64_t seconds, const char *text)
{
    char written[WEFT__DATE_LENGTH + 1];
    weft__date_write(seconds, written);
    is_str(written, text, "%lld is written", (long long)seconds);
}

int main(void)
{
    check_write(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
    check_write(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    check_write(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
    check_write(-1, "Wed, 31 Dec 1969 23:59:59 GMT");
    check_write(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    check_write(INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT");

    is_int(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777, "the example of RFC 9110");
    is_int(read_date("Tue, 29 Feb 2000 00:00:00 GMT"), 951782400, "a leap day");
    is_int(read_date("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800, "a leap second");
    is_int(read_date("Mon, 06 Nov 1994 08:49:37 GMT"), 784111777, "the day is not compared");
    static const char *const WRONG[] = {
        "",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Thu, 29 Feb 1900 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:3x GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov -994 08:49:37 GMT",
    };
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        ok(read_date(WRONG[i]) == INT64_MIN && errno == EINVAL, "no date: '%s'", WRONG[i]);
    }
    return done_testing();
}
