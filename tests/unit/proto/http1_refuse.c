/*
 * Requests that two machines could read in two ways, and what we say to each. Every one is also cut
 * at every byte: the refusal must be the same.
 */
#include "tap.h"
#include "unit/proto/transcript.h"

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define REFUSED(error, text)                                                                       \
    {                                                                                              \
        WEFT__HTTP1_##error, text, sizeof(text) - 1                                                \
    }

struct payload {
    enum weft__http1_error error;
    const char *bytes;
    size_t length;
};

static const struct payload requests[] = {
    /* the start line */
    REFUSED(REQUEST_LINE, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "GET /  HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "GET / a HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "GET  HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "GET\r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "GET \r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "GET HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "hello\r\n\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / \r\n" HOST "\r\n"),
    REFUSED(REQUEST_LINE, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    REFUSED(METHOD, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(METHOD, "G(T / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(METHOD, "GET:/ HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(METHOD, "\xc3\xa9 / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(METHOD, "{\"a\":1}\r\n\r\n"),
    REFUSED(TARGET, "GET /\t HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET, "GET /a#b HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET a HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET * HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET http:///a HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET http:/a HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET http://a:b/ HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "GET a:443 HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "CONNECT / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "CONNECT a HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "CONNECT a:0 HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(TARGET_FORM, "CONNECT http://a:1/ HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(HTTP09, "GET /\r\n"),
    REFUSED(HTTP09, "GET /\r\n" HOST "\r\n"),
    REFUSED(HTTP09, "POST /a\r\nContent-Length: 5\r\n\r\nabcde"),
    REFUSED(BARE_LF, "GET /\n"),
    REFUSED(BARE_LF, "GET / HTTP/1.1\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / http/1.1\r\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / HTTP/1\r\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / HTTP/1.10\r\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / HTTP/11.1\r\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / HTTP/1,1\r\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / HTTP/+1.1\r\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / HTTPS/1.1\r\n" HOST "\r\n"),
    REFUSED(VERSION_SYNTAX, "GET / ICE/1.0\r\n" HOST "\r\n"),
    REFUSED(VERSION_UNSUPPORTED, "GET / HTTP/0.9\r\n" HOST "\r\n"),
    REFUSED(VERSION_UNSUPPORTED, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    REFUSED(VERSION_UNSUPPORTED, "GET / HTTP/9.9\r\n" HOST "\r\n"),
    REFUSED(VERSION_UNSUPPORTED, "GET / HTTP/3.0\r\n\r\n"),
    REFUSED(TARGET_FORM, "PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n"),
    REFUSED(VERSION_UNSUPPORTED, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    REFUSED(CONTROL_BYTE, "\x16\x03\x01\x02"),
    REFUSED(EMPTY_LINES, "\r\n\r\n" GET "\r\n"),
    REFUSED(BARE_LF, "\n" GET "\r\n"),
    REFUSED(BARE_CR, "\r" GET "\r\n"),
    REFUSED(LEADING_SPACE, " " GET "\r\n"),
    REFUSED(LEADING_SPACE, "\t" GET "\r\n"),
    REFUSED(BARE_CR, "GET / HTTP/1.1\r" HOST "\r\n"),
    REFUSED(BARE_CR, "GET / HTTP/1.1\r\r\n" HOST "\r\n"),
    REFUSED(NUL_BYTE, "GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(CONTROL_BYTE, "GET /\x0b HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(CONTROL_BYTE, "GET /\x7f HTTP/1.1\r\n" HOST "\r\n"),

    /* field lines */
    REFUSED(LEADING_SPACE, "GET / HTTP/1.1\r\n " HOST "\r\n"),
    REFUSED(LEADING_SPACE, "GET / HTTP/1.1\r\n\tX: y\r\n" HOST "\r\n"),
    REFUSED(LEADING_SPACE, "GET / HTTP/1.1\r\n \r\n" HOST "\r\n"),
    REFUSED(OBS_FOLD, GET "X: a\r\n b\r\n\r\n"),
    REFUSED(OBS_FOLD, GET "X: a\r\n\tb\r\n\r\n"),
    REFUSED(OBS_FOLD, GET " \r\n\r\n"),
    REFUSED(OBS_FOLD, POST "Transfer-Encoding:\r\n chunked\r\n\r\n"),
    REFUSED(OBS_FOLD, POST "Content-Length: 1\r\n 2\r\n\r\n"),
    REFUSED(SPACE_BEFORE_COLON, GET "X : a\r\n\r\n"),
    REFUSED(SPACE_BEFORE_COLON, GET "X\t: a\r\n\r\n"),
    REFUSED(SPACE_BEFORE_COLON, POST "Transfer-Encoding : chunked\r\n\r\n"),
    REFUSED(SPACE_BEFORE_COLON, POST "Content-Length \t: 5\r\n\r\n"),
    REFUSED(FIELD_NO_COLON, GET "X\r\n\r\n"),
    REFUSED(FIELD_NO_COLON, GET "X a\r\n\r\n"),
    REFUSED(FIELD_NO_COLON, GET "Transfer-Encoding chunked\r\n\r\n"),
    REFUSED(FIELD_NAME, GET ": a\r\n\r\n"),
    REFUSED(FIELD_NAME, GET "X(: a\r\n\r\n"),
    REFUSED(FIELD_NAME, GET "\"X\": a\r\n\r\n"),
    REFUSED(FIELD_NAME, GET "X/Y: a\r\n\r\n"),
    REFUSED(FIELD_NAME, GET "X Y: a\r\n\r\n"),
    REFUSED(FIELD_NAME, GET "\xc3\xa9: a\r\n\r\n"),
    REFUSED(FIELD_NAME, POST "Transfer-Encoding\xa0: chunked\r\n\r\n"),
    REFUSED(CONTROL_BYTE, POST "Transfer-Encoding\x0b: chunked\r\n\r\n"),
    REFUSED(NUL_BYTE, GET "X\0: a\r\n\r\n"),
    REFUSED(NUL_BYTE, GET "X: a\0b\r\n\r\n"),
    REFUSED(CONTROL_BYTE, GET "X: a\x01\r\n\r\n"),
    REFUSED(CONTROL_BYTE, GET "X: a\x7f\r\n\r\n"),
    REFUSED(CONTROL_BYTE, GET "X: 0123456789abcdef0123456789abcdef\x1f\r\n\r\n"),
    REFUSED(BARE_LF, GET "X: a\n\r\n"),
    REFUSED(BARE_LF, GET "X: a\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED(BARE_LF, GET "X: a\r\n\n"),
    REFUSED(BARE_LF, GET "\n"),
    REFUSED(BARE_CR, GET "X: a\rb\r\n\r\n"),
    REFUSED(BARE_CR, GET "X: a\r\r\n\r\n"),
    REFUSED(BARE_CR, GET "X: a\r\n\rb"),
    REFUSED(BARE_CR, POST "Content-Length: 5\rTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED(BARE_CR, POST "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),

    /* Host */
    REFUSED(HOST_MISSING, "GET / HTTP/1.1\r\n\r\n"),
    REFUSED(HOST_MISSING, "GET http://a/ HTTP/1.1\r\n\r\n"),
    REFUSED(HOST_MISSING, "CONNECT a:1 HTTP/1.1\r\n\r\n"),
    REFUSED(HOST_DUPLICATE, GET HOST "\r\n"),
    REFUSED(HOST_DUPLICATE, GET "hOST: b\r\n\r\n"),
    REFUSED(HOST_DUPLICATE, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    REFUSED(HOST_INVALID, "GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"),

    /* Content-Length */
    REFUSED(LENGTH_INVALID, POST "Content-Length:\r\n\r\n"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: +5\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: -5\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 0x5\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 5a\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 5 5\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 5, 5\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 5,6\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 5,\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 5.0\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 1e3\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: \"5\"\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: 5;a\r\n\r\nabcde"),
    REFUSED(LENGTH_INVALID, POST "Content-Length: \xd9\xa5\r\n\r\nabcde"),
    REFUSED(LENGTH_OVERFLOW, POST "Content-Length: 9223372036854775808\r\n\r\n"),
    REFUSED(LENGTH_OVERFLOW, POST "Content-Length: 18446744073709551616\r\n\r\n"),
    REFUSED(LENGTH_OVERFLOW, POST "Content-Length: 18446744073709551621\r\n\r\nabcde"),
    REFUSED(LENGTH_OVERFLOW, POST "Content-Length: 99999999999999999999999999999999\r\n\r\n"),
    REFUSED(LENGTH_DUPLICATE, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"),
    REFUSED(LENGTH_DUPLICATE, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"),
    REFUSED(LENGTH_DUPLICATE, POST "Content-Length: 0\r\ncontent-length: 5\r\n\r\nabcde"),
    REFUSED(LENGTH_DUPLICATE, POST "Content-Length: 5\r\nContent-Length: x\r\n\r\nabcde"),

    /* Transfer-Encoding */
    REFUSED(LENGTH_AND_CODING,
            POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(LENGTH_AND_CODING,
            POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    REFUSED(LENGTH_AND_CODING,
            POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"),
    REFUSED(LENGTH_AND_CODING, POST "Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\nabcde"),
    REFUSED(CODING_IN_HTTP10,
            "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_IN_HTTP10, "POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\n\r\n"),
    REFUSED(CODING_DUPLICATE,
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_DUPLICATE,
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_DUPLICATE,
            POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_UNKNOWN, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_UNKNOWN, POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_UNKNOWN, POST "Transfer-Encoding: x;a=b,chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunked chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: chunk\r\n\r\n0\r\n\r\n"),
    REFUSED(CODING_INVALID, POST "Transfer-Encoding: \xa0"
                                 "chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CONTROL_BYTE, POST "Transfer-Encoding: \x0b"
                               "chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(CONTROL_BYTE, POST "Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n"),
    REFUSED(NUL_BYTE, POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n"),

    /* methods without a body, Expect */
    REFUSED(BODY_FORBIDDEN, "TRACE / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na"),
    REFUSED(BODY_FORBIDDEN, "TRACE / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
    REFUSED(BODY_FORBIDDEN, "CONNECT a:1 HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na"),
    REFUSED(BODY_FORBIDDEN, "CONNECT a:1 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
    REFUSED(EXPECTATION, POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na"),
    REFUSED(EXPECTATION, POST "Expect: 100-continue, x\r\nContent-Length: 1\r\n\r\na"),
    REFUSED(EXPECTATION, POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"),

    /* chunks */
    REFUSED(CHUNK_SIZE, CHUNKED "\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "g\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "+3\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "-3\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED " 3\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "3 \r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "3\t\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "3 3\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "3_\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "3,\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED ";a\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "3\0\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_SIZE, CHUNKED "\n3\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_OVERFLOW, CHUNKED "8000000000000000\r\n"),
    REFUSED(CHUNK_OVERFLOW, CHUNKED "ffffffffffffffff\r\n"),
    REFUSED(CHUNK_OVERFLOW, CHUNKED "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_OVERFLOW, CHUNKED "00000000000000003\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_LINE_END, CHUNKED "3\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_LINE_END, CHUNKED "3\rXabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_LINE_END, CHUNKED "3\r\rabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_LINE_END, CHUNKED "3;a\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_LINE_END, CHUNKED "3;a\rabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_LINE_END, CHUNKED "0\n\r\n"),
    REFUSED(CHUNK_EXTENSION, CHUNKED "3;a\0\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_EXTENSION, CHUNKED "3;a\x7f\r\nabc\r\n0\r\n\r\n"),
    REFUSED(CHUNK_DATA_END, CHUNKED "3\r\nabc0\r\n\r\n"),
    REFUSED(CHUNK_DATA_END, CHUNKED "3\r\nabcd\r\n0\r\n\r\n"),
    REFUSED(CHUNK_DATA_END, CHUNKED "3\r\nabc\n0\r\n\r\n"),
    REFUSED(CHUNK_DATA_END, CHUNKED "3\r\nabc\r0\r\n\r\n"),
    REFUSED(CHUNK_DATA_END, CHUNKED "3\r\nabc\r\r\n0\r\n\r\n"),
    REFUSED(CHUNK_DATA_END, CHUNKED "3\r\nabcXX0\r\n\r\n"),
    REFUSED(BARE_LF, CHUNKED "0\r\n\n"),
    REFUSED(BARE_CR, CHUNKED "0\r\n\rX"),
    REFUSED(BARE_LF, CHUNKED "0\r\nX: a\n\r\n"),
    REFUSED(LEADING_SPACE, CHUNKED "0\r\n X: a\r\n\r\n"),
    REFUSED(OBS_FOLD, CHUNKED "0\r\nX: a\r\n b\r\n\r\n"),
    REFUSED(SPACE_BEFORE_COLON, CHUNKED "0\r\nX : a\r\n\r\n"),
    REFUSED(FIELD_NO_COLON, CHUNKED "0\r\nGET / HTTP/1.1\r\n\r\n"),
    REFUSED(NUL_BYTE, CHUNKED "0\r\nX: \0\r\n\r\n"),
    REFUSED(TRAILER_FIELD, CHUNKED "0\r\nContent-Length: 5\r\n\r\n"),
    REFUSED(TRAILER_FIELD, CHUNKED "0\r\ntransfer-encoding: chunked\r\n\r\n"),
    REFUSED(TRAILER_FIELD, CHUNKED "0\r\nHost: b\r\n\r\n"),

    /* the stream ends too early */
    REFUSED(TRUNCATED, "G"),
    REFUSED(TRUNCATED, "GET / HTTP/1.1"),
    REFUSED(TRUNCATED, GET),
    REFUSED(TRUNCATED, GET "\r"),
    REFUSED(TRUNCATED, "\r\nG"),
    REFUSED(TRUNCATED, POST "Content-Length: 5\r\n\r\nabcd"),
    REFUSED(TRUNCATED, CHUNKED),
    REFUSED(TRUNCATED, CHUNKED "3"),
    REFUSED(TRUNCATED, CHUNKED "3\r\nab"),
    REFUSED(TRUNCATED, CHUNKED "3\r\nabc\r\n"),
    REFUSED(TRUNCATED, CHUNKED "3\r\nabc\r\n0\r\n"),
    REFUSED(TRUNCATED, CHUNKED "0\r\nX: a\r\n"),
};

/* What a client must refuse to be told by a server. */
static const struct payload responses[] = {
    REFUSED(STATUS_LINE, "hello\r\n\r\n"),
    REFUSED(STATUS_LINE, "HTTP/1.1\r\n\r\n"),
    REFUSED(STATUS_LINE, "HTTP/1.1 \r\n\r\n"),
    REFUSED(STATUS_LINE, "HTTP/1.1 20\r\n\r\n"),
    REFUSED(STATUS_LINE, "HTTP/1.1 2000\r\n\r\n"),
    REFUSED(STATUS_LINE, "HTTP/1.1 200\tOK\r\n\r\n"),
    REFUSED(STATUS_LINE, "HTTP/1.1  200 OK\r\n\r\n"),
    REFUSED(STATUS_CODE, "HTTP/1.1 2x0 OK\r\n\r\n"),
    REFUSED(STATUS_CODE, "HTTP/1.1 099 OK\r\n\r\n"),
    REFUSED(STATUS_CODE, "HTTP/1.1 +20 OK\r\n\r\n"),
    REFUSED(VERSION_SYNTAX, "HTTP/1.1OK 200\r\n\r\n"),
    REFUSED(VERSION_SYNTAX, "HTTP/1 200 OK\r\n\r\n"),
    REFUSED(VERSION_UNSUPPORTED, "HTTP/2.0 200 OK\r\n\r\n"),
    REFUSED(STATUS_LINE, "http/1.1 200 OK\r\n\r\n"),
    REFUSED(STATUS_LINE, "ICY 200 OK\r\n\r\n"),
    REFUSED(EMPTY_LINES, "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    REFUSED(BARE_LF, "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    REFUSED(NUL_BYTE, "HTTP/1.1 200 O\0K\r\n\r\n"),
    REFUSED(OBS_FOLD, "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"),
    REFUSED(LENGTH_AND_CODING,
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED(LENGTH_DUPLICATE, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    REFUSED(CODING_UNKNOWN, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    REFUSED(CODING_INVALID, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc"),
    REFUSED(CODING_IN_HTTP10, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED(TRUNCATED, "HTTP/1.1 200 OK\r\n"),
    REFUSED(TRUNCATED, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"),
};

static const char *last_line(const char *text)
{
    const char *end = text + strlen(text) - 1;
    while (end > text && end[-1] != '\n')
        end--;
    return end;
}

static void readable(char out[256], const struct payload *payload)
{
    size_t length = 0;
    for (size_t i = 0; i < payload->length && length < 240; i++) {
        unsigned char byte = (unsigned char)payload->bytes[i];
        if (byte > 0x20 && byte < 0x7f)
            out[length++] = (char)byte;
        else
            length +=
                (size_t)snprintf(out + length, 256 - length, byte == ' ' ? " " : "\\%02x", byte);
    }
    out[length] = 0;
}

static void check(struct connection connection, const struct payload *payload)
{
    struct weft__slice bytes = weft__slice(payload->bytes, payload->length);
    char *text = transcript(connection, bytes, (struct arrival){ 0, 0 });
    char expected[128], name[256];

    readable(name, payload);
    snprintf(expected, sizeof expected, "error %s\n", weft__http1_error_name(payload->error));
    is_str(last_line(text), expected, "refused: %s", name);
    is_int(transcript_splits(connection, bytes), -1, "however it is cut: %s", name);
    free(text);
}

int main(void)
{
    struct connection server = { .kind = WEFT__HTTP1_REQUEST };
    struct connection client = { .kind = WEFT__HTTP1_RESPONSE, .method = WEFT__SLICE("GET") };

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        check(server, &requests[i]);
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
        check(client, &responses[i]);
    for (int error = 1; error < WEFT__HTTP1_ERRORS; error++) {
        unsigned status = weft__http1_error_status((enum weft__http1_error)error);
        const char *message = weft__http1_error_message((enum weft__http1_error)error);
        ok(status >= 400 && status < 600 && *weft__http1_reason(status), "error %d has a status",
           error);
        ok(message && strlen(message) > 10, "error %d has a message", error);
    }
    return done_testing();
}
