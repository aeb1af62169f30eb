#include "http/coder.h"

#if WEFT_WITH_ZSTD

#include <zstd.h>

#include "base/alloc.h"
#include "base/fail.h"

struct zstd {
    struct weft__coder coder;
    ZSTD_CCtx *context;
};

enum {
    LEVEL = 3,
    WINDOW = 17, /* 128 KiB; clients must take 8 MiB: RFC 9659 */
};

static void discard(struct weft__coder *coder)
{
    struct zstd *zstd = (struct zstd *)coder;
    ZSTD_freeCCtx(zstd->context);
    weft__free(zstd);
}

static struct weft__coder *make(void)
{
    struct zstd *zstd = weft__calloc(1, sizeof(*zstd));
    if (!zstd) {
        return NULL;
    }
    zstd->coder.kind = weft__coder_zstd;
    zstd->context = ZSTD_createCCtx();
    if (!zstd->context) {
        weft__free(zstd);
        return NULL;
    }
    ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_windowLog, WINDOW);
    ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_checksumFlag, 1);
    return &zstd->coder;
}

static int run(struct weft__coder *coder, const void *data, size_t length,
               enum weft__coder_step step, struct weft__buffer *out)
{
    static const ZSTD_EndDirective DIRECTIVES[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
    ZSTD_CCtx *context = ((struct zstd *)coder)->context;
    ZSTD_inBuffer input = { data, length, 0 };
    size_t left;
    do {
        void *room = weft__buffer_reserve(out, WEFT__CODER_ROOM);
        if (!room) {
            return -1;
        }
        ZSTD_outBuffer output = { room, WEFT__CODER_ROOM, 0 };
        left = ZSTD_compressStream2(context, &output, &input, DIRECTIVES[step]);
        if (ZSTD_isError(left)) {
            return weft__fail(ENOMEM);
        }
        weft__buffer_added(out, output.pos);
    } while (step == WEFT__CODER_MORE ? input.pos < input.size : left > 0);
    return 0;
}

static const struct weft__coder_kind KIND = {
    .name = "zstd",
    .memory = (size_t)7 << 18, /* measured: 1.7 MB */
    .make = make,
    .run = run,
    .free = discard,
};

const struct weft__coder_kind *const weft__coder_zstd = &KIND;

#else

const struct weft__coder_kind *const weft__coder_zstd = NULL;

#endif
