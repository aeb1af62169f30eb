#include <weft/http/body.h>

#include <string.h>

#include "base/buffer.h"
#include "base/fail.h"
#include "http/exchange.h"
#include "http/memory.h"

ssize_t weft_http_body_read(struct weft_http_body *body, const void **chunk)
{
    if (!body || body->closed) {
        return 0;
    }
    if (!body->operations->read) {
        return weft__fail(ENOTSUP);
    }
    return body->operations->read(body, chunk);
}

void weft_http_body_close(struct weft_http_body *body, int error)
{
    if (!body || body->closed) {
        return;
    }
    body->closed = true;
    if (body->operations->close) {
        body->operations->close(body, error);
    }
}

int weft_http_body_discard(struct weft_http_body *body, size_t limit)
{
    const void *chunk;
    ssize_t length;
    while ((length = weft_http_body_read(body, &chunk)) > 0) {
        if ((size_t)length > limit) {
            return weft__fail(EMSGSIZE);
        }
        limit -= (size_t)length;
    }
    return (int)length;
}

int weft_http_body_rewind(struct weft_http_body *body)
{
    if (!body) {
        return 0;
    }
    return body->operations->rewind ? body->operations->rewind(body) : weft__fail(ESPIPE);
}

int64_t weft_http_body_length(struct weft_http_body *body)
{
    if (!body || body->closed) {
        return 0;
    }
    return body->operations->length ? body->operations->length(body) : -1;
}

bool weft_http_body_ready(struct weft_http_body *body)
{
    if (!body || body->closed) {
        return true;
    }
    return body->operations->ready && body->operations->ready(body);
}

/* The length is known: one piece of the right size, filled in place. */
static char *read_sized(struct weft_http_body *body, struct weft_http_memory *memory, size_t size,
                        size_t *length)
{
    char *text = weft_http_allocate(memory, size + 1);
    if (!text) {
        return NULL;
    }
    const void *chunk;
    ssize_t got;
    size_t filled = 0;
    while ((got = weft_http_body_read(body, &chunk)) > 0) {
        if ((size_t)got > size - filled) {
            errno = EMSGSIZE;
            return NULL;
        }
        memcpy(text + filled, chunk, (size_t)got);
        filled += (size_t)got;
    }
    text[filled] = '\0';
    *length = filled;
    return got < 0 ? NULL : text;
}

/* Gathered outside, so that growing does not leave used-up copies in the exchange's memory. */
static char *read_unsized(struct weft_http_body *body, struct weft_http_memory *memory,
                          size_t limit, size_t *length)
{
    struct weft__buffer gathered;
    weft__buffer_init(&gathered, limit < SIZE_MAX ? limit + 1 : limit);
    const void *chunk;
    ssize_t got;
    char *text = NULL;
    while ((got = weft_http_body_read(body, &chunk)) > 0) {
        if ((size_t)got > limit - gathered.length) {
            got = weft__fail(EMSGSIZE);
        } else {
            got = weft__buffer_append(&gathered, chunk, (size_t)got);
        }
        if (got < 0) {
            break;
        }
    }
    if (got == 0) {
        *length = gathered.length;
        text = weft__memory_copy(memory, weft__buffer_slice(&gathered).data, gathered.length);
    }
    int error = errno;
    weft__buffer_fini(&gathered);
    errno = error;
    return text;
}

char *weft_http_body_read_all(struct weft_http_body *body, struct weft_http_memory *memory,
                              size_t limit, size_t *length)
{
    size_t unused;
    length = length ? length : &unused;
    int64_t known = weft_http_body_length(body);
    if (known > 0 && (uint64_t)known > limit) {
        errno = EMSGSIZE;
        return NULL;
    }
    return known >= 0 ? read_sized(body, memory, (size_t)known, length)
                      : read_unsized(body, memory, limit, length);
}

/* Bytes in memory. */
struct memory_body {
    struct weft_http_body body;
    const char *data;
    size_t length;
    bool read;
};

static ssize_t memory_read(struct weft_http_body *body, const void **chunk)
{
    struct memory_body *self = (struct memory_body *)body;
    if (self->read || self->length == 0) {
        return 0;
    }
    self->read = true;
    *chunk = self->data;
    return (ssize_t)self->length;
}

static int memory_rewind(struct weft_http_body *body)
{
    ((struct memory_body *)body)->read = false;
    return 0;
}

static int64_t memory_length(struct weft_http_body *body)
{
    const struct memory_body *self = (struct memory_body *)body;
    return self->read ? 0 : (int64_t)self->length;
}

static bool memory_ready(struct weft_http_body *body)
{
    (void)body;
    return true;
}

static const struct weft_http_body_operations memory_operations = {
    .read = memory_read,
    .rewind = memory_rewind,
    .length = memory_length,
    .ready = memory_ready,
};

struct weft_http_body *weft_http_body_memory(struct weft_http_memory *memory, const void *data,
                                             size_t length)
{
    struct memory_body *self = weft_http_allocate(memory, sizeof(*self));
    if (!self) {
        return NULL;
    }
    *self = (struct memory_body){ { &memory_operations, false }, data, length, false };
    return &self->body;
}

bool weft__body_in_memory(const struct weft_http_body *body, struct weft__slice *bytes)
{
    if (body->operations != &memory_operations || body->closed) {
        return false;
    }
    const struct memory_body *self = (const struct memory_body *)body;
    *bytes = weft__slice(self->data, self->read ? 0 : self->length);
    return true;
}

/* A function that writes. */
struct writer_body {
    struct weft_http_body body;
    int (*function)(struct weft_http_stream *stream, void *context);
    void *context;
};

static int writer_stream(struct weft_http_body *body, struct weft_http_stream *stream)
{
    struct writer_body *self = (struct writer_body *)body;
    return self->function(stream, self->context);
}

static const struct weft_http_body_operations writer_operations = { .stream = writer_stream };

struct weft_http_body *weft_http_body_writer(struct weft_http_memory *memory,
                                             int (*function)(struct weft_http_stream *stream,
                                                             void *context),
                                             const void *context, size_t size)
{
    struct writer_body *self = weft_http_allocate(memory, sizeof(*self));
    void *own = weft__memory_keep(memory, context, size);
    if (!self || (size && !own)) {
        return NULL;
    }
    *self = (struct writer_body){ { &writer_operations, false }, function, own };
    return &self->body;
}
