/*
 * pthread_getspecific in a fiber: the fiber's own values.
 *
 * Libraries keep there what belongs to one flow of control: OpenSSL its error queue, others the
 * connection or request at hand. Two fibers that shared it would read each other's errors. A key is
 * the thread's where its maker looks after threads rather than work: the C and C++ runtime,
 * allocators, sanitizers, and what WEFT_THREAD_KEYS names (parts of library names, by colons).
 *
 * Destructors run when the fiber ends, as they do at a thread's end. Outside of a fiber nothing
 * changes; a value set there is not seen in a fiber.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hook/hooked.h"

enum {
    KEYS = PTHREAD_KEYS_MAX
};

static struct key {
    void (*_Atomic destroy)(void *value);
    _Atomic uint32_t generation; /* odd: a fiber's key that is in use */
} keys[KEYS];

static const char *const thread_makers[] = {
    "libc.so",     "ld-linux",    "libpthread",  "libgcc_s",    "libstdc++",
    "libc++",      "libasan",     "libtsan",     "liblsan",     "libubsan",
    "libclang_rt", "libjemalloc", "libtcmalloc", "libmimalloc", "libsnmalloc",
};

WEFT__EARLY static bool named_by_user(const char *library)
{
    const char *list = getenv("WEFT_THREAD_KEYS");
    while (list && *list) {
        size_t length = strcspn(list, ":");
        char part[128];
        if (length > 0 && length < sizeof part) {
            memcpy(part, list, length);
            part[length] = '\0';
            if (strstr(library, part))
                return true;
        }
        list += length + (list[length] == ':');
    }
    return false;
}

WEFT__EARLY static bool belongs_to_thread(const void *maker)
{
    Dl_info found;
    if (!dladdr(maker, &found) || !found.dli_fname)
        return true;
    const char *slash = strrchr(found.dli_fname, '/');
    const char *library = slash ? slash + 1 : found.dli_fname;
    for (size_t i = 0; i < sizeof thread_makers / sizeof thread_makers[0]; i++)
        if (strstr(library, thread_makers[i]))
            return true;
    return named_by_user(library);
}

WEFT__EARLY int weft__key_create(pthread_key_t *key, void (*destroy)(void *value),
                                 const void *maker)
{
    bool of_thread = belongs_to_thread(maker);
    int error = WEFT__REAL(pthread_key_create)(key, destroy);
    if (error || of_thread || *key >= KEYS)
        return error;
    atomic_store(&keys[*key].destroy, destroy);
    atomic_fetch_add(&keys[*key].generation, 1);
    return 0;
}

int weft__hook_pthread_key_delete(struct weft__fiber *self, pthread_key_t key)
{
    (void)self;
    if (key < KEYS && atomic_load(&keys[key].generation) & 1)
        atomic_fetch_add(&keys[key].generation, 1);
    return WEFT__REAL(pthread_key_delete)(key);
}

/* The generation of a fiber's key, 0 for any other. */
static inline uint32_t fiber_key(pthread_key_t key)
{
    uint32_t generation =
        key < KEYS ? atomic_load_explicit(&keys[key].generation, memory_order_relaxed) : 0;
    return generation & 1 ? generation : 0;
}

void *weft__hook_pthread_getspecific(struct weft__fiber *self, pthread_key_t key)
{
    uint32_t generation = fiber_key(key);
    if (!generation)
        return WEFT__REAL(pthread_getspecific)(key);
    const struct weft__hooked *hooked = self->hooked;
    const struct weft__specific *block =
        hooked ? hooked->specific[key / WEFT__SPECIFIC_BLOCK] : NULL;
    if (!block)
        return NULL;
    const struct weft__specific *specific = &block[key % WEFT__SPECIFIC_BLOCK];
    return specific->generation == generation ? specific->value : NULL;
}

int weft__hook_pthread_setspecific(struct weft__fiber *self, pthread_key_t key, const void *value)
{
    uint32_t generation = fiber_key(key);
    if (!generation)
        return WEFT__REAL(pthread_setspecific)(key, value);
    struct weft__hooked *hooked = weft__hooked(self);
    if (!hooked)
        return ENOMEM;
    struct weft__specific **block = &hooked->specific[key / WEFT__SPECIFIC_BLOCK];
    if (!*block && !value)
        return 0;
    if (!*block && !(*block = weft__calloc(WEFT__SPECIFIC_BLOCK, sizeof **block)))
        return ENOMEM;
    (*block)[key % WEFT__SPECIFIC_BLOCK] =
        (struct weft__specific){ generation, (void *)(uintptr_t)value };
    return 0;
}

/* One round over a block; whether a destructor has run, which may have set values anew. */
static bool destroy_block(struct weft__specific *block, size_t first)
{
    bool any = false;
    for (size_t i = 0; i < WEFT__SPECIFIC_BLOCK; i++) {
        void *value = block[i].value;
        uint32_t generation = block[i].generation;
        if (!value || generation != fiber_key((pthread_key_t)(first + i)))
            continue;
        block[i].value = NULL;
        void (*destroy)(void *) = atomic_load(&keys[first + i].destroy);
        if (destroy) {
            destroy(value);
            any = true;
        }
    }
    return any;
}

void weft__specific_release(struct weft__hooked *hooked)
{
    bool again = true;
    for (int round = 0; again && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
        again = false;
        for (size_t i = 0; i < WEFT__SPECIFIC_BLOCKS; i++)
            if (hooked->specific[i])
                again |= destroy_block(hooked->specific[i], i * WEFT__SPECIFIC_BLOCK);
    }
    for (size_t i = 0; i < WEFT__SPECIFIC_BLOCKS; i++)
        weft__free(hooked->specific[i]);
}

/* --- C11 */

int weft__tss_create(tss_t *key, void (*destroy)(void *value), const void *maker)
{
    return weft__key_create(key, destroy, maker) ? thrd_error : thrd_success;
}

void weft__hook_tss_delete(struct weft__fiber *self, tss_t key)
{
    weft__hook_pthread_key_delete(self, key);
}

void *weft__hook_tss_get(struct weft__fiber *self, tss_t key)
{
    return weft__hook_pthread_getspecific(self, key);
}

int weft__hook_tss_set(struct weft__fiber *self, tss_t key, void *value)
{
    return weft__hook_pthread_setspecific(self, key, value) ? thrd_error : thrd_success;
}
