#include "proto/http_date.h"

#include <stdio.h>
#include <time.h>

#include "base/fail.h"

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char DAYS[] = "SunMonTueWedThuFriSat";

struct date {
    int year, month, day, hour, minute, second; /* month 0 to 11 */
};

static int take_month(const char *at)
{
    for (int i = 0; i < 12; i++) {
        if (memcmp(at, MONTHS + (ptrdiff_t)i * 3, 3) == 0) {
            return i;
        }
    }
    return -1;
}

static bool is_day(const char *at)
{
    for (int i = 0; i < 7; i++) {
        if (memcmp(at, DAYS + (ptrdiff_t)i * 3, 3) == 0) {
            return true;
        }
    }
    return false;
}

static int *number_of(struct date *date, char letter)
{
    switch (letter) {
    case 'Y':
        return &date->year;
    case 'd':
    case 'D':
        return &date->day;
    case 'h':
        return &date->hour;
    case 'm':
        return &date->minute;
    case 's':
        return &date->second;
    default:
        return NULL;
    }
}

/*
 * Match a text with a pattern: a digit in the text for each letter of "Y", "D", "h", "m", "s" in
 * the pattern, "d" also a blank, "@@@" and "www" a month and a day; all else is itself.
 */
static bool match(struct weft__slice text, const char *pattern, struct date *date)
{
    if (text.length != strlen(pattern)) {
        return false;
    }
    *date = (struct date){ .month = -1 };
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        int *number = number_of(date, pattern[i]);
        if (number) {
            bool blank = pattern[i] == 'd' && byte == ' ';
            if (!blank && !weft__is_digit(byte)) {
                return false;
            }
            *number = *number * 10 + (blank ? 0 : byte - '0');
        } else if (pattern[i] == '@') {
            date->month = take_month(text.data + i);
            i += 2;
        } else if (pattern[i] == 'w') {
            if (!is_day(text.data + i)) {
                return false;
            }
            i += 2;
        } else if (byte != pattern[i]) {
            return false;
        }
    }
    return date->month >= 0;
}

/* Days since 1970 of a day in the Gregorian calendar. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month < 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int resolve(const struct date *date, int64_t *seconds)
{
    static const int LENGTHS[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    int length = LENGTHS[date->month] - (date->month == 1 && !leap);
    if (date->year < 1 || date->day < 1 || date->day > length || date->hour > 23 ||
        date->minute > 59 || date->second > 60) {
        return weft__fail(EINVAL);
    }
    *seconds = days_of(date->year, date->month, date->day) * 86400 + date->hour * 3600 +
               date->minute * 60 + date->second;
    return 0;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": the century is the one that brings it nearest. */
static bool match_old(struct weft__slice text, int64_t now, struct date *date)
{
    size_t comma = weft__slice_find(text, ',');
    if (comma < 6 || comma >= text.length || !is_day(text.data) ||
        !match(weft__slice(text.data + comma, text.length - comma), ", DD-@@@-YY hh:mm:ss GMT",
               date)) {
        return false;
    }
    int year = 1970 + (int)(now / 31556952);
    date->year += year / 100 * 100;
    if (date->year > year + 50) {
        date->year -= 100;
    }
    return true;
}

int weft__http_date_parse(struct weft__slice text, int64_t now, int64_t *seconds)
{
    struct date date;
    if (match(text, "www, DD @@@ YYYY hh:mm:ss GMT", &date) ||
        match(text, "www @@@ dD hh:mm:ss YYYY", &date) || match_old(text, now, &date)) {
        return resolve(&date, seconds);
    }
    return weft__fail(EINVAL);
}

void weft__http_date_format(int64_t seconds, char text[WEFT__HTTP_DATE])
{
    static const int64_t FIRST = INT64_C(-62135596800); /* of the year 1 */
    static const int64_t LAST = INT64_C(253402300799);  /* of the year 9999 */
    time_t time = (time_t)(seconds < FIRST ? FIRST : seconds > LAST ? LAST : seconds);
    struct tm tm;
    gmtime_r(&time, &tm);
    snprintf(text, WEFT__HTTP_DATE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             DAYS + (ptrdiff_t)tm.tm_wday * 3, (unsigned)tm.tm_mday % 100,
             MONTHS + (ptrdiff_t)tm.tm_mon * 3, (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
