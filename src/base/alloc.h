#ifndef WEFT_BASE_ALLOC_H
#define WEFT_BASE_ALLOC_H

#include <stdint.h>
#include <stdlib.h>

/*
 * The runtime's own allocations. Torture builds count them and fail the n-th, so that every path
 * behind a failed allocation is run by a test; other builds call the C library directly.
 */

#ifdef WEFT_TORTURE

void *weft__malloc(size_t size);
void *weft__calloc(size_t count, size_t size);
void *weft__realloc(void *old, size_t size);
void weft__free(void *pointer);

/** Fail the n-th allocation from now, once; 0: none. */
void weft__torture_fail_allocation(uint64_t n);

/** True if the call at hand is the one to fail: for resources that are not heap memory. */
int weft__torture_fails(void);

/** Allocations tried since the process began. */
uint64_t weft__torture_allocations(void);

/** Allocations that have not been freed. */
int64_t weft__torture_live(void);

#else

static inline void *weft__malloc(size_t size)
{
    return malloc(size);
}

static inline void *weft__calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

static inline void *weft__realloc(void *old, size_t size)
{
    return realloc(old, size);
}

static inline void weft__free(void *pointer)
{
    free(pointer);
}

static inline int weft__torture_fails(void)
{
    return 0;
}

#endif

#endif
