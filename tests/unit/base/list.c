#include "base/list.h"

#include "tap.h"

struct item {
    int number;
    struct weft__list link;
};

static struct item *item_of(struct weft__list *node)
{
    return weft__container_of(node, struct item, link);
}

/* The numbers of a list as decimal digits, forwards; checked against the backward links. */
static int digits(struct weft__list *head)
{
    int forwards = 0, backwards = 0, weight = 1;

    weft__list_each(node, head)
        forwards = forwards * 10 + item_of(node)->number;
    for (struct weft__list *node = head->prev; node != head; node = node->prev, weight *= 10)
        backwards += item_of(node)->number * weight;
    must(forwards == backwards, "both directions agree");
    return forwards;
}

int main(void)
{
    struct weft__list head = WEFT__LIST(head), other;
    struct item items[5];

    weft__list_init(&other);
    ok(weft__list_empty(&head), "a static head is empty");
    ok(weft__list_empty(&other), "an initialized head is empty");
    ok(weft__list_pop(&head) == NULL, "nothing pops off an empty list");

    for (int i = 0; i < 5; i++) {
        items[i].number = i + 1;
        weft__list_init(&items[i].link);
    }
    weft__list_append(&head, &items[1].link);
    weft__list_append(&head, &items[2].link);
    weft__list_prepend(&head, &items[0].link);
    is_int(digits(&head), 123, "append goes to the end, prepend to the front");
    weft__list_append(&items[1].link, &items[3].link);
    is_int(digits(&head), 1423, "append to an element goes before it");
    weft__list_remove(&items[3].link);
    is_int(digits(&head), 123, "an element leaves the middle");
    ok(weft__list_empty(&items[3].link), "and is free then");
    weft__list_remove(&items[3].link);
    is_int(digits(&head), 123, "removing a free node changes nothing");

    weft__list_append(&other, &items[3].link);
    weft__list_append(&other, &items[4].link);
    weft__list_splice(&head, &other);
    is_int(digits(&head), 12345, "splice appends in order");
    ok(weft__list_empty(&other), "and empties the source");
    weft__list_splice(&head, &other);
    is_int(digits(&head), 12345, "an empty source adds nothing");

    weft__list_move(&other, &items[3].link);
    is_int(digits(&head), 1235, "an element moves out of one list");
    is_int(digits(&other), 4, "into another");
    weft__list_move(&items[4].link, &items[3].link);
    is_int(digits(&head), 12345, "and back before an element");
    ok(weft__list_empty(&other), "which leaves none behind");
    weft__list_move(&head, &items[0].link);
    is_int(digits(&head), 23451, "or within a list");
    weft__list_move(&items[1].link, &items[0].link);

    weft__list_each(node, &head) {
        if (item_of(node)->number % 2 == 0)
            weft__list_remove(node);
    }
    is_int(digits(&head), 135, "the body of a walk may remove the current element");
    ok(weft__list_pop(&head) == &items[0].link, "pop takes the first");
    ok(weft__list_pop(&head) == &items[2].link, "then the next");
    ok(weft__list_pop(&head) == &items[4].link, "then the last");
    ok(weft__list_empty(&head), "until none is left");
    return done_testing();
}
