/*
 * What the C++ runtime keeps for each thread, and must keep for each fiber.
 *
 * Guards of static locals: libstdc++ waits for whoever initializes one on a futex, which would hold
 * the thread if that is a fiber of it. A fiber waits in our queue instead; the guard is set in
 * libstdc++'s own way (byte 0 done, byte 1 somebody is at it). Exceptions that are being handled
 * hang in a record of the thread: each fiber gets one, since it may park inside a catch block.
 *
 * The C++ runtime may come with a plugin long after us, or not at all, so its functions are looked
 * for when first called. That of LLVM lays guards out otherwise: there guards are left alone.
 */
#include <dlfcn.h>
#include <string.h>

#include "hook/hooked.h"
#include "hook/waiting.h"

#define EXPORT __attribute__((visibility("default"))) WEFT__EARLY

enum {
    GUARD_DONE = 1,
    GUARD_PENDING = 1 << 8
};

typedef int acquire_function(void *guard);
typedef void release_function(void *guard);
typedef void *globals_function(void);

int __cxa_guard_acquire(int64_t *guard);
void __cxa_guard_release(int64_t *guard);
void __cxa_guard_abort(int64_t *guard);
void *__cxa_get_globals(void);
void *__cxa_get_globals_fast(void);

/* Behind us in the order of loading, or in a library that only a plugin sees; NULL: nowhere. */
static void *look_up(const char *name)
{
    int saved = errno;
    void *found = dlsym(RTLD_NEXT, name);
    for (int i = 0; !found && i < 2; i++) {
        void *library = dlopen(i ? "libc++abi.so.1" : "libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
        found = library ? dlsym(library, name) : NULL;
        if (library)
            dlclose(library); /* it stays: it was loaded, and calls us */
    }
    errno = saved;
    return found;
}

static void *find(void *_Atomic *known, const char *name)
{
    void *function = atomic_load_explicit(known, memory_order_acquire);
    if (function)
        return function;
    function = look_up(name);
    if (!function)
        __builtin_trap(); /* who called us has no C++ runtime */
    atomic_store_explicit(known, function, memory_order_release);
    return function;
}

#define REAL(type, name)                                                                           \
    ({                                                                                             \
        static void *_Atomic known;                                                                \
        (type *)(uintptr_t)find(&known, #name);                                                    \
    })

static bool guards_are_known(acquire_function *real)
{
    static _Atomic int known; /* 1 they are, 2 they are not */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (!answer) {
        Dl_info info;
        bool gnu = dladdr((void *)(uintptr_t)real, &info) && info.dli_fname &&
                   strstr(info.dli_fname, "libstdc++");
        answer = gnu ? 1 : 2;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 1;
}

static int attempt(struct weft__fiber *self, void *object)
{
    int *guard = object;
    int expected = 0;
    (void)self;
    if (__atomic_compare_exchange_n(guard, &expected, GUARD_PENDING, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return 0;
    return expected & GUARD_DONE ? EEXIST : EBUSY;
}

/* 1 the caller is to initialize; 0 it is done. */
EXPORT int __cxa_guard_acquire(int64_t *guard)
{
    struct weft__fiber *self = weft__hooked_fiber(WEFT__FAMILY_LOCK);
    acquire_function *real = REAL(acquire_function, __cxa_guard_acquire);
    if (!self || !guards_are_known(real))
        return real(guard);
    int error = attempt(self, guard);
    if (error == EBUSY)
        error = weft__acquire(self, &(struct weft__acquisition){ .object = guard,
                                                                 .attempt = attempt,
                                                                 .deadline = INT64_MAX,
                                                                 .exclusive = true });
    return error == 0;
}

static void released(const void *guard)
{
    __sync_synchronize();
    if (weft__anybody(guard))
        weft__wake_all(guard);
}

EXPORT void __cxa_guard_release(int64_t *guard)
{
    REAL(release_function, __cxa_guard_release)(guard);
    released(guard);
}

EXPORT void __cxa_guard_abort(int64_t *guard)
{
    REAL(release_function, __cxa_guard_abort)(guard);
    released(guard);
}

/* --- std::call_once: its function and argument lie in variables of the thread meanwhile */

static void **once_variable(const char *name)
{
    return look_up(name); /* of a thread-local variable: this thread's */
}

void weft__once_call_save(struct weft__once_call *saved)
{
    void **callable = once_variable("_ZSt15__once_callable");
    void **call = once_variable("_ZSt11__once_call");
    *saved = (struct weft__once_call){ callable ? *callable : NULL, call ? *call : NULL };
}

void weft__once_call_restore(const struct weft__once_call *saved)
{
    void **callable = once_variable("_ZSt15__once_callable");
    void **call = once_variable("_ZSt11__once_call");
    if (callable && call) {
        *callable = saved->callable;
        *call = saved->call;
    }
}

/* --- exceptions; a fiber without memory for a record shares the thread's. */
static void *globals_of(struct weft__fiber *self)
{
    struct weft__hooked *hooked = self ? weft__hooked(self) : NULL;
    return hooked ? hooked->exceptions : NULL;
}

EXPORT void *__cxa_get_globals(void)
{
    void *own = globals_of(weft__current);
    return own ? own : REAL(globals_function, __cxa_get_globals)();
}

EXPORT void *__cxa_get_globals_fast(void)
{
    void *own = globals_of(weft__current);
    return own ? own : REAL(globals_function, __cxa_get_globals_fast)();
}
