/* Fiber-local values that children inherit. */
#ifndef WEFT_LOCAL_H
#define WEFT_LOCAL_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** A key; its address is its identity, so make it static. `destroy` may be NULL. */
struct weft_local {
    void (*destroy)(void *value); /**< called once, when the last fiber that sees a value is gone */
};

/**
 * The value a key has in the calling fiber: its own, else what its creator had when it was started.
 *
 * @param local     The key.
 * @return          The value; NULL if none was set, or outside a fiber.
 * Blocks           never
 * Ownership        borrowed
 */
WEFT_API void *weft_local_get(const struct weft_local *local);

/**
 * Set a value for the calling fiber and the tasks it starts from now on.
 *
 * @param local     The key.
 * @param value     May be NULL, which hides an inherited one.
 * @return          0; -1 and errno, with the old value left, otherwise.
 * Errors           ENOMEM; EPERM outside a fiber.
 * Blocks           never
 * Ownership        The runtime's: `destroy` gets it once no fiber sees it any more.
 */
WEFT_API int weft_local_set(const struct weft_local *local, void *value);

WEFT_END_DECLS

#endif
