/*
 * Waiting for several descriptors: the kernel is asked without waiting, then the fiber parks on all
 * of them, then the kernel is asked again, since only it knows what POSIX calls ready.
 */
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "hook/hook.h"

enum {
    FEW = 16,
    MASK_SIZE = 8
};

static const struct timespec AT_ONCE = { 0, 0 };

/* --- poll */

static uint32_t generation_of(int fd)
{
    struct weft__fd *entry = fd >= 0 ? weft__fd(fd) : NULL;
    return entry ? atomic_load_explicit(&entry->generation, memory_order_acquire) : 0;
}

/*
 * Wait for any, and once more: without what can't be waited for, which is always ready for what it
 * was asked, so that it has been asked for nothing.
 */
static int wait_once(struct weft__fiber *self, struct weft__fd_events *events, size_t count,
                     int64_t deadline)
{
    int result = weft__wait_fds(self, events, count, deadline);
    if (result != -EPERM)
        return result;
    for (size_t i = 0; i < count; i++)
        if (events[i].fd >= 0 && weft__kind(events[i].fd) == WEFT__FD_FILE)
            events[i].fd = -1;
    return weft__wait_fds(self, events, count, deadline);
}

/* With a signal mask of its own. 1 also when nothing is known and the kernel has to be asked. */
static int wait_any(struct weft__fiber *self, struct weft__fd_events *events, size_t count,
                    int64_t deadline, const sigset_t *mask)
{
    struct weft__masked masked;
    weft__interruptible_begin(self, WEFT__ENDS);
    weft__masked_begin(self, &masked, mask);
    int result = wait_once(self, events, count, deadline);
    int ended = (int)weft__interruptible_end(self, result);
    return result == -EINTR && ended == 0 ? 1 : ended;
}

/* Ask without waiting. Only a handler of the program's ends the call. */
static long poll_try(struct weft__fiber *self, struct pollfd *fds, size_t count,
                     const sigset_t *mask)
{
    for (;;) {
        struct timespec now = AT_ONCE;
        self->interruptible.handled = 0;
        long ready = weft__raw(SYS_ppoll, fds, count, &now, mask, MASK_SIZE);
        if (ready != -EINTR || weft__interrupted_here(self))
            return ready;
    }
}

/* A number closed meanwhile may have another owner already: it counts as closed. */
static int count_closed(struct pollfd *fds, size_t count, const uint32_t *generations)
{
    int closed = 0;
    for (size_t i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd >= 0 && generations[i] != generation_of(fds[i].fd)) {
            fds[i].revents = POLLNVAL;
            closed++;
        }
    }
    return closed;
}

/* What came is what poll(2) reports, where the loop knows it: 0 when the kernel has to be asked. */
static long take_events(const struct weft__fiber *self, struct pollfd *fds, size_t count,
                        const struct weft__fd_events *events)
{
    long ready = 0;
    if (!self->runtime->loop.backend->exact)
        return 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t got = events[i].fd < 0 ? 0 : events[i].got;
        fds[i].revents = (short)(got & ((uint16_t)fds[i].events | POLLERR | POLLHUP));
        ready += fds[i].revents != 0;
    }
    return ready;
}

static long poll_wait(struct weft__fiber *self, struct pollfd *fds, size_t count, int64_t deadline,
                      const sigset_t *mask, struct weft__fd_events *events, uint32_t *generations)
{
    for (size_t i = 0; i < count; i++)
        generations[i] = generation_of(fds[i].fd);
    for (;;) {
        for (size_t i = 0; i < count; i++)
            events[i] = (struct weft__fd_events){ fds[i].fd, (uint16_t)fds[i].events, 0 };
        int result = wait_any(self, events, count, deadline, mask);
        int closed = result < 0 && result != -EBADF ? 0 : count_closed(fds, count, generations);
        if (closed)
            return closed;
        if (result < 0 && result != -EBADF)
            return result;
        long ready = result > 0 && !mask ? take_events(self, fds, count, events) : 0;
        if (ready)
            return ready;
        ready = poll_try(self, fds, count, mask);
        if (ready != 0 || result == 0)
            return ready;
    }
}

static long poll_many(struct weft__fiber *self, struct pollfd *fds, size_t count, int64_t deadline,
                      const sigset_t *mask)
{
    size_t each = sizeof(struct weft__fd_events) + sizeof(uint32_t);
    struct weft__fd_events *events = weft__malloc(count * each);
    if (!events)
        return -ENOMEM;
    long ready = poll_wait(self, fds, count, deadline, mask, events, (uint32_t *)(events + count));
    weft__free(events);
    return ready;
}

/* The interest in a descriptor that is polled for nothing but reading and watched for that. */
static struct weft__interest *watched(struct weft__fiber *self, const struct pollfd *fd)
{
    const short reading = POLLIN | POLLRDNORM | POLLRDBAND | POLLPRI;
    struct weft__interest *interest = weft__interest_known(self, fd->fd);
    if (!interest || fd->events & ~reading || !(fd->events & POLLIN) ||
        (uint16_t)fd->events & ~(uint32_t)interest->armed || interest->hung_up ||
        interest->generation != generation_of(fd->fd))
        return NULL;
    return interest;
}

