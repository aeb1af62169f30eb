#include "http/coder.h"

#if WEFT_WITH_BROTLI

#include <brotli/encode.h>

#include "base/alloc.h"
#include "base/fail.h"

struct brotli {
    struct weft__coder coder;
    BrotliEncoderState *state;
};

enum {
    QUALITY = 4,
    WINDOW = 17, /* 128 KiB */
};

static void *take(void *context, size_t size)
{
    (void)context;
    return weft__malloc(size);
}

static void give(void *context, void *pointer)
{
    (void)context;
    weft__free(pointer);
}

static void discard(struct weft__coder *coder)
{
    struct brotli *brotli = (struct brotli *)coder;
    BrotliEncoderDestroyInstance(brotli->state);
    weft__free(brotli);
}

static struct weft__coder *make(void)
{
    struct brotli *brotli = weft__calloc(1, sizeof(*brotli));
    if (!brotli) {
        return NULL;
    }
    brotli->coder.kind = weft__coder_brotli;
    brotli->state = BrotliEncoderCreateInstance(take, give, NULL);
    if (!brotli->state) {
        weft__free(brotli);
        return NULL;
    }
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_QUALITY, QUALITY);
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_LGWIN, WINDOW);
    return &brotli->coder;
}

static int take_output(BrotliEncoderState *state, struct weft__buffer *out)
{
    while (BrotliEncoderHasMoreOutput(state)) {
        size_t size = 0;
        const uint8_t *bytes = BrotliEncoderTakeOutput(state, &size);
        if (weft__buffer_append(out, bytes, size) < 0) {
            return -1;
        }
    }
    return 0;
}

static int run(struct weft__coder *coder, const void *data, size_t length,
               enum weft__coder_step step, struct weft__buffer *out)
{
    static const BrotliEncoderOperation OPERATIONS[] = { BROTLI_OPERATION_PROCESS,
                                                         BROTLI_OPERATION_FLUSH,
                                                         BROTLI_OPERATION_FINISH };
    BrotliEncoderState *state = ((struct brotli *)coder)->state;
    const uint8_t *next = data;
    do {
        size_t none = 0;
        if (!BrotliEncoderCompressStream(state, OPERATIONS[step], &length, &next, &none, NULL,
                                         NULL)) {
            return weft__fail(ENOMEM);
        }
        if (take_output(state, out) < 0) {
            return -1;
        }
    } while (length > 0);
    return 0;
}

static const struct weft__coder_kind KIND = {
    .name = "br",
    .memory = (size_t)1 << 20,
    .make = make,
    .run = run,
    .free = discard,
};

const struct weft__coder_kind *const weft__coder_brotli = &KIND;

#else

const struct weft__coder_kind *const weft__coder_brotli = NULL;

#endif
