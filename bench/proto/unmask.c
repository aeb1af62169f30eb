/* Unmasking a WebSocket payload: ours, and byte by byte as the RFC writes it down. */
#include "bench.h"
#include "proto/websocket.h"

enum {
    PAYLOAD = 16384,
};

static uint8_t payload[PAYLOAD];
static const uint8_t key[4] = { 0x37, 0xfa, 0x21, 0x3d };

static void ours(int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        weft__websocket_mask(payload, PAYLOAD, key, (uint64_t)i);
        __asm__ volatile("" : : "r"(payload) : "memory");
    }
}

static void byte_by_byte(int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        for (size_t j = 0; j < PAYLOAD; j++)
            payload[j] ^= key[j % 4];
        __asm__ volatile("" : : "r"(payload) : "memory");
    }
}

static void fill_with_text(void)
{
    memset(payload, 'x', PAYLOAD);
}

static void check_text(int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        bool valid = weft__utf8_valid((const char *)payload, PAYLOAD);
        __asm__ volatile("" : : "r"(valid) : "memory");
    }
}

int main(int count, char **arguments)
{
    bool bare = count > 1 && strcmp(arguments[1], "bytes") == 0;
    double each = bench_measure(bare ? byte_by_byte : ours, 20000);
    bench_report("unmask", each * 1024 / PAYLOAD);
    bench_report("unmask_rate", PAYLOAD / each);
    if (!bare) {
        fill_with_text();
        bench_report("utf8", bench_measure(check_text, 20000) * 1024 / PAYLOAD);
    }
    return 0;
}
