#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "fuzz/fuzz.h"
#include "proto/url.h"

static bool has(struct weft__slice text, const char *part)
{
    return text.length > 0 && memmem(text.data, text.length, part, strlen(part));
}

/* A clean path stays below its root, and is as clean as can be. */
static void clean(struct weft__slice path)
{
    char *out = malloc(path.length + 1);
    size_t length = 0;

    weft_assert(out);
    if (weft__url_path_clean(path, out, &length) == 0) {
        struct weft__slice text = weft__slice(out, length);
        weft_assert(length > 0 && length <= path.length && out[0] == '/');
        weft_assert(!has(text, "//") && !has(text, "/./") && !has(text, "/../"));
        weft_assert(length < 3 || memcmp(out + length - 3, "/..", 3) != 0);
        weft_assert(length < 2 || memcmp(out + length - 2, "/.", 2) != 0);
        weft_assert(!memchr(out, 0, length) && !memchr(out, '\\', length));
    }
    free(out);
}

/* Encoding and decoding again changes nothing, but for NUL, which is not decoded. */
static void code(struct weft__slice text)
{
    struct weft__buffer out;
    size_t length = 0;

    weft__buffer_init(&out, 1 << 22);
    weft_assert(weft__url_encode(&out, text) == 0);
    char *place = malloc(out.length + 1);
    weft_assert(place);
    if (weft__url_decode(weft__buffer_slice(&out), place, &length, true) == 0)
        weft_assert(weft__slice_equal(text, weft__slice(place, length)));
    else
        weft_assert(memchr(text.data, 0, text.length));
    free(place);
    weft__buffer_fini(&out);
}

static void resolve(struct weft__slice reference)
{
    struct weft__url base, result;
    struct weft__buffer out;

    weft__buffer_init(&out, 1 << 20);
    weft_assert(weft__url_parse(WEFT__SLICE("http://host/a/b/../c?d"), &base) == 0);
    if (weft__url_resolve(&out, &base, reference) == 0)
        weft_assert(weft__url_parse(weft__buffer_slice(&out), &result) == 0);
    else
        weft_assert(out.length == 0);
    weft__buffer_fini(&out);
}

static void query(struct weft__slice text)
{
    struct weft__slice name, value;
    size_t total = 0;

    while (weft__url_query_next(&text, &name, &value))
        total += name.length + value.length + 1;
    weft_assert(total < SIZE_MAX / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a block of exactly this size, so that reading past it is seen */
    char *block = malloc(size ? size : 1);
    struct weft__url url;
    struct weft__url_target target;

    weft_assert(block);
    if (size)
        memcpy(block, data, size);
    struct weft__slice text = weft__slice(block, size);
    if (weft__url_parse(text, &url) == 0)
        weft_assert(url.host.length > 0 && url.port > 0 && !has(url.path, "\\"));
    if (weft__url_target_parse(text, &target) == 0)
        weft_assert(target.path.length > 0 && !has(text, "#"));
    clean(text);
    if (size)
        code(text);
    resolve(text);
    query(text);
    free(block);
    return 0;
}
