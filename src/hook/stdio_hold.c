/* flockfile and its kin, and who holds a stream; see stdio.h. */
#include "hook/stdio.h"

#include "base/alloc.h"
#include "base/lock.h"
#include "hook/waiting.h"

static struct {
    struct weft__lock lock;
    struct weft__list list;
} holds = { .list = WEFT__LIST(holds.list) };

static void reset(void)
{
    atomic_store(&holds.lock.state, 0);
    weft__list_init(&holds.list);
}

__attribute__((constructor)) static void reset_at_fork(void)
{
    pthread_atfork(NULL, NULL, reset);
}

static struct weft__hold *find(const FILE *stream)
{
    struct weft__hold *found = NULL;
    weft__lock_enter(&holds.lock);
    weft__list_each(node, &holds.list) {
        struct weft__hold *hold = weft__container_of(node, struct weft__hold, node);
        if (hold->stream == stream)
            found = hold;
    }
    weft__lock_leave(&holds.lock);
    return found;
}

/* The stream's own lock lets the whole thread in that has it. */
static int attempt(struct weft__fiber *self, void *object)
{
    FILE *stream = object;
    (void)self;
    return find(stream) || WEFT__REAL(ftrylockfile)(stream) != 0 ? EBUSY : 0;
}

static struct weft__hold *hold_begin(struct weft__fiber *self, FILE *stream,
                                     struct weft__hold *hold, bool on_heap)
{
    *hold = (struct weft__hold){ .fiber = self, .stream = stream, .depth = 1, .on_heap = on_heap };
    weft__list_init(&hold->node);
    weft__lock_enter(&holds.lock);
    weft__list_append(&holds.list, &hold->node);
    weft__lock_leave(&holds.lock);
    return hold;
}

static struct weft__hold *already(const struct weft__fiber *self, const FILE *stream)
{
    struct weft__hold *held = find(stream);
    return held && held->fiber == self ? held : NULL;
}

/* Threads hold streams within the C library's own calls. */
static bool released_unseen(const void *stream)
{
    (void)stream;
    return true;
}

static struct weft__hold *enter(struct weft__fiber *self, FILE *stream, struct weft__hold *hold,
                                bool on_heap, bool cancellable)
{
    struct weft__hold *held = already(self, stream);
    if (held) {
        held->depth++;
        return held;
    }
    struct weft__acquisition acquisition = { .object = stream,
                                             .attempt = attempt,
                                             .deadline = INT64_MAX,
                                             .exclusive = true,
                                             .cancellable = cancellable,
                                             .unseen = released_unseen };
    int error = attempt(self, stream) == 0 ? 0 : weft__acquire(self, &acquisition);
    if (error) {
        weft__fail(error < 0 ? -error : error);
        return NULL;
    }
    return hold_begin(self, stream, hold, on_heap);
}

struct weft__hold *weft__stream_enter(struct weft__fiber *self, FILE *stream,
                                      struct weft__hold *hold)
{
    return enter(self, stream, hold, false, true);
}

struct weft__hold *weft__stream_try(struct weft__fiber *self, FILE *stream, struct weft__hold *hold)
{
    struct weft__hold *held = already(self, stream);
    if (held) {
        held->depth++;
        return held;
    }
    return attempt(self, stream) == 0 ? hold_begin(self, stream, hold, false) : NULL;
}

static void take_out(struct weft__hold *hold)
{
    weft__lock_enter(&holds.lock);
    weft__list_remove(&hold->node);
    weft__lock_leave(&holds.lock);
}

void weft__stream_leave(struct weft__hold *hold)
{
    if (--hold->depth > 0)
        return;
    FILE *stream = hold->stream;
    take_out(hold);
    WEFT__REAL(funlockfile)(stream);
    weft__release_fence();
    if (weft__anybody(stream))
        weft__wake_one(stream);
    if (hold->on_heap)
        weft__free(hold);
}

void weft__stream_forget(const FILE *stream)
{
    struct weft__hold *hold = find(stream);
    if (!hold)
        return;
    take_out(hold);
    if (hold->on_heap)
        weft__free(hold);
}

/* --- as the program asks for it */

void weft__hook_flockfile(struct weft__fiber *self, FILE *stream)
{
    struct weft__hold *hold = self ? weft__malloc(sizeof *hold) : NULL;
    if (!hold)
        WEFT__REAL(flockfile)(stream); /* there is no way to fail */
    else if (enter(self, stream, hold, true, false) != hold)
        weft__free(hold);
}

int weft__hook_ftrylockfile(struct weft__fiber *self, FILE *stream)
{
    struct weft__hold *held = already(self, stream);
    if (held) {
        held->depth++;
        return 0;
    }
    struct weft__hold *hold = weft__malloc(sizeof *hold);
    if (!hold || attempt(self, stream) != 0) {
        weft__free(hold);
        return EBUSY;
    }
    hold_begin(self, stream, hold, true);
    return 0;
}

void weft__hook_funlockfile(struct weft__fiber *self, FILE *stream)
{
    struct weft__hold *hold = self ? already(self, stream) : NULL;
    if (hold)
        weft__stream_leave(hold);
    else
        WEFT__REAL(funlockfile)(stream);
}
