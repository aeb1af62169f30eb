/*
 * Messages that are right, and everything a connection learns from them. Each is also cut at every
 * byte: what is learnt must be the same.
 */
#include "tap.h"
#include "unit/proto/transcript.h"

struct sample {
    const char *name;
    const char *method; /* NULL: a request; otherwise what the response answers */
    const char *bytes;
    const char *expected;
};

static const struct sample samples[] = {
    { "a small request", NULL, "GET /a?b=c HTTP/1.1\r\nHost: x:80\r\n\r\n",
      "method GET\ntarget /a?b=c\nauthority x:80\nminor 1\nfield Host\n = x:80\nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "an empty line before a request", NULL, "\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n",
      "method GET\ntarget /\nauthority \nminor 1\nfield Host\n = \nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "any token is a method", NULL, "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: x\r\n\r\n",
      "method !#$%&'*+-.^_`|~09azAZ\ntarget /\nauthority x\nminor 1\nfield Host\n = x\nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "blanks around values, bytes above ASCII, tabs inside", NULL,
      "GET / HTTP/1.1\r\nHost: \t x \t \r\nA:\r\nB:\xc3\xa9 \t \xff\r\nlong-name-of-more-than-16: v"
      "\r\n\r\n",
      "method GET\ntarget /\nauthority x\nminor 1\nfield Host\n = x\nfield A\n = \n"
      "field B\n = \xc3\xa9 \t \xff\nfield long-name-of-more-than-16\n = v\nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "a counted body, then a pipelined request that closes", NULL,
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 005\r\n\r\nabcde"
      "GET /2 HTTP/1.1\r\nHost: y\r\nConnection: a, CLOSE\r\n\r\nGET /3",
      "method POST\ntarget /\nauthority x\nminor 1\nfield Host\n = x\nfield Content-Length\n = "
      "005\n"
      "upgrade \nframing length 5 keep-alive\nbody abcde\n"
      "method GET\ntarget /2\nauthority y\nminor 1\nfield Host\n = y\nfield Connection\n = a, "
      "CLOSE\n"
      "upgrade \nframing none 0\nbody \n" },
    { "a chunked body with extensions and trailers, then another request", NULL,
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \tCHUNKED \r\n\r\n"
      "3\r\nabc\r\n00A;a=b;c=\"d e\"\r\n0123456789\r\n1 \t;x\r\n\r\r\n000\r\nT: v\r\nU: w\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: y\r\n\r\n",
      "method POST\ntarget /\nauthority x\nminor 1\nfield Host\n = x\n"
      "field Transfer-Encoding\n = CHUNKED\nupgrade \nframing chunked 0 keep-alive\n"
      "body abc0123456789\r\ntrailer T\n = v\ntrailer U\n = w\n"
      "method GET\ntarget /2\nauthority y\nminor 1\nfield Host\n = y\nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "HTTP/1.0 closes and needs no Host", NULL, "GET / HTTP/1.0\r\n\r\n",
      "method GET\ntarget /\nauthority \nminor 0\nupgrade \nframing none 0\nbody \n" },
    { "HTTP/1.0 lives on when asked to, offers no upgrade, expects nothing", NULL,
      "POST / HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n"
      "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
      "method POST\ntarget /\nauthority \nminor 0\nfield Connection\n = keep-alive, upgrade\n"
      "field Upgrade\n = websocket\nfield Expect\n = 100-continue\nfield Content-Length\n = 1\n"
      "upgrade \nframing length 1 keep-alive\nbody a\nend \n" },
    { "close beats keep-alive", NULL,
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
      "method GET\ntarget /\nauthority \nminor 0\nfield Connection\n = keep-alive\n"
      "field Connection\n = close\nupgrade \nframing none 0\nbody \n" },
    { "a higher minor version behaves as 1.1", NULL, "GET / HTTP/1.7\r\nHost: x\r\n\r\n",
      "method GET\ntarget /\nauthority x\nminor 7\nfield Host\n = x\nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "an absolute target overrules Host", NULL, "GET HTTPS://a:8443?q HTTP/1.1\r\nHost: b\r\n\r\n",
      "method GET\ntarget HTTPS://a:8443?q\nauthority a:8443\nminor 1\nfield Host\n = b\nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "OPTIONS *", NULL, "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
      "method OPTIONS\ntarget *\nauthority [::1]:80\nminor 1\nfield Host\n = [::1]:80\nupgrade \n"
      "framing none 0 keep-alive\nbody \nend \n" },
    { "CONNECT", NULL, "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b\r\nContent-Length: 0\r\n\r\n",
      "method CONNECT\ntarget a.b:443\nauthority a.b:443\nminor 1\nfield Host\n = a.b\n"
      "field Content-Length\n = 0\nupgrade \nframing length 0 keep-alive\nbody \nend \n" },
    { "an upgrade", NULL,
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
      "method GET\ntarget /\nauthority x\nminor 1\nfield Host\n = x\nfield Upgrade\n = websocket\n"
      "field Connection\n = keep-alive, Upgrade\nupgrade websocket\nframing none 0 keep-alive\n"
      "body \nend \n" },
    { "Upgrade that Connection does not name is none", NULL,
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
      "method GET\ntarget /\nauthority x\nminor 1\nfield Host\n = x\nfield Upgrade\n = websocket\n"
      "upgrade \nframing none 0 keep-alive\nbody \nend \n" },
    { "an expectation", NULL,
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\n",
      "method POST\ntarget /\nauthority x\nminor 1\nfield Host\n = x\nfield Expect\n = "
      "100-Continue\n"
      "field Transfer-Encoding\n = chunked\nupgrade \nframing chunked 0 keep-alive expect\nbody \n"
      "end \n" },
    { "an expectation without a body means nothing", NULL,
      "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
      "method GET\ntarget /\nauthority x\nminor 1\nfield Host\n = x\nfield Expect\n = "
      "100-continue\n"
      "upgrade \nframing none 0 keep-alive\nbody \nend \n" },

    { "a counted response, then another", "GET",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 404 Not  Found \r\n"
      "Content-Length: 0\r\n\r\n",
      "status 200\nreason OK\nminor 1\nfield Content-Length\n = 2\nupgrade \n"
      "framing length 2 keep-alive\nbody ab\nstatus 404\nreason Not  Found \nminor 1\n"
      "field Content-Length\n = 0\nupgrade \nframing length 0 keep-alive\nbody \nend \n" },
    { "a response up to the end of the connection", "GET", "HTTP/1.1 200 \r\n\r\nabc\r\n",
      "status 200\nreason \nminor 1\nupgrade \nframing close 0\nbody abc\r\n\n" },
    { "no reason and no blank before it", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
      "status 200\nreason \nminor 1\nfield Content-Length\n = 0\nupgrade \n"
      "framing length 0 keep-alive\nbody \nend \n" },
    { "an HTTP/1.0 response", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nabc",
      "status 200\nreason OK\nminor 0\nfield Content-Length\n = 1\nupgrade \nframing length 1\n"
      "body a\n" },
    { "a chunked response", "GET",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      "status 200\nreason OK\nminor 1\nfield Transfer-Encoding\n = chunked\nupgrade \n"
      "framing chunked 0 keep-alive\nbody a\nend \n" },
    { "the answer to HEAD has no body", "HEAD",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n"
      "Transfer-Encoding: chunked\r\n\r\n",
      "status 200\nreason OK\nminor 1\nfield Content-Length\n = 9\nupgrade \n"
      "framing none 9 keep-alive\nbody \nstatus 204\nreason No Content\nminor 1\n"
      "field Transfer-Encoding\n = chunked\nupgrade \nframing none 0 keep-alive\nbody \nend \n" },
    { "304 and 1xx have none either", "GET",
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 304 Not Modified\r\n"
      "Content-Length: 7\r\n\r\n",
      "status 103\nreason Early Hints\nminor 1\nfield Link\n = x\nupgrade \n"
      "framing none 0 keep-alive\nbody \nstatus 304\nreason Not Modified\nminor 1\n"
      "field Content-Length\n = 7\nupgrade \nframing none 7 keep-alive\nbody \nend \n" },
    { "101 becomes a tunnel", "GET",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nraw",
      "status 101\nreason Switching Protocols\nminor 1\nfield Upgrade\n = websocket\n"
      "field Connection\n = upgrade\nupgrade websocket\nframing tunnel 0\nbody raw\n" },
    { "2xx to CONNECT becomes a tunnel whatever its fields say", "CONNECT",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nraw",
      "status 200\nreason OK\nminor 1\nfield Content-Length\n = 1\nupgrade \nframing tunnel 1\n"
      "body raw\n" },
    { "a refused CONNECT is an ordinary response", "CONNECT",
      "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\na",
      "status 407\nreason No\nminor 1\nfield Content-Length\n = 1\nupgrade \n"
      "framing length 1 keep-alive\nbody a\nend \n" },
    { "an obsolete status class", "GET", "HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n",
      "status 999\nreason Denied\nminor 1\nfield Content-Length\n = 0\nupgrade \n"
      "framing length 0 keep-alive\nbody \nend \n" },
};

