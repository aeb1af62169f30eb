#include "tap.h"
#include "unit/proto/form_transcript.h"

static const struct {
    const char *bytes;
    size_t limit;
    const char *expected;
} samples[] = {
    { "a=b", 99, "[a=b]" },
    { "a=b&c=d", 99, "[a=b][c=d]" },
    { "a=b+c%20d%26", 99, "[a=b c d&]" },
    { "%61%3D=x=y", 99, "[a==x=y]" },
    { "a&b=&=c", 99, "[a=][b=][=c]" },
    { "&&a=b&&", 99, "[a=b]" },
    { "", 99, "" },
    { "a=%", 99, "!" },
    { "a=%zz", 99, "!" },
    { "a=b&%0=x", 99, "[a=b]!" },
    { "a=%00", 99, "!" },
    { "a=345", 5, "[a=345]" },
    { "a=3456", 5, "!large" },
    { "a=345&b=345", 5, "[a=345][b=345]" },
    { "a=345&b=3456", 5, "[a=345]!large" },
};

int main(void)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        struct weft__slice bytes = weft__slice_string(samples[i].bytes);
        char *whole = form_transcript(bytes, samples[i].limit, 0, 0);
        char *single = form_transcript(bytes, samples[i].limit, 1, 1);
        char *pieces = form_transcript(bytes, samples[i].limit, 2, 3);
        is_str(whole, samples[i].expected, "'%s' below %zu", samples[i].bytes, samples[i].limit);
        ok(strcmp(single, whole) == 0 && strcmp(pieces, whole) == 0, "the same in pieces");
        free(whole);
        free(single);
        free(pieces);
    }
    return done_testing();
}
