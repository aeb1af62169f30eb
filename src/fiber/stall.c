/*
 * Where loops were held: a table of places, each reported once and counted from then on.
 *
 * A place is the fiber's function, the system call, and the functions on its stack from the outside
 * in. What it called in the C library or the kernel's page at the moment of the sample is left out:
 * a loop around clock_gettime() is one place.
 */
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/lock.h"
#include "fiber/doctor.h"
#include "fiber/fiber.h"
#include "fiber/watchdog.h"

enum {
    PLACES = WEFT_STALLS_MAX,
    LEVELS = 8,
    LINE_MOST = 480
};

struct weft__place {
    uint64_t key;
    bool reported;
    char loop[32];
    struct weft_stall stall;
    struct weft__native native;
};

/* Written by the watchdog's thread alone; the lock is for those who read. */
static struct weft__place places[PLACES];
static size_t known;
static struct weft__lock lock;

/*
 * Of a library that everybody uses: what is called there does not tell places apart. A sanitizer
 * stands before the C library in most calls, but not in all.
 */
static bool is_common(const void *address)
{
    static const void *library, *before_it;
    if (!library) {
        before_it = weft__symbol_object((const void *)(uintptr_t)snprintf);
        library = weft__symbol_object((const void *)(uintptr_t)gnu_get_libc_version);
    }
    const void *base = weft__symbol_object(address);
    return !base || base == library || base == before_it ||
           (uintptr_t)base == getauxval(AT_SYSINFO_EHDR);
}

static uint64_t mix(uint64_t key, uint64_t value)
{
    key = (key ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 32;
}

static uint64_t key_of(const struct weft__holder *holder, const struct weft__native *native)
{
    uint64_t key = mix((uintptr_t)holder->function, (uint64_t)native->number);
    int inner = 0;
    while (inner < native->count && is_common(native->frames[inner]))
        inner++;
    /* A search of a stack may find what earlier calls have left there: only the call's own caller
     * is certain. */
    if (native->blocked)
        return inner < native->count
                   ? mix(key, (uintptr_t)weft__symbol_start(native->frames[inner]))
                   : key;
    for (int i = native->count - 1, level = 0; i >= inner && level < LEVELS; i--, level++)
        key = mix(key, (uintptr_t)weft__symbol_start(native->frames[i]));
    return key;
}

static void describe(struct weft__place *place, const struct weft__holder *holder,
                     const struct weft__native *native)
{
    struct weft_stall *stall = &place->stall;
    char text[32];
    place->native = *native;
    snprintf(stall->name, sizeof stall->name, "%s", holder->name);
    weft__symbol_function((const void *)(uintptr_t)holder->function, stall->function,
                          sizeof stall->function);
    if (native->blocked)
        snprintf(stall->call, sizeof stall->call, "%s",
                 weft__native_call(native->number, text, sizeof text));
    for (int i = 0; i < native->count && i < WEFT_STALL_FRAMES; i++)
        stall->frames[stall->frame_count++] = native->frames[i];
}

/* The frames between the call and the fiber's function, as " < "-separated names. */
static void print_frames(const struct weft__place *place, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < place->native.count && used < size; i++) {
        char name[96];
        /* A return address may be the first byte of the next function. */
        const char *address = place->native.frames[i];
        weft__symbol_function(i ? address - 1 : address, name, sizeof name);
        if (strncmp(name, "weft__fiber_main", 16) == 0)
            break;
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " < " : "", name);
    }
}

/* The call's place is certain, and who called that, if it is in the C library. */
static enum weft__held_how how_held(const struct weft__native *native)
{
    if (!native->blocked)
        return WEFT__HELD_COMPUTING;
    int caller = native->count > 1 && is_common(native->frames[0]);
    return native->count && weft__doctor_ours(native->frames[caller]) ? WEFT__HELD_BY_HOOK
                                                                      : WEFT__HELD_PAST;
}

/* At once: the process may end before the next report. */
static void tell_doctor(struct weft__place *place)
{
    char frames[LINE_MOST];
    if (!place->reported)
        print_frames(place, frames, sizeof frames);
    weft__doctor_held((size_t)(place - places), &place->stall, how_held(&place->native),
                      place->reported ? NULL : frames);
    place->reported = true;
}

struct weft__place *weft__stall_begin(const struct weft__holder *holder,
                                      const struct weft__native *native, const char *loop,
                                      int64_t held)
{
    uint64_t key = key_of(holder, native);
    size_t i = 0;
    while (i < known && places[i].key != key)
        i++;
    if (i == PLACES)
        return NULL;
    struct weft__place *place = &places[i];
    weft__lock_enter(&lock);
    if (i == known) {
        place->key = key;
        snprintf(place->loop, sizeof place->loop, "%s", loop);
        describe(place, holder, native);
        known++;
    }
    place->stall.count++;
    place->stall.total += held;
    if (held > place->stall.longest)
        place->stall.longest = held;
    weft__lock_leave(&lock);
    if (weft__doctor)
        tell_doctor(place);
    return place;
}

void weft__stall_extend(struct weft__place *place, int64_t held, int64_t more)
{
    weft__lock_enter(&lock);
    place->stall.total += more;
    if (held > place->stall.longest)
        place->stall.longest = held;
    weft__lock_leave(&lock);
    if (weft__doctor)
        tell_doctor(place);
}

static void report(const struct weft__place *place)
{
    const struct weft_stall *stall = &place->stall;
    char frames[LINE_MOST];
    print_frames(place, frames, sizeof frames);
    weft_log(WEFT_LOG_WARNING,
             "watchdog: fiber '%s' (%s) has held the loop '%s' for %" PRId64
             " ms, %s%s; give way with weft_yield() or hand it to weft_offload(): %s",
             stall->name[0] ? stall->name : "unnamed", stall->function, place->loop,
             stall->longest / WEFT_MILLISECOND, stall->call[0] ? "asleep in " : "computing",
             stall->call, stall->frame_count ? frames : "no stack could be taken");
}

void weft__stalls_report(void)
{
    for (size_t i = 0; i < known; i++) {
        if (!places[i].reported)
            report(&places[i]);
        places[i].reported = true;
    }
}

size_t weft_stalls(struct weft_stall *stalls, size_t count)
{
    weft__lock_enter(&lock);
    size_t places_known = known;
    for (size_t i = 0; i < count && i < places_known; i++)
        stalls[i] = places[i].stall;
    weft__lock_leave(&lock);
    return places_known;
}

void weft__stall_reset(void)
{
    atomic_store(&lock.state, 0);
    weft__symbol_reset();
}
