/* gzip by zlib. Members may follow each other (RFC 1952, 2.2). */
#include <stdlib.h>
#include <zlib.h>

#include "http/decoder.h"

enum {
    GZIP_WINDOW = 15 + 16 /* zlib's way to say: gzip alone */
};

struct gzip {
    z_stream stream;
    bool between; /* a member has ended, another one may begin */
};

static void *gzip_open(void)
{
    struct gzip *gzip = calloc(1, sizeof(*gzip));
    if (gzip && inflateInit2(&gzip->stream, GZIP_WINDOW) != Z_OK) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

static void gzip_close(void *state)
{
    struct gzip *gzip = state;
    inflateEnd(&gzip->stream);
    free(gzip);
}

static enum weft__decoded gzip_step(void *state, struct weft__slice *input, char *output,
                                    size_t room, size_t *produced)
{
    struct gzip *gzip = state;
    z_stream *stream = &gzip->stream;
    *produced = 0;
    if (gzip->between) {
        if (input->length == 0) {
            return WEFT__DECODED_END;
        }
        gzip->between = false;
        inflateReset(stream);
    }
    stream->next_in = (unsigned char *)(uintptr_t)input->data;
    stream->avail_in = (unsigned)(input->length < UINT32_MAX ? input->length : UINT32_MAX);
    stream->next_out = (unsigned char *)output;
    stream->avail_out = (unsigned)room;
    size_t offered = stream->avail_in;
    int result = inflate(stream, Z_SYNC_FLUSH);
    size_t taken = offered - stream->avail_in;
    *input = weft__slice(input->data + taken, input->length - taken);
    *produced = room - stream->avail_out;
    if (result == Z_STREAM_END) {
        gzip->between = true;
        return WEFT__DECODED_END;
    }
    if (result == Z_MEM_ERROR) {
        return WEFT__DECODED_MEMORY;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
        return WEFT__DECODED_BROKEN;
    }
    return stream->avail_out == 0 ? WEFT__DECODED_FULL : WEFT__DECODED_MORE;
}

const struct weft__decoder weft__decoder_gzip = { "gzip", true, gzip_open, gzip_close, gzip_step };
