/*
 * br, by libbrotlienc, which ends the process when an allocation fails. So its memory is kept in a
 * list here: an allocation that fails jumps out of the library, and all blocks are freed at once.
 */
#include "http/coder.h"

#if WEFT_WITH_BROTLI

#include <brotli/encode.h>
#include <setjmp.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/list.h"

struct brotli {
    struct weft__coder coder;
    BrotliEncoderState *state; /* among the blocks */
    struct weft__list blocks;
    jmp_buf out_of_memory;
    bool broken;
};

struct block {
    struct weft__list node;
    _Alignas(max_align_t) char data[];
};

enum {
    QUALITY = 4,
    WINDOW = 17, /* 128 KiB */
};

static void *take(void *context, size_t size)
{
    struct brotli *brotli = context;
    struct block *block = weft__malloc(sizeof(*block) + size);
    if (!block) {
        brotli->broken = true;
        longjmp(brotli->out_of_memory, 1);
    }
    weft__list_append(&brotli->blocks, &block->node);
    return block->data;
}

static void give(void *context, void *pointer)
{
    (void)context;
    if (pointer) {
        struct block *block = weft__container_of(pointer, struct block, data);
        weft__list_remove(&block->node);
        weft__free(block);
    }
}

static void discard(struct weft__coder *coder)
{
    struct brotli *brotli = (struct brotli *)coder;
    weft__list_each(node, &brotli->blocks) {
        weft__free(weft__container_of(node, struct block, node));
    }
    weft__free(brotli);
}

/* 0; -1: no memory. */
static int create(struct brotli *brotli)
{
    if (setjmp(brotli->out_of_memory) != 0) {
        return -1;
    }
    brotli->state = BrotliEncoderCreateInstance(take, give, brotli);
    if (!brotli->state) {
        return -1;
    }
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_QUALITY, QUALITY);
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_LGWIN, WINDOW);
    return 0;
}

static struct weft__coder *make(void)
{
    struct brotli *brotli = weft__calloc(1, sizeof(*brotli));
    if (!brotli) {
        return NULL;
    }
    brotli->coder.kind = weft__coder_brotli;
    weft__list_init(&brotli->blocks);
    if (create(brotli) < 0) {
        discard(&brotli->coder);
        return NULL;
    }
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

static int compress(BrotliEncoderState *state, const uint8_t *next, size_t length,
                    BrotliEncoderOperation operation, struct weft__buffer *out)
{
    do {
        size_t none = 0;
        if (!BrotliEncoderCompressStream(state, operation, &length, &next, &none, NULL, NULL)) {
            return weft__fail(ENOMEM);
        }
        if (take_output(state, out) < 0) {
            return -1;
        }
    } while (length > 0);
    return 0;
}

static int run(struct weft__coder *coder, const void *data, size_t length,
               enum weft__coder_step step, struct weft__buffer *out)
{
    static const BrotliEncoderOperation OPERATIONS[] = { BROTLI_OPERATION_PROCESS,
                                                         BROTLI_OPERATION_FLUSH,
                                                         BROTLI_OPERATION_FINISH };
    struct brotli *brotli = (struct brotli *)coder;
    if (brotli->broken || setjmp(brotli->out_of_memory) != 0) {
        return weft__fail(ENOMEM);
    }
    return compress(brotli->state, data, length, OPERATIONS[step], out);
}

static const struct weft__coder_kind KIND = {
    .name = "br",
    .memory = (size_t)7 << 18, /* measured: 1.7 MB */
    .make = make,
    .run = run,
    .free = discard,
};

const struct weft__coder_kind *const weft__coder_brotli = &KIND;

#else

const struct weft__coder_kind *const weft__coder_brotli = NULL;

#endif
