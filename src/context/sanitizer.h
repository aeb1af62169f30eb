#ifndef WEFT_CONTEXT_SANITIZER_H
#define WEFT_CONTEXT_SANITIZER_H

#include <stddef.h>

/*
 * What the sanitizers and valgrind must be told: every switch, and every piece of memory that is a
 * stack. In other builds all of it compiles to nothing.
 */

#if defined(__SANITIZE_ADDRESS__)
#define WEFT__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT__ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WEFT__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT__TSAN 1
#endif
#endif

#ifdef WEFT__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WEFT__TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define WEFT__VALGRIND 1
#endif
#endif

/** One side of a switch, as the sanitizers see it. */
struct weft__sanitizer {
#ifdef WEFT__ASAN
    void *fake_stack;
    const void *low;
    size_t size;
#endif
#ifdef WEFT__TSAN
    void *tsan;
#endif
    char unused[0];
};

/** A context on a stack of its own comes into being. */
static inline void weft__sanitizer_create(struct weft__sanitizer *side, void *low, size_t size)
{
    (void)side, (void)low, (void)size;
#ifdef WEFT__ASAN
    __asan_unpoison_memory_region(low, size);
    side->fake_stack = NULL;
    side->low = low;
    side->size = size;
#endif
#ifdef WEFT__TSAN
    side->tsan = __tsan_create_fiber(0);
#endif
}

/** The context that the thread itself is. */
static inline void weft__sanitizer_adopt(struct weft__sanitizer *side)
{
    (void)side;
#ifdef WEFT__ASAN
    side->fake_stack = NULL;
    side->low = NULL;
    side->size = 0;
#endif
#ifdef WEFT__TSAN
    side->tsan = __tsan_get_current_fiber();
#endif
}

/** A context that will not run again is gone; called from another one. */
static inline void weft__sanitizer_destroy(struct weft__sanitizer *side)
{
    (void)side;
#ifdef WEFT__TSAN
    __tsan_destroy_fiber(side->tsan);
#endif
}

/** Right before a switch; ENDING: the context left never runs again. */
static inline void weft__sanitizer_leave(struct weft__sanitizer *from, struct weft__sanitizer *to,
                                         int ending)
{
    (void)from, (void)to, (void)ending;
#ifdef WEFT__ASAN
    __sanitizer_start_switch_fiber(ending ? NULL : &from->fake_stack, to->low, to->size);
#endif
#ifdef WEFT__TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/** Right after a switch, on the new stack. BEFORE is the side that was left: its bounds are learnt
 *  here when it is the thread's own stack. */
static inline void weft__sanitizer_arrive(struct weft__sanitizer *here,
                                          struct weft__sanitizer *before)
{
    (void)here, (void)before;
#ifdef WEFT__ASAN
    const void *low;
    size_t size;
    __sanitizer_finish_switch_fiber(here->fake_stack, &low, &size);
    if (before && !before->low) {
        before->low = low;
        before->size = size;
    }
#endif
}

static inline unsigned weft__sanitizer_stack_mapped(void *low, size_t size)
{
    (void)low, (void)size;
#ifdef WEFT__VALGRIND
    return VALGRIND_STACK_REGISTER(low, (char *)low + size);
#else
    return 0;
#endif
}

static inline void weft__sanitizer_stack_unmapped(unsigned id)
{
    (void)id;
#ifdef WEFT__VALGRIND
    VALGRIND_STACK_DEREGISTER(id);
#endif
}

#endif
