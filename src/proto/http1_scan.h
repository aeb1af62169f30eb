#ifndef WEFT_PROTO_HTTP1_SCAN_H
#define WEFT_PROTO_HTTP1_SCAN_H

/*
 * The two inner loops of the parser: where does text end, where does a name end. Sixteen bytes a
 * step on x86-64 (SSE2 is part of its baseline, so nothing is chosen at run time) and aarch64,
 * eight elsewhere; thirty-two when the compiler may use AVX2. No load passes `end`.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/* 1 for the bytes of a token (RFC 9110 section 5.6.2). */
extern const unsigned char weft__http1_token_bytes[256];

static inline bool weft__http1_is_control(char byte)
{
    unsigned char code = (unsigned char)byte;
    return (code < 0x20 && code != '\t') || code == 0x7f;
}

#if defined(__AVX2__)
static inline uint32_t weft__http1_controls_32(const char *at)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
    __m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
    __m256i delete = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_andnot_si256(tab, low), delete));
}
#endif

#if defined(__SSE2__)

static inline uint32_t weft__http1_controls_16(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), delete));
}

/* Bits of the bytes that are neither ASCII letters nor '-', the stuff of nearly every name. */
static inline uint32_t weft__http1_not_letters_16(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    __m128i place = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
    __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(place, _mm_set1_epi8(25)), place);
    __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(letter, dash)) ^ 0xffffu;
}

/* Bits of the bytes that may not stand in a target; as signed numbers 0x80 and up are below 0x21.
 */
static inline uint32_t weft__http1_not_target_16(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i visible = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x20));
    __m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
    return (uint32_t)_mm_movemask_epi8(_mm_andnot_si128(_mm_or_si128(delete, hash), visible)) ^
           0xffffu;
}

#elif defined(__aarch64__) && defined(__ARM_NEON)

/* Four bits a byte, since NEON has no movemask. */
static inline uint64_t weft__http1_nibbles(uint8x16_t mask)
{
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(mask), 4)), 0);
}

static inline uint64_t weft__http1_controls_neon(const char *at)
{
    uint8x16_t bytes = vld1q_u8((const uint8_t *)at);
    uint8x16_t low = vcltq_u8(bytes, vdupq_n_u8(0x20));
    uint8x16_t tab = vceqq_u8(bytes, vdupq_n_u8('\t'));
    uint8x16_t delete = vceqq_u8(bytes, vdupq_n_u8(0x7f));
    return weft__http1_nibbles(vorrq_u8(vbicq_u8(low, tab), delete));
}

#endif

/* May say yes for eight bytes of text (a tab, obs-text), never no when there is a control. */
static inline bool weft__http1_maybe_control_8(const char *at)
{
    uint64_t bytes;
    const uint64_t ones = 0x0101010101010101u;
    memcpy(&bytes, at, sizeof bytes);
    uint64_t low = bytes - ones * 0x20;
    uint64_t is_delete = (bytes ^ ones * 0x7f) - ones;
    return ((low | is_delete | bytes) & ones * 0x80) != 0;
}

/** The first control byte (tab is none) of [at, end), or end. */
static inline const char *weft__http1_text_end(const char *at, const char *end)
{
#if defined(__AVX2__)
    for (; end - at >= 32; at += 32) {
        uint32_t mask = weft__http1_controls_32(at);
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        uint32_t mask = weft__http1_controls_16(at);
        if (mask)
            return at + __builtin_ctz(mask);
    }
#elif defined(__aarch64__) && defined(__ARM_NEON)
    for (; end - at >= 16; at += 16) {
        uint64_t mask = weft__http1_controls_neon(at);
        if (mask)
            return at + (__builtin_ctzll(mask) >> 2);
    }
#endif
    while (at < end) {
        if (end - at >= 8 && !weft__http1_maybe_control_8(at)) {
            at += 8;
            continue;
        }
        const char *stop = end - at >= 8 ? at + 8 : end;
        for (; at < stop; at++) {
            if (weft__http1_is_control(*at))
                return at;
        }
    }
    return end;
}

/** The first byte of [at, end) that is not part of a token, or end. */
static inline const char *weft__http1_token_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    while (end - at >= 16) {
        uint32_t mask = weft__http1_not_letters_16(at);
        if (mask == 0) {
            at += 16;
            continue;
        }
        at += __builtin_ctz(mask);
        if (!weft__http1_token_bytes[(unsigned char)*at])
            return at;
        at++;
    }
#endif
    while (at < end && weft__http1_token_bytes[(unsigned char)*at])
        at++;
    return at;
}

/** Visible ASCII but `#`: a fragment is never sent (RFC 9110 section 4.2.5). */
static inline bool weft__http1_is_target_byte(char byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '#';
}

/** The first byte of [at, end) that cannot be part of a request target, or end. */
static inline const char *weft__http1_target_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        uint32_t mask = weft__http1_not_target_16(at);
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && weft__http1_is_target_byte(*at))
        at++;
    return at;
}

#endif
