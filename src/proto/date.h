#ifndef WEFT_PROTO_DATE_H
#define WEFT_PROTO_DATE_H

/* Dates of HTTP header fields: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). */

#include <stdint.h>

#include "base/slice.h"

enum {
    WEFT__DATE_LENGTH = 29
};

/** Write a time, in seconds since 1970, of the years 1 to 9999; cut to them. Ends with a NUL. */
void weft__date_write(int64_t seconds, char text[WEFT__DATE_LENGTH + 1]);

/**
 * Read a date of the preferred form. The obsolete ones, which no client of this century sends, are
 * refused, as a date is that does not exist; the day of the week is not compared.
 *
 * 0; -1 and EINVAL.
 */
int weft__date_read(struct weft__slice text, int64_t *seconds);

#endif
