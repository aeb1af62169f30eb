/* What every public header of Weft needs: visibility, scope-bound clean-up, durations. */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT_API __attribute__((visibility("default")))
#define WEFT_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
#define WEFT_BEGIN_DECLS extern "C" {
#define WEFT_END_DECLS }
#else
#define WEFT_BEGIN_DECLS
#define WEFT_END_DECLS
#endif

/*
 * Scope-bound clean-up: `WEFT_AUTO(weft_scope) struct weft_scope scope = { .limit = 64 };` calls
 * weft_scope_fini(&scope) on every way out of the block.
 */
#define WEFT_AUTO(type) __attribute__((cleanup(type##_fini)))

/* Durations and points in time are int64_t nanoseconds of CLOCK_MONOTONIC everywhere. */
#define WEFT_NANOSECOND INT64_C(1)
#define WEFT_MICROSECOND INT64_C(1000)
#define WEFT_MILLISECOND INT64_C(1000000)
#define WEFT_SECOND INT64_C(1000000000)
#define WEFT_MINUTE (60 * WEFT_SECOND)
#define WEFT_FOREVER INT64_MAX

#define WEFT__JOIN2(a, b) a##b
#define WEFT__JOIN(a, b) WEFT__JOIN2(a, b)

#endif
