#ifndef WEFT_PROTO_IP_H
#define WEFT_PROTO_IP_H

/* IP addresses as text, in the strict form: RFC 3986, 3.2.2, without zones. */

#include <stdint.h>

#include "base/slice.h"

/** "192.0.2.1", without leading zeros. 0; -1 EINVAL. */
int weft__ipv4_parse(struct weft__slice text, uint8_t bytes[4]);

/** "2001:db8::1", "::ffff:192.0.2.1". 0; -1 EINVAL. */
int weft__ipv6_parse(struct weft__slice text, uint8_t bytes[16]);

#endif
