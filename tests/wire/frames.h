/* A WebSocket client that says exactly what it is told, right or wrong. */
#ifndef TESTS_WIRE_FRAMES_H
#define TESTS_WIRE_FRAMES_H

#include "sockets.h"
#include "wire.h"

#define HANDSHAKE                                                                                  \
    "Host: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                         \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

/** A server's frame. */
struct frame {
    uint8_t first; /* with FIN and the reserved bits */
    size_t length;
    char *data; /* with a NUL behind it; to be freed */
};

/** Receive exactly that many bytes; false at the end of the stream. */
static bool frame_bytes(int fd, void *to, size_t length)
{
    char *at = to;
    while (length > 0) {
        ssize_t got = wire_receive(fd, at, length, WIRE_PATIENCE);
        if (got <= 0) {
            return false;
        }
        at += got;
        length -= (size_t)got;
    }
    return true;
}

/** The next frame; false at the end of the stream. A masked one fails the test. */
__attribute__((unused)) static bool frame_read(int fd, struct frame *frame)
{
    uint8_t head[8];
    *frame = (struct frame){ 0 };
    if (!frame_bytes(fd, head, 2)) {
        return false;
    }
    must(!(head[1] & 0x80), "the server does not mask");
    frame->first = head[0];
    frame->length = head[1];
    if (head[1] >= 126) {
        size_t extra = head[1] == 126 ? 2 : 8;
        must(frame_bytes(fd, head, extra), "a frame's length");
        frame->length = 0;
        for (size_t i = 0; i < extra; i++) {
            frame->length = frame->length << 8 | head[i];
        }
    }
    frame->data = malloc(frame->length + 1);
    must(frame->data, "memory");
    must(frame_bytes(fd, frame->data, frame->length), "a frame's payload");
    frame->data[frame->length] = '\0';
    return true;
}

/** Encode a masked frame; to be freed. */
__attribute__((unused)) static char *frame_make(uint8_t first, const void *data, size_t length,
                                                size_t *size)
{
    static const uint8_t mask[4] = { 0xa1, 0x02, 0xf3, 0x44 };
    uint8_t *bytes = malloc(length + 14);
    must(bytes, "memory");
    size_t used = 2;
    size_t extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
    bytes[0] = first;
    bytes[1] = (uint8_t)(0x80 | (extra == 0 ? length : extra == 2 ? 126 : 127));
    for (size_t i = 0; i < extra; i++) {
        bytes[used++] = (uint8_t)(length >> 8 * (extra - 1 - i));
    }
    memcpy(bytes + used, mask, 4);
    used += 4;
    for (size_t i = 0; i < length; i++) {
        bytes[used + i] = ((const uint8_t *)data)[i] ^ mask[i % 4];
    }
    *size = used + length;
    return (char *)bytes;
}

__attribute__((unused)) static void frame_send(int fd, uint8_t first, const void *data,
                                               size_t length)
{
    size_t size;
    char *bytes = frame_make(first, data, length, &size);
    wire_send(fd, bytes, size);
    free(bytes);
}

#define FRAME(fd, first, literal) frame_send(fd, first, literal, sizeof(literal) - 1)

/** Send a request; the answer's head goes to `answer`, byte by byte so that no frame is taken. */
__attribute__((unused)) static int frame_request(const struct wire *wire, const char *path,
                                                 const char *fields, char *answer, size_t size)
{
    char head[2048];
    int fd = wire_connect(wire);
    int length = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n%s\r\n", path, fields);
    wire_send(fd, head, (size_t)length);
    size_t used = 0;
    answer[0] = '\0';
    while (used + 1 < size && !strstr(answer, "\r\n\r\n") && frame_bytes(fd, answer + used, 1)) {
        answer[++used] = '\0';
    }
    return fd;
}

/** An open socket. */
__attribute__((unused)) static int frame_open(const struct wire *wire, const char *path,
                                              const char *fields)
{
    char answer[2048];
    char all[1024];
    snprintf(all, sizeof(all), HANDSHAKE "%s", fields);
    int fd = frame_request(wire, path, all, answer, sizeof(answer));
    must(strncmp(answer, "HTTP/1.1 101 ", 13) == 0, "%s is upgraded: %s", path, answer);
    return fd;
}

/** What the server sends up to the end of the stream, in short; to be freed. */
__attribute__((unused)) static char *frame_story(int fd)
{
    static const char letters[16] = "+tb?????cPp?????";
    char *story = NULL;
    size_t size;
    FILE *out = open_memstream(&story, &size);
    must(out, "memory");
    struct frame frame;
    while (frame_read(fd, &frame)) {
        unsigned opcode = frame.first & 0x0f;
        fprintf(out, "%s%c", ftell(out) ? " " : "", letters[opcode]);
        if (frame.first & 0x40) {
            fputc('z', out);
        }
        if (opcode == 8) {
            unsigned code = frame.length >= 2
                                ? (unsigned)(uint8_t)frame.data[0] << 8 | (uint8_t)frame.data[1]
                                : 0;
            fprintf(out, "%u", code);
        } else if (frame.length > 40) {
            fprintf(out, "#%zu", frame.length);
        } else {
            fprintf(out, ":%s", frame.data);
        }
        free(frame.data);
    }
    fclose(out);
    return story;
}

#endif
