/* The Range field. */
#include "proto/range.h"

#include "tap.h"

static void check(const char *field, uint64_t size, enum weft__range wanted, uint64_t first,
                  uint64_t length)
{
    struct weft__range_part part = { 0, 0 };
    enum weft__range got = weft__range_read(weft__slice_string(field), size, &part);
    ok(got == wanted && (got != WEFT__RANGE_PART || (part.first == first && part.length == length)),
       "'%s' of %llu", field, (unsigned long long)size);
}

int main(void)
{
    check("bytes=0-0", 1, WEFT__RANGE_PART, 0, 1);
    check("bytes=0-499", 1000, WEFT__RANGE_PART, 0, 500);
    check("bytes=500-", 1000, WEFT__RANGE_PART, 500, 500);
    check("bytes=-500", 1000, WEFT__RANGE_PART, 500, 500);
    check("bytes=-5000", 1000, WEFT__RANGE_PART, 0, 1000);
    check("BYTES= 1-2 ", 1000, WEFT__RANGE_PART, 1, 2);
    check("bytes=999-18446744073709551615", 1000, WEFT__RANGE_PART, 999, 1);
    check("bytes=0-18446744073709551615", UINT64_MAX, WEFT__RANGE_PART, 0, UINT64_MAX);
    check("bytes=1000-", 1000, WEFT__RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=0-", 0, WEFT__RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=-1", 0, WEFT__RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=-0", 1000, WEFT__RANGE_UNSATISFIABLE, 0, 0);
    static const char *const WHOLE[] = {
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=1",
        "bytes=2-1",
        "bytes=0-1,2-3",
        "bytes=0-1, ",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=--1",
        "bytes=a-b",
        "items=0-1",
        "bytes=0x1-2",
        "bytes 0-1",
        "bytes=1 -2",
        "bytes=-1-",
        "bytes=,0-1",
        "bytes=18446744073709551616-",
    };
    for (size_t i = 0; i < sizeof(WHOLE) / sizeof(WHOLE[0]); i++) {
        check(WHOLE[i], 1000, WEFT__RANGE_WHOLE, 0, 0);
    }
    return done_testing();
}
