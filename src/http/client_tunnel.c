/* Through a proxy to the origin: CONNECT (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928, 1929). */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"
#include "http/client.h"

static int refused(const struct weft__call *call, int error, const char *what)
{
    return weft__call_fail(call, WEFT_HTTP_ERROR_PROXY, error, "the proxy %s: %s",
                           call->client->proxy.host, what);
}

static int send_all(struct weft__call *call, struct weft__stream *stream, const void *data,
                    size_t length, int64_t deadline)
{
    const char *next = data;
    while (length > 0) {
        ssize_t sent = weft__stream_try_send(stream, next, length);
        if (sent < 0) {
            return refused(call, errno, strerror(errno));
        }
        next += sent;
        length -= (size_t)sent;
        if (sent == 0 && weft__client_await(call, stream, POLLOUT, deadline) < 0) {
            return -1;
        }
    }
    return 0;
}

static int receive_some(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    for (;;) {
        ssize_t got = weft__stream_try_fill(stream);
        if (got > 0) {
            return 0;
        }
        if (got == 0) {
            return refused(call, ECONNRESET, "it ended the connection");
        }
        if (errno != EAGAIN) {
            return refused(call, errno, strerror(errno));
        }
        if (weft__client_await(call, stream, POLLIN, deadline) < 0) {
            return -1;
        }
    }
}

/* --- CONNECT */

static int read_answer(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    struct weft_http_client *client = call->client;
    for (;;) {
        struct weft__http1_head head;
        struct weft__slice bytes = weft__buffer_slice(&stream->in);
        weft__http1_response_init(&head, &client->limits, client->fields, client->limits.fields,
                                  WEFT__SLICE("CONNECT"));
        enum weft__http1_result result = weft__http1_head_parse(&head, bytes.data, bytes.length);
        if (result == WEFT__HTTP1_ERROR) {
            return refused(call, EBADMSG, weft__http1_error_message(head.error));
        }
        if (result == WEFT__HTTP1_DONE) {
            weft__buffer_consume(&stream->in, head.length);
            if (head.status >= 200) {
                return (int)head.status;
            }
        } else if (receive_some(call, stream, deadline) < 0) {
            return -1;
        }
    }
}

int weft__tunnel_connect(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    const struct weft_http_client *client = call->client;
    const struct weft__origin *origin = &client->origin;
    char line[1024];
    bool literal = strchr(origin->host, ':') != NULL;
    int length = snprintf(line, sizeof(line), "%s%s%s:%u", literal ? "[" : "", origin->host,
                          literal ? "]" : "", (unsigned)origin->port);
    const char *authorization = client->proxy.authorization;
    char *head = weft_http_format(call->response->memory,
                                  "CONNECT %.*s HTTP/1.1\r\nhost: %.*s\r\n%s%s%s\r\n", length, line,
                                  length, line, authorization ? "proxy-authorization: " : "",
                                  authorization ? authorization : "", authorization ? "\r\n" : "");
    if (!head) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for the proxy");
    }
    if (send_all(call, stream, head, strlen(head), deadline) < 0) {
        return -1;
    }
    int status = read_answer(call, stream, deadline);
    if (status < 0) {
        return -1;
    }
    if (status == 407) {
        return refused(call, EACCES, "it wants a name and a password (http://name:password@host)");
    }
    if (status >= 300) {
        snprintf(line, sizeof(line), "it answers CONNECT with %d", status);
        return refused(call, ECONNREFUSED, line);
    }
    return stream->in.length == 0 ? 0 : refused(call, EBADMSG, "it speaks before it is asked");
}

/* --- SOCKS5 */

/* Have at least `size` bytes in the input. */
static int have(struct weft__call *call, struct weft__stream *stream, size_t size, int64_t deadline)
{
    while (stream->in.length < size) {
        if (receive_some(call, stream, deadline) < 0) {
            return -1;
        }
    }
    return 0;
}

