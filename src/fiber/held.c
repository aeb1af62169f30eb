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
    if (fiber->held_count < UINT16_MAX)
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
        search->unknown |= !fiber->held[i];
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
        if (self->held_count < UINT16_MAX) /* else nobody knows any more how many there are */
            self->held_count--;            /* one of those that are not known, most likely */
        return;
    }
    if (forget(self, NULL)) /* it was one of those that had no place */
        return;
    struct search search = search_for(self->runtime, lock);
    if (search.found)
        forget(search.found, lock);
}

/* What is locked again has been unlocked elsewhere, as locks are that serve as signals. */
static void forget_repeated(struct weft__fiber *self, const void *lock)
{
    unsigned kept = 0, dropped = 0;
    for (unsigned i = 0; i < WEFT__HELD; i++) {
        const void *known = self->held[i];
        bool again = known == lock;
        for (unsigned later = i + 1; later < WEFT__HELD; later++)
            again |= known == self->held[later];
        if (known && again)
            dropped++;
        else
            self->held[kept++] = known;
    }
    for (; kept < WEFT__HELD; kept++)
        self->held[kept] = NULL;
    if (self->held_count < UINT16_MAX)
        self->held_count = (uint16_t)(self->held_count - dropped);
}

void weft__held_overflow(struct weft__fiber *self, const void *lock)
{
    forget_repeated(self, lock);
    if (self->held_count < WEFT__HELD)
        self->held[self->held_count] = lock;
    if (self->held_count < UINT16_MAX)
        self->held_count++;
}

static int lock_thread(const struct weft__fiber *fiber)
{
    if (fiber->lock_wait == WEFT__LOCK_NONE || !fiber->wanted->thread_of || !fiber->wait_object)
        return 0;
    return fiber->wanted->thread_of(fiber->wait_object);
}

int weft__lock_other_thread(const struct weft__fiber *fiber)
{
    int thread = lock_thread(fiber);
    return thread == fiber->runtime->watched.thread ? 0 : thread;
}

/* A tree of thousands that wait for one lock asks for each of them. */
static bool is_good(const struct weft__holder_seen *seen, const struct weft__runtime *runtime,
                    const void *lock)
{
    const struct weft__fiber *self = weft__current;
    return seen->lock == lock && seen->switches == runtime->switches && seen->asked_by == self &&
           seen->held_count == (self ? self->held_count : 0) &&
           (!seen->holder || weft__held_has(seen->holder, lock));
}

const struct weft__fiber *weft__lock_holder(const struct weft__fiber *fiber)
{
    struct weft__runtime *runtime = fiber->runtime;
    if (lock_thread(fiber) != runtime->watched.thread)
        return NULL;
    const void *lock = fiber->wait_object;
    struct weft__holder_seen *seen = &runtime->holder_seen;
    if (!is_good(seen, runtime, lock)) {
        const struct weft__fiber *self = weft__current;
        struct search search = search_for(runtime, lock);
        *seen = (struct weft__holder_seen){
            .lock = lock,
            .holder = search.several || search.unknown ? NULL : search.found,
            .asked_by = self,
            .switches = runtime->switches,
            .held_count = self ? self->held_count : 0,
        };
    }
    return seen->holder;
}

/* --- circles */

/* The circle that SELF closes, in CIRCLE: how many fibers; 0 if there is none. */
static size_t find_circle(struct weft__fiber *self, struct weft__fiber *circle[CIRCLE_MOST])
{
    size_t count = 0;
    struct weft__fiber *waiting = self;
    do {
        if (count == CIRCLE_MOST || waiting->lock_wait != WEFT__LOCK_WANTED ||
            (waiting != self &&
             (waiting->state != WEFT__PARKED || waiting->wait != WEFT__WAIT_LOCK)))
            return 0;
        circle[count++] = waiting;
        waiting = (struct weft__fiber *)(uintptr_t)weft__lock_holder(waiting);
    } while (waiting && waiting != self);
    return waiting ? count : 0;
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

static bool ends_by_itself(struct weft__fiber *const *circle, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (circle[i]->wanted->limited)
            return true;
    return false;
}

static void tell(struct weft__fiber *const *circle, size_t count)
{
    char *line = NULL;
    size_t size;
    FILE *stream = open_memstream(&line, &size);
    if (!stream)
        return;
    fprintf(stream, "deadlock of %zu fiber%s, %s: ", count, count == 1 ? "" : "s",
            ends_by_itself(circle, count) ? "until a time limit ends it"
                                          : "none of which can go on");
    put_name(stream, circle[0]);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? " waits for lock " : ", which waits for lock ", stream);
        put_lock(stream, circle[i]->wait_object);
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

bool weft__deadlock_found(struct weft__fiber *self)
{
    struct weft__fiber *circle[CIRCLE_MOST];
    return find_circle(self, circle) > 0;
}

void weft__deadlock_tell(struct weft__fiber *self)
{
    struct weft__fiber *circle[CIRCLE_MOST];
    int saved = errno;
    size_t count = find_circle(self, circle);
    for (size_t i = 0; i < count; i++)
        circle[i]->lock_wait = WEFT__LOCK_REPORTED;
    if (count > 0)
        tell(circle, count);
    errno = saved;
}
