/* The record of what parked and what held the thread; see doctor.h. */
#include "fiber/doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/lock.h"
#include "context/unwind.h"
#include "fiber/fiber.h"
#include "fiber/watchdog.h"

enum {
    FRAMES = 24
};

struct weft__doctor_table *weft__doctor;
static struct weft__lock lock;
static const void *ours, *program; /* where the objects begin; set with the record */

static int refuse(const char *path, const char *why)
{
    int error = errno;
    return weft__fail_with(error, "weft_run: WEFT_DOCTOR: %s: %s", path, why);
}

/* The map of an empty file, made as long as the table; NULL with errno, 0 if it is not empty. */
static struct weft__doctor_table *map_empty(int fd)
{
    struct stat status;
    errno = 0;
    if (fstat(fd, &status) < 0 || status.st_size > 0 ||
        ftruncate(fd, (off_t)sizeof *weft__doctor) < 0)
        return NULL;
    void *map = mmap(NULL, sizeof *weft__doctor, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return map == MAP_FAILED ? NULL : map;
}

static int begin(const char *path, int64_t threshold)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(path, strerror(errno));
    struct weft__doctor_table *table = map_empty(fd);
    int error = errno;
    syscall(SYS_close, fd);
    errno = error;
    if (!table)
        return error ? refuse(path, strerror(error)) : 0;
    table->threshold = threshold;
    table->process = (int32_t)getpid();
    program = weft__symbol_object((const void *)getauxval(AT_PHDR));
    ours = weft__symbol_object((const void *)(uintptr_t)weft__doctor_begin);
    void *frame[1];
    backtrace(frame, 1); /* its first call loads the unwinder, which takes a deep stack */
    weft__doctor_scan(table);
    memcpy(table->magic, WEFT__DOCTOR_MAGIC, sizeof WEFT__DOCTOR_MAGIC);
    weft__doctor = table;
    return 0;
}

int weft__doctor_begin(int64_t threshold)
{
    const char *path = getenv("WEFT_DOCTOR");
    if (!path || !*path)
        return 0;
    weft__lock_enter(&lock); /* loops of several threads may begin at once */
    int result = weft__doctor ? 0 : begin(path, threshold);
    weft__lock_leave(&lock);
    return result;
}

/* In a program that is linked with the archive, names alone tell ours from its own. */
static bool is_ours_by_name(const void *address)
{
    char name[64];
    weft__symbol_function((const char *)address - 1, name, sizeof name);
    return strncmp(name, "weft_", 5) == 0;
}

bool weft__doctor_ours(const void *address)
{
    return weft__symbol_object(address) == ours && (ours != program || is_ours_by_name(address));
}

/* "function of libname.so" */
static void tell_caller(const void *address, char *text, size_t size)
{
    char name[64];
    Dl_info info;
    weft__symbol_function((const char *)address - 1, name, sizeof name);
    const char *slash =
        dladdr(address, &info) && info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
    snprintf(text, size, slash ? "%s of %s" : "%s", name, slash ? slash + 1 : "");
}

/* The function of ours that was called, by the name its callers know. */
static void tell_call(const void *address, char *text, size_t size)
{
    static const char *const prefixes[] = { "weft__hook_", "weft__export_", "weft__" };
    char name[64];
    weft__symbol_function((const char *)address - 1, name, sizeof name);
    const char *known = name;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0] && known == name; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            known = name + strlen(prefixes[i]);
    snprintf(text, size, "%.*s", (int)strcspn(known, ".@"), known);
}

/* The entry of a key, new ones with its key alone; NULL: the table is full. */
static struct weft__doctor_entry *entry_of(uint64_t key)
{
    for (size_t i = 0; i < WEFT__DOCTOR_ENTRIES; i++) {
        struct weft__doctor_entry *entry = &weft__doctor->entries[(key + i) % WEFT__DOCTOR_ENTRIES];
        if (entry->key == key || !entry->key) {
            entry->key = key;
            return entry;
        }
    }
    return NULL;
}

/* One for each pair of functions: where in them the calls stand does not matter. */
static uint64_t key_of(const void *call, const void *caller)
{
    uint64_t key = (uint64_t)(uintptr_t)weft__symbol_start(call) * UINT64_C(0x9e3779b97f4a7c15);
    key = (key ^ key >> 32 ^ (uintptr_t)weft__symbol_start(caller)) * UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 32 ? key ^ key >> 32 : 1;
}

static void tell(struct weft__doctor_entry *entry, const void *call, const void *caller)
{
    if (caller) {
        tell_call(call, entry->call, sizeof entry->call);
        tell_caller(caller, entry->from, sizeof entry->from);
    } else {
        snprintf(entry->call, sizeof entry->call, "?");
        snprintf(entry->from, sizeof entry->from, "a stack with too little room to walk it");
    }
}

static void count(const void *call, const void *caller, int64_t took)
{
    weft__lock_enter(&lock);
    struct weft__doctor_entry *entry = entry_of(key_of(call, caller));
    if (!entry) {
        weft__doctor->parks_left_out++;
        weft__lock_leave(&lock);
        return;
    }
    if (entry->count++ == 0)
        tell(entry, call, caller);
    entry->total += took;
    if (took > entry->longest)
        entry->longest = took;
    weft__lock_leave(&lock);
}

void weft__doctor_parked(const struct weft__fiber *self, int64_t took)
{
    void *frames[FRAMES];
    int saved = errno;
    const char *here = __builtin_frame_address(0);
    bool has_room = here - (const char *)self->stack.low > WEFT__UNWIND_ROOM;
    int depth = has_room ? backtrace(frames, FRAMES) : 0;
    int first = 0; /* of ours: a sanitizer's backtrace() tells of itself before */
    while (first < depth && !weft__doctor_ours(frames[first]))
        first++;
    int outside = first;
    while (outside < depth && weft__doctor_ours(frames[outside]))
        outside++;
    /* Fibers of Weft's own have no caller outside of it: they are not the program's. */
    if (outside > first && outside < depth && weft__symbol_object(frames[outside]))
        count(frames[outside - 1], frames[outside], took);
    else if (depth == 0)
        count(NULL, NULL, took);
    errno = saved;
}

void weft__doctor_held(size_t place, const struct weft_stall *stall, enum weft__held_how how,
                       const char *frames)
{
    struct weft__doctor_held *held = &weft__doctor->held[place];
    if (frames) {
        held->how = how;
        snprintf(held->call, sizeof held->call, "%s", stall->call);
        snprintf(held->frames, sizeof held->frames, "%s", frames);
    }
    held->total = stall->total;
    held->longest = stall->longest;
    held->count = stall->count;
}

void weft__doctor_reset(void)
{
    weft__doctor = NULL; /* the record is the parent's */
    atomic_store(&lock.state, 0);
}
