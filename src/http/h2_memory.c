/*
 * nghttp2's memory. It takes a handful of small pieces for each stream and gives them back
 * together, in such numbers that malloc's caches overflow; here pieces of a size are kept in a row.
 *
 *      piece: [ class | in the session's list | bytes ... ]
 *      a free one: [ class | next ]
 *
 * nghttp2 1.52 frees twice what it could not queue for want of memory. So a session that has met
 * that is not deleted: its pieces are known, and freed all at once.
 */
#include <string.h>

#include "base/alloc.h"
#include "http/h2.h"

enum {
    STEP = 64,
    MOST = STEP * WEFT__H2_CLASSES,
    KEPT = 256, /* free pieces of a class */
    LARGE = WEFT__H2_CLASSES,
};

struct weft__h2_piece {
    size_t class;
    union {
        struct weft__list node;
        struct weft__h2_piece *next;
    };
    _Alignas(max_align_t) char bytes[];
};

static struct weft__h2_piece *piece_of(void *pointer)
{
    return weft__container_of(pointer, struct weft__h2_piece, bytes);
}

static void *hand_out(struct weft__h2_pieces *pieces, struct weft__h2_piece *piece)
{
    weft__list_append(&pieces->list, &piece->node);
    return piece->bytes;
}

static void *take(size_t size, void *user)
{
    struct weft__h2_pieces *pieces = user;
    struct weft__h2_memory *memory = pieces->memory;
    size_t class = size == 0 ? 0 : size > MOST ? LARGE : (size - 1) / STEP;
    struct weft__h2_piece *piece = class == LARGE ? NULL : memory->free[class];
    if (piece) {
        memory->free[class] = piece->next;
        memory->count[class]--;
        return hand_out(pieces, piece);
    }
    piece = weft__malloc(sizeof(*piece) + (class == LARGE ? size : (class + 1) * STEP));
    if (!piece) {
        return NULL;
    }
    piece->class = class;
    return hand_out(pieces, piece);
}

static bool keep(struct weft__h2_memory *memory, struct weft__h2_piece *piece)
{
    if (!WEFT__H2_REUSE || piece->class == LARGE || memory->count[piece->class] >= KEPT) {
        return false;
    }
    piece->next = memory->free[piece->class];
    memory->free[piece->class] = piece;
    memory->count[piece->class]++;
    return true;
}

static void release(struct weft__h2_memory *memory, struct weft__h2_piece *piece)
{
    weft__list_remove(&piece->node);
    if (!keep(memory, piece)) {
        weft__free(piece);
    }
}

static void give(void *pointer, void *user)
{
    const struct weft__h2_pieces *pieces = user;
    if (pointer) {
        release(pieces->memory, piece_of(pointer));
    }
}

static void *take_cleared(size_t count, size_t size, void *user)
{
    void *pointer = size && count > SIZE_MAX / size ? NULL : take(count * size, user);
    return pointer ? memset(pointer, 0, count * size) : NULL;
}

static void *resize_large(struct weft__h2_pieces *pieces, struct weft__h2_piece *piece, size_t size)
{
    weft__list_remove(&piece->node);
    struct weft__h2_piece *moved = weft__realloc(piece, sizeof(*piece) + size);
    if (!moved) {
        hand_out(pieces, piece);
        return NULL;
    }
    return hand_out(pieces, moved);
}

static void *resize(void *pointer, size_t size, void *user)
{
    if (!pointer) {
        return take(size, user);
    }
    struct weft__h2_piece *piece = piece_of(pointer);
    if (piece->class == LARGE && size > MOST) {
        return resize_large(user, piece, size);
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

nghttp2_mem weft__h2_pieces_init(struct weft__h2_pieces *pieces, struct weft__h2_memory *memory)
{
    pieces->memory = memory;
    weft__list_init(&pieces->list);
    return (nghttp2_mem){
        .mem_user_data = pieces,
        .malloc = take,
        .free = give,
        .calloc = take_cleared,
        .realloc = resize,
    };
}

void weft__h2_pieces_drop(struct weft__h2_pieces *pieces)
{
    weft__list_each(node, &pieces->list) {
        release(pieces->memory, weft__container_of(node, struct weft__h2_piece, node));
    }
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
