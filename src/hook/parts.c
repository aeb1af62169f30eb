/* An I/O vector of which a part has been moved. */
#include <limits.h>

#include "hook/hook.h"

bool weft__parts_init(struct weft__parts *parts, const struct iovec *vector, size_t count)
{
    *parts = (struct weft__parts){ .parts = vector, .count = count };
    if (count > IOV_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (vector[i].iov_len > (size_t)SSIZE_MAX - parts->left)
            return false;
        parts->left += vector[i].iov_len;
    }
    return true;
}

void weft__parts_advance(struct weft__parts *parts, size_t moved)
{
    parts->left -= moved;
    while (parts->count > 0 && moved >= parts->parts->iov_len - parts->offset) {
        moved -= parts->parts->iov_len - parts->offset;
        parts->parts++;
        parts->count--;
        parts->offset = 0;
    }
    parts->offset += moved;
}

size_t weft__parts_window(const struct weft__parts *parts, struct iovec window[WEFT__WINDOW])
{
    size_t count = parts->count < WEFT__WINDOW ? parts->count : WEFT__WINDOW;
    for (size_t i = 0; i < count; i++)
        window[i] = parts->parts[i];
    if (count > 0) {
        window[0].iov_base = (char *)window[0].iov_base + parts->offset;
        window[0].iov_len -= parts->offset;
    }
    return count;
}
