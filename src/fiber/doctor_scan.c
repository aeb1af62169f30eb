/*
 * System call instructions outside of the C library: no hook stands before them.
 *
 * An instruction counts if the number of a call that may wait is loaded shortly before it. Data
 * among the code may look like both; a program that computes the number is not found.
 */
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "fiber/doctor.h"
#include "fiber/watchdog.h"

enum {
    NUMBER_MOST = 512,
    LOOKED_BACK = 32 /* bytes */
};

struct scan {
    struct weft__doctor_table *table;
    size_t objects;
    const void *ours;
    bool numbers[NUMBER_MOST];
};

/* Those of weft__native_call() that wait for somebody else. */
static bool may_wait(long number)
{
    switch (number) {
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_connect:
    case SYS_accept:
    case SYS_accept4:
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_futex:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_flock:
    case SYS_fsync:
    case SYS_io_uring_enter:
#if defined(__x86_64__)
    case SYS_poll:
    case SYS_select:
    case SYS_epoll_wait:
    case SYS_pause:
#endif
        return true;
    default:
        return false;
    }
}

static void note(struct scan *scan, uint32_t number)
{
    if (number < NUMBER_MOST && may_wait(number))
        scan->numbers[number] = true;
}

#if defined(__x86_64__)

enum {
    LOAD = 0xb8, /* mov $number, %eax */
    LOAD_LENGTH = 5,
    CALL = 0xe8,
    RETURN = 0xc3
};

/* The number that is loaded before AT, on a way without calls and returns; NUMBER_MOST: none. */
static uint32_t number_before(const unsigned char *code, const unsigned char *at)
{
    const unsigned char *least = at - code > LOOKED_BACK ? at - LOOKED_BACK : code;
    for (const unsigned char *load = at - LOAD_LENGTH; load >= least; load--) {
        uint32_t number;
        memcpy(&number, load + 1, sizeof number);
        size_t between = (size_t)(at - load) - LOAD_LENGTH;
        if (*load == LOAD && number < NUMBER_MOST)
            return memchr(load + LOAD_LENGTH, CALL, between) ||
                           memchr(load + LOAD_LENGTH, RETURN, between)
                       ? NUMBER_MOST
                       : number;
    }
    return NUMBER_MOST;
}

/* Followed by two zeros, the bytes of the instruction are those of a constant. */
static void search(struct scan *scan, const unsigned char *code, size_t size)
{
    const unsigned char *end = code + size;
    const unsigned char *at = size > LOAD_LENGTH ? code + LOAD_LENGTH : end;
    while ((at = memchr(at, 0x0f, (size_t)(end - at))) && end - at >= 4) {
        if (at[1] == 0x05 && (at[2] || at[3]))
            note(scan, number_before(code, at));
        at++;
    }
}

#elif defined(__aarch64__)

/* mov w8 or x8, #number ... svc #0 */
static void search(struct scan *scan, const unsigned char *code, size_t size)
{
    enum {
        LENGTH = 4
    };
    uint32_t number = NUMBER_MOST;
    size_t loaded = 0;
    for (size_t i = 0; i + LENGTH <= size; i += LENGTH) {
        uint32_t instruction;
        memcpy(&instruction, code + i, sizeof instruction);
        if ((instruction & 0x7fe0001f) == 0x52800008) {
            number = instruction >> 5 & 0xffff;
            loaded = i;
        } else if (instruction == 0xd4000001 && i - loaded <= LOOKED_BACK) {
            note(scan, number);
        }
    }
}

#endif

/* Whose calls are hooked, or are ours, or the kernel's own. */
static bool is_known(const struct scan *scan, const struct dl_phdr_info *object)
{
    static const char *const names[] = { "libc.so",    "libc-",      "ld-linux",
                                         "linux-vdso", "libpthread", "liburing.so",
                                         "libasan",    "libtsan",    "libubsan" };
    const char *slash = strrchr(object->dlpi_name, '/');
    const char *name = slash ? slash + 1 : object->dlpi_name;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (uintptr_t)scan->ours - start < segment->p_memsz)
            return true;
    }
    return false;
}

static void tell(struct scan *scan, const char *path)
{
    struct weft__doctor_object *object = &scan->table->objects[scan->objects];
    size_t used = 0;
    for (long number = 0; number < NUMBER_MOST; number++) {
        char text[32];
        if (!scan->numbers[number] || used >= sizeof object->calls)
            continue;
        int more = snprintf(object->calls + used, sizeof object->calls - used, "%s%s",
                            used ? ", " : "", weft__native_call(number, text, sizeof text));
        used += more > 0 ? (size_t)more : 0;
    }
    if (used == 0)
        return;
    snprintf(object->path, sizeof object->path, "%s", *path ? path : "the program itself");
    scan->objects++;
}

static int visit(struct dl_phdr_info *object, size_t size, void *context)
{
    struct scan *scan = context;
    (void)size;
    if (is_known(scan, object))
        return 0;
    if (scan->objects == WEFT__DOCTOR_OBJECTS) {
        scan->table->objects_left_out++;
        return 0;
    }
    memset(scan->numbers, 0, sizeof scan->numbers);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X && segment->p_flags & PF_R)
            search(scan, (const unsigned char *)(uintptr_t)(object->dlpi_addr + segment->p_vaddr),
                   segment->p_filesz);
    }
    tell(scan, object->dlpi_name);
    return 0;
}

void weft__doctor_scan(struct weft__doctor_table *table)
{
    struct scan scan = { .table = table, .ours = (const void *)(uintptr_t)weft__doctor_scan };
    dl_iterate_phdr(visit, &scan);
}
