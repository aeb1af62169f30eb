/* The loops of the process; see registry.h. */
#include "loop/registry.h"

#include "base/list.h"
#include "base/lock.h"
#include "loop/loop.h"

static struct weft__lock lock;
static struct weft__list loops = WEFT__LIST(loops);
static uint64_t taken;

void weft__registry_add(struct weft__loop *loop)
{
    weft__lock_enter(&lock);
    int index = 0;
    while (index < WEFT__LOOPS_MAX - 1 && taken & UINT64_C(1) << index)
        index++;
    taken |= UINT64_C(1) << index;
    loop->index = index;
    weft__list_append(&loops, &loop->registered);
    weft__lock_leave(&lock);
}

void weft__registry_remove(struct weft__loop *loop)
{
    weft__lock_enter(&lock);
    weft__list_remove(&loop->registered);
    if (loop->index < WEFT__LOOPS_MAX - 1)
        taken &= ~(UINT64_C(1) << loop->index);
    weft__lock_leave(&lock);
}

void weft__registry_scan(uint64_t which, const struct weft__loop *except)
{
    weft__lock_enter(&lock);
    weft__list_each(node, &loops) {
        struct weft__loop *loop = weft__container_of(node, struct weft__loop, registered);
        if (loop == except || !(which & UINT64_C(1) << loop->index))
            continue;
        atomic_store(&loop->scan, true);
        weft__loop_wake(loop);
    }
    weft__lock_leave(&lock);
}

void weft__registry_reset(void)
{
    atomic_store(&lock.state, 0);
    weft__list_init(&loops);
    taken = 0;
}
