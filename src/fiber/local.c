/*
 * Fiber-local values: a small table of (key, cell), shared with children until somebody sets.
 * Tables and cells are counted by the fibers that see them, all on one thread.
 */
#include <errno.h>

#include "base/alloc.h"
#include "fiber/fiber.h"

struct cell {
    size_t references;
    void *value;
};

struct entry {
    const struct weft_local *key;
    struct cell *cell;
};

struct weft__binding {
    size_t references;
    size_t count;
    struct entry entries[];
};

/* As PTHREAD_DESTRUCTOR_ITERATIONS: destructors may set values, but not for ever. */
enum {
    DESTRUCTOR_ROUNDS = 4
};

static void cell_release(const struct entry *entry)
{
    struct cell *cell = entry->cell;
    if (--cell->references)
        return;
    if (entry->key->destroy && cell->value)
        entry->key->destroy(cell->value);
    weft__free(cell);
}

static void table_release(struct weft__binding *table)
{
    if (--table->references)
        return;
    for (size_t i = 0; i < table->count; i++)
        cell_release(&table->entries[i]);
    weft__free(table);
}

void weft__locals_inherit(struct weft__fiber *child, const struct weft__fiber *parent)
{
    child->locals = parent->locals;
    child->locals->references++;
}

/* Values that are still set after the last round are forgotten, not destroyed. */
static void table_forget(struct weft__binding *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct entry *entry = &table->entries[i];
        if (entry->cell->references == 1)
            entry->cell->value = NULL;
    }
    table_release(table);
}

/* Destructors see none of the values that go: each could be gone already. */
void weft__locals_release(struct weft__fiber *fiber)
{
    int saved = errno;
    for (int round = 0; fiber->locals; round++) {
        struct weft__binding *table = fiber->locals;
        fiber->locals = NULL;
        if (round < DESTRUCTOR_ROUNDS)
            table_release(table);
        else
            table_forget(table);
    }
    errno = saved;
}

static struct entry *find(struct weft__binding *table, const struct weft_local *key)
{
    for (size_t i = 0; table && i < table->count; i++)
        if (table->entries[i].key == key)
            return &table->entries[i];
    return NULL;
}

void *weft_local_get(const struct weft_local *local)
{
    struct weft__fiber *self = weft__current;
    struct entry *entry = self ? find(self->locals, local) : NULL;
    return entry ? entry->cell->value : NULL;
}

/* A copy without KEY that nobody shares, with room for one more entry. */
static struct weft__binding *table_copy(const struct weft__binding *old,
                                        const struct weft_local *key)
{
    size_t count = old ? old->count : 0;
    struct weft__binding *table = weft__malloc(sizeof *table + (count + 1) * sizeof(struct entry));
    if (!table)
        return NULL;
    table->references = 1;
    table->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (old->entries[i].key == key)
            continue;
        old->entries[i].cell->references++;
        table->entries[table->count++] = old->entries[i];
    }
    return table;
}

int weft_local_set(const struct weft_local *local, void *value)
{
    struct weft__fiber *self = weft__current;
    if (!self)
        return weft__fail_with(EPERM, "weft_local_set: no fiber runs here");
    struct cell *cell = weft__malloc(sizeof *cell);
    struct weft__binding *table = cell ? table_copy(self->locals, local) : NULL;
    if (!table) {
        weft__free(cell);
        return weft__fail(ENOMEM);
    }
    *cell = (struct cell){ .references = 1, .value = value };
    table->entries[table->count++] = (struct entry){ .key = local, .cell = cell };
    struct weft__binding *former = self->locals;
    self->locals = table;
    if (former)
        table_release(former);
    return 0;
}