/* On the fiber's own stack, where callers have it: no other address is read before the kernel has.
 */
static bool is_local(const struct weft__fiber *self, const struct pollfd *fds, size_t count)
{
    const char *first = (const char *)fds;
    return first >= self->stack.low && (const char *)(fds + count) <= (const char *)self;
}

/* Nothing has come since each was seen empty: the kernel need not be asked. */
static bool known_quiet(struct weft__fiber *self, const struct pollfd *fds, size_t count)
{
    if (count > FEW || !is_local(self, fds, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct weft__interest *interest = fds[i].fd < 0 ? NULL : watched(self, &fds[i]);
        if (fds[i].fd >= 0 && (!interest || !interest->drained))
            return false;
    }
    return true;
}

static void note_quiet(struct weft__fiber *self, const struct pollfd *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct weft__interest *interest = fds[i].fd < 0 ? NULL : watched(self, &fds[i]);
        if (interest)
            interest->drained = true;
    }
}

static long poll_until(struct weft__fiber *self, struct pollfd *fds, size_t count,
                       const struct timespec *timeout, const sigset_t *mask)
{
    bool at_once = timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
    if (at_once || mask || !known_quiet(self, fds, count)) {
        long ready = poll_try(self, fds, count, mask);
        if (ready != 0 || at_once) {
            weft__spend(self);
            return ready;
        }
        note_quiet(self, fds, count);
    }
    int64_t deadline = weft__deadline_after(self, timeout);
    if (count > FEW)
        return poll_many(self, fds, count, deadline, mask);
    struct weft__fd_events events[FEW];
    uint32_t generations[FEW];
    return poll_wait(self, fds, count, deadline, mask, events, generations);
}

static const struct timespec *from_milliseconds(int timeout, struct timespec *duration)
{
    if (timeout < 0)
        return NULL;
    *duration = weft__timespec((int64_t)timeout * 1000000);
    return duration;
}

int weft__hook_poll(struct weft__fiber *self, struct pollfd *fds, nfds_t count, int timeout)
{
    struct timespec duration;
    return (int)weft__result(
        poll_until(self, fds, count, from_milliseconds(timeout, &duration), NULL));
}

int weft__hook_ppoll(struct weft__fiber *self, struct pollfd *fds, nfds_t count,
                     const struct timespec *timeout, const sigset_t *mask)
{
    if (timeout && !weft__timespec_valid(timeout))
        return weft__fail(EINVAL);
    return (int)weft__result(poll_until(self, fds, count, timeout, mask));
}

/* --- select: sets in, sets out */

struct sets {
    int count;
    size_t bytes; /* of one set */
    fd_set *set[3];
    unsigned long *asked; /* copies of the three: a try overwrites them */
    const sigset_t *mask;
};

static const uint32_t SET_EVENTS[3] = { EPOLLIN, EPOLLOUT, EPOLLPRI };

/* Sets are as they were when it fails. */
static long select_try(struct weft__fiber *self, struct sets *sets)
{
    struct {
        const sigset_t *mask;
        size_t size;
    } masked = { sets->mask, MASK_SIZE };
    for (;;) {
        struct timespec now = AT_ONCE;
        self->interruptible.handled = 0;
        long ready = weft__raw(SYS_pselect6, sets->count, sets->set[0], sets->set[1], sets->set[2],
                               &now, &masked);
        if (ready != -EINTR || weft__interrupted_here(self))
            return ready;
    }
}

static bool is_asked(const struct sets *sets, int which, int fd)
{
    size_t bits = 8 * sizeof(unsigned long);
    const unsigned long *words = sets->asked + (size_t)which * sets->bytes / sizeof *words;
    return sets->set[which] && words[(size_t)fd / bits] >> ((size_t)fd % bits) & 1;
}

static void ask_again(struct sets *sets)
{
    for (int i = 0; i < 3; i++)
        if (sets->set[i])
            memcpy(sets->set[i], (char *)sets->asked + (size_t)i * sets->bytes, sets->bytes);
}

static size_t select_events(const struct sets *sets, struct weft__fd_events *events)
{
    size_t count = 0;
    for (int fd = 0; fd < sets->count; fd++) {
        uint32_t wanted = 0;
        for (int i = 0; i < 3; i++)
            wanted |= is_asked(sets, i, fd) ? SET_EVENTS[i] : 0;
        if (wanted)
            events[count++] = (struct weft__fd_events){ fd, wanted, 0 };
    }
    return count;
}

static bool any_closed(const struct weft__fd_events *events, const uint32_t *generations,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (events[i].fd >= 0 && generation_of(events[i].fd) != generations[i])
            return true;
    return false;
}

