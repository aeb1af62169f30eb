/*
 * Channels and weft_select().
 *
 * A message goes straight to a waiting receiver, else into the ring, else its sender waits with it.
 * Invariant: receivers wait only while the ring is empty, senders only while it is full. A fiber in
 * weft_select() stands in the queues of several channels at once; whoever wakes it says which case
 * happened, and the wake-up itself decides who was first.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "fiber/waiters.h"

struct weft_channel {
    struct weft__list receivers; /* of struct party */
    struct weft__list senders;
    size_t message_size;
    size_t capacity;
    size_t count;
    size_t first; /* slot of the oldest message */
    bool closed;
    _Alignas(16) char ring[];
};

/* A fiber that waits to send or to receive. */
struct party {
    struct weft__list node;
    struct weft__fiber *fiber;
    void *message;
    struct party **happened; /* set to this party when it is served */
    bool closed;             /* served by the channel's end */
};

_Static_assert(sizeof(struct party) <= sizeof(((struct weft_select_case *)0)->opaque_),
               "a select case must hold a party");

struct weft_channel *weft_channel_new(size_t message_size, size_t capacity)
{
    size_t bytes;
    if (__builtin_mul_overflow(message_size, capacity, &bytes) ||
        bytes > PTRDIFF_MAX - sizeof(struct weft_channel)) {
        weft__fail_with(EINVAL, "weft_channel_new: %zu messages of %zu bytes are too many",
                        capacity, message_size);
        return NULL;
    }
    struct weft_channel *channel = weft__malloc(sizeof *channel + bytes);
    if (!channel) {
        weft__fail(ENOMEM);
        return NULL;
    }
    *channel = (struct weft_channel){ .message_size = message_size, .capacity = capacity };
    weft__list_init(&channel->receivers);
    weft__list_init(&channel->senders);
    return channel;
}

void weft_channel_free(struct weft_channel *channel)
{
    weft__free(channel);
}

static inline char *slot(struct weft_channel *channel, size_t index)
{
    size_t at = channel->first + index;
    return channel->ring +
           (at < channel->capacity ? at : at - channel->capacity) * channel->message_size;
}

static inline void copy(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else if (size)
        memcpy(to, from, size);
}

/* The first fiber in a queue that can still be served, woken; NULL when there is none. */
static inline struct party *serve(struct weft__list *queue)
{
    struct weft__list *node;
    while ((node = weft__list_pop(queue)) != NULL) {
        struct party *party = weft__container_of(node, struct party, node);
        if (weft__wake(party->fiber, 0)) {
            *party->happened = party;
            return party;
        }
    }
    return NULL;
}

static inline void put(struct weft_channel *channel, const void *message)
{
    copy(slot(channel, channel->count), message, channel->message_size);
    channel->count++;
}

/* 0, -EPIPE, or -EAGAIN when the sender would have to wait. */
static inline int send_now(struct weft_channel *channel, const void *message)
{
    if (channel->closed)
        return -EPIPE;
    if (!weft__list_empty(&channel->receivers)) {
        struct party *receiver = serve(&channel->receivers);
        if (receiver) {
            copy(receiver->message, message, channel->message_size);
            return 0;
        }
    }
    if (channel->count == channel->capacity)
        return -EAGAIN;
    put(channel, message);
    return 0;
}

/* 0, -EPIPE, or -EAGAIN when the receiver would have to wait. */
static inline int receive_now(struct weft_channel *channel, void *message)
{
    if (channel->count) {
        copy(message, slot(channel, 0), channel->message_size);
        channel->first = channel->first + 1 < channel->capacity ? channel->first + 1 : 0;
        channel->count--;
        if (!weft__list_empty(&channel->senders)) {
            struct party *sender = serve(&channel->senders);
            if (sender)
                put(channel, sender->message);
        }
        return 0;
    }
    struct party *sender = serve(&channel->senders); /* of a channel without a ring */
    if (sender) {
        copy(message, sender->message, channel->message_size);
        return 0;
    }
    return channel->closed ? -EPIPE : -EAGAIN;
}

static int wait_in(struct weft_channel *channel, struct weft__list *queue, void *message)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return weft__fail_with(EPERM, "weft_channel: it would wait, and no fiber runs here");
    int error = weft__checkpoint(self);
    if (error)
        return weft__fail(-error);
    struct party *happened = NULL;
    struct party party = { .fiber = self, .message = message, .happened = &happened };
    weft__list_append(queue, &party.node);
    error = weft__park(self, WEFT__WAIT_SYNC, channel, true);
    weft__list_remove(&party.node);
    if (error)
        return weft__fail(-error);
    return party.closed ? weft__fail(EPIPE) : 0;
}

