#include "proto/date.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fail.h"

static const char DAYS[] = "SunMonTueWedThuFriSat";
static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* 0001-01-01 and 9999-12-31, which four digits can tell. */
#define FIRST INT64_C(-62135596800)
#define LAST INT64_C(253402300799)

void weft__date_write(int64_t seconds, char text[WEFT__DATE_LENGTH + 1])
{
    time_t time = (time_t)(seconds < FIRST ? FIRST : seconds > LAST ? LAST : seconds);
    struct tm tm = { 0 };
    gmtime_r(&time, &tm);
    snprintf(text, WEFT__DATE_LENGTH + 1, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             DAYS + tm.tm_wday * 3, (unsigned)tm.tm_mday % 100, MONTHS + tm.tm_mon * 3,
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* Where three letters stand in a table; -1: nowhere. */
static int find(const char *table, const char *name)
{
    for (int i = 0; table[3 * i]; i++) {
        if (memcmp(table + 3 * i, name, 3) == 0) {
            return i;
        }
    }
    return -1;
}

/* So many digits; false if there are others. */
static bool digits(const char *text, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *value = *value * 10 + (text[i] - '0');
    }
    return true;
}

int weft__date_read(struct weft__slice text, int64_t *seconds)
{
    const char *at = text.data;
    struct tm tm = { 0 };
    if (text.length != WEFT__DATE_LENGTH || memcmp(at + 3, ", ", 2) != 0 || at[7] != ' ' ||
        at[11] != ' ' || at[16] != ' ' || at[19] != ':' || at[22] != ':' ||
        memcmp(at + 25, " GMT", 4) != 0 || find(DAYS, at) < 0) {
        return weft__fail(EINVAL);
    }
    tm.tm_mon = find(MONTHS, at + 8);
    if (tm.tm_mon < 0 || !digits(at + 5, 2, &tm.tm_mday) || !digits(at + 12, 4, &tm.tm_year) ||
        !digits(at + 17, 2, &tm.tm_hour) || !digits(at + 20, 2, &tm.tm_min) ||
        !digits(at + 23, 2, &tm.tm_sec)) {
        return weft__fail(EINVAL);
    }
    if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || tm.tm_mday < 1) {
        return weft__fail(EINVAL);
    }
    int day = tm.tm_mday;
    int second = tm.tm_sec;
    tm.tm_year -= 1900;
    tm.tm_sec = 0;
    int64_t time = timegm(&tm);
    if (tm.tm_mday != day) {
        return weft__fail(EINVAL); /* the 31st of a shorter month was put right */
    }
    *seconds = time + second;
    return 0;
}
