#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "proto/http_date.h"
#include "proto/range.h"

/* A part lies within its whole, and is not empty. */
static void read_range(struct weft__slice field, uint64_t size)
{
    struct weft__range_part part = { 0, 0 };
    enum weft__range range = weft__range_read(field, size, &part);
    if (range == WEFT__RANGE_PART)
        weft_assert(part.length > 0 && part.first < size && part.length <= size - part.first);
}

/* What a date that is read is written as is read as the same. */
static void read_date(struct weft__slice text)
{
    int64_t seconds = 0, back = 0;
    char again[WEFT__HTTP_DATE];
    if (weft__http_date_parse(text, 0, &seconds) < 0) {
        weft_assert(errno == EINVAL);
        return;
    }
    weft__http_date_format(seconds, again);
    bool leaps_out = seconds > INT64_C(253402300799); /* the last second of the year 9999 and one */
    weft_assert(weft__http_date_parse(weft__slice_string(again), 0, &back) == 0 &&
                (back == seconds || leaps_out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t SIZES[] = { 0, 1, 10, 1000, UINT64_MAX };
    /* a block of exactly this size, so that reading past it is seen */
    char *block = malloc(size ? size : 1);
    weft_assert(block);
    if (size)
        memcpy(block, data, size);
    struct weft__slice text = weft__slice(block, size);
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
        read_range(text, SIZES[i]);
    read_date(text);
    free(block);
    return 0;
}
