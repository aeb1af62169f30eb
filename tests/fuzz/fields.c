#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "proto/date.h"
#include "proto/range.h"

/* A part lies within its whole, and is not empty. */
static void read_range(struct weft__slice field, uint64_t size)
{
    struct weft__range_part part = { 0, 0 };
    enum weft__range range = weft__range_read(field, size, &part);
    if (range == WEFT__RANGE_PART)
        weft_assert(part.length > 0 && part.first < size && part.length <= size - part.first);
}

/* A date that is read is written as it was, but for the day of the week and a leap second. */
static void read_date(struct weft__slice text)
{
    int64_t seconds = 0;
    char again[WEFT__DATE_LENGTH + 1];
    if (weft__date_read(text, &seconds) < 0) {
        weft_assert(errno == EINVAL);
        return;
    }
    weft__date_write(seconds, again);
    bool leap = memcmp(text.data + 23, "60", 2) == 0;
    bool early = memcmp(text.data + 12, "0000", 4) == 0;
    weft_assert(leap || early || memcmp(text.data + 3, again + 3, WEFT__DATE_LENGTH - 3) == 0);
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
