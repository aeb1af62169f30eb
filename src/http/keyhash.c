#include "http/keyhash.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

struct state {
    uint64_t a, b, c, d;
};

static uint64_t turn(uint64_t word, int by)
{
    return word << by | word >> (64 - by);
}

static void rounds(struct state *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->a += s->b;
        s->c += s->d;
        s->b = turn(s->b, 13) ^ s->a;
        s->d = turn(s->d, 16) ^ s->c;
        s->a = turn(s->a, 32) + s->d;
        s->c += s->b;
        s->d = turn(s->d, 21) ^ s->a;
        s->b = turn(s->b, 17) ^ s->c;
        s->c = turn(s->c, 32);
    }
}

static uint64_t word_of(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

static void absorb(struct state *s, uint64_t word)
{
    s->d ^= word;
    rounds(s, 2);
    s->a ^= word;
}

uint64_t weft__keyhash(const struct weft__hash_secret *secret, const void *data, size_t length)
{
    const uint8_t *at = data;
    struct state s = {
        secret->words[0] ^ UINT64_C(0x736f6d6570736575),
        secret->words[1] ^ UINT64_C(0x646f72616e646f6d),
        secret->words[0] ^ UINT64_C(0x6c7967656e657261),
        secret->words[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t left = length;
    for (; left >= 8; left -= 8, at += 8) {
        absorb(&s, word_of(at, 8));
    }
    absorb(&s, word_of(at, left) | (uint64_t)length << 56);
    s.c ^= 0xff;
    rounds(&s, 4);
    return s.a ^ s.b ^ s.c ^ s.d;
}

void weft__hash_secret_make(struct weft__hash_secret *secret)
{
    if (getrandom(secret, sizeof(*secret), 0) == (ssize_t)sizeof(*secret)) {
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    secret->words[0] = (uint64_t)now.tv_nsec;
    secret->words[1] = (uint64_t)(uintptr_t)secret;
}
