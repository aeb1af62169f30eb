/* The timers' heap; see timer.h. */
#include "loop/timer.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    ARITY = 4,
    FIRST_CAPACITY = 32
};

static bool before(const struct weft__timer_entry *a, const struct weft__timer_entry *b)
{
    return a->deadline < b->deadline || (a->deadline == b->deadline && a->order < b->order);
}

static void place(struct weft__timers *timers, size_t at, struct weft__timer_entry entry)
{
    timers->entries[at] = entry;
    entry.timer->slot = at + 1;
}

static void sift_up(struct weft__timers *timers, size_t at, struct weft__timer_entry entry)
{
    while (at > 0) {
        size_t parent = (at - 1) / ARITY;
        if (!before(&entry, &timers->entries[parent]))
            break;
        place(timers, at, timers->entries[parent]);
        at = parent;
    }
    place(timers, at, entry);
}

static size_t least_child(const struct weft__timers *timers, size_t first)
{
    size_t least = first;
    size_t end = first + ARITY < timers->count ? first + ARITY : timers->count;
    for (size_t child = first + 1; child < end; child++)
        if (before(&timers->entries[child], &timers->entries[least]))
            least = child;
    return least;
}

static void sift_down(struct weft__timers *timers, size_t at, struct weft__timer_entry entry)
{
    for (;;) {
        size_t child = at * ARITY + 1;
        if (child >= timers->count)
            break;
        child = least_child(timers, child);
        if (!before(&timers->entries[child], &entry))
            break;
        place(timers, at, timers->entries[child]);
        at = child;
    }
    place(timers, at, entry);
}

static int grow(struct weft__timers *timers)
{
    size_t capacity = timers->capacity ? timers->capacity * 2 : FIRST_CAPACITY;
    void *entries = weft__realloc(timers->entries, capacity * sizeof *timers->entries);
    if (!entries)
        return -ENOMEM;
    timers->entries = entries;
    timers->capacity = capacity;
    return 0;
}

int weft__timer_set(struct weft__timers *timers, struct weft__timer *timer, int64_t deadline)
{
    weft_assert(timer->slot == 0);
    if (timers->count == timers->capacity) {
        int error = grow(timers);
        if (error)
            return error;
    }
    struct weft__timer_entry entry = { deadline, timers->order++, timer };
    sift_up(timers, timers->count++, entry);
    return 0;
}

void weft__timer_clear(struct weft__timers *timers, struct weft__timer *timer)
{
    if (timer->slot == 0)
        return;
    size_t at = timer->slot - 1;
    weft_assert(at < timers->count && timers->entries[at].timer == timer);
    timer->slot = 0;
    struct weft__timer_entry last = timers->entries[--timers->count];
    if (at == timers->count)
        return;
    if (at > 0 && before(&last, &timers->entries[(at - 1) / ARITY]))
        sift_up(timers, at, last);
    else
        sift_down(timers, at, last);
}

size_t weft__timers_fire(struct weft__timers *timers, int64_t now)
{
    size_t fired = 0;
    while (timers->count && timers->entries[0].deadline <= now) {
        struct weft__timer *timer = timers->entries[0].timer;
        weft__timer_clear(timers, timer);
        timer->fire(timer);
        fired++;
    }
    return fired;
}

void weft__timers_fini(struct weft__timers *timers)
{
    weft_assert(timers->count == 0);
    weft__free(timers->entries);
    timers->entries = NULL;
    timers->capacity = 0;
}
