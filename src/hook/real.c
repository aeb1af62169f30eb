/* The real functions: found with RTLD_NEXT, behind the hooks in the order of loading. */
#include <dlfcn.h>
#include <stdatomic.h>

#include "hook/hook.h"

struct weft__real weft__real;

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#include "hook/hook_names.inc"
};

static _Thread_local bool resolving;

/* Stands in for what this C library does not have. */
static long absent(void)
{
    return weft__fail(ENOSYS);
}

/*
 * A look-up that fails allocates its message, and an allocator may take a lock or open a file, both
 * hooked: such a nested call gets what has been found so far, and what hasn't, from the look-up of
 * this one name.
 */
WEFT__EARLY void weft__resolve(void)
{
    int saved = errno;
    bool nested = resolving;
    resolving = true;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void **place = (void **)((char *)&weft__real + functions[i].offset);
        if (__atomic_load_n(place, __ATOMIC_RELAXED))
            continue;
        void *function = dlsym(RTLD_NEXT, functions[i].name);
        if (!function && nested)
            continue;
        __atomic_store_n(place, function ? function : (void *)(uintptr_t)absent, __ATOMIC_RELAXED);
    }
    resolving = nested;
    errno = saved;
}

__attribute__((constructor(101))) static void resolve_early(void)
{
    weft__resolve();
}

_Noreturn void __chk_fail(void);

_Noreturn void weft__check_failed(void)
{
    __chk_fail();
}
