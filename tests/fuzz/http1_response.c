#include "fuzz/fuzz.h"
#include "fuzz/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = { "GET", "HEAD", "CONNECT" };
    struct weft__slice bytes = weft__slice((const char *)data, size);

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct connection connection = { .kind = WEFT__HTTP1_RESPONSE,
                                         .method = weft__slice_string(methods[i]),
                                         .body_limit = 40 };
        fuzz_http1_cuts(connection, bytes);
        fuzz_http1_rewrite(connection, bytes);
    }
    return 0;
}
