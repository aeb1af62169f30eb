#ifndef WEFT_LOOP_REGISTRY_H
#define WEFT_LOOP_REGISTRY_H

#include <stdint.h>

struct weft__loop;

/* The loops of the process, so that one thread's close(2) reaches the waiters of another. */

/** Give a loop its index. With more than 63 loops the last index is shared. */
void weft__registry_add(struct weft__loop *loop);
void weft__registry_remove(struct weft__loop *loop);

/** Have the loops of a bit set, but for one, look for closed descriptors. */
void weft__registry_scan(uint64_t loops, const struct weft__loop *except);

/** In the child of a fork: no loop of the parent exists here. */
void weft__registry_reset(void);

#endif
