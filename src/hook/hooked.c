/* What the hooks keep for a fiber; see hooked.h. */
#include "hook/hooked.h"

#include "base/alloc.h"

struct weft__hooked *weft__hooked(struct weft__fiber *self)
{
    if (!self->hooked)
        self->hooked = weft__calloc(1, sizeof *self->hooked);
    return self->hooked;
}

/* Destructors run first, as the fiber; what they set anew after their rounds is lost, as in POSIX.
 */
void weft__hooked_release(struct weft__hooked *hooked)
{
    weft__specific_release(hooked);
    if (weft__current && weft__current->hooked == hooked)
        weft__current->hooked = NULL;
    weft__free(hooked->host_buffer);
    weft__free(hooked);
}
