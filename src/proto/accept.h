#ifndef WEFT_PROTO_ACCEPT_H
#define WEFT_PROTO_ACCEPT_H

/* Negotiation by quality values: RFC 9110, 12.4 and 12.5.3. */

#include "base/slice.h"

/**
 * How much a list such as that of Accept-Encoding wants a token, compared without case.
 *
 * @return   0 to 1000; -1 if it is not in the list, or with a quality that is malformed.
 */
int weft__accept_quality(struct weft__slice list, const char *token);

#endif
