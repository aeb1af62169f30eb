#ifndef WEFT_BASE_FAIL_H
#define WEFT_BASE_FAIL_H

#include <errno.h>

/** The one way to fail: sets errno and returns -1, as in `return weft__fail(EINVAL);`. */
static inline int weft__fail(int error)
{
    errno = error;
    return -1;
}

#endif
