/*
 * Compressed bodies: undone as they are read.
 *
 *      connection ──chunks──> decoder ──> 16 KiB at a time ──> the reader
 *
 * What the sender has flushed comes out at once. A body that grows beyond max_decoded, ends within
 * the coded data or goes on behind it is an error. Several codings on top of each other, or one
 * that is not known here, are left as they are, and the content-encoding says so.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/client.h"
#include "http/decoder.h"

enum {
    OUTPUT = 16384
};

static const struct weft__decoder *const DECODERS[] = {
#if WEFT_WITH_INFLATE
    &weft__decoder_gzip,
#endif
#if WEFT_WITH_BROTLI_DECODER
    &weft__decoder_brotli,
#endif
#if WEFT_WITH_ZSTD_DECODER
    &weft__decoder_zstd,
#endif
    NULL,
};

struct decoded_body {
    struct weft_http_body body;
    struct weft_http_body *source;
    struct weft__call *call;
    const struct weft__decoder *decoder;
    void *state;
    struct weft__slice input;
    char *output;
    uint64_t total;
    bool begun; /* any coded byte has come */
    bool full;  /* there may be more output without more input */
    bool end;   /* the coded data is complete */
    int failure;
};

const char *weft__decodable(void)
{
    static const char *const LISTS[] = { "",     "gzip",       "br",       "gzip, br",
                                         "zstd", "gzip, zstd", "br, zstd", "gzip, br, zstd" };
    return LISTS[WEFT_WITH_INFLATE + 2 * WEFT_WITH_BROTLI_DECODER + 4 * WEFT_WITH_ZSTD_DECODER];
}

static ssize_t fail(struct decoded_body *self, enum weft_http_error code, int error,
                    const char *what)
{
    self->failure = error;
    weft__call_fail(self->call, code, error, "undoing %s: %s", self->decoder->name, what);
    weft_http_body_close(self->source, error);
    return weft__fail(error);
}

/* More coded bytes. 1; 0 the body's end; -1. */
static ssize_t feed(struct decoded_body *self)
{
    const void *chunk = NULL;
    ssize_t length = weft_http_body_read(self->source, &chunk);
    if (length > 0) {
        self->input = weft__slice(chunk, (size_t)length);
        self->begun = true;
        return 1;
    }
    if (length < 0) {
        self->failure = errno;
        return -1;
    }
    if (!self->end && self->begun) {
        return fail(self, WEFT_HTTP_ERROR_TRUNCATED, ECONNRESET, "the body ends within the data");
    }
    return 0;
}

static ssize_t step(struct decoded_body *self)
{
    size_t produced = 0;
    enum weft__decoded result =
        self->decoder->step(self->state, &self->input, self->output, OUTPUT, &produced);
    self->end = result == WEFT__DECODED_END;
    self->full = result == WEFT__DECODED_FULL;
    self->total += produced;
    if (result == WEFT__DECODED_BROKEN) {
        return fail(self, WEFT_HTTP_ERROR_ENCODING, EBADMSG, "the data is malformed");
    }
    if (result == WEFT__DECODED_MEMORY) {
        return fail(self, WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory");
    }
    if (self->total > self->call->client->options.max_decoded) {
        return fail(self, WEFT_HTTP_ERROR_TOO_LARGE, EMSGSIZE, "the body grows above max_decoded");
    }
    return (ssize_t)produced;
}

static ssize_t decoded_read(struct weft_http_body *body, const void **chunk)
{
    struct decoded_body *self = (struct decoded_body *)body;
    if (self->failure) {
        return weft__fail(self->failure);
    }
    for (;;) {
        if (!self->full && self->input.length == 0) {
            ssize_t fed = feed(self);
            if (fed <= 0) {
                return fed;
            }
        }
        if (self->end && !self->decoder->repeats) {
            return fail(self, WEFT_HTTP_ERROR_ENCODING, EBADMSG, "something follows the data");
        }
        ssize_t produced = step(self);
        if (produced != 0) {
            *chunk = self->output;
            return produced;
        }
    }
}

static void decoded_close(struct weft_http_body *body, int error)
{
    struct decoded_body *self = (struct decoded_body *)body;
    weft_http_body_close(self->source, error);
    self->decoder->close(self->state);
    weft__free(self->output);
}

static bool decoded_ready(struct weft_http_body *body)
{
    const struct decoded_body *self = (struct decoded_body *)body;
    return self->full || self->input.length > 0;
}

static const struct weft_http_body_operations decoded_operations = {
    .read = decoded_read,
    .close = decoded_close,
    .ready = decoded_ready,
};

static const struct weft__decoder *decoder_of(const struct weft_http_response *response)
{
    const char *coding = weft_http_headers_get(&response->headers, "content-encoding");
    for (size_t i = 0; coding && DECODERS[i]; i++) {
        struct weft__slice name = weft__slice_string(coding);
        if (weft__slice_is_case(name, DECODERS[i]->name) ||
            (strcmp(DECODERS[i]->name, "gzip") == 0 && weft__slice_is_case(name, "x-gzip"))) {
            return DECODERS[i];
        }
    }
    return NULL;
}

static void close_body(void *argument)
{
    weft_http_body_close(argument, 0);
}

int weft__decode_response(struct weft__call *call)
{
    struct weft_http_response *response = call->response;
    const struct weft__decoder *decoder = decoder_of(response);
    if (call->client->options.encoded || !response->body || !decoder ||
        weft_http_headers_get(&call->headers, "accept-encoding")) {
        return 0;
    }
    struct decoded_body *self = weft_http_allocate(response->memory, sizeof(*self));
    if (!self) {
        return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, errno, "no memory for a decoder");
    }
    *self = (struct decoded_body){ .body.operations = &decoded_operations,
                                   .source = response->body,
                                   .call = call,
                                   .decoder = decoder,
                                   .state = decoder->open(),
                                   .output = weft__malloc(OUTPUT) };
    if (!self->state || !self->output ||
        weft_http_defer(response->memory, close_body, &self->body) < 0) {
        if (self->state) {
            decoder->close(self->state);
        }
        weft__free(self->output);
        return weft__call_fail(call, WEFT_HTTP_ERROR_MEMORY, ENOMEM, "no memory for a decoder");
    }
    weft_http_headers_remove(&response->headers, "content-encoding");
    weft_http_headers_remove(&response->headers, "content-length");
    response->body = &self->body;
    return 0;
}
