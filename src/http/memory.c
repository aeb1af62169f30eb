#include "http/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fail.h"

struct weft__memory_block {
    struct weft__memory_block *next;
    _Alignas(max_align_t) char data[];
};

struct weft__memory_deferred {
    struct weft__memory_deferred *next;
    void (*function)(void *);
    void *argument;
};

void weft__memory_init(struct weft_http_memory *memory)
{
    memory->next = memory->room;
    memory->end = memory->room + sizeof(memory->room);
    memory->total = 0;
    memory->blocks = NULL;
    memory->deferred = NULL;
}

void weft__memory_leave(struct weft_http_memory *memory)
{
    while (memory->deferred) {
        struct weft__memory_deferred *deferred = memory->deferred;
        memory->deferred = deferred->next;
        deferred->function(deferred->argument);
    }
}

void weft__memory_fini(struct weft_http_memory *memory)
{
    weft__memory_leave(memory);
    while (memory->blocks) {
        struct weft__memory_block *block = memory->blocks;
        memory->blocks = block->next;
        weft__free(block);
    }
    weft__memory_init(memory);
}

/* A block of its own for what is large; the row goes on in a new one for what is not. */
static void *grow(struct weft_http_memory *memory, size_t size)
{
    size_t usual = memory->total < WEFT__MEMORY_BLOCK ? WEFT__MEMORY_BLOCK : memory->total;
    if (usual > WEFT__MEMORY_BLOCK * 16) {
        usual = WEFT__MEMORY_BLOCK * 16;
    }
    size_t capacity = size > usual / 2 ? size : usual;
    if (capacity > WEFT_HTTP_MEMORY_MAX - memory->total) {
        errno = ENOBUFS;
        return NULL;
    }
    struct weft__memory_block *block = weft__malloc(sizeof(*block) + capacity);
    if (!block) {
        return NULL;
    }
    block->next = memory->blocks;
    memory->blocks = block;
    memory->total += capacity;
    if (capacity > size) {
        memory->next = block->data + size;
        memory->end = block->data + capacity;
    }
    return block->data;
}

void *weft_http_allocate(struct weft_http_memory *memory, size_t size)
{
    if (size > WEFT_HTTP_MEMORY_MAX) {
        errno = ENOBUFS;
        return NULL;
    }
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if ((size_t)(memory->end - memory->next) < size) {
        return grow(memory, size);
    }
    void *taken = memory->next;
    memory->next += size;
    return taken;
}

char *weft__memory_copy(struct weft_http_memory *memory, const char *data, size_t length)
{
    char *copy = weft_http_allocate(memory, length + 1);
    if (copy) {
        if (length) {
            memcpy(copy, data, length);
        }
        copy[length] = '\0';
    }
    return copy;
}

void *weft__memory_keep(struct weft_http_memory *memory, const void *data, size_t size)
{
    if (size == 0) {
        return (void *)(uintptr_t)data; /* the caller's, which it may well change */
    }
    void *copy = weft_http_allocate(memory, size);
    return copy ? memcpy(copy, data, size) : NULL;
}

char *weft__memory_vformat(struct weft_http_memory *memory, const char *format, va_list args)
{
    if (!strchr(format, '%')) {
        return weft__memory_keep(memory, format, strlen(format) + 1);
    }
    /* Most texts fit into what is left of the row, so that they are formatted once. */
    va_list again;
    va_copy(again, args);
    size_t room = (size_t)(memory->end - memory->next);
    int length = vsnprintf(memory->next, room, format, args);
    char *text = NULL;
    if (length >= 0) {
        text = weft_http_allocate(memory, (size_t)length + 1);
        if (text && (size_t)length >= room) {
            vsnprintf(text, (size_t)length + 1, format, again);
        }
    }
    va_end(again);
    return text;
}

char *weft_http_format(struct weft_http_memory *memory, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = weft__memory_vformat(memory, format, args);
    va_end(args);
    return text;
}

int weft_http_defer(struct weft_http_memory *memory, void (*function)(void *argument),
                    void *argument)
{
    struct weft__memory_deferred *deferred = weft_http_allocate(memory, sizeof(*deferred));
    if (!deferred) {
        return -1;
    }
    *deferred = (struct weft__memory_deferred){ memory->deferred, function, argument };
    memory->deferred = deferred;
    return 0;
}
