/*
 * gzip: a header, raw deflate, and a trailer, so that the compressor itself can be freed behind any
 * flush and begun afresh: it then refers to nothing that came before.
 */
#include "http/coder.h"

#if WEFT_WITH_ZLIB

#include <zlib.h>

#include "base/alloc.h"
#include "base/fail.h"

struct gzip {
    struct weft__coder coder;
    z_stream stream;
    uint32_t crc;
    uint32_t length;
    bool open;
    bool begun; /* the header is written */
};

enum {
    LEVEL = 5,
    WINDOW = 14, /* 16 KiB */
    EFFORT = 7,
};

static void *take(void *context, unsigned count, unsigned size)
{
    (void)context;
    return weft__calloc(count, size);
}

static void give(void *context, void *pointer)
{
    (void)context;
    weft__free(pointer);
}

static int wake(struct gzip *gzip)
{
    if (gzip->open) {
        return 0;
    }
    gzip->stream = (z_stream){ .zalloc = take, .zfree = give };
    if (deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, -WINDOW, EFFORT, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return weft__fail(ENOMEM);
    }
    gzip->open = true;
    return 0;
}

static void rest(struct weft__coder *coder)
{
    struct gzip *gzip = (struct gzip *)coder;
    if (gzip->open) {
        deflateEnd(&gzip->stream);
        gzip->open = false;
    }
}

static struct weft__coder *make(void)
{
    struct gzip *gzip = weft__calloc(1, sizeof(*gzip));
    if (!gzip) {
        return NULL;
    }
    gzip->coder.kind = weft__coder_gzip;
    if (wake(gzip) < 0) {
        weft__free(gzip);
        return NULL;
    }
    return &gzip->coder;
}

static void discard(struct weft__coder *coder)
{
    rest(coder);
    weft__free(coder);
}

static int begin(struct gzip *gzip, struct weft__buffer *out)
{
    static const char HEADER[10] = { 0x1f, '\x8b', 8, 0, 0, 0, 0, 0, 0, 3 };
    if (!gzip->begun && weft__buffer_append(out, HEADER, sizeof(HEADER)) < 0) {
        return -1;
    }
    gzip->begun = true;
    return wake(gzip);
}

static int end(const struct gzip *gzip, struct weft__buffer *out)
{
    char trailer[8];
    for (int i = 0; i < 4; i++) {
        trailer[i] = (char)(gzip->crc >> (8 * i));
        trailer[4 + i] = (char)(gzip->length >> (8 * i));
    }
    return weft__buffer_append(out, trailer, sizeof(trailer));
}

static int run(struct weft__coder *coder, const void *data, size_t length,
               enum weft__coder_step step, struct weft__buffer *out)
{
    static const int MODES[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
    struct gzip *gzip = (struct gzip *)coder;
    if (begin(gzip, out) < 0) {
        return -1;
    }
    z_stream *stream = &gzip->stream;
    stream->next_in = (Bytef *)(uintptr_t)data;
    stream->avail_in = (uInt)length;
    do {
        stream->next_out = (Bytef *)weft__buffer_reserve(out, WEFT__CODER_ROOM);
        if (!stream->next_out) {
            return -1;
        }
        stream->avail_out = WEFT__CODER_ROOM;
        deflate(stream, MODES[step]);
        weft__buffer_added(out, WEFT__CODER_ROOM - stream->avail_out);
    } while (stream->avail_out == 0);
    if (length > 0) {
        gzip->crc = (uint32_t)crc32(gzip->crc, data, (uInt)length);
        gzip->length += (uint32_t)length;
    }
    return step == WEFT__CODER_END ? end(gzip, out) : 0;
}

static const struct weft__coder_kind KIND = {
    .name = "gzip",
    .memory = ((size_t)1 << (WINDOW + 2)) + ((size_t)1 << (EFFORT + 9)) + 8192,
    .make = make,
    .run = run,
    .rest = rest,
    .free = discard,
};

const struct weft__coder_kind *const weft__coder_gzip = &KIND;

#else

const struct weft__coder_kind *const weft__coder_gzip = NULL;

#endif
