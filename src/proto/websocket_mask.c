/* Masking: the payload xor four bytes over and over, 32 at a time. */
#include <string.h>

#include "proto/websocket.h"

enum {
    STRIDE = 32
};

/* Two or four registers of whatever the processor has; the compiler splits it as needed. */
typedef uint8_t vector __attribute__((vector_size(STRIDE)));

void weft__websocket_mask(void *data, size_t length, const uint8_t key[4], uint64_t offset)
{
    uint8_t *at = data;
    uint8_t turned[STRIDE];
    for (size_t i = 0; i < STRIDE; i++) {
        turned[i] = key[(offset + i) % 4];
    }
    vector mask;
    memcpy(&mask, turned, STRIDE);
    for (; length >= STRIDE; length -= STRIDE, at += STRIDE) {
        vector bytes;
        memcpy(&bytes, at, STRIDE);
        bytes ^= mask;
        memcpy(at, &bytes, STRIDE);
    }
    for (size_t i = 0; i < length; i++) {
        at[i] ^= turned[i];
    }
}
