/*
 * Messages compressed by zlib (RFC 7692): raw deflate streams that end in an empty block, whose
 * four bytes 00 00 FF FF are left out on the wire.
 *
 * Nothing is held by a socket that is idle, unless it asked for streams that remember: inflaters
 * come from a pool and go back at a message's end, and messages that are compressed each for itself
 * share one compressor, since compressing never parks.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fail.h"
#include "http/websocket.h"

enum {
    CHUNK = 8192, /* inflated at a time */
    SPARE = 4,    /* inflaters kept for reuse */
    LEVEL = 3,    /* of 9: most of the gain for a third of the time */
    MEMORY_LEVEL = 8,
    MOST_BITS = 15,
    TAIL = 4,
};

/* What zlib's manual says it takes. */
#define INFLATER_COST (((size_t)1 << MOST_BITS) + 7168)
#define DEFLATER_COST(bits) (((size_t)1 << ((bits) + 2)) + ((size_t)1 << (MEMORY_LEVEL + 9)))

static uint8_t tail[TAIL] = { 0x00, 0x00, 0xff, 0xff };

struct weft__inflater {
    struct weft__inflater *next;
    z_stream stream;
    bool last;      /* the input is the message's last */
    bool tail_used; /* and its end was put back */
    bool full;      /* there may be more output without more input */
    char out[CHUNK];
};

struct weft__deflater {
    z_stream stream;
    size_t cost;
};

static void free_inflater(struct weft__websocket_pool *pool, struct weft__inflater *inflater)
{
    inflateEnd(&inflater->stream);
    pool->held -= INFLATER_COST + sizeof(*inflater);
    free(inflater);
}

static void free_deflater(struct weft__websocket_pool *pool, struct weft__deflater *deflater)
{
    deflateEnd(&deflater->stream);
    pool->held -= deflater->cost;
    free(deflater);
}

static void free_pool(struct weft__server_part *part)
{
    struct weft__websocket_pool *pool = weft__container_of(part, struct weft__websocket_pool, part);
    while (pool->inflaters) {
        struct weft__inflater *inflater = pool->inflaters;
        pool->inflaters = inflater->next;
        free_inflater(pool, inflater);
    }
    if (pool->deflater) {
        free_deflater(pool, pool->deflater);
    }
    free(pool);
}

struct weft__websocket_pool *weft__websocket_pool(struct weft_http_server *server)
{
    if (!server->websockets) {
        struct weft__websocket_pool *pool = calloc(1, sizeof(*pool));
        if (!pool) {
            return NULL;
        }
        pool->part.free = free_pool;
        weft__list_init(&pool->shared);
        server->websockets = &pool->part;
    }
    return weft__container_of(server->websockets, struct weft__websocket_pool, part);
}

bool weft__websocket_can_deflate(struct weft_http_server *server, size_t limit)
{
    const struct weft__websocket_pool *pool = weft__websocket_pool(server);
    return pool && pool->held + INFLATER_COST + sizeof(struct weft__inflater) <= limit;
}

static bool admit(const struct weft__websocket_pool *pool, const struct weft_websocket *socket,
                  size_t cost)
{
    size_t limit = socket->options->compression_memory;
    return pool->held <= limit && cost <= limit - pool->held;
}

static struct weft__inflater *new_inflater(struct weft__websocket_pool *pool,
                                           const struct weft_websocket *socket)
{
    size_t cost = INFLATER_COST + sizeof(struct weft__inflater);
    if (!admit(pool, socket, cost)) {
        errno = ENOBUFS;
        return NULL;
    }
    struct weft__inflater *inflater = calloc(1, sizeof(*inflater));
    if (!inflater) {
        return NULL;
    }
    if (inflateInit2(&inflater->stream, -MOST_BITS) != Z_OK) {
        free(inflater);
        errno = ENOMEM;
        return NULL;
    }
    pool->held += cost;
    return inflater;
}

static struct weft__inflater *take_inflater(struct weft_websocket *socket)
{
    struct weft__websocket_pool *pool = weft__websocket_pool(socket->server);
    if (!pool) {
        return NULL;
    }
    struct weft__inflater *inflater = pool->inflaters;
    if (!inflater) {
        return new_inflater(pool, socket);
    }
    pool->inflaters = inflater->next;
    pool->spare--;
    inflateReset(&inflater->stream);
    return inflater;
}

int weft__websocket_inflate(struct weft_websocket *socket, struct weft__slice input, bool last)
{
    if (!socket->inflater) {
        socket->inflater = take_inflater(socket);
        if (!socket->inflater) {
            return -1;
        }
    }
    struct weft__inflater *inflater = socket->inflater;
    inflater->stream.next_in = (Bytef *)(uintptr_t)input.data;
    inflater->stream.avail_in = (uInt)input.length; /* a piece of the input buffer */
    inflater->last = last;
    inflater->tail_used = false;
    return 0;
}

/* A block said that it is the stream's last one; the message may go on all the same. */
static bool begin_again(struct weft__inflater *inflater)
{
    uInt length = 1U << MOST_BITS;
    Bytef *window = malloc(length);
    bool fine = window && inflateGetDictionary(&inflater->stream, window, &length) == Z_OK &&
                inflateReset(&inflater->stream) == Z_OK &&
                inflateSetDictionary(&inflater->stream, window, length) == Z_OK;
    free(window);
    return fine;
}

