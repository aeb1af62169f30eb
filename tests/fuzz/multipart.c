#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "unit/proto/form_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weft__slice bytes = weft__slice((const char *)data, size);
    char *whole = multipart_transcript(bytes, "b", 0, 0);
    char *single = multipart_transcript(bytes, "b", 1, 1);
    char *pieces = multipart_transcript(bytes, "b", size / 2, 7);

    weft_assert(strcmp(whole, single) == 0);
    weft_assert(strcmp(whole, pieces) == 0);
    free(whole);
    free(single);
    free(pieces);
    return 0;
}
