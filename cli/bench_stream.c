/*
 * One HTTP request over a plain blocking socket, its response read as Server-Sent Events.
 *
 *     recv --bytes--> head lines --> chunks --> lines --> events
 *
 * Bytes are looked at one by one as they come, so it does not matter where a read ends.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bench.h"

enum {
    READ_ROOM = 1024,
    LINE_ROOM = 512,
    NAME_ROOM = 24,
    DIGITS_MOST = 12, /* of a chunk's size */
};

enum phase {
    HEAD,
    CHUNK_SIZE, /* and its extensions, up to the line's end */
    CHUNK_DATA,
    CHUNK_AFTER, /* the line's end behind it */
    TRAILER,
    PLAIN, /* a body without chunks: up to the end of the connection */
    OVER,
};

struct stream {
    enum phase phase;
    struct bench_outcome *outcome;
    bool (*on_event)(void *context, const char *name, const char *data);
    void *context;
    bool chunked;
    bool stopped; /* by on_event */
    size_t chunk; /* bytes of it that are left */
    int digits;   /* of the size seen so far; below 0: extensions follow */
    int64_t left; /* bytes of a body whose length is known; below 0: it is not */
    size_t line_length;
    char line[LINE_ROOM]; /* of the head, of a chunk's size, or of the body */
    char name[NAME_ROOM]; /* of the event that has begun */
};

