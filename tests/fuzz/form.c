#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "proto/accept.h"
#include "proto/base64.h"
#include "proto/cookie.h"
#include "proto/forwarded.h"
#include "proto/http_date.h"
#include "unit/proto/form_transcript.h"

static void pieces(struct weft__slice bytes, size_t limit)
{
    char *whole = form_transcript(bytes, limit, 0, 0);
    char *single = form_transcript(bytes, limit, 1, 1);

    weft_assert(strcmp(whole, single) == 0);
    free(whole);
    free(single);
}

/* The small parsers of fields on the same bytes: nothing but their own memory is touched. */
static void fields(struct weft__slice bytes)
{
    struct weft__slice rest = bytes;
    struct weft__slice name;
    struct weft__slice value;
    int64_t seconds;
    size_t length;
    char *room = malloc(bytes.length / 4 * 3 + 1);

    while (weft__cookie_next(&rest, &name, &value))
        weft_assert(name.length > 0 && name.length + value.length < bytes.length);
    weft__forwarded_find(bytes, "for", &value);
    int quality = weft__accept_quality(bytes, "br");
    weft_assert(quality >= -1 && quality <= 1000);
    weft__http_date_parse(bytes, 0, &seconds);
    if (room && weft__base64_decode(bytes, room, &length) == 0)
        weft_assert(length <= bytes.length / 4 * 3);
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weft__slice bytes = weft__slice(size ? (const char *)data : "", size);

    pieces(bytes, 1 << 20);
    pieces(bytes, 24);
    fields(bytes);
    return 0;
}
