/* Rows: what C++ compilers call beneath local statics and exceptions. */
#include "rows.h"

int __cxa_guard_acquire(int64_t *guard);
void __cxa_guard_release(int64_t *guard);
void __cxa_guard_abort(int64_t *guard);
void *__cxa_get_globals(void);
void *__cxa_get_globals_fast(void);

static int64_t guard;

static void prepare_guard(void)
{
    guard = 0;
    must(__cxa_guard_acquire(&guard) == 1, "the main thread is making the object");
}

static void wake_guard(void)
{
    __cxa_guard_release(&guard);
}

static void prepare_made(void)
{
    guard = 0;
}

static const struct setting guarded = { .prepare = prepare_guard, .wake = wake_guard };
static const struct setting unmade = { .prepare = prepare_made, .traits = STILL };

static long released(void)
{
    long first = __cxa_guard_acquire(&guard);
    __cxa_guard_release(&guard);
    return first == 1 ? *(char *)&guard != 1 : -100;
}

static long aborted(void)
{
    long first = __cxa_guard_acquire(&guard);
    __cxa_guard_abort(&guard);
    return first == 1 ? *(char *)&guard != 0 : -100;
}

ROW(__cxa_guard_acquire, guarded, __cxa_guard_acquire(&guard))
ROW(__cxa_guard_release, unmade, released())
ROW(__cxa_guard_abort, unmade, aborted())
ROW(__cxa_get_globals, still, __cxa_get_globals() != NULL)
ROW(__cxa_get_globals_fast, still, __cxa_get_globals() == __cxa_get_globals_fast())
