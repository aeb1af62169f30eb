/*
 * Bodies: counted, chunked, or up to the end of the connection (RFC 9112 sections 6 and 7).
 *
 * The chunked decoder takes the lines between chunks byte by byte, so it keeps nothing but numbers
 * between calls:
 *
 *      SIZE -> (BLANK ->) (EXTENSION ->) LINE_FEED -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                                                \-> TRAILERS -> FINISHED     (size 0)
 */
#include "base/fail.h"
#include "proto/http1_internal.h"
#include "proto/http1_scan.h"

enum {
    SIZE,
    BLANK,
    EXTENSION,
    LINE_FEED,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILERS,
    FINISHED,
};

int weft__http1_body_init(struct weft__http1_body *body, const struct weft__http1_head *head,
                          struct weft__http1_field *trailers, size_t capacity, uint64_t limit)
{
    *body = (struct weft__http1_body){
        .framing = head->framing,
        .limits = head->limits,
        .limit = limit,
        .state = SIZE,
    };
    weft__http1_trailers_init(&body->trailers, head->limits, trailers, capacity);
    if (head->framing == WEFT__HTTP1_BODY_LENGTH) {
        if (head->content_length > limit) {
            body->error = WEFT__HTTP1_BODY_TOO_LARGE;
            return weft__fail(EMSGSIZE);
        }
        body->remaining = head->content_length;
    }
    return 0;
}

static enum weft__http1_result refuse(struct weft__http1_body *body, enum weft__http1_error error)
{
    body->error = error;
    return WEFT__HTTP1_ERROR;
}

/* Hand out up to body->remaining bytes from data[*used..]. */
static enum weft__http1_result deliver(struct weft__http1_body *body, const char *data,
                                       size_t length, size_t *used, struct weft__slice *chunk)
{
    size_t available = length - *used;
    size_t count = available > body->remaining ? (size_t)body->remaining : available;

    if (count == 0)
        return WEFT__HTTP1_MORE;
    *chunk = weft__slice(data + *used, count);
    *used += count;
    body->remaining -= count;
    body->received += count;
    return WEFT__HTTP1_DATA;
}

