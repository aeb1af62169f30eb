#ifndef WEFT_CONTEXT_UNWIND_H
#define WEFT_CONTEXT_UNWIND_H

#include <stddef.h>

#include "context/context.h"

/**
 * The return addresses of a context that is not running, innermost first; their number.
 *
 * A function is run on the parked stack as if the switch had called it, so that the ordinary
 * unwinder walks from there to the fiber's base. With fewer than WEFT__UNWIND_ROOM bytes of ROOM
 * below the parked frames, and on processors without this, only the place where it was parked is
 * told.
 */
size_t weft__context_backtrace(const struct weft__context *context, size_t room, void **addresses,
                               size_t limit);

enum {
    WEFT__UNWIND_ROOM = 8192
};

#endif
