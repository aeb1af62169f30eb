/* Who holds which lock, and circles of fibers that wait for each other's; see held.h. */
#include "fiber/held.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fiber/inspect.h"

enum {
    CIRCLE_MOST = 32 /* fibers of one circle that are told of */
};

static bool forget(struct weft__fiber *fiber, const void *lock)
{
    unsigned known = fiber->held_count < WEFT__HELD ? fiber->held_count : WEFT__HELD;
    unsigned place = known;
    while (place > 0 && fiber->held[place - 1] != lock)
        place--;
    if (place == 0)
        return false;
    for (; place < known; place++)
        fiber->held[place - 1] = fiber->held[place];
    fiber->held_count--;
    if (fiber->held_count >= WEFT__HELD)
        fiber->held[WEFT__HELD - 1] = NULL; /* one of those that are not known moves up */
    return true;
}

struct search {
    const void *lock;
    struct weft__fiber *found;
    bool several;
    bool unknown; /* somebody holds more than is known */
};

static void look_at(void *context, const struct weft_task *task, int depth)
{
    struct search *search = context;
    struct weft__fiber *fiber = task->fiber;
    (void)depth;
    unsigned known = fiber->held_count < WEFT__HELD ? fiber->held_count : WEFT__HELD;
    search->unknown |= fiber->held_count > WEFT__HELD;
    for (unsigned i = 0; i < known; i++) {
        if (fiber->held[i] == search->lock) {
            search->several |= search->found && search->found != fiber;
            search->found = fiber;
        }
    }
}

static struct search search_for(struct weft__runtime *runtime, const void *lock)
{
    struct search search = { .lock = lock };
    const struct weft__tree_visitor visitor = { look_at, NULL, SIZE_MAX };
    weft__tree_walk(runtime, &visitor, &search);
    return search;
}

/* Not in its place: out of order, beyond what is known, or locked by another fiber. */
void weft__held_remove(struct weft__fiber *self, const void *lock)
{
    if (forget(self, lock))
        return;
    if (self->held_count > WEFT__HELD) {
        self->held_count--; /* one of those that are not known, most likely */
        return;
    }
    struct search search = search_for(self->runtime, lock);
    if (search.found)
        forget(search.found, lock);
}

const struct weft__fiber *weft__held_by(struct weft__runtime *runtime, const void *lock)
{
    if (!lock)
        return NULL;
    struct search search = search_for(runtime, lock);
    return search.several || search.unknown ? NULL : search.found;
}

/* --- circles */

/* The circle that SELF closes, in CIRCLE: how many fibers; 0 if there is none. */
static size_t find_circle(struct weft__fiber *self, const void *lock,
                          const struct weft__fiber *circle[CIRCLE_MOST])
{
    size_t count = 0;
    const struct weft__fiber *waiting = self;
    do {
        const struct weft__fiber *holder = weft__held_by(self->runtime, lock);
        if (!holder || count == CIRCLE_MOST || waiting->deadlocked)
            return 0;
        circle[count++] = waiting;
        waiting = holder;
        if (holder != self && (holder->state != WEFT__PARKED || holder->wait != WEFT__WAIT_LOCK))
            return 0;
        lock = holder == self ? NULL : holder->wait_object;
    } while (waiting != self);
    return count;
}

static void put_name(FILE *stream, const struct weft__fiber *fiber)
{
    char function[96];
    weft__symbol_function((const void *)(uintptr_t)fiber->function, function, sizeof function);
    fputs("fiber '", stream);
    weft__put_plain(stream, fiber->name[0] ? fiber->name : "unnamed");
    fprintf(stream, "' (%s)", function);
}

static void put_lock(FILE *stream, const void *lock)
{
    Dl_info info;
    if (dladdr(lock, &info) && info.dli_sname && info.dli_saddr == lock)
        fprintf(stream, "%s (%p)", info.dli_sname, lock);
    else
        fprintf(stream, "%p", lock);
}

static void tell(const struct weft__fiber *const *circle, size_t count, const void *first)
{
    char *line = NULL;
    size_t size;
    FILE *stream = open_memstream(&line, &size);
    if (!stream)
        return;
    fprintf(stream, "deadlock of %zu fiber%s, none of which can go on: ", count,
            count == 1 ? "" : "s");
    put_name(stream, circle[0]);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? " waits for lock " : ", which waits for lock ", stream);
        put_lock(stream, i == 0 ? first : circle[i]->wait_object);
        fputs(" held by ", stream);
        if (i + 1 == count)
            fputs(count == 1 ? "itself" : "the first", stream);
        else
            put_name(stream, circle[i + 1]);
    }
    fputs(" (take locks in one order everywhere)", stream);
    if (fclose(stream) == 0)
        weft_log(WEFT_LOG_WARNING, "%s", line);
    free(line);
}

void weft__deadlock_look(struct weft__fiber *self, const void *lock)
{
    const struct weft__fiber *circle[CIRCLE_MOST];
    int saved = errno;
    size_t count = find_circle(self, lock, circle);
    for (size_t i = 0; i < count; i++)
        ((struct weft__fiber *)(uintptr_t)circle[i])->deadlocked = true;
    if (count > 0)
        tell(circle, count, lock);
    errno = saved;
}
