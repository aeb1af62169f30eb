#ifndef WEFT_PROTO_FORM_H
#define WEFT_PROTO_FORM_H

/* application/x-www-form-urlencoded, as it comes: WHATWG URL, 5.1. */

#include "base/buffer.h"

struct weft__form {
    struct weft__buffer pair; /* of what has come, not decoded */
};

/** Begin. @param limit most bytes of a pair, not decoded. */
void weft__form_init(struct weft__form *form, size_t limit);

void weft__form_fini(struct weft__form *form);

/**
 * Go on.
 *
 * @param bytes   In: what came. Out: what is left of it.
 * @param end     These are the last bytes.
 * @param name    Decoded, with a NUL behind it, valid until the next call; so is value.
 * @return        1 a pair; 0 all bytes are used up; -1: EBADMSG a % without two hexadecimal digits,
 *                or %00; EMSGSIZE a pair is too long; ENOMEM.
 */
int weft__form_next(struct weft__form *form, struct weft__slice *bytes, bool end,
                    struct weft__slice *name, struct weft__slice *value);

#endif
