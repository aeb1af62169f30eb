#ifndef WEFT_HTTP_KEYHASH_H
#define WEFT_HTTP_KEYHASH_H

#include <stddef.h>
#include <stdint.h>

/** A secret that makes hashes of what clients send unforeseeable. */
struct weft__hash_secret {
    uint64_t words[2];
};

void weft__hash_secret_make(struct weft__hash_secret *secret);

/** SipHash-2-4: Aumasson and Bernstein, 2012. */
uint64_t weft__keyhash(const struct weft__hash_secret *secret, const void *data, size_t length);

#endif
