/* Receiving: from pieces of frames to messages. */
#include <string.h>

#include <weft/run.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/websocket.h"

#define CONTROL_WINDOW WEFT_SECOND

enum {
    TURN = 64, /* pieces and frames taken before other fibers get their turn */
};

static int heed_close(struct weft_websocket *socket)
{
    const struct weft__websocket_reader *reader = &socket->reader;
    socket->close_read = true;
    socket->code = reader->code;
    weft_websocket_close(socket, reader->code == WEFT__WEBSOCKET_NO_CODE ? 0 : reader->code, NULL);
    return 0;
}

/* Control frames are cheap to send and cost an answer: only so many in a second. */
static int count_control(struct weft_websocket *socket)
{
    int64_t now = weft_now();
    if (now - socket->controls_since >= CONTROL_WINDOW) {
        socket->controls_since = now;
        socket->controls = 0;
    }
    if (socket->controls >= socket->options->max_controls) {
        return weft__websocket_refuse(socket, WEFT__WEBSOCKET_POLICY, "too many control frames");
    }
    socket->controls++;
    return 0;
}

/* 1 go on; 0 it was a close; -1. */
static int heed(struct weft_websocket *socket)
{
    const struct weft__websocket_reader *reader = &socket->reader;
    if (reader->closed) {
        return heed_close(socket);
    }
    if (count_control(socket) < 0) {
        return -1;
    }
    if (reader->frame_opcode == WEFT__WEBSOCKET_PING && !socket->close_sent &&
        weft__websocket_control(socket, WEFT__WEBSOCKET_PONG, reader->data.data,
                                reader->data.length) < 0) {
        return -1;
    }
    return 1;
}

/* Why nothing comes any more. */
static int ended(struct weft_websocket *socket)
{
    if (socket->failed) {
        return weft__fail(socket->failed);
    }
    if (socket->close_read) {
        return 0;
    }
    return weft__fail(socket->broken ? socket->broken : ECONNRESET);
}

static int fill(struct weft_websocket *socket, bool wait)
{
    socket->waiting = true; /* also after it has failed with EAGAIN: the connection is watched */
    ssize_t got = socket->operations->fill(socket->stream, wait);
    if (got > 0) {
        socket->waiting = false;
        socket->pinged = false;
        socket->heard = socket->server->clock;
        return 1;
    }
    if (got < 0 &&
        (errno == EAGAIN || errno == ECANCELED || errno == ETIMEDOUT || errno == ENOMEM) &&
        !socket->broken) {
        return -1;
    }
    int error = socket->broken ? socket->broken : got < 0 ? errno : ECONNRESET;
    return weft__websocket_drop(socket, error);
}

static void consume(struct weft_websocket *socket)
{
    weft__buffer_consume(socket->operations->input(socket->stream), socket->pending);
    socket->pending = 0;
}

/* A client that always has more to say must not keep the loop to itself. */
static int take_turn(struct weft_websocket *socket, bool wait)
{
    return ++socket->taken % TURN == 0 && weft_yield() < 0 && wait ? -1 : 0;
}

/* The next piece of a message as it was sent. 1; 0 closed; -1. */
static int next_piece(struct weft_websocket *socket, bool wait)
{
    struct weft__websocket_reader *reader = &socket->reader;
    while (!socket->failed && !socket->close_read && !socket->broken) {
        if (take_turn(socket, wait) < 0) {
            return -1;
        }
        consume(socket);
        struct weft__slice bytes = weft__buffer_slice(socket->operations->input(socket->stream));
        enum weft__websocket_event event = weft__websocket_read(
            reader, (char *)(uintptr_t)bytes.data, bytes.length, &socket->pending);
        int result = 1;
        if (event == WEFT__WEBSOCKET_DATA) {
            socket->spoken = socket->server->clock;
            return 1;
        }
        if (event == WEFT__WEBSOCKET_CONTROL) {
            result = heed(socket);
        } else if (event == WEFT__WEBSOCKET_ERROR) {
            result = weft__websocket_refuse(socket, reader->code, reader->reason);
        } else {
            consume(socket);
            result = fill(socket, wait);
        }
        if (result < 0) {
            return -1;
        }
    }
    return ended(socket);
}

static int check_inflated(struct weft_websocket *socket, struct weft__slice piece, bool last)
{
    if (piece.length > socket->options->max_message - socket->total) {
        return weft__websocket_refuse(socket, WEFT__WEBSOCKET_TOO_LARGE,
                                      "a message above the limit");
    }
    socket->total += piece.length;
    if (socket->reader.opcode == WEFT__WEBSOCKET_TEXT &&
        (!weft__utf8_check(&socket->utf8, piece.data, piece.length) ||
         (last && !weft__utf8_complete(&socket->utf8)))) {
        return weft__websocket_refuse(socket, WEFT__WEBSOCKET_BAD_DATA, "text that is not UTF-8");
    }
    return 0;
}

/* What the inflater has. 1 a piece; 0 it needs more; -1. */
static int next_inflated(struct weft_websocket *socket, struct weft__slice *piece, bool *last)
{
    int got = weft__websocket_inflated(socket, piece, last);
    if (got < 0) {
        return weft__websocket_refuse(socket, WEFT__WEBSOCKET_BAD_DATA,
                                      "a message that can't be inflated");
    }
    socket->inflating = got > 0 && !*last;
    return got > 0 && check_inflated(socket, *piece, *last) < 0 ? -1 : got;
}

static int begin_inflating(struct weft_websocket *socket)
{
    const struct weft__websocket_reader *reader = &socket->reader;
    if (weft__websocket_inflate(socket, reader->data, reader->last) < 0) {
        socket->failed = errno;
        socket->code = WEFT__WEBSOCKET_TRY_LATER;
        weft_websocket_close(socket, WEFT__WEBSOCKET_TRY_LATER, "no memory to inflate");
        return weft__fail(socket->failed);
    }
    socket->inflating = true;
    return 0;
}

