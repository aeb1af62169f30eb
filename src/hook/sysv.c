/*
 * Message queues and semaphores of System V.
 *
 * Each call is tried with IPC_NOWAIT. One that would wait is made on another thread, where it
 * stands in the kernel's own queue: a message or a semaphore that is zero for a moment only passes
 * nobody by. Where there is no thread for it, it is tried again and again.
 */
#include <string.h>
#include <sys/ipc.h>

#include "base/alloc.h"
#include "hook/recall.h"

#define TRY_FIRST (50 * WEFT_MICROSECOND)
#define TRY_LAST (10 * WEFT_MILLISECOND)

struct operation {
    long number;
    long waiting[6]; /* the arguments of the call as it was made, ... */
    long trying[6];  /* ... and so that it does not wait */
    long not_now;    /* what it fails with then */
};

static long try_now(const struct operation *operation)
{
    const long *a = operation->trying;
    return weft__raw(operation->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long try_again(struct weft__fiber *self, const struct operation *operation, int64_t deadline)
{
    int64_t pause = TRY_FIRST;
    long result;
    while ((result = try_now(operation)) == operation->not_now) {
        int64_t next = weft__deadline(weft__now(self->runtime), pause);
        bool last = next >= deadline;
        int ended = weft__park_until(self, WEFT__WAIT_IO, NULL, last ? deadline : next, true);
        if (ended < 0)
            return ended;
        if (last)
            return WEFT__RECALL_LATE;
        pause = pause * 2 < TRY_LAST ? pause * 2 : TRY_LAST;
    }
    return result;
}

static long wait_for(struct weft__fiber *self, const struct operation *operation, int64_t deadline)
{
    long result = weft__recallable(self, deadline, operation->number, operation->waiting);
    return result == WEFT__RECALL_BUSY ? try_again(self, operation, deadline) : result;
}

/*
 * Handlers end these calls whatever their flags say: signal(7). What was there at the first try and
 * is not any more has been removed under the waiter, also if its thread was not yet in the kernel.
 */
static long perform(struct weft__fiber *self, const struct operation *operation, int64_t deadline)
{
    long result = try_now(operation);
    bool there = result == operation->not_now;
    bool again = there && (deadline == INT64_MAX || deadline > weft__now(self->runtime));
    if (!again)
        weft__spend(self);
    while (again) {
        weft__interruptible_begin(self, WEFT__ENDS);
        result = wait_for(self, operation, deadline);
        again = result == -EINTR;
        result = weft__interruptible_end(self, result);
        again = again && result == 0;
    }
    if (there && result == -EINVAL)
        return -EIDRM;
    return result == WEFT__RECALL_LATE ? -EAGAIN : result;
}

ssize_t weft__hook_msgrcv(struct weft__fiber *self, int queue, void *message, size_t size,
                          long type, int flags)
{
    struct operation operation = {
        .number = SYS_msgrcv,
        .waiting = { queue, (long)message, (long)size, type, flags },
        .trying = { queue, (long)message, (long)size, type, flags | IPC_NOWAIT },
        .not_now = -ENOMSG,
    };
    int64_t deadline = flags & IPC_NOWAIT ? 0 : INT64_MAX;
    return weft__result(perform(self, &operation, deadline));
}

int weft__hook_msgsnd(struct weft__fiber *self, int queue, const void *message, size_t size,
                      int flags)
{
    struct operation operation = {
        .number = SYS_msgsnd,
        .waiting = { queue, (long)message, (long)size, flags },
        .trying = { queue, (long)message, (long)size, flags | IPC_NOWAIT },
        .not_now = -EAGAIN,
    };
    int64_t deadline = flags & IPC_NOWAIT ? 0 : INT64_MAX;
    return (int)weft__result(perform(self, &operation, deadline));
}

/* --- semaphores */

enum {
    FEW = 32,     /* operations on the stack */
    MANY = 65536, /* more than any kernel takes */
};

static bool may_wait(const struct sembuf *operations, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (operations[i].sem_op <= 0 && !(operations[i].sem_flg & IPC_NOWAIT))
            return true;
    return false;
}

static long operate(struct weft__fiber *self, int set, struct sembuf *operations, size_t count,
                    int64_t deadline)
{
    struct sembuf few[FEW];
    struct sembuf *trying = count <= FEW ? few : weft__malloc(count * sizeof *trying);
    if (!trying)
        return -ENOMEM;
    memcpy(trying, operations, count * sizeof *trying);
    for (size_t i = 0; i < count; i++)
        trying[i].sem_flg |= IPC_NOWAIT;
    struct operation operation = {
        .number = SYS_semtimedop,
        .waiting = { set, (long)operations, (long)count },
        .trying = { set, (long)trying, (long)count },
        .not_now = -EAGAIN,
    };
    long result = perform(self, &operation, deadline);
    if (trying != few)
        weft__free(trying);
    return result;
}

int weft__hook_semtimedop(struct weft__fiber *self, int set, struct sembuf *operations,
                          size_t count, const struct timespec *limit)
{
    bool refused = count == 0 || count > MANY || (limit && !weft__timespec_valid(limit));
    if (refused || !may_wait(operations, count)) {
        weft__spend(self);
        return (int)weft__result(weft__raw(SYS_semtimedop, set, operations, count, limit));
    }
    int64_t deadline = weft__deadline_after(self, limit);
    return (int)weft__result(operate(self, set, operations, count, deadline));
}

int weft__hook_semop(struct weft__fiber *self, int set, struct sembuf *operations, size_t count)
{
    return weft__hook_semtimedop(self, set, operations, count, NULL);
}
