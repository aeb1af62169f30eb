/*
 * POSIX semaphores.
 *
 * sem_post may be called by a signal handler, in the middle of anything. So the queue of semaphores
 * is its own, whoever holds it has signals blocked, and wake-ups always go through the loop's
 * mailbox, which a handler may write to.
 */
#include "base/lock.h"
#include "hook/hook.h"

struct waiting {
    struct weft__list node;
    const sem_t *semaphore;
    struct weft__parker parker;
    bool queued;
};

static struct weft__lock lock;
static struct weft__list queue = WEFT__LIST(queue);
static _Atomic uint32_t waiters;

static void clear_queue(void)
{
    atomic_store(&lock.state, 0);
    atomic_store(&waiters, 0);
    weft__list_init(&queue);
}

__attribute__((constructor)) static void clear_at_fork(void)
{
    pthread_atfork(NULL, NULL, clear_queue);
}

static sigset_t enter(void)
{
    sigset_t all, before;
    sigfillset(&all);
    weft__raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
    weft__lock_enter(&lock);
    return before;
}

static void leave(sigset_t before)
{
    weft__lock_leave(&lock);
    weft__raw(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
}

static void stand(struct waiting *waiting, bool front)
{
    sigset_t before = enter();
    atomic_fetch_add(&waiters, 1);
    waiting->queued = true;
    if (front)
        weft__list_prepend(&queue, &waiting->node);
    else
        weft__list_append(&queue, &waiting->node);
    leave(before);
    __sync_synchronize();
}

static void take_out(struct waiting *waiting)
{
    weft__list_remove(&waiting->node);
    waiting->queued = false;
    atomic_fetch_sub(&waiters, 1);
}

/* Out of the queue, woken if somebody has taken it out. */
static void step_out(struct waiting *waiting)
{
    sigset_t before = enter();
    bool queued = waiting->queued;
    if (queued)
        take_out(waiting);
    leave(before);
    if (!queued)
        weft__parker_finish(&waiting->parker, WEFT__WAIT_LOCK, waiting->semaphore);
}

static void wake_first(const sem_t *semaphore)
{
    sigset_t before = enter();
    struct waiting *found = NULL;
    weft__list_each(node, &queue) {
        struct waiting *waiting = weft__container_of(node, struct waiting, node);
        if (waiting->semaphore == semaphore) {
            found = waiting;
            break;
        }
    }
    if (found) {
        take_out(found);
        struct weft__parker *parker = &found->parker;
        weft__loop_post(&parker->fiber->runtime->loop, &parker->message);
    }
    leave(before);
}

/* glibc's new_sem: a value and a count of waiters, then whether it is private to the process. */
static bool is_shared(const sem_t *semaphore)
{
    return ((const int *)(const void *)semaphore)[2] != 0;
}

#define LOOK_FIRST WEFT_MILLISECOND
#define LOOK_LAST (16 * WEFT_MILLISECOND)

/* Another process's post wakes nobody here: its semaphores are looked at from time to time. */
static int64_t wait_end(const struct weft__fiber *self, const sem_t *semaphore, int64_t deadline,
                        int64_t *look)
{
    if (!is_shared(semaphore))
        return deadline;
    int64_t next = weft__deadline(weft__now(self->runtime), *look);
    *look = *look < LOOK_LAST ? *look * 2 : *look;
    return next < deadline ? next : deadline;
}

/* A wait that ends otherwise tries once more, so that a post which has chosen it is not lost. */
static int wait_until(struct weft__fiber *self, sem_t *semaphore, int64_t deadline)
{
    enum weft__interruption how = deadline == INT64_MAX ? WEFT__RESTARTS : WEFT__ENDS;
    int64_t look = LOOK_FIRST;
    int saved = errno;
    for (bool front = false;; front = true) {
        struct waiting waiting = { .semaphore = semaphore };
        weft__list_init(&waiting.node);
        weft__parker_init(&waiting.parker, self);
        weft__interruptible_begin(self, how);
        stand(&waiting, front);
        int result = 0;
        bool taken = WEFT__REAL(sem_trywait)(semaphore) == 0;
        if (!taken) {
            int64_t end = wait_end(self, semaphore, deadline, &look);
            result = weft__parker_wait(&waiting.parker, WEFT__WAIT_LOCK, semaphore, end, true);
        }
        step_out(&waiting);
        taken = taken || WEFT__REAL(sem_trywait)(semaphore) == 0;
        result = (int)weft__interruptible_end(self, result);
        if (taken) {
            errno = saved;
            return 0;
        }
        if (result < 0)
            return weft__fail(-result);
        if (result > 0 && weft__now(self->runtime) >= deadline)
            return weft__fail(ETIMEDOUT);
    }
}

int weft__hook_sem_wait(struct weft__fiber *self, sem_t *semaphore)
{
    int saved = errno;
    if (WEFT__REAL(sem_trywait)(semaphore) == 0)
        return 0;
    if (errno != EAGAIN)
        return -1;
    errno = saved;
    return wait_until(self, semaphore, INT64_MAX);
}

int weft__hook_sem_clockwait(struct weft__fiber *self, sem_t *semaphore, clockid_t clock,
                             const struct timespec *time)
{
    if (time->tv_nsec < 0 || time->tv_nsec >= 1000000000 ||
        (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
        return weft__fail(EINVAL);
    int saved = errno;
    if (WEFT__REAL(sem_trywait)(semaphore) == 0)
        return 0;
    if (errno != EAGAIN)
        return -1;
    errno = saved;
    struct timespec now;
    clock_gettime(clock, &now);
    int64_t left = time->tv_sec < 0 ? 0 : weft__timespec_ns(time) - weft__timespec_ns(&now);
    return wait_until(self, semaphore,
                      weft__deadline(weft__now(self->runtime), left < 0 ? 0 : left));
}

int weft__hook_sem_timedwait(struct weft__fiber *self, sem_t *semaphore,
                             const struct timespec *time)
{
    return weft__hook_sem_clockwait(self, semaphore, CLOCK_REALTIME, time);
}

int weft__hook_sem_post(struct weft__fiber *self, sem_t *semaphore)
{
    (void)self;
    int result = WEFT__REAL(sem_post)(semaphore);
    __sync_synchronize();
    if (result == 0 && __builtin_expect(atomic_load(&waiters) != 0, 0)) {
        int saved = errno;
        wake_first(semaphore);
        errno = saved;
    }
    return result;
}
