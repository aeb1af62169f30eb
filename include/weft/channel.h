/* Bounded channels between the fibers of one loop, and waiting for several at once. */
#ifndef WEFT_CHANNEL_H
#define WEFT_CHANNEL_H

#include <weft/base.h>
#include <weft/sync.h>

WEFT_BEGIN_DECLS

/** A bounded first-in, first-out queue of messages of one size. Opaque. */
struct weft_channel;

/**
 * Make a channel.
 *
 * @param message_size Bytes of one message, copied in and out; 0: messages carry nothing.
 * @param capacity     Messages it holds; 0: a sender waits until a receiver has the message.
 * @return             The channel; NULL and errno otherwise.
 * Errors              ENOMEM; EINVAL the two multiply beyond the address space.
 * Blocks              never
 * Ownership           the caller's, until weft_channel_free()
 */
WEFT_API struct weft_channel *weft_channel_new(size_t message_size, size_t capacity);

/**
 * Free a channel. Nobody may wait on it.
 *
 * @param channel      NULL does nothing. Messages still in it are dropped.
 * Blocks              never
 */
WEFT_API void weft_channel_free(struct weft_channel *channel);

/**
 * Send one message, waiting while the channel is full.
 *
 * @param channel      Open.
 * @param message      message_size bytes, copied.
 * @return             0 once the message is in; -1 and errno, with nothing sent, otherwise.
 * Errors              EPIPE the channel is closed; ECANCELED, ETIMEDOUT the caller is; EPERM it
 *                     would wait, outside a fiber.
 * Blocks              parks the fiber; cancellation point when it would wait
 * Threads             one loop's fibers only
 */
WEFT_API int weft_channel_send(struct weft_channel *channel, const void *message);

/**
 * Receive one message, waiting while the channel is empty.
 *
 * @param channel      Open, or closed with messages left.
 * @param message      Set to the message, message_size bytes. Untouched on failure.
 * @return             0 with a message; -1 and errno otherwise.
 * Errors              EPIPE closed and empty; ECANCELED, ETIMEDOUT the caller is; EPERM it would
 *                     wait, outside a fiber.
 * Blocks              parks the fiber; cancellation point when it would wait
 * Threads             one loop's fibers only
 */
WEFT_API int weft_channel_receive(struct weft_channel *channel, void *message);

/**
 * Send one message if that needs no waiting.
 *
 * @param channel      See weft_channel_send().
 * @param message      See weft_channel_send().
 * @return             0; -1 and errno otherwise.
 * Errors              EAGAIN full; EPIPE closed.
 * Blocks              never
 */
WEFT_API int weft_channel_try_send(struct weft_channel *channel, const void *message);

/**
 * Receive one message if that needs no waiting.
 *
 * @param channel      See weft_channel_receive().
 * @param message      See weft_channel_receive().
 * @return             0; -1 and errno otherwise.
 * Errors              EAGAIN empty; EPIPE closed and empty.
 * Blocks              never
 */
WEFT_API int weft_channel_try_receive(struct weft_channel *channel, void *message);

/**
 * Close a channel: senders fail, receivers drain what is left. Closing twice does nothing.
 *
 * @param channel      In any state.
 * Blocks              never
 * Threads             one loop's fibers only
 */
WEFT_API void weft_channel_close(struct weft_channel *channel);

/**
 * Count the messages a channel holds.
 *
 * @param channel      In any state.
 * @return             Their number, at most its capacity.
 * Blocks              never
 */
WEFT_API size_t weft_channel_count(const struct weft_channel *channel);

/** What one case of weft_select() does. */
enum weft_select_operation {
    WEFT_SELECT_RECEIVE, /**< take a message from the channel */
    WEFT_SELECT_SEND,    /**< put a message into it */
};

/** One case of weft_select(). */
struct weft_select_case {
    struct weft_channel *channel;         /**< NULL: this case never happens */
    enum weft_select_operation operation; /**< which way */
    void *message;                        /**< to receive into, or to send from (only read then) */
    int error;                            /**< set for the case that happened: 0, or EPIPE closed */
    void *opaque_[8];                     /**< the runtime's */
};

/** Most cases of one weft_select(). */
#define WEFT_SELECT_MAX 64

/**
 * Do exactly one of several channel operations, waiting until one can be done.
 *
 * Of those possible at once the first in the array is done (a shuffled one with a seed).
 *
 * @param cases        The operations; `error` is set for the one that happened.
 * @param count        1 to WEFT_SELECT_MAX.
 * @param timeout      ns to wait at most; 0: only what is possible now; WEFT_FOREVER: no limit.
 * @return             The index of the case that happened; -1 and errno, with none done, otherwise.
 * Errors              EAGAIN the timeout passed; ECANCELED, ETIMEDOUT the caller is; EINVAL the
 *                     count; EPERM it would wait, outside a fiber.
 * Units               ns
 * Blocks              parks the fiber; cancellation point when it would wait
 * Threads             one loop's fibers only
 */
WEFT_API int weft_select(struct weft_select_case *cases, size_t count, int64_t timeout);

WEFT_END_DECLS

#endif
