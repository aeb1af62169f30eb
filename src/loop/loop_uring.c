/*
 * The io_uring backend: one multishot poll a descriptor, submitted in batches.
 *
 * A poll that ends by itself (the kernel may stop a multishot one) is armed again at once, which
 * reports what is ready at that moment: nothing is lost between the two.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "loop/private.h"

enum {
    ENTRIES = 256,
    COMPLETIONS = 4096,
    SUBMIT_TRIES = 16
};

/* What needs no answer: removals. No interest has this tag, since epochs begin at 1. */
#define TAG_IGNORED UINT64_C(0xffffffff)

struct uring_state {
    struct io_uring ring;
};

/* NULL when the kernel takes nothing: no memory for requests, or its own queue is full. */
static struct io_uring_sqe *next_sqe(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    for (int tries = 0; !sqe && tries < SUBMIT_TRIES; tries++) {
        int submitted = io_uring_submit(ring);
        if (submitted < 0 && submitted != -EAGAIN && submitted != -EBUSY && submitted != -EINTR)
            return NULL;
        if (submitted < 0)
            io_uring_get_events(ring);
        sqe = io_uring_get_sqe(ring);
    }
    return sqe;
}

static int poll_multishot(struct io_uring *ring, int fd, uint32_t events, uint64_t tag)
{
    struct io_uring_sqe *sqe = next_sqe(ring);
    if (!sqe)
        return -ENOMEM;
    io_uring_prep_poll_multishot(sqe, fd, events);
    io_uring_sqe_set_data64(sqe, tag);
    return 0;
}

static int uring_open(struct weft__loop *loop)
{
    struct uring_state *state = weft__malloc(sizeof *state);
    if (!state)
        return -ENOMEM;
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP,
        .cq_entries = COMPLETIONS,
    };
    int error = weft__torture_fails() ? -ENOMEM
                                      : io_uring_queue_init_params(ENTRIES, &state->ring, &params);
    if (error < 0) {
        weft__free(state);
        return error;
    }
    io_uring_ring_dontfork(&state->ring);
    state->ring.ring_fd = weft__private_keep(state->ring.ring_fd);
    state->ring.enter_ring_fd = state->ring.ring_fd;
    loop->state = state;
    return poll_multishot(&state->ring, loop->wake_fd, POLLIN, (uint32_t)loop->wake_fd);
}

static void uring_close(struct weft__loop *loop)
{
    struct uring_state *state = loop->state;
    int fd = dup(state->ring.ring_fd); /* the library closes the one it knows */
    weft__private_close(state->ring.ring_fd);
    state->ring.ring_fd = state->ring.enter_ring_fd = fd;
    io_uring_queue_exit(&state->ring);
    weft__free(state);
}

/*
 * By the general cancel: the removal made for polls gives up with EALREADY on one that is just
 * being woken, which would go on holding the file.
 */
static void remove_poll(struct io_uring *ring, uint64_t tag)
{
    struct io_uring_sqe *sqe = next_sqe(ring);
    if (!sqe)
        return;
    io_uring_prep_cancel64(sqe, tag, 0);
    io_uring_sqe_set_data64(sqe, TAG_IGNORED);
}

/* The kernel reports nothing any more: have everybody who waits try, and arm again if need be. */
static void give_up(struct weft__loop *loop, struct weft__interest *interest, uint32_t events)
{
    interest->armed = 0;
    weft__loop_dispatch(loop, weft__loop_tag(interest), events | EPOLLERR);
}

static int uring_arm(struct weft__loop *loop, struct weft__interest *interest, uint32_t events)
{
    struct uring_state *state = loop->state;
    uint32_t wanted = interest->armed | events;
    if (interest->armed) {
        remove_poll(&state->ring, weft__loop_tag(interest));
        interest->epoch = weft__loop_next_epoch(loop);
    }
    int error = poll_multishot(&state->ring, interest->fd, wanted, weft__loop_tag(interest));
    if (error) {
        give_up(loop, interest, 0);
        return error;
    }
    interest->armed = (uint16_t)wanted;
    return 0;
}

