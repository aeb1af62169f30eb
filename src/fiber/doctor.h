#ifndef WEFT_FIBER_DOCTOR_H
#define WEFT_FIBER_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/inspect.h>

/*
 * What `weft doctor` tells: which calls parked, which held the thread, which may go past the hooks.
 *
 *      WEFT_DOCTOR=FILE ──> the first runtime of the process maps it, shared
 *      weft__park()     ──> entries: one for each call and the function that made it
 *      watchdog         ──> held:    one for each place where a loop was held
 *      at the start     ──> objects: loaded ones with system call instructions of their own
 *
 * The record lies in the file at any moment: however the process ends, weft_doctor_print() reads
 * it. Nothing is recorded, and nothing paid but a test of one pointer, without the variable.
 */

enum {
    WEFT__DOCTOR_ENTRIES = 512, /* a power of two */
    WEFT__DOCTOR_OBJECTS = 32
};

/** How a loop was held. */
enum weft__held_how {
    WEFT__HELD_COMPUTING,
    WEFT__HELD_BY_HOOK, /* asleep in a call of Weft's own */
    WEFT__HELD_PAST     /* asleep in a call that no hook took up */
};

struct weft__doctor_entry {
    uint64_t key; /* 0: free */
    uint64_t count;
    int64_t total; /* ns */
    int64_t longest;
    char call[48];
    char from[112];
};

struct weft__doctor_held {
    uint64_t count; /* 0: free */
    int64_t total;
    int64_t longest;
    uint32_t how; /* enum weft__held_how */
    char call[32];
    char frames[300];
};

struct weft__doctor_object {
    char path[200];
    char calls[120];
};

struct weft__doctor_table {
    char magic[16];
    int64_t threshold; /* ns */
    int32_t process;
    uint32_t objects_left_out;
    uint64_t parks_left_out;
    struct weft__doctor_entry entries[WEFT__DOCTOR_ENTRIES];
    struct weft__doctor_held held[WEFT_STALLS_MAX];
    struct weft__doctor_object objects[WEFT__DOCTOR_OBJECTS];
};

#define WEFT__DOCTOR_MAGIC "weft doctor 1"

struct weft__fiber;

/** The record of this process; NULL: none. */
extern struct weft__doctor_table *weft__doctor;

/** Map what WEFT_DOCTOR names, unless it is another process's. 0; -1 with weft_error(). */
int weft__doctor_begin(int64_t threshold);

/** SELF has been parked for TOOK ns; called below weft__park(), whose callers are told. */
void weft__doctor_parked(const struct weft__fiber *self, int64_t took);

/** A place of the watchdog's, as often as its figures change; FRAMES once, else NULL. */
void weft__doctor_held(size_t place, const struct weft_stall *stall, enum weft__held_how how,
                       const char *frames);

/** Is it an address in Weft? */
bool weft__doctor_ours(const void *address);

/** doctor_scan.c: system call instructions in what is loaded, the C library and Weft left out. */
void weft__doctor_scan(struct weft__doctor_table *table);

/** In the child of a fork. */
void weft__doctor_reset(void);

#endif
