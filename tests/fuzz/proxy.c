#include "proto/proxy.h"

#include "base/assert.h"
#include "fuzz/fuzz.h"

/* Whatever begins a header asks for more; what is one is the same with other bytes behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weft__slice bytes = weft__slice((const char *)data, size);
    struct weft__proxy proxy;
    struct weft__proxy again;
    enum weft__proxy_result result = weft__proxy_parse(&proxy, bytes);

    if (result != WEFT__PROXY_DONE) {
        weft_assert(result == WEFT__PROXY_INVALID || size < WEFT__PROXY_HEADER_MAX);
        return 0;
    }
    weft_assert(proxy.length > 0 && proxy.length <= size);
    weft_assert(proxy.length <= WEFT__PROXY_HEADER_MAX);
    for (size_t cut = 0; cut < proxy.length; cut++)
        weft_assert(weft__proxy_parse(&again, weft__slice(bytes.data, cut)) == WEFT__PROXY_MORE);
    weft_assert(weft__proxy_parse(&again, weft__slice(bytes.data, proxy.length)) == result);
    weft_assert(memcmp(&again, &proxy, sizeof(proxy)) == 0);
    return 0;
}
