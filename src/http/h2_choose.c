/* Which HTTP a connection speaks: told by TLS, or by its first bytes (RFC 9113, 3.3 and 3.4). */
#include <string.h>

#include <weft/time.h>

#include "base/fail.h"
#include "http/h2.h"
#include "net/tls.h"

const bool weft__http2_built = true;

static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum {
    PREFACE_LENGTH = sizeof(PREFACE) - 1
};

/* The bytes so far: 1 the preface; 0 the beginning of it; -1 something else. */
static int compare(const struct weft__buffer *in)
{
    struct weft__slice bytes = weft__buffer_slice(in);
    size_t length = bytes.length < PREFACE_LENGTH ? bytes.length : PREFACE_LENGTH;
    if (memcmp(bytes.data, PREFACE, length) != 0) {
        return -1;
    }
    return length == PREFACE_LENGTH;
}

/* 1 it is HTTP/2; 0 it is not; -1 the connection is of no use. */
static int sniff(struct weft__connection *connection)
{
    struct weft__stream *stream = &connection->stream;
    int seen = compare(&stream->in);
    if (seen != 0) {
        return seen > 0;
    }
    WEFT_TIMEOUT(connection->server->options.head_timeout);
    while ((seen = compare(&stream->in)) == 0) {
        ssize_t got = weft__stream_fill(stream, WEFT_FOREVER);
        if (got <= 0) {
            return got == 0 ? 0 : -1; /* HTTP/1 knows what to answer to a broken beginning */
        }
    }
    return seen > 0;
}

int weft__connection_choose(struct weft__connection *connection)
{
    struct weft__stream *stream = &connection->stream;
    if (stream->tls && weft__tls_speaks(stream->tls, "h2")) {
        return weft__h2_open(connection) < 0 ? -1 : 1;
    }
    if (stream->tls && weft__tls_speaks(stream->tls, "http/1.1")) {
        return 1;
    }
    ssize_t got = weft__stream_try_fill(stream);
    if (got <= 0) {
        return got < 0 && errno == EAGAIN ? 0 : -1;
    }
    int chosen = sniff(connection);
    if (chosen > 0 && weft__h2_open(connection) < 0) {
        return -1;
    }
    return chosen < 0 ? -1 : 1;
}
