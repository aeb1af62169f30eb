#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

/*
 * An intrusive, circular, doubly linked list.
 *
 * The head is an ordinary node that stands between the last and the first element, so no operation
 * has a special case for the ends. A node that is in no list points at itself: removing it again
 * does nothing, and weft__list_empty() of it is true, which is also how to ask "am I queued?".
 *
 *      head <-> a <-> b <-> c <-> (head)
 */

#include <stdbool.h>
#include <stddef.h>

struct weft__list {
    struct weft__list *next;
    struct weft__list *prev;
};

/** The structure of TYPE whose MEMBER is at POINTER. */
#define weft__container_of(pointer, type, member)                                                  \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/** A list head or a free node, as an initializer: `struct weft__list ready = WEFT__LIST(ready);` */
#define WEFT__LIST(name)                                                                           \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

/** Make a head empty, or a node free. */
static inline void weft__list_init(struct weft__list *list)
{
    list->next = list;
    list->prev = list;
}

/** True for a head without elements and for a node that is in no list. */
static inline bool weft__list_empty(const struct weft__list *list)
{
    return list->next == list;
}

/** Put a free node before POSITION; before the head means at the end. */
static inline void weft__list_append(struct weft__list *position, struct weft__list *node)
{
    node->next = position;
    node->prev = position->prev;
    position->prev->next = node;
    position->prev = node;
}

/** Put a free node after POSITION; after the head means in front. */
static inline void weft__list_prepend(struct weft__list *position, struct weft__list *node)
{
    weft__list_append(position->next, node);
}

/** Take a node out of the list it is in, if any; it is free afterwards. */
static inline void weft__list_remove(struct weft__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    weft__list_init(node);
}

/** Move a node from the list it is in to before POSITION: before the head means at the end. */
static inline void weft__list_move(struct weft__list *position, struct weft__list *node)
{
    struct weft__list *prev = node->prev, *next = node->next;
    prev->next = next;
    next->prev = prev;
    weft__list_append(position, node);
}

/** Take the first node out; NULL when the list is empty. */
static inline struct weft__list *weft__list_pop(struct weft__list *head)
{
    struct weft__list *first = head->next;
    if (first == head)
        return NULL;
    weft__list_remove(first);
    return first;
}

/** Move every element of FROM to the end of HEAD, in order; FROM is empty afterwards. */
static inline void weft__list_splice(struct weft__list *head, struct weft__list *from)
{
    if (weft__list_empty(from))
        return;
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    weft__list_init(from);
}

/**
 * Walk a list. The body may remove (and free) the current node, because the next one is fetched
 * first; it must not remove that next one.
 */
#define weft__list_each(node, head)                                                                \
    for (struct weft__list *node = (head)->next, *weft__next_##node = node->next; node != (head);  \
         node = weft__next_##node, weft__next_##node = node->next)

#endif
