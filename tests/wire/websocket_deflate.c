/*
 * permessage-deflate, with zlib on the client's side too: what was agreed on is kept to, in groups
 * 12 and 13 of the Autobahn test suite's manner, and bad streams are refused.
 */
#include <zlib.h>

#include "frames.h"

#define OFFER "Sec-WebSocket-Extensions: permessage-deflate"

/* A client's two streams. */
struct client {
    int fd;
    z_stream out;
    z_stream in;
    bool out_keeps;
    bool in_keeps;
};

static char answer[4096];

static void client_open(struct client *client, const struct wire *wire, const char *path,
                        const char *fields, const char *expected)
{
    char all[1024];
    char line[256];
    *client = (struct client){ 0 };
    snprintf(all, sizeof(all), HANDSHAKE "%s\r\n", fields);
    client->fd = frame_request(wire, path, all, answer, sizeof(answer));
    snprintf(line, sizeof(line), "\r\nsec-websocket-extensions: permessage-deflate%s\r\n",
             expected);
    ok(strstr(answer, line), "%s, %s: agreed on%s", path, fields, expected);
    client->out_keeps = !strstr(expected, "client_no_context_takeover");
    client->in_keeps = !strstr(expected, "server_no_context_takeover");
    const char *ours = strstr(expected, "client_max_window_bits=");
    const char *theirs = strstr(expected, "server_max_window_bits=");
    must(deflateInit2(&client->out, 6, Z_DEFLATED, ours ? -atoi(ours + 23) : -15, 8,
                      Z_DEFAULT_STRATEGY) == Z_OK,
         "zlib");
    must(inflateInit2(&client->in, theirs ? -atoi(theirs + 23) : -15) == Z_OK, "zlib");
}

static void client_close(struct client *client)
{
    close(client->fd);
    deflateEnd(&client->out);
    inflateEnd(&client->in);
}

/* Compress a message; to be freed. */
static char *squeeze(struct client *client, const void *data, size_t length, size_t *size)
{
    size_t most = deflateBound(&client->out, length) + 64;
    char *bytes = malloc(most);
    must(bytes, "memory");
    if (!client->out_keeps) {
        deflateReset(&client->out);
    }
    client->out.next_in = (Bytef *)(uintptr_t)data;
    client->out.avail_in = (uInt)length;
    client->out.next_out = (Bytef *)bytes;
    client->out.avail_out = (uInt)most;
    must(deflate(&client->out, Z_SYNC_FLUSH) == Z_OK, "deflate");
    *size = most - client->out.avail_out - 4;
    return bytes;
}

/* What the next message holds, inflated; *wire_size: as it came. To be freed. */
static char *receive(struct client *client, size_t *length, size_t *wire_size)
{
    static char room[1 << 20];
    struct frame frame;
    must(frame_read(client->fd, &frame), "a message");
    must((frame.first & 0x8f) == 0x81 || (frame.first & 0x8f) == 0x82, "a message, not %x (%s)",
         frame.first, frame.data + 2);
    *wire_size = frame.length;
    if (!(frame.first & 0x40)) {
        *length = frame.length;
        return frame.data;
    }
    if (!client->in_keeps) {
        inflateReset(&client->in);
    }
    char *bytes = realloc(frame.data, frame.length + 4);
    must(bytes, "memory");
    memcpy(bytes + frame.length, "\0\0\xff\xff", 4);
    client->in.next_in = (Bytef *)bytes;
    client->in.avail_in = (uInt)frame.length + 4;
    client->in.next_out = (Bytef *)room;
    client->in.avail_out = sizeof(room);
    int result = inflate(&client->in, Z_SYNC_FLUSH);
    must(result == Z_OK && client->in.avail_in == 0, "inflate: %d", result);
    *length = sizeof(room) - client->in.avail_out;
    free(bytes);
    char *copy = malloc(*length + 1);
    must(copy, "memory");
    memcpy(copy, room, *length);
    return copy;
}

/* Echoes of many sizes, in one frame and in three. */
static void check_echoes(struct client *client, const char *name)
{
    static char text[200000];
    static const size_t sizes[] = { 1, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072 };
    bool same = true;
    uint32_t state = 7;
    for (size_t i = 0; i < sizeof(text); i++) {
        state = state * 1664525 + 1013904223;
        text[i] = "etaoin shrdlu\n{}\":,0123"[(state >> 28) + (i % 97 == 0 ? 7 : 0)];
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) * 2; i++) {
        size_t size, length, wire_size;
        char *bytes = squeeze(client, text, sizes[i / 2], &size);
        if (i % 2 == 0) {
            frame_send(client->fd, 0xc1, bytes, size);
        } else {
            frame_send(client->fd, 0x41, bytes, size / 3);
            frame_send(client->fd, 0x00, bytes + size / 3, size / 3);
            frame_send(client->fd, 0x80, bytes + size / 3 * 2, size - size / 3 * 2);
        }
        free(bytes);
        char *back = receive(client, &length, &wire_size);
        same = same && length == sizes[i / 2] && memcmp(back, text, length) == 0;
        free(back);
    }
    ok(same, "%s: every message comes back as it was", name);
}