/* The next piece of a message's content. */
static int next_content(struct weft_websocket *socket, bool wait, struct weft__slice *piece,
                        bool *last)
{
    const struct weft__websocket_reader *reader = &socket->reader;
    for (;;) {
        if (socket->inflating) {
            int got = next_inflated(socket, piece, last);
            if (got != 0) {
                return got;
            }
        }
        int got = next_piece(socket, wait);
        if (got <= 0) {
            return got;
        }
        if (reader->first) {
            socket->in_message = true;
            socket->total = 0;
            socket->utf8 = (struct weft__utf8){ 0 };
        }
        if (!reader->compressed) {
            *piece = reader->data;
            *last = reader->last;
            return 1;
        }
        if (begin_inflating(socket) < 0) {
            return -1;
        }
    }
}

static void end_message(struct weft_websocket *socket)
{
    socket->in_message = false;
    weft__websocket_inflate_end(socket, false);
}

/* As next_content(), without what came after our close. */
static int next_wanted(struct weft_websocket *socket, bool wait, struct weft__slice *piece,
                       bool *last)
{
    int got;
    while ((got = next_content(socket, wait, piece, last)) > 0) {
        if (*last) {
            end_message(socket);
        }
        if (!socket->close_sent) {
            return got;
        }
    }
    return got;
}

static int gather(struct weft_websocket *socket, bool wait)
{
    struct weft__slice piece;
    bool last = false;
    while (!last) {
        int got = next_wanted(socket, wait, &piece, &last);
        if (got <= 0) {
            return got;
        }
        if (weft__buffer_append_slice(&socket->text, piece) < 0) {
            return weft__websocket_drop(socket, errno);
        }
    }
    return 1;
}

int weft__websocket_next(struct weft_websocket *socket, bool wait,
                         struct weft_websocket_message *message)
{
    if (!socket->gathering) {
        weft__buffer_clear(&socket->text);
        socket->gathering = true;
    }
    int got = gather(socket, wait);
    if (got <= 0) {
        return got;
    }
    socket->gathering = false;
    char *end = weft__buffer_reserve(&socket->text, 1);
    if (!end) {
        return weft__websocket_drop(socket, errno);
    }
    *end = '\0';
    *message = (struct weft_websocket_message){
        .kind = (enum weft_websocket_kind)socket->reader.opcode,
        .data = end - socket->text.length,
        .length = socket->text.length,
    };
    return 1;
}

/* Drop the rest of a message whose body was not read to its end. */
static int skip_rest(struct weft_websocket *socket)
{
    struct weft__slice piece;
    bool last;
    socket->holding = false;
    while (socket->in_message && !socket->gathering) {
        int got = next_wanted(socket, true, &piece, &last);
        if (got <= 0) {
            return got;
        }
    }
    return 1;
}

static int enter(struct weft_websocket *socket)
{
    if (socket->busy) {
        return weft__fail(EBUSY);
    }
    if (!socket->stream) {
        return weft__fail(EPIPE);
    }
    socket->busy = true;
    return 0;
}

int weft_websocket_read(struct weft_websocket *socket, struct weft_websocket_message *message)
{
    if (enter(socket) < 0) {
        return -1;
    }
    int got = skip_rest(socket);
    if (got > 0) {
        got = weft__websocket_next(socket, true, message);
    }
    socket->busy = false;
    return got;
}

static ssize_t body_read(struct weft_http_body *base, const void **chunk)
{
    struct weft_websocket *socket = weft__container_of(base, struct weft_websocket, body);
    struct weft__slice piece = weft__slice(NULL, 0);
    bool last;
    if (socket->holding) {
        piece = socket->held; /* it came when the message began */
        socket->holding = false;
    }
    if (piece.length == 0 && enter(socket) < 0) {
        return -1;
    }
    int got = 1;
    while (got > 0 && piece.length == 0 && socket->in_message) {
        got = next_wanted(socket, true, &piece, &last);
    }
    socket->busy = false;
    if (got <= 0) {
        return got < 0 ? -1 : weft__fail(ECONNRESET); /* closed inside the message */
    }
    *chunk = piece.data;
    return (ssize_t)piece.length;
}

static bool body_ready(struct weft_http_body *base)
{
    struct weft_websocket *socket = weft__container_of(base, struct weft_websocket, body);
    return socket->holding || !socket->in_message || socket->inflating ||
           socket->operations->input(socket->stream)->length > socket->pending;
}

static const struct weft_http_body_operations body_operations = {
    .read = body_read,
    .ready = body_ready,
};

int weft_websocket_read_body(struct weft_websocket *socket, enum weft_websocket_kind *kind,
                             struct weft_http_body **body)
{
    if (enter(socket) < 0) {
        return -1;
    }
    bool last;
    socket->gathering = false; /* of a read that was cut short */
    int got = skip_rest(socket);
    if (got > 0) {
        got = next_wanted(socket, true, &socket->held, &last);
    }
    if (got > 0) {
        socket->holding = true;
        socket->body = (struct weft_http_body){ &body_operations, false };
        *kind = (enum weft_websocket_kind)socket->reader.opcode;
        *body = &socket->body;
    }
    socket->busy = false;
    return got;
}

void weft__websocket_read_out(struct weft_websocket *socket)
{
    WEFT_TIMEOUT(socket->options->close_timeout);
    while (next_piece(socket, true) > 0) {
    }
}

void weft__websocket_relax(struct weft_websocket *socket)
{
    if (!socket->in_message) {
        weft__buffer_fini(&socket->text);
    }
    socket->operations->relax(socket->stream);
}