/* A byte of the size, 16 digits at most: more would be padding, which only an attacker needs. */
static enum weft__http1_result take_digit(struct weft__http1_body *body, int digit)
{
    if (body->digits++ >= 16 || body->chunk_size >> 59)
        return refuse(body, WEFT__HTTP1_CHUNK_OVERFLOW);
    body->chunk_size = body->chunk_size << 4 | (unsigned)digit;
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result take_size(struct weft__http1_body *body, char byte)
{
    int digit = weft__hex_digit(byte);

    if (digit >= 0)
        return take_digit(body, digit);
    if (body->digits == 0)
        return refuse(body, WEFT__HTTP1_CHUNK_SIZE);
    if (byte == ' ' || byte == '\t')
        body->state = BLANK;
    else if (byte == ';')
        body->state = EXTENSION;
    else if (byte == '\r')
        body->state = LINE_FEED;
    else
        return refuse(body, byte == '\n' ? WEFT__HTTP1_CHUNK_LINE_END : WEFT__HTTP1_CHUNK_SIZE);
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result take_blank(struct weft__http1_body *body, char byte)
{
    if (byte == ';')
        body->state = EXTENSION;
    else if (byte != ' ' && byte != '\t')
        return refuse(body, WEFT__HTTP1_CHUNK_SIZE);
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result take_extension(struct weft__http1_body *body, char byte)
{
    if (byte == '\r')
        body->state = LINE_FEED;
    else if (weft__http1_is_control(byte))
        return refuse(body,
                      byte == '\n' ? WEFT__HTTP1_CHUNK_LINE_END : WEFT__HTTP1_CHUNK_EXTENSION);
    return WEFT__HTTP1_DONE;
}

/* A size line is complete. */
static enum weft__http1_result begin_chunk(struct weft__http1_body *body, char byte)
{
    if (byte != '\n')
        return refuse(body, WEFT__HTTP1_CHUNK_LINE_END);
    if (body->chunk_size > body->limit - body->received)
        return refuse(body, WEFT__HTTP1_BODY_TOO_LARGE);
    body->remaining = body->chunk_size;
    body->state = body->chunk_size ? DATA : TRAILERS;
    body->chunk_size = 0;
    body->line = 0;
    body->digits = 0;
    return WEFT__HTTP1_DONE;
}

/* Count a byte of a size line before its CR LF. */
static enum weft__http1_result count_line(struct weft__http1_body *body, char byte)
{
    if (byte == '\r' || byte == '\n')
        return WEFT__HTTP1_DONE;
    if (body->line++ >= body->limits->chunk_line)
        return refuse(body, WEFT__HTTP1_CHUNK_LINE_TOO_LONG);
    bool extension = body->state != SIZE || weft__hex_digit(byte) < 0;
    if (extension && body->extensions++ >= body->limits->chunk_extensions)
        return refuse(body, WEFT__HTTP1_CHUNK_EXTENSIONS_TOO_LARGE);
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result take_line_byte(struct weft__http1_body *body, char byte)
{
    if (count_line(body, byte) < 0)
        return WEFT__HTTP1_ERROR;
    switch (body->state) {
    case SIZE:
        return take_size(body, byte);
    case BLANK:
        return take_blank(body, byte);
    default:
        return take_extension(body, byte);
    }
}

/* A byte between two pieces of data. */
static enum weft__http1_result take_byte(struct weft__http1_body *body, char byte)
{
    switch (body->state) {
    case LINE_FEED:
        return begin_chunk(body, byte);
    case DATA_CR:
    case DATA_LF:
        if (byte != (body->state == DATA_CR ? '\r' : '\n'))
            return refuse(body, WEFT__HTTP1_CHUNK_DATA_END);
        body->state = body->state == DATA_CR ? DATA_LF : SIZE;
        return WEFT__HTTP1_DONE;
    default:
        return take_line_byte(body, byte);
    }
}

static enum weft__http1_result take_trailers(struct weft__http1_body *body, const char *data,
                                             size_t length, size_t *used)
{
    enum weft__http1_result result =
        weft__http1_head_parse(&body->trailers, data + *used, length - *used);

    if (result == WEFT__HTTP1_ERROR)
        return refuse(body, body->trailers.error);
    if (result == WEFT__HTTP1_DONE) {
        *used += body->trailers.length;
        body->state = FINISHED;
    }
    return result;
}

static enum weft__http1_result chunked_next(struct weft__http1_body *body, const char *data,
                                            size_t length, size_t *used, struct weft__slice *chunk)
{
    for (;;) {
        if (body->state == FINISHED)
            return WEFT__HTTP1_DONE;
        if (body->state == TRAILERS)
            return take_trailers(body, data, length, used);
        if (*used == length)
            return WEFT__HTTP1_MORE;
        if (body->state == DATA) {
            enum weft__http1_result result = deliver(body, data, length, used, chunk);
            if (body->remaining == 0)
                body->state = DATA_CR;
            return result;
        }
        if (take_byte(body, data[(*used)++]) < 0)
            return WEFT__HTTP1_ERROR;
    }
}

static enum weft__http1_result close_next(struct weft__http1_body *body, const char *data,
                                          size_t length, size_t *used, struct weft__slice *chunk)
{
    body->remaining = body->limit - body->received;
    if (body->remaining == 0 && length > 0)
        return refuse(body, WEFT__HTTP1_BODY_TOO_LARGE);
    return deliver(body, data, length, used, chunk);
}

enum weft__http1_result weft__http1_body_next(struct weft__http1_body *body, const char *data,
                                              size_t length, size_t *used,
                                              struct weft__slice *chunk)
{
    *used = 0;
    *chunk = weft__slice(NULL, 0);
    if (body->error)
        return WEFT__HTTP1_ERROR;
    if (body->done)
        return WEFT__HTTP1_DONE;
    switch (body->framing) {
    case WEFT__HTTP1_BODY_LENGTH:
        return body->remaining ? deliver(body, data, length, used, chunk) : WEFT__HTTP1_DONE;
    case WEFT__HTTP1_BODY_CHUNKED:
        return chunked_next(body, data, length, used, chunk);
    case WEFT__HTTP1_BODY_CLOSE:
    case WEFT__HTTP1_BODY_TUNNEL:
        return close_next(body, data, length, used, chunk);
    default:
        return WEFT__HTTP1_DONE;
    }
}

enum weft__http1_result weft__http1_body_end(struct weft__http1_body *body)
{
    if (body->error)
        return WEFT__HTTP1_ERROR;
    switch (body->framing) {
    case WEFT__HTTP1_BODY_LENGTH:
        body->done = body->remaining == 0;
        break;
    case WEFT__HTTP1_BODY_CHUNKED:
        body->done = body->state == FINISHED;
        break;
    default:
        body->done = true;
        break;
    }
    return body->done ? WEFT__HTTP1_DONE : refuse(body, WEFT__HTTP1_TRUNCATED);
}
