#include "base/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define FIRST_CAPACITY 256

void weft__buffer_init(struct weft__buffer *buffer, size_t limit)
{
    weft_assert(limit > 0);
    *buffer = (struct weft__buffer){ .limit = limit };
}

void weft__buffer_fini(struct weft__buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct weft__buffer){ .limit = buffer->limit };
}

size_t weft__buffer_room(const struct weft__buffer *buffer)
{
    return buffer->capacity - buffer->start - buffer->length;
}

/* Double, so that n appends cost O(n), but never past what the limit can use. */
static size_t grown_capacity(const struct weft__buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < needed) {
        if (capacity > SIZE_MAX / 2)
            return needed;
        capacity *= 2;
    }
    return capacity > buffer->limit ? buffer->limit : capacity;
}

static void move_to_front(struct weft__buffer *buffer)
{
    if (buffer->start > 0 && buffer->length > 0)
        memmove(buffer->data, buffer->data + buffer->start, buffer->length);
    buffer->start = 0;
}

char *weft__buffer_reserve(struct weft__buffer *buffer, size_t more)
{
    if (more > buffer->limit || buffer->length > buffer->limit - more) {
        errno = ENOBUFS;
        return NULL;
    }
    if (weft__buffer_room(buffer) < more)
        move_to_front(buffer);
    size_t needed = buffer->length + more;
    if (needed > buffer->capacity || buffer->data == NULL) {
        size_t capacity = grown_capacity(buffer, needed);
        char *data = realloc(buffer->data, capacity);
        if (!data)
            return NULL;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->start + buffer->length;
}

void weft__buffer_added(struct weft__buffer *buffer, size_t count)
{
    weft_assert(count <= weft__buffer_room(buffer));
    buffer->length += count;
}

int weft__buffer_append(struct weft__buffer *buffer, const void *data, size_t length)
{
    if (length == 0)
        return 0;
    char *room = weft__buffer_reserve(buffer, length);
    if (!room)
        return -1;
    memcpy(room, data, length);
    buffer->length += length;
    return 0;
}

int weft__buffer_append_slice(struct weft__buffer *buffer, struct weft__slice slice)
{
    return weft__buffer_append(buffer, slice.data, slice.length);
}

/*
 * vsnprintf wants room for a terminator that the limit does not count, so text that does not fit
 * the room with it is formatted aside.
 */
int weft__buffer_vappendf(struct weft__buffer *buffer, const char *format, va_list arguments)
{
    char small[256];
    va_list again;

    va_copy(again, arguments);
    int length = vsnprintf(small, sizeof small, format, again);
    va_end(again);
    if (length < 0)
        return -1;
    if ((size_t)length < sizeof small)
        return weft__buffer_append(buffer, small, (size_t)length);
    if (!weft__buffer_reserve(buffer, (size_t)length))
        return -1;
    char *text = malloc((size_t)length + 1);
    if (!text)
        return -1;
    vsnprintf(text, (size_t)length + 1, format, arguments);
    int result = weft__buffer_append(buffer, text, (size_t)length);
    free(text);
    return result;
}

int weft__buffer_appendf(struct weft__buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int result = weft__buffer_vappendf(buffer, format, arguments);
    va_end(arguments);
    return result;
}

void weft__buffer_consume(struct weft__buffer *buffer, size_t count)
{
    weft_assert(count <= buffer->length);
    buffer->length -= count;
    buffer->start = buffer->length ? buffer->start + count : 0;
}

void weft__buffer_clear(struct weft__buffer *buffer)
{
    buffer->start = 0;
    buffer->length = 0;
}

char *weft__buffer_take(struct weft__buffer *buffer, size_t *length)
{
    size_t taken = buffer->length;

    move_to_front(buffer);
    char *data = realloc(buffer->data, taken + 1);
    if (!data)
        return NULL;
    data[taken] = 0;
    *buffer = (struct weft__buffer){ .limit = buffer->limit };
    if (length)
        *length = taken;
    return data;
}
