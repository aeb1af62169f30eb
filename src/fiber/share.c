/* The fibers that were seen running most; see share.h. */
#include "fiber/share.h"

#include <stddef.h>
#include <string.h>

static void halve(struct weft__shares *shares)
{
    shares->samples /= 2;
    for (int i = 0; i < WEFT__SHARE_FIBERS; i++)
        shares->most[i].seen /= 2;
}

static bool is_of(const struct weft__share *share, const volatile struct weft__fiber *fiber,
                  int64_t started)
{
    return share->seen > 0 && share->fiber == fiber && share->started == started;
}

void weft__share_note(struct weft__shares *shares, const volatile struct weft__fiber *fiber,
                      int64_t started)
{
    if (++shares->samples >= WEFT__SHARE_WINDOW)
        halve(shares);
    if (!fiber)
        return;
    struct weft__share *least = &shares->most[0];
    for (int i = 0; i < WEFT__SHARE_FIBERS; i++) {
        struct weft__share *share = &shares->most[i];
        if (is_of(share, fiber, started)) {
            share->seen++;
            return;
        }
        if (share->seen < least->seen)
            least = share;
    }
    *least = (struct weft__share){ fiber, started, 1 };
}

void weft__share_reset(struct weft__shares *shares)
{
    memset(shares, 0, sizeof *shares);
}

int weft__share_of(const struct weft__shares *shares, const struct weft__fiber *fiber,
                   int64_t started)
{
    if (shares->samples == 0)
        return -1;
    for (int i = 0; i < WEFT__SHARE_FIBERS; i++)
        if (is_of(&shares->most[i], fiber, started))
            return (int)(shares->most[i].seen * 100 / shares->samples);
    return 0;
}