static void check(const struct sample *sample)
{
    struct connection connection = {
        .kind = sample->method ? WEFT__HTTP1_RESPONSE : WEFT__HTTP1_REQUEST,
        .method = weft__slice_string(sample->method ? sample->method : ""),
    };
    struct weft__slice bytes = weft__slice_string(sample->bytes);
    char *text = transcript(connection, bytes, (struct arrival){ 0, 0 });

    is_str(text, sample->expected, "%s", sample->name);
    is_int(transcript_splits(connection, bytes), -1, "%s, however it is cut", sample->name);
    free(text);
}

/* Every byte value in every place of a line, checked against the grammar written out anew. */
static void test_bytes(void)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    int wrong = 0;

    for (int at = 0; at < 40; at++) {
        for (int code = 0; code < 256; code++) {
            struct connection connection = { .kind = WEFT__HTTP1_REQUEST };
            char bytes[160];
            int length = snprintf(bytes, sizeof bytes,
                                  "GET / HTTP/1.1\r\nHost: x\r\nabcdefghijklmnopqrst:%20s\r\n\r\n",
                                  "abcdefghijklmnopqrs");
            char *place = bytes + strlen("GET / HTTP/1.1\r\nHost: x\r\n") + at;
            bool name = at < 20, allowed;
            if (at == 20) /* the colon */
                continue;
            if (name)
                allowed = (code && strchr(token, code)) || (code == ':' && at > 0);
            else
                allowed = code == '\t' || (code >= 0x20 && code != 0x7f);
            *place = (char)code;
            char *text = transcript(connection, weft__slice(bytes, (size_t)length),
                                    (struct arrival){ 0, 0 });
            wrong += allowed == (strstr(text, "error") != NULL);
            free(text);
        }
    }
    is_int(wrong, 0, "256 byte values in 39 places of a field line");
}

static void test_lookup(void)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: x\r\nAccept: a, b\r\naccept: C\r\n\r\n";
    struct weft__http1_field fields[8];
    struct weft__http1_head head;

    weft__http1_request_init(&head, NULL, fields, 8);
    is_int(weft__http1_head_parse(&head, bytes, sizeof bytes - 1), WEFT__HTTP1_DONE, "a head");
    is_int(head.length, sizeof bytes - 1, "and how long it is");
    const struct weft__http1_field *field = weft__http1_field_find(&head, "ACCEPT");
    ok(field == &fields[1], "the first field of a name");
    field = weft__http1_field_next(&head, "accept", field);
    ok(field == &fields[2], "the next one");
    ok(!weft__http1_field_next(&head, "accept", field), "no third one");
    ok(!weft__http1_field_find(&head, "accep"), "not by a prefix");
    ok(weft__http1_field_has(&head, "accept", "c"), "a token on the second line");
    ok(!weft__http1_field_has(&head, "accept", "d"), "no such token");
}

int main(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        check(&samples[i]);
    test_bytes();
    test_lookup();
    return done_testing();
}
