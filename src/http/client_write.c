/*
 * A request's body that a function writes: framed by the code that frames the responses of a
 * server (output.c), sent from here, where an answer that comes too early ends it.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"

struct writing {
    struct weft_http_stream stream;
    struct weft__call *call;
};

/* An answer that is no success ends the upload: 0 go on; -1 EPIPE. */
static int look_early(struct weft__call *call)
{
    if (call->answered || weft__listen_early(call) == 0) {
        return 0;
    }
    bool refused = !call->answered || !call->connection || call->response->status >= 300;
    call->sender.broken = refused;
    return refused ? weft__fail(EPIPE) : 0;
}

static int wait_writable(struct weft__call *call, int64_t since)
{
    short events = call->answered ? POLLOUT : POLLOUT | POLLIN;
    int ready = weft__call_wait(call, events, WEFT__STAGE_SEND, since);
    if (ready < 0) {
        call->sender.broken = true;
        call->told = true;
        return -1;
    }
    return ready & (POLLIN | POLLHUP | POLLERR) ? look_early(call) : 0;
}

static int send_slices(struct weft_http_stream *stream, struct iovec *slices, size_t count)
{
    struct weft__call *call = ((struct writing *)stream)->call;
    int64_t since = 0;
    if (call->sender.broken) {
        return weft__fail(EPIPE);
    }
    count = weft__slices_advance(&slices, count, 0);
    while (count > 0) {
        ssize_t sent = weft__stream_try_send_slices(&call->connection->stream, slices, count);
        if (sent < 0) {
            call->sender.broken = true;
            return -1;
        }
        if (sent > 0) {
            call->sender.sent = WEFT__SENT_SOME;
            since = 0;
            count = weft__slices_advance(&slices, count, (size_t)sent);
            continue;
        }
        since = since ? since : weft_now();
        if (wait_writable(call, since) < 0) {
            return -1;
        }
    }
    return 0;
}

static const struct weft__sink sink = { .send = send_slices };

static int outcome(struct weft__call *call, int error)
{
    if (call->answered) {
        return 0; /* the answer counts, whatever became of the rest */
    }
    if (call->told) {
        return weft__fail(error);
    }
    if (!call->sender.broken) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_BODY, error,
                               "the function that writes the request's body failed: %s",
                               strerror(error));
    }
    if ((error == ECANCELED || error == ETIMEDOUT) && weft_cancelled()) {
        return weft__call_stopped(call, error);
    }
    return weft__call_fail(call, WEFT_HTTP_ERROR_SEND, error, "sending the request: %s",
                           strerror(error));
}

int weft__sender_write(struct weft__call *call)
{
    struct weft__sender *sender = &call->sender;
    struct iovec head = sender->slices[0];
    struct writing writing = {
        .stream = { .sink = &sink,
                    .out = head.iov_base,
                    .used = head.iov_len,
                    .capacity = head.iov_len,
                    .framing = WEFT__FRAMING_CHUNKED },
        .call = call,
    };
    weft__list_init(&writing.stream.beat);
    call->written = true;
    call->told = false;
    int result = call->options->write(&writing.stream, call->options->context);
    if (result == 0) {
        writing.stream.corked = false;
        result = weft__output_end(&writing.stream);
    }
    int error = errno;
    weft__output_fini(&writing.stream);
    if (result == 0) {
        sender->sent = WEFT__SENT_ALL;
        return 0;
    }
    sender->failed = true;
    return outcome(call, error);
}
