#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void (*weft__assert_hook)(const char *condition, const char *file, int line);

/*
 * One write(2) of a finished line: no stdio lock, which the failing thread may already hold, and
 * little stack, because a fiber's may be nearly used up.
 */
_Noreturn void weft__assert_failed(const char *condition, const char *file, int line)
{
    char text[320];

    if (weft__assert_hook) {
        void (*hook)(const char *, const char *, int) = weft__assert_hook;
        weft__assert_hook = NULL; /* a hook that fails an assertion itself must not come back */
        hook(condition, file, line);
    }
    int length =
        snprintf(text, sizeof text, "weft: assertion failed: %s (%s:%d)\n", condition, file, line);
    if (length >= (int)sizeof text) {
        length = sizeof text;
        text[sizeof text - 1] = '\n';
    }
    if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0) {
        /* Nobody is left to be told. */
    }
    abort();
}
