/* zstd by libzstd. A window above 8 MiB is refused (RFC 9659). */
#include <zstd.h>

#include "http/decoder.h"

enum {
    WINDOW_LOG = 23
};

static void *zstd_open(void)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context) {
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG);
    }
    return context;
}

static void zstd_close(void *state)
{
    ZSTD_freeDCtx(state);
}

static enum weft__decoded zstd_step(void *state, struct weft__slice *input, char *output,
                                    size_t room, size_t *produced)
{
    ZSTD_inBuffer in = { input->data, input->length, 0 };
    ZSTD_outBuffer out = { output, room, 0 };
    size_t result = ZSTD_decompressStream(state, &out, &in);
    *input = weft__slice(input->data + in.pos, input->length - in.pos);
    *produced = out.pos;
    if (ZSTD_isError(result)) {
        return WEFT__DECODED_BROKEN;
    }
    if (result == 0) {
        return WEFT__DECODED_END;
    }
    return out.pos == room ? WEFT__DECODED_FULL : WEFT__DECODED_MORE;
}

const struct weft__decoder weft__decoder_zstd = { "zstd", true, zstd_open, zstd_close, zstd_step };
