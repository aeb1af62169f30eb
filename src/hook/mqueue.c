/*
 * POSIX message queues. Their descriptors can be polled, and a try with a time limit that has
 * passed long ago does not wait: ETIMEDOUT says so, EAGAIN is O_NONBLOCK's.
 */
#include "hook/waiting.h"

struct transfer {
    long number;
    uint32_t events;
    int queue;
    const void *buffer;
    size_t size;
    long priority; /* of a message to send, or where to store it */
};

static long try_now(const struct transfer *transfer)
{
    static const struct timespec past = { 0, 0 };
    return weft__raw(transfer->number, transfer->queue, transfer->buffer, transfer->size,
                     transfer->priority, &past);
}

static long perform(struct weft__fiber *self, const struct transfer *transfer, int64_t deadline)
{
    struct weft__patience patience = { .begun = true,
                                       .generation = weft__generation(transfer->queue),
                                       .deadline = deadline,
                                       .restarts = true };
    long result = try_now(transfer);
    if (result != -ETIMEDOUT)
        weft__spend(self);
    while (result == -ETIMEDOUT) {
        int error = weft__await_blocking(self, transfer->queue, transfer->events, &patience);
        if (error)
            return error == -EAGAIN ? -ETIMEDOUT : error;
        result = try_now(transfer);
    }
    return result;
}

/* A time that is none is told by the kernel, whatever the queue has. */
static long perform_until(struct weft__fiber *self, const struct transfer *transfer,
                          const struct timespec *time)
{
    int64_t deadline = INT64_MAX;
    if (time && (!weft__timespec_valid(time) ||
                 weft__deadline_at(self, CLOCK_REALTIME, time, &deadline) != 0))
        return weft__raw(transfer->number, transfer->queue, transfer->buffer, transfer->size,
                         transfer->priority, time);
    return perform(self, transfer, deadline);
}

ssize_t weft__hook_mq_timedreceive(struct weft__fiber *self, mqd_t queue, char *buffer, size_t size,
                                   unsigned *priority, const struct timespec *time)
{
    struct transfer transfer = { .number = SYS_mq_timedreceive,
                                 .events = EPOLLIN,
                                 .queue = queue,
                                 .buffer = buffer,
                                 .size = size,
                                 .priority = (long)priority };
    return weft__result(perform_until(self, &transfer, time));
}

ssize_t weft__hook_mq_receive(struct weft__fiber *self, mqd_t queue, char *buffer, size_t size,
                              unsigned *priority)
{
    return weft__hook_mq_timedreceive(self, queue, buffer, size, priority, NULL);
}

int weft__hook_mq_timedsend(struct weft__fiber *self, mqd_t queue, const char *buffer, size_t size,
                            unsigned priority, const struct timespec *time)
{
    struct transfer transfer = { .number = SYS_mq_timedsend,
                                 .events = EPOLLOUT,
                                 .queue = queue,
                                 .buffer = buffer,
                                 .size = size,
                                 .priority = (long)priority };
    return (int)weft__result(perform_until(self, &transfer, time));
}

int weft__hook_mq_send(struct weft__fiber *self, mqd_t queue, const char *buffer, size_t size,
                       unsigned priority)
{
    return weft__hook_mq_timedsend(self, queue, buffer, size, priority, NULL);
}

int weft__hook_mq_close(struct weft__fiber *self, mqd_t queue)
{
    return weft__hook_close(self, queue);
}
