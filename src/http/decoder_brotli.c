/* br by libbrotlidec. */
#include <brotli/decode.h>

#include "http/decoder.h"

static void *brotli_open(void)
{
    return BrotliDecoderCreateInstance(NULL, NULL, NULL);
}

static void brotli_close(void *state)
{
    BrotliDecoderDestroyInstance(state);
}

static enum weft__decoded brotli_step(void *state, struct weft__slice *input, char *output,
                                      size_t room, size_t *produced)
{
    const uint8_t *next_in = (const uint8_t *)input->data;
    uint8_t *next_out = (uint8_t *)output;
    size_t left_in = input->length;
    size_t left_out = room;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(state, &left_in, &next_in, &left_out, &next_out, NULL);
    *input = weft__slice((const char *)next_in, left_in);
    *produced = room - left_out;
    switch (result) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        return WEFT__DECODED_END;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
        return WEFT__DECODED_MORE;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return WEFT__DECODED_FULL;
    default:
        return WEFT__DECODED_BROKEN;
    }
}

const struct weft__decoder weft__decoder_brotli = { "br", false, brotli_open, brotli_close,
                                                    brotli_step };
