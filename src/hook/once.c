/*
 * pthread_once, call_once.
 *
 * The real call would hold the thread while another fiber of it is inside the function and parked.
 * So whoever is inside, fiber or thread, is put down beside the queue of those who wait, and fibers
 * wait there; then everything is the C library's again. The function may park, fail by a C++
 * exception (std::call_once: the next one tries), or never return.
 */
#include "hook/waiting.h"

enum {
    DONE = 2 /* glibc's, in the control */
};

struct inside {
    struct weft__list node;
    const void *control;
};

static struct weft__lock lock;
static struct weft__list insiders = WEFT__LIST(insiders);

static void clear(void)
{
    atomic_store(&lock.state, 0);
    weft__list_init(&insiders);
}

__attribute__((constructor)) static void clear_at_fork(void)
{
    pthread_atfork(NULL, NULL, clear);
}

static bool is_done(const int *control)
{
    return __atomic_load_n(control, __ATOMIC_ACQUIRE) & DONE;
}

static bool anybody_inside(const void *control)
{
    weft__list_each(node, &insiders)
        if (weft__container_of(node, struct inside, node)->control == control)
            return true;
    return false;
}

/* 0 it is ours to go in; EBUSY somebody is inside. */
static int enter(struct inside *inside)
{
    weft__lock_enter(&lock);
    bool taken = anybody_inside(inside->control);
    if (!taken)
        weft__list_append(&insiders, &inside->node);
    weft__lock_leave(&lock);
    return taken ? EBUSY : 0;
}

static void leave(struct inside *inside)
{
    const void *control = inside->control;
    weft__lock_enter(&lock);
    weft__list_remove(&inside->node);
    weft__lock_leave(&lock);
    __sync_synchronize();
    if (weft__anybody(control))
        weft__wake_all(control);
}

/* Until nobody is inside; a fork's child finds the list empty, as the C library has it. */
static void wait_for_turn(struct weft__fiber *self, struct inside *inside)
{
    while (enter(inside) != 0) {
        struct weft__waiting waiting;
        weft__waiting_init(&waiting, self, inside->control, false);
        weft__waiting_enter(&waiting, false);
        weft__lock_enter(&lock);
        bool taken = anybody_inside(inside->control);
        weft__lock_leave(&lock);
        if (taken)
            weft__waiting_park(&waiting, INT64_MAX, false);
        else if (!weft__waiting_leave(&waiting))
            weft__parker_finish(&waiting.parker, WEFT__WAIT_LOCK, inside->control);
    }
}

static int run_once(struct weft__fiber *self, pthread_once_t *control, void (*function)(void))
{
    if (is_done(control))
        return 0;
    __attribute__((cleanup(leave))) struct inside inside = { .control = control };
    weft__list_init(&inside.node);
    if (!self) {
        enter(&inside); /* a thread waits in the real call if it has to */
    } else if (enter(&inside) != 0) {
        struct weft__once_call call;
        weft__once_call_save(&call);
        wait_for_turn(self, &inside);
        weft__once_call_restore(&call);
    }
    return WEFT__REAL(pthread_once)(control, function);
}

int weft__hook_pthread_once(struct weft__fiber *self, pthread_once_t *control,
                            void (*function)(void))
{
    return run_once(self, control, function);
}

void weft__hook_call_once(struct weft__fiber *self, once_flag *flag, void (*function)(void))
{
    run_once(self, (pthread_once_t *)(void *)flag, function);
}
