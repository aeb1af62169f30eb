#ifndef WEFT_BASE_BUFFER_H
#define WEFT_BASE_BUFFER_H

/*
 * A growable run of bytes with a mandatory limit.
 *
 *      data                                                  data + capacity
 *      |---- consumed ----|======== unread ========|---- room ----|
 *                         weft__buffer_slice       weft__buffer_room
 *
 * Consuming from the front only moves an offset; the bytes move (once) when room is asked for.
 */

#include <stdarg.h>
#include <stddef.h>

#include "base/slice.h"

struct weft__buffer {
    char *data;
    size_t start;    /* first unread byte */
    size_t length;   /* unread bytes */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* most unread bytes allowed */
};

/**
 * Make an empty buffer that has no memory yet.
 *
 * @param limit    The most bytes it may hold; must be above 0.
 */
void weft__buffer_init(struct weft__buffer *buffer, size_t limit);

/** Give the memory back; the buffer is empty and usable afterwards. Harmless on a zeroed one. */
void weft__buffer_fini(struct weft__buffer *buffer);

/**
 * Make room for `more` bytes behind the unread ones, to be filled and then told to
 * weft__buffer_added().
 *
 * @return         Where to write; NULL with errno otherwise: ENOBUFS the limit would be passed,
 *                 ENOMEM. The content is as before then.
 */
char *weft__buffer_reserve(struct weft__buffer *buffer, size_t more);

/** Bytes that can be added now without moving or growing. */
size_t weft__buffer_room(const struct weft__buffer *buffer);

/** Say that `count` bytes were written to the room. */
void weft__buffer_added(struct weft__buffer *buffer, size_t count);

/** Copy bytes to the end. 0; or -1: ENOBUFS, ENOMEM, nothing added then. */
int weft__buffer_append(struct weft__buffer *buffer, const void *data, size_t length);

/** Append a slice. */
int weft__buffer_append_slice(struct weft__buffer *buffer, struct weft__slice slice);

/** Append formatted text, without its terminator. 0; or -1: ENOBUFS, ENOMEM, nothing added then. */
__attribute__((format(printf, 2, 3))) int weft__buffer_appendf(struct weft__buffer *buffer,
                                                               const char *format, ...);

/** As weft__buffer_appendf, with a va_list. */
__attribute__((format(printf, 2, 0))) int
weft__buffer_vappendf(struct weft__buffer *buffer, const char *format, va_list arguments);

/** Drop `count` bytes (at most all) from the front. */
void weft__buffer_consume(struct weft__buffer *buffer, size_t count);

/** Drop all bytes, keep the memory. */
void weft__buffer_clear(struct weft__buffer *buffer);

/**
 * Hand the content over as a C string in a block of its own; the buffer is empty and without
 * memory afterwards.
 *
 * @param length   Bytes before the terminator. May be NULL.
 * @return         To be freed with free(); NULL with ENOMEM, content as before.
 */
char *weft__buffer_take(struct weft__buffer *buffer, size_t *length);

/** The unread bytes; valid until the buffer next changes. */
static inline struct weft__slice weft__buffer_slice(const struct weft__buffer *buffer)
{
    return weft__slice(buffer->length ? buffer->data + buffer->start : "", buffer->length);
}

#endif