bool bench_find(struct bench_target *target, const char *url)
{
    static const char SCHEME[] = "http://";
    target->url = url;
    const char *host = url + strlen(SCHEME);
    size_t length = strncmp(url, SCHEME, strlen(SCHEME)) == 0 ? strcspn(host, "/") : 0;
    if (length == 0 || length >= sizeof(target->host)) {
        fprintf(stderr, "weft bench: '%s' is no address such as http://127.0.0.1:9292\n", url);
        return false;
    }
    char name[sizeof(target->host)];
    memcpy(target->host, host, length);
    target->host[length] = '\0';
    memcpy(name, target->host, length + 1);
    char *port = strrchr(name, ':');
    if (port && !strchr(port, ']')) {
        *port++ = '\0';
    } else {
        port = NULL;
    }
    char *bare = name;
    if (*bare == '[') {
        bare++;
        bare[strcspn(bare, "]")] = '\0';
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    int failed = getaddrinfo(bare, port ? port : "80", &hints, &found);
    if (failed) {
        fprintf(stderr, "weft bench: looking up '%s': %s\n", target->host, gai_strerror(failed));
        return false;
    }
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static void fail(struct bench_outcome *outcome, const char *doing, int error)
{
    snprintf(outcome->error, sizeof(outcome->error), "%s: %s", doing, strerror(error));
}

/* One line of the body. */
static void take_line(struct stream *stream)
{
    const char *line = stream->line;
    if (strncmp(line, "event: ", 7) == 0) {
        snprintf(stream->name, sizeof(stream->name), "%.20s", line + 7);
    } else if (strncmp(line, "data: ", 6) == 0 && stream->on_event && !stream->stopped) {
        stream->stopped = !stream->on_event(stream->context, stream->name, line + 6);
    }
}

/* One line of the head; the empty one ends it. */
static void take_head_line(struct stream *stream)
{
    const char *line = stream->line;
    struct bench_outcome *outcome = stream->outcome;
    if (outcome->status == 0) {
        outcome->status = strncmp(line, "HTTP/1.", 7) == 0 ? atoi(line + 8) : -1;
    } else if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0) {
        stream->chunked = true;
    } else if (strncasecmp(line, "content-length: ", 16) == 0) {
        stream->left = strtoll(line + 16, NULL, 10);
    } else if (*line == '\0') {
        stream->phase = stream->chunked ? CHUNK_SIZE : PLAIN;
        if (outcome->status == 204 || stream->left == 0) {
            stream->phase = OVER;
        }
    }
}

/* Adds a byte to the line; true when that has ended it. What does not fit is left out. */
static bool ends_line(struct stream *stream, char byte)
{
    if (byte != '\n') {
        if (byte != '\r' && stream->line_length + 1 < LINE_ROOM) {
            stream->line[stream->line_length++] = byte;
        }
        return false;
    }
    stream->line[stream->line_length] = '\0';
    return true;
}

/* A byte of the head, or of a body without chunks. */
static void take_byte(struct stream *stream, char byte)
{
    if (ends_line(stream, byte)) {
        if (stream->phase == HEAD) {
            take_head_line(stream);
            stream->line_length = 0;
            return;
        }
        take_line(stream);
        stream->line_length = 0;
    }
    if (stream->phase == PLAIN && stream->left > 0 && --stream->left == 0) {
        stream->phase = OVER;
    }
}

/* Bytes of the body in one piece, as far as the chunk goes. */
static size_t take_chunk_data(struct stream *stream, const char *bytes, size_t length)
{
    size_t part = length < stream->chunk ? length : stream->chunk;
    for (size_t i = 0; i < part; i++) {
        if (ends_line(stream, bytes[i])) {
            take_line(stream);
            stream->line_length = 0;
        }
    }
    stream->chunk -= part;
    if (stream->chunk == 0) {
        stream->phase = CHUNK_AFTER;
    }
    return part;
}

static void end_chunk_size(struct stream *stream)
{
    if (stream->digits == 0) {
        snprintf(stream->outcome->error, sizeof(stream->outcome->error),
                 "the server sent a chunk without a size");
        stream->stopped = true;
    }
    stream->digits = 0;
    stream->phase = stream->chunk ? CHUNK_DATA : TRAILER;
}

static void take_framing(struct stream *stream, char byte)
{
    static const char DIGITS[] = "0123456789abcdef";
    const char *digit = byte ? strchr(DIGITS, byte | 0x20) : NULL;
    if (stream->phase == CHUNK_AFTER) {
        stream->phase = byte == '\n' ? CHUNK_SIZE : CHUNK_AFTER;
    } else if (stream->phase == TRAILER) {
        stream->phase = byte == '\n' ? OVER : TRAILER;
    } else if (byte == '\n') {
        end_chunk_size(stream);
    } else if (digit && stream->digits >= 0 && stream->digits < DIGITS_MOST) {
        stream->chunk = stream->chunk * 16 + (size_t)(digit - DIGITS);
        stream->digits++;
    } else if (stream->digits > 0) {
        stream->digits = -1;
    }
}

static void take_bytes(struct stream *stream, const char *bytes, size_t length)
{
    while (length > 0 && stream->phase != OVER && !stream->stopped) {
        size_t taken = 1;
        if (stream->phase == CHUNK_DATA) {
            taken = take_chunk_data(stream, bytes, length);
        } else if (stream->phase == HEAD || stream->phase == PLAIN) {
            take_byte(stream, *bytes);
        } else {
            take_framing(stream, *bytes);
        }
        bytes += taken;
        length -= taken;
    }
}

static bool send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void receive(int fd, struct stream *stream)
{
    char bytes[READ_ROOM];
    while (stream->phase != OVER && !stream->stopped) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        if (got < 0) {
            fail(stream->outcome, "receiving", errno);
            return;
        }
        if (got == 0) {
            stream->outcome->whole = stream->phase == PLAIN && stream->left < 0;
            return;
        }
        take_bytes(stream, bytes, (size_t)got);
    }
    stream->outcome->whole = stream->phase == OVER;
}

void bench_request(const struct bench_target *target, const char *request, size_t length,
                   bool (*on_event)(void *context, const char *name, const char *data),
                   void *context, struct bench_outcome *outcome)
{
    *outcome = (struct bench_outcome){ 0 };
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail(outcome, "opening a socket", errno);
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct stream stream = { .outcome = outcome, .left = -1 };
    stream.on_event = on_event;
    stream.context = context;
    if (connect(fd, (const struct sockaddr *)&target->address, target->length) < 0) {
        fail(outcome, "connecting", errno);
    } else if (!send_all(fd, request, length)) {
        fail(outcome, "sending", errno);
    } else {
        receive(fd, &stream);
    }
    close(fd);
}
