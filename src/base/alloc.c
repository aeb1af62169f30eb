/* Allocations that can be told to fail: torture builds only. */
#include "base/alloc.h"

#ifdef WEFT_TORTURE

#include <errno.h>
#include <stdatomic.h>

static _Atomic uint64_t tried;
static _Atomic int64_t live;
static _Atomic uint64_t fail_at;

void weft__torture_fail_allocation(uint64_t n)
{
    atomic_store(&fail_at, n ? atomic_load(&tried) + n : 0);
}

uint64_t weft__torture_allocations(void)
{
    return atomic_load(&tried);
}

int64_t weft__torture_live(void)
{
    return atomic_load(&live);
}

int weft__torture_fails(void)
{
    uint64_t number = atomic_fetch_add(&tried, 1) + 1;
    if (number != atomic_load(&fail_at))
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *memory)
{
    if (memory)
        atomic_fetch_add(&live, 1);
    return memory;
}

void *weft__malloc(size_t size)
{
    return weft__torture_fails() ? NULL : counted(malloc(size));
}

void *weft__calloc(size_t count, size_t size)
{
    return weft__torture_fails() ? NULL : counted(calloc(count, size));
}

void *weft__realloc(void *old, size_t size)
{
    if (weft__torture_fails())
        return NULL;
    void *memory = realloc(old, size);
    return old ? memory : counted(memory);
}

void weft__free(void *pointer)
{
    if (pointer)
        atomic_fetch_sub(&live, 1);
    free(pointer);
}

#endif
