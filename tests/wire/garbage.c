/*
 * Bytes from a seeded generator: ordinary requests with some of their bytes changed, dropped or
 * doubled, many of them on one connection. Whatever comes, each answer is a well-formed one, and
 * the server serves the next client.
 */
#include "wire.h"

enum {
    ROUNDS = 1500,
};

static const char *const SEEDS[] = {
    "GET /show?a=b HTTP/1.1\r\nHost: a\r\nAccept: text/html, */*;q=0.1\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    ("POST /pieces HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"),
    "HEAD /count?n=5 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, te\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    "GET /shelves/%41/items/%zz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /style.css HTTP/1.1\r\nHost: a\r\nIf-None-Match: W/\"v1\", \"x,y\"\r\n\r\n",
};

static uint64_t state;

static unsigned pick(unsigned below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % below;
}

/* Bytes that mean something to a parser come up more often than others. */
static char odd_byte(void)
{
    static const char LIKELY[] = "\r\n \t:;,=\"%/0fF\x7f\x80";
    unsigned which = pick(sizeof(LIKELY) + 20);
    return which < sizeof(LIKELY) ? LIKELY[which] : (char)pick(256);
}

static size_t mutate(char *bytes, size_t length, size_t size)
{
    for (unsigned changes = pick(4); changes > 0 && length > 0; changes--) {
        size_t at = pick((unsigned)length);
        size_t part = 1 + pick(8);
        part = part < length - at ? part : length - at;
        switch (pick(3)) {
        case 0:
            bytes[at] = odd_byte();
            break;
        case 1:
            memmove(bytes + at, bytes + at + part, length - at - part);
            length -= part;
            break;
        default:
            if (length + part <= size) {
                memmove(bytes + at + part, bytes + at, length - at);
                length += part;
            }
            break;
        }
    }
    return length;
}

static size_t make_bytes(char *bytes, size_t size)
{
    size_t used = 0;
    for (unsigned requests = 1 + pick(4); requests > 0; requests--) {
        const char *seed = SEEDS[pick(sizeof(SEEDS) / sizeof(SEEDS[0]))];
        size_t length = strlen(seed);
        memcpy(bytes + used, seed, length);
        used += mutate(bytes + used, length, length + 32);
        if (used + 512 > size) {
            break;
        }
    }
    return used;
}

int main(void)
{
    static char bytes[4096];
    static char answer[WIRE_ANSWER];
    const char *seed = getenv("WEFT_TEST_SEED");
    state = seed ? strtoull(seed, NULL, 10) : 1;
    diag("seed %llu", (unsigned long long)state);
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){
                          .head_timeout = WEFT_SECOND,
                          .body_timeout = WEFT_SECOND,
                          .idle_timeout = WEFT_SECOND,
                      });
    int answered = 0;
    int malformed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t length = make_bytes(bytes, sizeof(bytes));
        size_t got = wire_exchange(&wire, bytes, length, answer, sizeof(answer));
        int status = wire_status(answer);
        answered += got > 0;
        malformed += got > 0 && (status < 100 || status > 599 || !strstr(answer, "\r\n\r\n"));
    }
    is_int(malformed, 0, "every answer begins as one");
    ok(answered > ROUNDS / 2, "%d of %d connections got an answer", answered, ROUNDS);
    static const char GET[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    wire_exchange(&wire, GET, sizeof(GET) - 1, answer, sizeof(answer));
    is_int(wire_status(answer), 200, "the next client is served");
    struct weft_http_server_stats stats = wire_stats(&wire);
    is_int(stats.active, 0, "no request is left over");
    ok(stats.refused > 100, "%llu requests were refused", (unsigned long long)stats.refused);
    wire_stop(&wire);
    return done_testing();
}