#define NONE "; server_no_context_takeover; client_no_context_takeover"

static void check_agreements(const struct wire *wire)
{
    static const struct {
        const char *path, *fields, *expected;
    } lines[] = {
        { "/alone", OFFER, NONE },
        { "/alone", OFFER "; client_max_window_bits", NONE },
        { "/together", OFFER "; client_max_window_bits", "" },
        { "/together", OFFER "; server_no_context_takeover", "; server_no_context_takeover" },
        { "/together", OFFER "; client_no_context_takeover", "; client_no_context_takeover" },
        { "/together", OFFER "; server_max_window_bits=9", "; server_max_window_bits=9" },
        { "/together", OFFER "; client_max_window_bits=10", "; client_max_window_bits=10" },
        { "/together", OFFER "; server_max_window_bits=8, permessage-deflate", "" },
        { "/windows", OFFER "; client_max_window_bits",
          "; server_max_window_bits=9; client_max_window_bits=9" },
        { "/alone9", OFFER, NONE "; server_max_window_bits=9" },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct client client;
        client_open(&client, wire, lines[i].path, lines[i].fields, lines[i].expected);
        check_echoes(&client, lines[i].path);
        client_close(&client);
    }
    char fields[512];
    snprintf(fields, sizeof(fields), HANDSHAKE OFFER "\r\n");
    close(frame_request(wire, "/plain", fields, answer, sizeof(answer)));
    ok(!strstr(answer, "permessage-deflate"), "a socket without compression");
}

static void check_memory_of_messages(const struct wire *wire)
{
    static const char text[] = "The quick brown fox jumps over the lazy dog, 1234567890 times.";
    struct client client;
    size_t size, length, first, second;
    client_open(&client, wire, "/together", OFFER, "");
    for (int i = 0; i < 2; i++) {
        char *bytes = squeeze(&client, text, sizeof(text), &size);
        frame_send(client.fd, 0xc2, bytes, size);
        free(bytes);
        free(receive(&client, &length, i == 0 ? &first : &second));
    }
    ok(second < first / 2, "a repeated message is sent in %zu bytes instead of %zu", second, first);
    client_close(&client);
}

/* A broadcast is compressed for itself: a socket's own stream has to stay right around it. */
static void check_broadcast(const struct wire *wire)
{
    static char text[3000];
    struct client clients[2];
    memset(text, 'b', sizeof(text));
    client_open(&clients[0], wire, "/hub", OFFER, NONE);
    client_open(&clients[1], wire, "/hub", OFFER "; server_max_window_bits=10",
                NONE "; server_max_window_bits=10");
    for (int i = 0; i < 3; i++) {
        size_t size, length, wire_size;
        text[0] = (char)('0' + i);
        char *bytes = squeeze(&clients[0], text, sizeof(text), &size);
        frame_send(clients[0].fd, 0xc1, bytes, size);
        free(bytes);
        for (int j = 0; j < 2; j++) {
            char *back = receive(&clients[j], &length, &wire_size);
            ok(length == sizeof(text) && memcmp(back, text, length) == 0 &&
                   (wire_size < 100) == (j == 0),
               "a broadcast, %s", j ? "plain for a small window" : "compressed");
            free(back);
        }
    }
    client_close(&clients[0]);
    client_close(&clients[1]);
}

static void check_threshold(const struct wire *wire)
{
    static char text[256];
    struct client client;
    memset(text, 'x', sizeof(text));
    client_open(&client, wire, "/default", OFFER, NONE);
    for (size_t length = 255; length <= 256; length++) {
        struct frame frame;
        frame_send(client.fd, 0x81, text, length);
        must(frame_read(client.fd, &frame), "an echo");
        is_int(frame.first, length == 255 ? 0x81 : 0xc1, "%zu bytes are sent %s", length,
               length == 255 ? "plain" : "compressed");
        free(frame.data);
    }
    client_close(&client);
}

static void check_mixed(const struct wire *wire)
{
    struct client client;
    bool same = true;
    client_open(&client, wire, "/mix", OFFER, "");
    for (int i = 0; i < 20; i++) {
        char text[400];
        size_t size, length, wire_size;
        for (size_t j = 0; j < sizeof(text); j++) {
            text[j] = (char)('a' + (j * (size_t)(i % 4 + 1) + j / 7) % 26);
        }
        char *bytes = squeeze(&client, text, sizeof(text), &size);
        frame_send(client.fd, 0xc1, bytes, size);
        free(bytes);
        for (int j = 0; j < 3; j++) {
            char *back = receive(&client, &length, &wire_size);
            same = same && length == sizeof(text) && memcmp(back, text, length) == 0;
            free(back);
        }
    }
    ok(same, "a socket's own messages around broadcasts, in one window");
    client_close(&client);
}

static void expect_close(struct client *client, const char *story, const char *name)
{
    char *told = frame_story(client->fd);
    is_str(told, story, "%s", name);
    free(told);
    client_close(client);
}

