#include "proto/accept.h"

#include "tap.h"

static const struct {
    const char *list;
    const char *token;
    int quality;
} samples[] = {
    { "gzip", "gzip", 1000 },          { "GZip", "gzip", 1000 },
    { "gzip, br", "br", 1000 },        { "gzip;q=0.5", "gzip", 500 },
    { "gzip ; q=0.123", "gzip", 123 }, { "gzip;q=0", "gzip", 0 },
    { "gzip;q=0.000", "gzip", 0 },     { "gzip;q=1.000", "gzip", 1000 },
    { "gzip;Q=0.2", "gzip", 200 },     { "gzip;x=1;q=0.3", "gzip", 300 },
    { "gzip;q=1.001", "gzip", -1 },    { "gzip;q=2", "gzip", -1 },
    { "gzip;q=", "gzip", -1 },         { "gzip;q=0.1234", "gzip", -1 },
    { "gzip;q=0,5", "gzip", 0 },       { "gzip;q=-1", "gzip", -1 },
    { "gzip;q=.5", "gzip", -1 },       { "x-gzip", "gzip", -1 },
    { "gzipped, zip", "gzip", -1 },    { "", "gzip", -1 },
    { ", ,gzip,", "gzip", 1000 },      { "*;q=0.1", "*", 100 },
};

int main(void)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        is_int(weft__accept_quality(weft__slice_string(samples[i].list), samples[i].token),
               samples[i].quality, "%s in '%s'", samples[i].token, samples[i].list);
    }
    return done_testing();
}
