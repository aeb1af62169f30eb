/*
 * The thread that tells when any child has changed.
 *
 * It waits with WNOWAIT and thus takes nothing; whoever stands in line is woken and asks for
 * itself. One thread serves all loops of the process, so a fiber that is cancelled leaves nothing
 * behind. A change that nobody asks for stays, and would be told again and again: the thread pauses
 * ever longer while it is told at once. It ends when nobody has waited for a while.
 */
#include "hook/children.h"

#include "base/lock.h"
#include "base/thread.h"

#define TOLD_AT_ONCE (200 * WEFT_MICROSECOND)
#define PAUSE_FIRST (250 * WEFT_MICROSECOND)
#define PAUSE_LAST (5 * WEFT_MILLISECOND)
#define IDLE_BEFORE_END (5 * WEFT_SECOND)

enum {
    THREAD_STACK = 64 * 1024
};

static struct {
    struct weft__lock lock;
    struct weft__list waiters;
    _Atomic uint32_t entered; /* the thread sleeps on it while nobody waits */
    bool running;
} children = { .waiters = WEFT__LIST(children.waiters) };

static void reset(void)
{
    atomic_store(&children.lock.state, 0);
    weft__list_init(&children.waiters);
    children.running = false;
}

__attribute__((constructor)) static void reset_at_fork(void)
{
    pthread_atfork(NULL, NULL, reset);
}

static bool leave(struct weft__children_waiter *waiter)
{
    weft__lock_enter(&children.lock);
    bool queued = waiter->queued;
    weft__list_remove(&waiter->node);
    waiter->queued = false;
    weft__lock_leave(&children.lock);
    return queued;
}

/* --- the thread */

/* false: nobody has waited for a while, and the thread is to end. */
static bool somebody_waits(void)
{
    int64_t patience = weft__clock() + IDLE_BEFORE_END;
    weft__lock_enter(&children.lock);
    while (weft__list_empty(&children.waiters)) {
        int64_t left = patience - weft__clock();
        if (left <= 0) {
            children.running = false;
            break;
        }
        uint32_t seen = atomic_load(&children.entered);
        weft__lock_leave(&children.lock);
        weft__futex_wait(&children.entered, seen, left);
        weft__lock_enter(&children.lock);
    }
    bool running = children.running;
    weft__lock_leave(&children.lock);
    return running;
}

static void wake_all(void)
{
    struct weft__list *node;
    struct weft__list taken = WEFT__LIST(taken);
    weft__lock_enter(&children.lock);
    weft__list_splice(&taken, &children.waiters);
    weft__list_each(each, &taken)
        weft__container_of(each, struct weft__children_waiter, node)->queued = false;
    for (;;) {
        node = weft__list_pop(&taken);
        if (!node)
            break;
        weft__unpark(&weft__container_of(node, struct weft__children_waiter, node)->parker);
    }
    weft__lock_leave(&children.lock);
}

static int64_t longer(int64_t pause)
{
    if (pause == 0)
        return PAUSE_FIRST;
    return pause * 2 < PAUSE_LAST ? pause * 2 : PAUSE_LAST;
}

static void *tell(void *unused)
{
    int64_t pause = 0;
    while (somebody_waits()) {
        if (pause > 0)
            weft__thread_sleep(pause);
        siginfo_t info;
        int64_t asked = weft__clock();
        weft__raw(SYS_waitid, P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOWAIT | __WALL,
                  NULL);
        pause = weft__clock() - asked < TOLD_AT_ONCE ? longer(pause) : 0;
        wake_all();
    }
    return unused;
}

/* --- the fibers */

bool weft__children_enter(struct weft__children_waiter *waiter, struct weft__fiber *self)
{
    int saved = errno;
    weft__list_init(&waiter->node);
    weft__parker_init(&waiter->parker, self);
    weft__lock_enter(&children.lock);
    if (!children.running)
        children.running = weft__thread_start(tell, NULL, THREAD_STACK) == 0;
    bool entered = children.running; /* once the lock is left, the thread may have taken it out */
    waiter->queued = entered;
    if (entered)
        weft__list_append(&children.waiters, &waiter->node);
    atomic_fetch_add(&children.entered, 1);
    weft__lock_leave(&children.lock);
    weft__futex_wake(&children.entered, 1);
    errno = saved;
    return entered;
}

int weft__children_park(struct weft__children_waiter *waiter, int64_t deadline)
{
    int result = weft__parker_wait(&waiter->parker, WEFT__WAIT_OFFLOAD, NULL, deadline, true);
    if (result == 0 || leave(waiter))
        return result;
    weft__parker_finish(&waiter->parker, WEFT__WAIT_OFFLOAD, NULL);
    return 0;
}

void weft__children_leave(struct weft__children_waiter *waiter)
{
    if (!leave(waiter))
        weft__parker_finish(&waiter->parker, WEFT__WAIT_OFFLOAD, NULL);
}
