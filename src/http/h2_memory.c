/*
 * nghttp2's memory. It takes a handful of small pieces for each stream and gives them back
 * together, in such numbers that malloc's caches overflow; here pieces of a size are kept in a row.
 *
 *      piece: [ class | bytes ... ]        a free one: [ class | next ]
 */
#include <string.h>

#include "base/alloc.h"
#include "http/h2.h"

enum {
    STEP = 64,
    MOST = STEP * WEFT__H2_CLASSES,
    KEPT = 256 * WEFT__H2_REUSE, /* free pieces of a class */
    LARGE = WEFT__H2_CLASSES,
};

struct weft__h2_piece {
    size_t class;
    _Alignas(max_align_t) struct weft__h2_piece *next;
};

enum {
    HEAD = offsetof(struct weft__h2_piece, next),
};

static void *take(size_t size, void *user)
{
    struct weft__h2_memory *memory = user;
    size_t class = size == 0 ? 0 : (size - 1) / STEP;
    if (size > MOST) {
        struct weft__h2_piece *large = weft__malloc(HEAD + size);
        if (!large) {
            return NULL;
        }
        large->class = LARGE;
        return &large->next;
    }
    struct weft__h2_piece *piece = memory->free[class];
    if (piece) {
        memory->free[class] = piece->next;
        memory->count[class]--;
    } else {
        piece = weft__malloc(HEAD + (class + 1) * STEP);
        if (!piece) {
            return NULL;
        }
        piece->class = class;
    }
    return &piece->next;
}

static struct weft__h2_piece *piece_of(void *pointer)
{
    return weft__container_of(pointer, struct weft__h2_piece, next);
}

static void give(void *pointer, void *user)
{
    struct weft__h2_memory *memory = user;
    if (!pointer) {
        return;
    }
    struct weft__h2_piece *piece = piece_of(pointer);
    if (piece->class == LARGE || memory->count[piece->class] >= KEPT) {
        weft__free(piece);
        return;
    }
    piece->next = memory->free[piece->class];
    memory->free[piece->class] = piece;
    memory->count[piece->class]++;
}

static void *take_cleared(size_t count, size_t size, void *user)
{
    void *pointer = size && count > SIZE_MAX / size ? NULL : take(count * size, user);
    return pointer ? memset(pointer, 0, count * size) : NULL;
}

static void *resize(void *pointer, size_t size, void *user)
{
    if (!pointer) {
        return take(size, user);
    }
    struct weft__h2_piece *piece = piece_of(pointer);
    if (piece->class == LARGE && size > MOST) {
        piece = weft__realloc(piece, HEAD + size);
        return piece ? &piece->next : NULL;
    }
    size_t room = piece->class == LARGE ? MOST : (piece->class + 1) * STEP;
    if (piece->class != LARGE && size <= room) {
        return pointer;
    }
    void *moved = take(size, user);
    if (moved) {
        memcpy(moved, pointer, size < room ? size : room);
        give(pointer, user);
    }
    return moved;
}

void weft__h2_memory_init(struct weft__h2_memory *memory)
{
    memory->functions = (nghttp2_mem){
        .mem_user_data = memory,
        .malloc = take,
        .free = give,
        .calloc = take_cleared,
        .realloc = resize,
    };
}

void weft__h2_memory_fini(struct weft__h2_memory *memory)
{
    for (size_t class = 0; class < WEFT__H2_CLASSES; class ++) {
        while (memory->free[class]) {
            struct weft__h2_piece *piece = memory->free[class];
            memory->free[class] = piece->next;
            weft__free(piece);
        }
    }
}
