#include "proto/range.h"

#include <stdbool.h>

static bool is_number(struct weft__slice text, uint64_t *value)
{
    return text.length > 0 && weft__parse_decimal(text, value) == 0;
}

/* "-500": the last bytes. */
static enum weft__range suffix(uint64_t wanted, uint64_t size, struct weft__range_part *part)
{
    if (wanted == 0 || size == 0) {
        return WEFT__RANGE_UNSATISFIABLE;
    }
    uint64_t length = wanted < size ? wanted : size;
    *part = (struct weft__range_part){ size - length, length };
    return WEFT__RANGE_PART;
}

enum weft__range weft__range_read(struct weft__slice field, uint64_t size,
                                  struct weft__range_part *part)
{
    field = weft__slice_trim(field);
    if (field.length < 7 ||
        !weft__slice_equal_case(weft__slice(field.data, 6), weft__slice_string("bytes="))) {
        return WEFT__RANGE_WHOLE;
    }
    struct weft__slice range = weft__slice_trim(weft__slice(field.data + 6, field.length - 6));
    size_t dash = weft__slice_find(range, '-');
    if (dash >= range.length) {
        return WEFT__RANGE_WHOLE;
    }
    struct weft__slice from = weft__slice(range.data, dash);
    struct weft__slice to = weft__slice(range.data + dash + 1, range.length - dash - 1);
    uint64_t first, last = UINT64_MAX;
    if (to.length > 0 && !is_number(to, &last)) {
        return WEFT__RANGE_WHOLE; /* several ranges among them */
    }
    if (from.length == 0) {
        return to.length > 0 ? suffix(last, size, part) : WEFT__RANGE_WHOLE;
    }
    if (!is_number(from, &first) || last < first) {
        return WEFT__RANGE_WHOLE;
    }
    if (first >= size) {
        return WEFT__RANGE_UNSATISFIABLE;
    }
    last = last < size - 1 ? last : size - 1;
    *part = (struct weft__range_part){ first, last - first + 1 };
    return WEFT__RANGE_PART;
}