/* Is there anything to inflate? */
static bool has_input(struct weft__inflater *inflater)
{
    if (inflater->stream.avail_in > 0 || inflater->full) {
        return true;
    }
    if (!inflater->last || inflater->tail_used) {
        return false;
    }
    inflater->stream.next_in = tail;
    inflater->stream.avail_in = TAIL;
    inflater->tail_used = true;
    return true;
}

int weft__websocket_inflated(struct weft_websocket *socket, struct weft__slice *piece, bool *last)
{
    struct weft__inflater *inflater = socket->inflater;
    z_stream *stream = &inflater->stream;
    while (has_input(inflater)) {
        stream->next_out = (Bytef *)inflater->out;
        stream->avail_out = CHUNK;
        int result = inflate(stream, Z_SYNC_FLUSH);
        size_t made = CHUNK - stream->avail_out;
        inflater->full = stream->avail_out == 0;
        if (result == Z_STREAM_END) {
            inflater->full = false;
            if (!begin_again(inflater)) {
                return -1;
            }
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return -1;
        }
        if (made > 0) {
            *piece = weft__slice(inflater->out, made);
            *last = false;
            return 1;
        }
    }
    *piece = weft__slice("", 0);
    *last = inflater->last;
    return *last;
}

void weft__websocket_inflate_end(struct weft_websocket *socket, bool all)
{
    struct weft__inflater *inflater = socket->inflater;
    if (!inflater || (socket->client_keeps && !all)) {
        return;
    }
    struct weft__websocket_pool *pool = weft__websocket_pool(socket->server);
    socket->inflater = NULL;
    if (pool->spare >= SPARE) {
        free_inflater(pool, inflater);
        return;
    }
    inflater->full = false;
    inflater->next = pool->inflaters;
    pool->inflaters = inflater;
    pool->spare++;
}

static struct weft__deflater *new_deflater(struct weft__websocket_pool *pool,
                                           const struct weft_websocket *socket, int bits)
{
    size_t cost = DEFLATER_COST(bits) + sizeof(struct weft__deflater);
    struct weft__deflater *deflater =
        admit(pool, socket, cost) ? calloc(1, sizeof(*deflater)) : NULL;
    if (!deflater) {
        return NULL;
    }
    if (deflateInit2(&deflater->stream, LEVEL, Z_DEFLATED, -bits, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(deflater);
        return NULL;
    }
    deflater->cost = cost;
    pool->held += cost;
    return deflater;
}

/* Where the compressor is kept that a message needs. */
static struct weft__deflater *find_deflater(struct weft__websocket_pool *pool,
                                            struct weft_websocket *socket, bool alone)
{
    bool common = alone && socket->server_bits == MOST_BITS;
    struct weft__deflater **place = common ? &pool->deflater : &socket->deflater;
    if (!*place) {
        *place = new_deflater(pool, socket, socket->server_bits);
    } else if (alone) {
        deflateReset(&(*place)->stream);
    }
    return *place;
}

/* The whole message into one block of memory. */
static uint8_t *compress_into(z_stream *stream, const void *data, size_t length, size_t room,
                              size_t *size)
{
    size_t most = deflateBound(stream, length) + 16;
    uint8_t *bytes = malloc(room + most);
    if (!bytes) {
        return NULL;
    }
    stream->next_in = (Bytef *)(uintptr_t)data;
    stream->avail_in = (uInt)length;
    stream->next_out = bytes + room;
    stream->avail_out = (uInt)most;
    int result = deflate(stream, Z_SYNC_FLUSH);
    *size = most - stream->avail_out;
    bool whole = result == Z_OK && stream->avail_in == 0 && stream->avail_out > 0 && *size > TAIL &&
                 memcmp(bytes + room + *size - TAIL, tail, TAIL) == 0;
    *size -= whole ? TAIL : 0;
    if (!whole) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

uint8_t *weft__websocket_deflate(struct weft_websocket *socket, const void *data, size_t length,
                                 bool alone, size_t room, size_t *size)
{
    struct weft__websocket_pool *pool = weft__websocket_pool(socket->server);
    struct weft__deflater *deflater =
        pool && length <= INT32_MAX ? find_deflater(pool, socket, alone) : NULL;
    if (!deflater) {
        return NULL;
    }
    uint8_t *bytes = compress_into(&deflater->stream, data, length, room, size);
    bool useless = bytes && alone && *size >= length;
    if (useless) {
        free(bytes);
        bytes = NULL;
    }
    if (!bytes) {
        *size = length;
        deflateReset(&deflater->stream); /* the client does not get to know the message */
    }
    if (alone && deflater == socket->deflater) {
        weft__websocket_deflate_end(socket);
    }
    return bytes;
}

void weft__websocket_deflate_forget(struct weft_websocket *socket)
{
    if (socket->deflater) {
        deflateReset(&socket->deflater->stream);
    }
}

void weft__websocket_deflate_end(struct weft_websocket *socket)
{
    if (socket->deflater) {
        free_deflater(weft__websocket_pool(socket->server), socket->deflater);
        socket->deflater = NULL;
    }
}