static long select_wait(struct weft__fiber *self, struct sets *sets, int64_t deadline,
                        struct weft__fd_events *events, uint32_t *generations)
{
    size_t count = select_events(sets, events);
    for (size_t i = 0; i < count; i++)
        generations[i] = generation_of(events[i].fd);
    for (;;) {
        int result = wait_any(self, events, count, deadline, sets->mask);
        ask_again(sets);
        if (result < 0 || any_closed(events, generations, count))
            return result < 0 ? result : -EBADF;
        long ready = select_try(self, sets);
        if (ready != 0 || result == 0)
            return ready;
        ask_again(sets);
    }
}

/* The copies must be made before the first try, which empties the sets. */
static long select_until(struct weft__fiber *self, struct sets *sets, int64_t deadline, bool wait)
{
    if (!wait || sets->count < 0) {
        weft__spend(self);
        return select_try(self, sets);
    }
    size_t bits = 8 * sizeof(unsigned long);
    size_t count = (size_t)sets->count;
    sets->bytes = (count + bits - 1) / bits * sizeof(unsigned long);
    size_t each = sizeof(struct weft__fd_events) + sizeof(uint32_t);
    char *memory = weft__malloc(3 * sets->bytes + count * each + 1);
    if (!memory)
        return -ENOMEM;
    sets->asked = (unsigned long *)(void *)memory;
    for (int i = 0; i < 3; i++)
        if (sets->set[i])
            memcpy(memory + (size_t)i * sets->bytes, sets->set[i], sets->bytes);
    long ready = select_try(self, sets);
    if (ready == 0) {
        struct weft__fd_events *events = (void *)(memory + 3 * sets->bytes);
        ready = select_wait(self, sets, deadline, events, (uint32_t *)(events + count));
    } else {
        weft__spend(self);
    }
    weft__free(memory);
    return ready;
}

int weft__hook_pselect(struct weft__fiber *self, int count, fd_set *reading, fd_set *writing,
                       fd_set *excepting, const struct timespec *timeout, const sigset_t *mask)
{
    if (timeout && !weft__timespec_valid(timeout))
        return weft__fail(EINVAL);
    struct sets sets = { .count = count, .set = { reading, writing, excepting }, .mask = mask };
    bool wait = !timeout || timeout->tv_sec || timeout->tv_nsec;
    return (int)weft__result(select_until(self, &sets, weft__deadline_after(self, timeout), wait));
}

/* The time limit is overwritten with what is left of it, as Linux does. */
int weft__hook_select(struct weft__fiber *self, int count, fd_set *reading, fd_set *writing,
                      fd_set *excepting, struct timeval *timeout)
{
    if (!timeout)
        return weft__hook_pselect(self, count, reading, writing, excepting, NULL, NULL);
    if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
        return weft__fail(EINVAL);
    struct timespec duration = { timeout->tv_sec + timeout->tv_usec / 1000000,
                                 timeout->tv_usec % 1000000 * 1000 };
    int64_t deadline = weft__deadline_after(self, &duration);
    int ready = weft__hook_pselect(self, count, reading, writing, excepting, &duration, NULL);
    int64_t left = weft__left(self, deadline);
    *timeout = (struct timeval){ left / 1000000000, left % 1000000000 / 1000 };
    return ready;
}

/* --- epoll */

/* 0: look again; -EAGAIN: the time is over. */
static int epoll_park(struct weft__fiber *self, int fd, struct weft__patience *patience,
                      const sigset_t *mask)
{
    struct weft__masked masked;
    weft__interruptible_begin(self, WEFT__ENDS);
    weft__masked_begin(self, &masked, mask);
    int error = weft__await_blocking(self, fd, EPOLLIN, patience);
    weft__masked_end(self);
    return error;
}

static long epoll_until(struct weft__fiber *self, int fd, struct epoll_event *events, int count,
                        const struct timespec *timeout, const sigset_t *mask)
{
    struct weft__patience patience = { .begun = true,
                                       .moved = true,
                                       .generation = generation_of(fd) };
    patience.deadline = weft__deadline_after(self, timeout);
    for (bool over = timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0;;) {
        long ready = weft__raw(SYS_epoll_pwait, fd, events, count, 0, mask, MASK_SIZE);
        if (ready != 0 || over) {
            weft__spend(self);
            return ready;
        }
        int error = epoll_park(self, fd, &patience, mask);
        if (error && error != -EAGAIN)
            return error;
        over = error == -EAGAIN;
    }
}

int weft__hook_epoll_pwait(struct weft__fiber *self, int fd, struct epoll_event *events, int count,
                           int timeout, const sigset_t *mask)
{
    struct timespec duration;
    return (int)weft__result(
        epoll_until(self, fd, events, count, from_milliseconds(timeout, &duration), mask));
}

int weft__hook_epoll_wait(struct weft__fiber *self, int fd, struct epoll_event *events, int count,
                          int timeout)
{
    return weft__hook_epoll_pwait(self, fd, events, count, timeout, NULL);
}

int weft__hook_epoll_pwait2(struct weft__fiber *self, int fd, struct epoll_event *events, int count,
                            const struct timespec *timeout, const sigset_t *mask)
{
    if (timeout && !weft__timespec_valid(timeout))
        return weft__fail(EINVAL);
    return (int)weft__result(epoll_until(self, fd, events, count, timeout, mask));
}