static unsigned char byte_at(const struct weft__stream *stream, size_t at)
{
    return (unsigned char)stream->in.data[stream->in.start + at];
}

static int greet(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    const struct weft__client_proxy *proxy = &call->client->proxy;
    const unsigned char greeting[] = { 5, proxy->user ? 2 : 1, 0, 2 };
    if (send_all(call, stream, greeting, proxy->user ? 4 : 3, deadline) < 0 ||
        have(call, stream, 2, deadline) < 0) {
        return -1;
    }
    int version = byte_at(stream, 0);
    int method = byte_at(stream, 1);
    weft__buffer_consume(&stream->in, 2);
    if (version != 5) {
        return refused(call, EBADMSG, "it does not speak SOCKS5");
    }
    bool offered = method == 0 || (method == 2 && proxy->user);
    return offered ? method
                   : refused(call, EACCES,
                             "it wants a name and a password (socks5://name:password@host)");
}

static int log_in(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    const struct weft__client_proxy *proxy = &call->client->proxy;
    unsigned char message[3 + 2 * 255];
    size_t name = strlen(proxy->user);
    size_t password = strlen(proxy->password);
    message[0] = 1;
    message[1] = (unsigned char)name;
    memcpy(message + 2, proxy->user, name);
    message[2 + name] = (unsigned char)password;
    memcpy(message + 3 + name, proxy->password, password);
    if (send_all(call, stream, message, 3 + name + password, deadline) < 0 ||
        have(call, stream, 2, deadline) < 0) {
        return -1;
    }
    int status = byte_at(stream, 1);
    weft__buffer_consume(&stream->in, 2);
    return status == 0 ? 0 : refused(call, EACCES, "it refuses the name and password");
}

static int ask_for_host(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    const struct weft__origin *origin = &call->client->origin;
    unsigned char message[7 + 255] = { 5, 1, 0, 3 };
    size_t length = strlen(origin->host);
    if (length > 255) {
        return refused(call, EINVAL, "the host's name is too long for it");
    }
    message[4] = (unsigned char)length;
    memcpy(message + 5, origin->host, length);
    message[5 + length] = (unsigned char)(origin->port >> 8);
    message[6 + length] = (unsigned char)origin->port;
    return send_all(call, stream, message, 7 + length, deadline);
}

static const char *reply_text(int reply)
{
    static const char *const TEXTS[] = {
        "",
        "it failed",
        "its rules forbid the connection",
        "the network is unreachable from it",
        "the host is unreachable from it",
        "the connection was refused",
        "the connection took too long",
        "it does not know the command",
        "it does not know the kind of address",
    };
    return reply < 9 ? TEXTS[reply] : "it gives an unknown reason";
}

static int read_reply(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    if (have(call, stream, 5, deadline) < 0) {
        return -1;
    }
    int reply = byte_at(stream, 1);
    int kind = byte_at(stream, 3);
    if (byte_at(stream, 0) != 5) {
        return refused(call, EBADMSG, "it does not speak SOCKS5");
    }
    if (reply != 0) {
        return refused(call, ECONNREFUSED, reply_text(reply));
    }
    size_t address = kind == 1 ? 4 : kind == 4 ? 16 : 1 + (size_t)byte_at(stream, 4);
    if (have(call, stream, 6 + address, deadline) < 0) {
        return -1;
    }
    weft__buffer_consume(&stream->in, 6 + address);
    return stream->in.length == 0 ? 0 : refused(call, EBADMSG, "it speaks before it is asked");
}

int weft__tunnel_socks5(struct weft__call *call, struct weft__stream *stream, int64_t deadline)
{
    int method = greet(call, stream, deadline);
    if (method < 0 || (method == 2 && log_in(call, stream, deadline) < 0) ||
        ask_for_host(call, stream, deadline) < 0) {
        return -1;
    }
    return read_reply(call, stream, deadline);
}
