#ifndef WEFT_HTTP_RATE_H
#define WEFT_HTTP_RATE_H

/*
 * Token buckets by the generic cell rate algorithm: of each key, only the moment is kept at which
 * its bucket will be full again.
 *
 *      now              full                  now + burst * interval
 *       |----- tokens ---|------ still free -----|
 *
 * A request moves `full` on by one interval; one that would move it beyond the right end is
 * refused. The table is a cache of four entries a set: the one that is full first makes room.
 */

#include "http/keyhash.h"

struct weft__rate_entry {
    uint64_t hash;
    int64_t full; /* 0: free */
};

struct weft__rate {
    struct weft__hash_secret secret;
    struct weft__rate_entry *entries;
    size_t sets; /* a power of two */
    int64_t interval;
    int64_t depth; /* burst * interval */
};

/** 0; -1 EINVAL, ENOMEM. */
int weft__rate_init(struct weft__rate *rate, unsigned requests, int64_t period, unsigned burst,
                    size_t keys);

void weft__rate_fini(struct weft__rate *rate);

/** Take a token. 0 taken; otherwise ns until there is one. */
int64_t weft__rate_take(struct weft__rate *rate, const void *key, size_t length, int64_t now);

#endif