static void check_bad(const struct wire *wire)
{
    static char zeros[300000];
    struct client client;
    size_t size;
    client_open(&client, wire, "/small", OFFER, NONE);
    char *bytes = squeeze(&client, zeros, sizeof(zeros), &size);
    frame_send(client.fd, 0xc2, bytes, size);
    free(bytes);
    expect_close(&client, "c1009", "a bomb is given up at the limit");

    client_open(&client, wire, "/small", OFFER, NONE);
    bytes = squeeze(&client, zeros, 1001, &size);
    frame_send(client.fd, 0xc2, bytes, size);
    free(bytes);
    expect_close(&client, "c1009", "a byte above the limit");

    client_open(&client, wire, "/small", OFFER, NONE);
    bytes = squeeze(&client, zeros, 1000, &size);
    frame_send(client.fd, 0xc2, bytes, size);
    free(bytes);
    FRAME(client.fd, 0x88, "\x03\xe8");
    char *story = frame_story(client.fd);
    ok(strncmp(story, "bz", 2) == 0 && strstr(story, "c1000"), "at the limit");
    free(story);
    client_close(&client);

    client_open(&client, wire, "/alone", OFFER, NONE);
    FRAME(client.fd, 0xc1, "\xff\xff\xff\xff");
    expect_close(&client, "c1007", "what is no deflate stream");
    client_open(&client, wire, "/alone", OFFER, NONE);
    bytes = squeeze(&client, "\xc3\x28", 2, &size);
    frame_send(client.fd, 0xc1, bytes, size);
    free(bytes);
    expect_close(&client, "c1007", "compressed text that is not UTF-8");
    client_open(&client, wire, "/alone", OFFER, NONE);
    bytes = squeeze(&client, "abc\xc3", 4, &size);
    frame_send(client.fd, 0xc1, bytes, size);
    free(bytes);
    expect_close(&client, "c1007", "that ends inside a character");
    client_open(&client, wire, "/alone", OFFER, NONE);
    FRAME(client.fd, 0xc9, "a");
    expect_close(&client, "c1002", "a compressed ping");
}

/* Blocks as RFC 7692, 7.2.3 shows them. */
static void check_examples(const struct wire *wire)
{
    static const struct {
        const char *name, *bytes;
        size_t length;
    } lines[] = {
        { "one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", 7 },
        { "a block that is not compressed", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11 },
        { "a block that says it is the last", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8 },
        { "two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13 },
    };
    for (int keeping = 0; keeping < 2; keeping++) {
        struct client client;
        client_open(&client, wire, keeping ? "/together" : "/alone", OFFER, keeping ? "" : NONE);
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
            size_t length, wire_size;
            frame_send(client.fd, 0xc1, lines[i].bytes, lines[i].length);
            char *back = receive(&client, &length, &wire_size);
            ok(length == 5 && memcmp(back, "Hello", 5) == 0, "%s", lines[i].name);
            free(back);
        }
        if (keeping) {
            size_t length, wire_size;
            FRAME(client.fd, 0xc1, "\xf2\x00\x11\x00\x00"); /* refers to the last message */
            char *back = receive(&client, &length, &wire_size);
            ok(length == 5 && memcmp(back, "Hello", 5) == 0, "the window goes on");
            free(back);
        }
        client_close(&client);
    }
}

/* There is memory for one inflater, and for no compressor. */
static void check_scarce(void)
{
    struct wire wire;
    struct client one, two;
    size_t size, length, wire_size;
    static char text[500];
    wire_start(&wire, (struct weft_http_options){ .handler = &sockets_handler });
    client_open(&one, &wire, "/scarce", OFFER, NONE);
    client_open(&two, &wire, "/scarce", OFFER, NONE);
    memset(text, 'x', sizeof(text));
    char *bytes = squeeze(&one, text, sizeof(text), &size);
    frame_send(one.fd, 0x41, bytes, size);
    FRAME(one.fd, 0x89, "");
    struct frame frame;
    must(frame_read(one.fd, &frame) && frame.first == 0x8a, "a pong: the beginning was read");
    free(frame.data);
    frame_send(two.fd, 0xc1, bytes, size);
    expect_close(&two, "c1013", "no memory to inflate for a second socket");
    FRAME(one.fd, 0x80, "");
    free(receive(&one, &length, &wire_size));
    ok(length == sizeof(text) && wire_size == sizeof(text), "the first one is answered plain");
    char fields[512];
    snprintf(fields, sizeof(fields), HANDSHAKE OFFER "\r\n");
    close(frame_request(&wire, "/scarce", fields, answer, sizeof(answer)));
    ok(wire_status(answer) == 101 && !strstr(answer, "permessage-deflate"),
       "new sockets are not compressed any more");
    free(bytes);
    client_close(&one);
    wire_stop(&wire);
}

int main(void)
{
    struct wire wire;
    wire_start(&wire, (struct weft_http_options){ .handler = &sockets_handler });
    check_agreements(&wire);
    check_memory_of_messages(&wire);
    check_broadcast(&wire);
    check_threshold(&wire);
    check_mixed(&wire);
    check_bad(&wire);
    check_examples(&wire);
    wire_stop(&wire);
    check_scarce();
    return done_testing();
}