/*
 * A poll keeps the file open. It is removed, and the removal is run, before the descriptor's close:
 * the peer sees the end at once, and a listening port is free again.
 */
static void uring_disarm(struct weft__loop *loop, struct weft__interest *interest)
{
    struct uring_state *state = loop->state;
    int saved = errno;
    remove_poll(&state->ring, weft__loop_tag(interest));
    io_uring_submit_and_get_events(&state->ring);
    errno = saved;
}

/* The kernel has ended a poll: by an error, for want of memory, or because its queue was full. */
static void poll_ended(struct weft__loop *loop, uint64_t tag, int result)
{
    struct uring_state *state = loop->state;
    int fd = (int)(uint32_t)tag;
    if (fd == loop->wake_fd) {
        if (result != -EBADF)
            poll_multishot(&state->ring, fd, POLLIN, tag);
        weft__loop_dispatch(loop, tag, EPOLLIN);
        return;
    }
    struct weft__interest *interest = weft__loop_armed(loop, tag);
    if (!interest)
        return; /* it was removed, or replaced */
    if (result < 0 || poll_multishot(&state->ring, fd, interest->armed, tag) < 0)
        give_up(loop, interest, result < 0 ? 0 : (uint32_t)result);
    else
        weft__loop_dispatch(loop, tag, (uint32_t)result);
}

static void dispatch(struct weft__loop *loop, uint64_t tag, int result, uint32_t flags)
{
    if (__builtin_expect(flags & IORING_CQE_F_MORE, 1))
        weft__loop_dispatch(loop, tag, (uint32_t)result);
    else if (tag != TAG_IGNORED)
        poll_ended(loop, tag, result);
}

static int reap(struct weft__loop *loop)
{
    struct uring_state *state = loop->state;
    struct io_uring_cqe *batch[64];
    unsigned count, total = 0;
    while ((count = io_uring_peek_batch_cqe(&state->ring, batch, 64)) > 0) {
        uint64_t tags[64];
        int results[64];
        uint32_t flags[64];
        for (unsigned i = 0; i < count; i++) {
            tags[i] = batch[i]->user_data;
            results[i] = batch[i]->res;
            flags[i] = batch[i]->flags;
        }
        io_uring_cq_advance(&state->ring, count);
        for (unsigned i = 0; i < count; i++)
            dispatch(loop, tags[i], results[i], flags[i]);
        total += count;
        if (total >= COMPLETIONS)
            break;
    }
    return 0;
}

static int uring_poll(struct weft__loop *loop, int64_t timeout)
{
    struct uring_state *state = loop->state;
    struct io_uring *ring = &state->ring;
    int error = 0;
    if (timeout == 0 || io_uring_cq_ready(ring) > 0) {
        /* The kernel says in a shared flag whether it has anything for us. */
        unsigned flags = __atomic_load_n(ring->sq.kflags, __ATOMIC_RELAXED);
        if (io_uring_sq_ready(ring) > 0)
            error = io_uring_submit_and_get_events(ring);
        else if (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
            error = io_uring_get_events(ring);
    } else {
        struct __kernel_timespec limit = { timeout / 1000000000, timeout % 1000000000 };
        struct io_uring_cqe *cqe;
        error = io_uring_submit_and_wait_timeout(ring, &cqe, 1,
                                                 timeout == INT64_MAX ? NULL : &limit, NULL);
    }
    reap(loop);
    return error < 0 && error != -ETIME && error != -EINTR && error != -EAGAIN && error != -EBUSY
               ? error
               : 0;
}

const struct weft__loop_backend weft__loop_uring = {
    .name = "io_uring",
    .open = uring_open,
    .close = uring_close,
    .arm = uring_arm,
    .disarm = uring_disarm,
    .poll = uring_poll,
};
