#ifndef WEFT_PROTO_RANGE_H
#define WEFT_PROTO_RANGE_H

/* The Range field: which bytes of a representation are wanted (RFC 9110, 14). */

#include <stdint.h>

#include "base/slice.h"

enum weft__range {
    WEFT__RANGE_WHOLE,         /* no range that is served: all of it */
    WEFT__RANGE_PART,          /* one range */
    WEFT__RANGE_UNSATISFIABLE, /* one range, beyond the end: 416 */
};

/** A part of a representation. */
struct weft__range_part {
    uint64_t first;
    uint64_t length;
};

/**
 * Read a Range field for a representation of `size` bytes.
 *
 * Other units, malformed fields and several ranges ask for all of it: a server may ignore them, and
 * several ranges serve attackers more than readers.
 */
enum weft__range weft__range_read(struct weft__slice field, uint64_t size,
                                  struct weft__range_part *part);

#endif
