#ifndef WEFT_HOOK_HOOKED_H
#define WEFT_HOOK_HOOKED_H

#include <limits.h>

#include "hook/hook.h"

enum {
    WEFT__SPECIFIC_BLOCK = 32,
    WEFT__SPECIFIC_BLOCKS = PTHREAD_KEYS_MAX / WEFT__SPECIFIC_BLOCK
};

/** A value of pthread_setspecific(). */
struct weft__specific {
    uint32_t generation; /* of the key it was set for */
    void *value;
};

/** What the hooks keep for a fiber, made when first needed. */
struct weft__hooked {
    const struct weft__frame *cut_short; /* the level whose end a condition wait has told already */
    const void *looked_at;               /* a condition that another process may signal, and ... */
    int64_t look;                        /* ... how long the last wait for it was */
    struct hostent host;                 /* the last answer of gethostbyname and gethostbyaddr */
    char *host_buffer;
    size_t host_size;
    void *exceptions[4]; /* those that a C++ catch block handles: cxx.c */
    struct weft__specific *specific[WEFT__SPECIFIC_BLOCKS];
};

/** The fiber's record; NULL without memory. */
struct weft__hooked *weft__hooked(struct weft__fiber *self);

/** key.c: run the destructors of a fiber's values and free them. In that fiber. */
void weft__specific_release(struct weft__hooked *hooked);

#endif
