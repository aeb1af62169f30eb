/* Which responses are compressed, and how. */
#include <weft/http/compress.h>

#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "base/fail.h"
#include "http/coder.h"
#include "http/compress_body.h"
#include "http/headers.h"
#include "http/middleware.h"
#include "proto/accept.h"

enum {
    CODINGS = 3,
    MINIMUM = 256,
};

#define MEMORY ((size_t)64 << 20)

struct compress {
    struct weft__middleware base;
    const struct weft__coder_kind *kinds[CODINGS]; /* the most wanted first; NULL: not used */
    size_t minimum;
    size_t limit;
    size_t used;
};

/* Types that shrink, apart from text. */
static bool shrinks(struct weft__slice type)
{
    static const char *const TYPES[] = {
        "application/json",
        "application/javascript",
        "application/xml",
        "application/wasm",
        "application/x-ndjson",
        "application/x-javascript",
        "application/jsonl",
        "application/manifest+json",
        "image/svg+xml",
        "image/bmp",
        "image/x-icon",
        "font/ttf",
        "font/otf",
        "application/x-sh",
        "application/graphql",
        "application/javascript",
        "application/sql",
    };
    type = weft__slice_trim(weft__slice(type.data, weft__slice_find(type, ';')));
    if (type.length > 5 &&
        weft__slice_equal_case(weft__slice(type.data, 5), WEFT__SLICE("text/"))) {
        return true;
    }
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(*TYPES); i++) {
        if (weft__slice_is_case(type, TYPES[i])) {
            return true;
        }
    }
    if (type.length < 6) {
        return false;
    }
    const char *end = type.data + type.length;
    return weft__slice_equal_case(weft__slice(end - 5, 5), WEFT__SLICE("+json")) ||
           weft__slice_equal_case(weft__slice(end - 4, 4), WEFT__SLICE("+xml"));
}

/* Whether this is a response that would be compressed for a client that accepts it. */
static bool suits(const struct compress *self, const struct weft_http_response *response)
{
    const struct weft_http_headers *headers = &response->headers;
    const char *type = weft_http_headers_get(headers, "content-type");
    int status = response->status;
    if (!response->body || !type || status < 200 || status == 204 || status == 206 ||
        status == 304 || !shrinks(weft__slice_string(type))) {
        return false;
    }
    if (weft_http_headers_get(headers, "content-encoding") ||
        weft_http_headers_get(headers, "content-range") ||
        weft_http_headers_has(headers, "cache-control", "no-transform")) {
        return false;
    }
    int64_t length = weft_http_body_length(response->body);
    return length < 0 || (size_t)length >= self->minimum;
}

/* How much the client wants a coding, in all lines of its accept-encoding: 0 to 1000. */
static int quality_of(const struct weft_http_headers *headers, const char *coding)
{
    int named = -1;
    int others = 0;
    for (size_t i = 0; i < headers->count; i++) {
        const struct weft_http_field *field = &headers->fields[i];
        if (!weft__slice_is_case(weft__field_name(field), "accept-encoding")) {
            continue;
        }
        int quality = weft__accept_quality(weft__field_value(field), coding);
        int any = weft__accept_quality(weft__field_value(field), "*");
        named = quality > named ? quality : named;
        others = any > others ? any : others;
    }
    return named >= 0 ? named : others;
}

/* The coding to use. What is written as it goes may be open for long: there gzip is preferred. */
static const struct weft__coder_kind *choose(const struct compress *self,
                                             const struct weft_http_request *request, bool written)
{
    const struct weft__coder_kind *best = NULL;
    int most = 0;
    for (size_t i = 0; i < CODINGS; i++) {
        const struct weft__coder_kind *kind = self->kinds[i];
        bool fits = kind && self->used + kind->memory <= self->limit;
        int quality = fits ? quality_of(&request->headers, kind->name) : 0;
        if (quality > most || (quality == most && quality > 0 && written && kind->rest)) {
            best = kind;
            most = quality;
        }
    }
    int plain = quality_of(&request->headers, "identity");
    return most >= plain ? best : NULL;
}

/* The bytes differ from those the tag was made for (RFC 9110, 8.8.1). */
static int weaken(struct weft_http_response *response)
{
    const char *tag = weft_http_headers_get(&response->headers, "etag");
    if (!tag || strncmp(tag, "W/", 2) == 0) {
        return 0;
    }
    const char *weak = weft_http_format(response->memory, "W/%s", tag);
    return weak ? weft_http_headers_set(&response->headers, "etag", weak) : -1;
}

static int compress(struct compress *self, const struct weft__coder_kind *kind,
                    struct weft_http_response *response)
{
    struct weft_http_headers *headers = &response->headers;
    if (weaken(response) < 0 ||
        weft_http_headers_add(headers, "content-encoding", kind->name) < 0) {
        return -1;
    }
    struct weft_http_body *body =
        weft__compress_body(response->memory, kind, &self->used, response->body);
    if (!body) {
        weft_http_headers_remove(headers, "content-encoding");
        return 0; /* it goes as it is */
    }
    weft_http_headers_remove(headers, "content-length");
    weft_http_headers_remove(headers, "accept-ranges");
    response->body = body;
    return 0;
}

static int call(struct weft__middleware *base, struct weft_http_request *request,
                struct weft_http_response *response)
{
    struct compress *self = (struct compress *)base;
    if (weft_http_call(base->handler.next, request, response) < 0) {
        return -1;
    }
    if (!suits(self, response)) {
        return 0;
    }
    if (weft__headers_vary(&response->headers, "accept-encoding") < 0) {
        return -1;
    }
    bool written = response->body->operations->stream != NULL;
    const struct weft__coder_kind *kind = choose(self, request, written);
    if (!kind || strcmp(request->method, "HEAD") == 0) {
        return 0;
    }
    return compress(self, kind, response);
}

static const struct weft__middleware_kind KIND = { sizeof(struct compress), call, NULL };

/* 0; -1: one that is asked for does not exist. */
static int take_codings(struct compress *self, unsigned wanted)
{
    const struct weft__coder_kind *const kinds[CODINGS] = { weft__coder_zstd, weft__coder_brotli,
                                                            weft__coder_gzip };
    static const struct {
        unsigned bit;
        const char *package;
    } ALL[CODINGS] = { { WEFT_HTTP_ZSTD, "libzstd-dev" },
                       { WEFT_HTTP_BROTLI, "libbrotli-dev" },
                       { WEFT_HTTP_GZIP, "zlib1g-dev" } };
    for (size_t i = 0; i < CODINGS; i++) {
        if (wanted & ALL[i].bit && !kinds[i]) {
            return weft_error_set("http", ENOTSUP, ENOTSUP,
                                  "compressing responses: the library was built without a coding "
                                  "that is asked for (install %s and build it with "
                                  "-Dcompression=enabled)",
                                  ALL[i].package);
        }
        self->kinds[i] = !wanted || wanted & ALL[i].bit ? kinds[i] : NULL;
    }
    return 0;
}

struct weft_http_handler *weft_http_compress_new(const struct weft_http_compress_options *options,
                                                 struct weft_http_handler *next)
{
    static const struct weft_http_compress_options usual;
    options = options ? options : &usual;
    struct compress *self = weft__middleware_new(&KIND, next);
    if (!self) {
        return NULL;
    }
    self->minimum = options->minimum ? options->minimum : MINIMUM;
    self->limit = options->memory ? options->memory : MEMORY;
    if (take_codings(self, options->codings) < 0) {
        weft_http_middleware_free(&self->base.handler);
        return NULL;
    }
    return &self->base.handler;
}
