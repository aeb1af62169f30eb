#ifndef WEFT_FIBER_WAITERS_H
#define WEFT_FIBER_WAITERS_H

#include "fiber/fiber.h"

/*
 * Fibers that wait for an object of one loop, first in, first out.
 *
 * Whoever hands something over takes the waiter out and wakes its fiber; only if that succeeds has
 * the fiber got it. A fiber that was cancelled at the same moment is passed over, so neither side
 * loses anything.
 */

struct weft__queue_node {
    struct weft__list node;
    struct weft__fiber *fiber;
};

/** The list in a public struct, which starts zeroed. */
static inline struct weft__list *weft__waiters(struct weft_waiters *waiters)
{
    struct weft__list *list = (struct weft__list *)(void *)waiters;
    if (!list->next)
        weft__list_init(list);
    return list;
}

/** Wake the first fiber that can be woken; NULL when there is none. */
static inline struct weft__fiber *weft__waiters_wake_one(struct weft__list *list)
{
    struct weft__list *node;
    while ((node = weft__list_pop(list)) != NULL) {
        struct weft__queue_node *waiter = weft__container_of(node, struct weft__queue_node, node);
        if (weft__wake(waiter->fiber, 0))
            return waiter->fiber;
    }
    return NULL;
}

/** Queue up and park: 0 once woken, else -ECANCELED, -ETIMEDOUT. */
static inline int weft__waiters_park(struct weft__fiber *self, struct weft__list *list,
                                     const void *object)
{
    struct weft__queue_node waiter = { .fiber = self };
    weft__list_append(list, &waiter.node);
    int error = weft__park(self, WEFT__WAIT_SYNC, object, true);
    weft__list_remove(&waiter.node);
    return error;
}

#endif
