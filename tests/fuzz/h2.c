/*
 * HTTP/2 against a server in another thread: whatever is sent, the connection comes to its end, and
 * nothing of it is left.
 *
 * The first byte of an input says how the rest is to be read: even, as it would be sent; odd, as
 * records of kind, flags, stream, length and payload, which become frames that fit.
 */
#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "wire/wire.h"

static const char BEGINNING[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
static struct wire wire;

enum {
    RECORD = 4,
    HEAD = 9,
    OUT = 1 << 16,
};

/* Records to frames; the bytes made. */
static size_t assemble(const uint8_t *data, size_t size, char *out)
{
    size_t used = 0;
    while (size >= RECORD && used + HEAD + 255 < OUT) {
        size_t length = data[3] < size - RECORD ? data[3] : size - RECORD;
        const char head[HEAD] = { 0, 0, (char)length, (char)data[0], (char)data[1], 0,
                                  0, 0, (char)data[2] };
        memcpy(out + used, head, HEAD);
        memcpy(out + used + HEAD, data + RECORD, length);
        used += HEAD + length;
        data += RECORD + length;
        size -= RECORD + length;
    }
    return used;
}

static void begin(void)
{
    static bool begun;
    if (begun) {
        return;
    }
    begun = true;
    wire_start(&wire, (struct weft_http_options){
                          .max_streams = 10,
                          .max_body = 1000,
                          .max_head = 4096,
                          .max_controls = 50,
                          .write_timeout = 50 * WEFT_MILLISECOND,
                          .head_timeout = 50 * WEFT_MILLISECOND,
                      });
    alarm(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char out[OUT];
    static char answer[WIRE_ANSWER];
    begin();
    if (size == 0) {
        return 0;
    }
    bool records = data[0] % 2;
    int fd = wire_connect(&wire);
    wire_send(fd, BEGINNING, sizeof(BEGINNING)); /* the last byte of the frame is the NUL */
    if (records) {
        wire_send(fd, out, assemble(data + 1, size - 1, out));
    } else {
        wire_send(fd, (const char *)data + 1, size - 1);
    }
    shutdown(fd, SHUT_WR);
    ssize_t got;
    while ((got = wire_receive(fd, answer, sizeof(answer), WIRE_PATIENCE)) > 0) {
    }
    weft_assert(got == 0 || errno == ECONNRESET);
    close(fd);
    return 0;
}
