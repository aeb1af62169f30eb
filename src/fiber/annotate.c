/* Names of fibers. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "fiber/fiber.h"

void weft_annotate(const char *format, ...)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return;
    int saved = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->name, sizeof self->name, format, arguments);
    va_end(arguments);
    errno = saved;
}
