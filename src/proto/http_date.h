#ifndef WEFT_PROTO_HTTP_DATE_H
#define WEFT_PROTO_HTTP_DATE_H

/* Points in time as HTTP writes them: RFC 9110, 5.6.7. */

#include <stdint.h>

#include "base/slice.h"

enum {
    WEFT__HTTP_DATE = 30 /* room for a date and a NUL */
};

/**
 * Read a date in any of the three forms.
 *
 * @param now       Seconds since 1970: a year of two digits is at most 50 years after it.
 * @param seconds   Since 1970.
 * @return          0; or -1: EINVAL.
 */
int weft__http_date_parse(struct weft__slice text, int64_t now, int64_t *seconds);

/** Write a date, such as "Sun, 06 Nov 1994 08:49:37 GMT". Years 1 to 9999; others are cut to it. */
void weft__http_date_format(int64_t seconds, char text[WEFT__HTTP_DATE]);

#endif
