#include "fuzz/fuzz.h"
#include "fuzz/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct weft__http1_limits small = {
        .line = 60, .field = 60, .head = 200, .fields = 6, .chunk_line = 12, .chunk_extensions = 20
    };
    struct connection plain = { .kind = WEFT__HTTP1_REQUEST };
    struct connection narrow = {
        .kind = WEFT__HTTP1_REQUEST, .limits = &small, .body_limit = 30, .trailer_capacity = 3
    };
    struct weft__slice bytes = weft__slice((const char *)data, size);

    fuzz_http1_cuts(plain, bytes);
    fuzz_http1_cuts(narrow, bytes);
    fuzz_http1_rewrite(plain, bytes);
    return 0;
}
