#include "http/rate.h"

#include "base/alloc.h"
#include "base/fail.h"

enum {
    WAYS = 4,
};

int weft__rate_init(struct weft__rate *rate, unsigned requests, int64_t period, unsigned burst,
                    size_t keys)
{
    if (requests == 0 || period <= 0 || period / requests == 0 || keys > (size_t)1 << 32) {
        return weft__fail(EINVAL);
    }
    rate->interval = period / requests;
    if (rate->interval > INT64_MAX / 4 / burst) {
        return weft__fail(EINVAL);
    }
    rate->depth = rate->interval * burst;
    rate->sets = 1;
    while (rate->sets * WAYS < keys) {
        rate->sets *= 2;
    }
    weft__hash_secret_make(&rate->secret);
    rate->entries = weft__calloc(rate->sets * WAYS, sizeof(*rate->entries));
    return rate->entries ? 0 : -1;
}

void weft__rate_fini(struct weft__rate *rate)
{
    weft__free(rate->entries);
}

/* The entry of a key: its own, or the one of its set that is full first. */
static struct weft__rate_entry *entry_of(struct weft__rate *rate, uint64_t hash)
{
    struct weft__rate_entry *set = &rate->entries[(hash & (rate->sets - 1)) * WAYS];
    struct weft__rate_entry *least = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].full && set[i].hash == hash) {
            return &set[i];
        }
        least = set[i].full < least->full ? &set[i] : least;
    }
    *least = (struct weft__rate_entry){ hash, 0 };
    return least;
}

int64_t weft__rate_take(struct weft__rate *rate, const void *key, size_t length, int64_t now)
{
    struct weft__rate_entry *entry = entry_of(rate, weft__keyhash(&rate->secret, key, length));
    int64_t full = (entry->full > now ? entry->full : now) + rate->interval;
    if (full - now > rate->depth) {
        return full - now - rate->depth;
    }
    entry->full = full;
    return 0;
}