int weft_channel_send(struct weft_channel *channel, const void *message)
{
    int error = send_now(channel, message);
    if (__builtin_expect(error == 0, 1))
        return 0;
    if (error != -EAGAIN)
        return weft__fail(-error);
    return wait_in(channel, &channel->senders, (void *)(uintptr_t)message);
}

int weft_channel_receive(struct weft_channel *channel, void *message)
{
    int error = receive_now(channel, message);
    if (__builtin_expect(error == 0, 1))
        return 0;
    if (error != -EAGAIN)
        return weft__fail(-error);
    return wait_in(channel, &channel->receivers, message);
}

int weft_channel_try_send(struct weft_channel *channel, const void *message)
{
    int error = send_now(channel, message);
    return error ? weft__fail(-error) : 0;
}

int weft_channel_try_receive(struct weft_channel *channel, void *message)
{
    int error = receive_now(channel, message);
    return error ? weft__fail(-error) : 0;
}

void weft_channel_close(struct weft_channel *channel)
{
    channel->closed = true;
    struct party *party;
    while ((party = serve(&channel->receivers)) || (party = serve(&channel->senders)))
        party->closed = true;
}

size_t weft_channel_count(const struct weft_channel *channel)
{
    return channel->count;
}

static inline struct party *party_of(struct weft_select_case *one)
{
    return (struct party *)(void *)one->opaque_;
}

static int try_case(struct weft_select_case *one)
{
    if (!one->channel)
        return -EAGAIN;
    if (one->operation == WEFT_SELECT_SEND)
        return send_now(one->channel, one->message);
    return receive_now(one->channel, one->message);
}

/* The index of a case that could be done at once, or -1. */
static int select_now(struct weft_select_case *cases, size_t count, size_t from)
{
    for (size_t i = 0; i < count; i++) {
        size_t index = (from + i) % count;
        int error = try_case(&cases[index]);
        if (error == -EAGAIN)
            continue;
        cases[index].error = -error;
        return (int)index;
    }
    return -1;
}

static void enlist(struct weft_select_case *cases, size_t count, struct weft__fiber *self,
                   struct party **happened)
{
    for (size_t i = 0; i < count; i++) {
        struct party *party = party_of(&cases[i]);
        *party = (struct party){ .fiber = self, .message = cases[i].message, .happened = happened };
        weft__list_init(&party->node);
        struct weft_channel *channel = cases[i].channel;
        if (channel)
            weft__list_append(cases[i].operation == WEFT_SELECT_SEND ? &channel->senders
                                                                     : &channel->receivers,
                              &party->node);
    }
}

static int select_waiting(struct weft_select_case *cases, size_t count, int64_t timeout,
                          struct weft__fiber *self)
{
    struct party *happened = NULL;
    enlist(cases, count, self, &happened);
    int64_t deadline =
        timeout == WEFT_FOREVER ? INT64_MAX : weft__deadline(weft__now(self->runtime), timeout);
    int result = weft__park_until(self, WEFT__WAIT_SYNC, cases[0].channel, deadline, true);
    for (size_t i = 0; i < count; i++)
        weft__list_remove(&party_of(&cases[i])->node);
    if (result)
        return weft__fail(result > 0 ? EAGAIN : -result);
    size_t index = 0;
    while (party_of(&cases[index]) != happened)
        index++;
    cases[index].error = happened->closed ? EPIPE : 0;
    return (int)index;
}

int weft_select(struct weft_select_case *cases, size_t count, int64_t timeout)
{
    if (count == 0 || count > WEFT_SELECT_MAX)
        return weft__fail_with(EINVAL, "weft_select: %zu cases; 1 to %d work", count,
                               WEFT_SELECT_MAX);
    struct weft__fiber *self = weft__current;
    int error = self ? weft__checkpoint(self) : 0;
    if (error)
        return weft__fail(-error);
    size_t from = self && self->runtime->seed ? self->runtime->seed % count : 0;
    int index = select_now(cases, count, from);
    if (index >= 0)
        return index;
    if (timeout <= 0)
        return weft__fail(EAGAIN);
    if (!self)
        return weft__fail_with(EPERM, "weft_select: it would wait, and no fiber runs here");
    return select_waiting(cases, count, timeout, self);
}
