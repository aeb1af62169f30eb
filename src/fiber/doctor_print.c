/* The report of weft_doctor_print(); the record is another process's, perhaps one that has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fiber/doctor.h"
#include "fiber/fiber.h"
#include "fiber/inspect.h"

enum {
    LINES = 40 /* of parked calls; the rest is summed up */
};

/* Whoever wrote the file: every text in the table ends within its field. */
static bool is_whole(const struct weft__doctor_table *table)
{
#define ENDS(field) (memchr(field, '\0', sizeof(field)) != NULL)
    bool whole = memcmp(table->magic, WEFT__DOCTOR_MAGIC, sizeof WEFT__DOCTOR_MAGIC) == 0;
    for (size_t i = 0; whole && i < WEFT__DOCTOR_ENTRIES; i++)
        whole = ENDS(table->entries[i].call) && ENDS(table->entries[i].from);
    for (size_t i = 0; whole && i < WEFT_STALLS_MAX; i++)
        whole = ENDS(table->held[i].call) && ENDS(table->held[i].frames);
    for (size_t i = 0; whole && i < WEFT__DOCTOR_OBJECTS; i++)
        whole = ENDS(table->objects[i].path) && ENDS(table->objects[i].calls);
    return whole;
#undef ENDS
}

/* A copy: the process may still write. */
static struct weft__doctor_table *read_table(const char *path)
{
    struct weft__doctor_table *table = malloc(sizeof *table);
    int fd = table ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t size = fd < 0 ? -1 : read(fd, table, sizeof *table);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (size == (ssize_t)sizeof *table && is_whole(table))
        return table;
    free(table);
    if (size < 0)
        weft__fail_with(error, "weft_doctor_print: %s: %s", path, strerror(error));
    else if (size == 0)
        weft__fail_with(ENODATA,
                        "weft_doctor_print: %s: nothing was recorded: no runtime has begun", path);
    else
        weft__fail_with(EINVAL, "weft_doctor_print: %s is no record of WEFT_DOCTOR", path);
    return NULL;
}

static int by_total(const void *one, const void *other)
{
    const struct weft__doctor_entry *left = one, *right = other;
    return (left->total < right->total) - (left->total > right->total);
}

static int by_held(const void *one, const void *other)
{
    const struct weft__doctor_held *left = one, *right = other;
    return (left->total < right->total) - (left->total > right->total);
}

static void put_time(FILE *stream, int64_t duration)
{
    if (duration >= 10 * WEFT_SECOND)
        fprintf(stream, "  %8.1f s ", (double)duration / (double)WEFT_SECOND);
    else
        fprintf(stream, "  %8.1f ms", (double)duration / (double)WEFT_MILLISECOND);
}

static void put_text(FILE *stream, const char *text, int width)
{
    fputs("  ", stream);
    weft__put_plain(stream, text);
    fprintf(stream, "%*s", (int)strlen(text) < width ? width - (int)strlen(text) : 0, "");
}

static void print_parked(FILE *stream, struct weft__doctor_table *table)
{
    uint64_t calls = 0, rest = table->parks_left_out;
    for (size_t i = 0; i < WEFT__DOCTOR_ENTRIES; i++)
        calls += table->entries[i].count;
    fprintf(stream, "parked: %" PRIu64 " times, the thread went on\n", calls + rest);
    if (calls == 0)
        return;
    qsort(table->entries, WEFT__DOCTOR_ENTRIES, sizeof table->entries[0], by_total);
    fputs("     times       in all      longest  call             from\n", stream);
    for (size_t i = 0; i < WEFT__DOCTOR_ENTRIES; i++) {
        const struct weft__doctor_entry *entry = &table->entries[i];
        if (!entry->count)
            continue;
        if (i >= LINES) {
            rest += entry->count;
            continue;
        }
        fprintf(stream, "%10" PRIu64, entry->count);
        put_time(stream, entry->total);
        put_time(stream, entry->longest);
        put_text(stream, entry->call, 15);
        put_text(stream, entry->from, 0);
        fputc('\n', stream);
    }
    if (rest)
        fprintf(stream, "%10" PRIu64 "  elsewhere\n", rest);
}

static const char *const HOW[] = {
    [WEFT__HELD_COMPUTING] = "computed",
    [WEFT__HELD_BY_HOOK] = "in a hook",
    [WEFT__HELD_PAST] = "past the hooks",
};

/* How often by each way. */
static void print_held(FILE *stream, struct weft__doctor_table *table, uint64_t *times)
{
    qsort(table->held, WEFT_STALLS_MAX, sizeof table->held[0], by_held);
    for (size_t i = 0; i < WEFT_STALLS_MAX; i++)
        if (table->held[i].count && table->held[i].how <= WEFT__HELD_PAST)
            times[table->held[i].how] += table->held[i].count;
    if (table->threshold == WEFT_FOREVER) {
        fputs("\nheld the thread: not watched\n", stream);
        return;
    }
    fprintf(stream, "\nheld the thread for %" PRId64 " ms or longer: %" PRIu64 " times\n",
            table->threshold / WEFT_MILLISECOND,
            times[WEFT__HELD_COMPUTING] + times[WEFT__HELD_BY_HOOK] + times[WEFT__HELD_PAST]);
    if (!table->held[0].count)
        return;
    fputs("     times       in all      longest  how                 call             stack\n",
          stream);
    for (size_t i = 0; i < WEFT_STALLS_MAX && table->held[i].count; i++) {
        const struct weft__doctor_held *held = &table->held[i];
        fprintf(stream, "%10" PRIu64, held->count);
        put_time(stream, held->total);
        put_time(stream, held->longest);
        put_text(stream, held->how <= WEFT__HELD_PAST ? HOW[held->how] : "?", 18);
        put_text(stream, held->call[0] ? held->call : "-", 15);
        put_text(stream, held->frames, 0);
        fputc('\n', stream);
    }
}

static void print_objects(FILE *stream, const struct weft__doctor_table *table)
{
    if (!table->objects[0].path[0])
        return;
    fputs("\nwith system calls of their own, which no hook would see\n", stream);
    for (size_t i = 0; i < WEFT__DOCTOR_OBJECTS && table->objects[i].path[0]; i++) {
        put_text(stream, table->objects[i].path, 0);
        fputs(": ", stream);
        weft__put_plain(stream, table->objects[i].calls);
        fputc('\n', stream);
    }
    if (table->objects_left_out)
        fprintf(stream, "  and perhaps %" PRIu32 " others\n", table->objects_left_out);
}

static void print_verdict(FILE *stream, bool watched, const uint64_t *times)
{
    fputs("\nverdict: ", stream);
    if (times[WEFT__HELD_PAST])
        fputs(
            "some calls went past the hooks and kept all fibers waiting: made without the C "
            "library, or let through by WEFT_BLOCKING or WEFT_HOOKS; weft_offload() is for them\n",
            stream);
    else if (times[WEFT__HELD_BY_HOOK])
        fputs("no call went past the hooks, but some had to wait in the thread: files are read "
              "from the disk\n",
              stream);
    else if (times[WEFT__HELD_COMPUTING])
        fputs("whatever waited was parked; what computes for long belongs in weft_offload()\n",
              stream);
    else if (watched)
        fputs("whatever waited was parked, and nothing held the thread\n", stream);
    else
        fputs("none, since nobody watched who held the thread\n", stream);
}

int weft_doctor_print(const char *path, FILE *stream)
{
    struct weft__doctor_table *table = read_table(path);
    if (!table)
        return -1;
    uint64_t times[WEFT__HELD_PAST + 1] = { 0 };
    FILE *target = stream ? stream : stderr;
    print_parked(target, table);
    print_held(target, table, times);
    print_objects(target, table);
    print_verdict(target, table->threshold != WEFT_FOREVER, times);
    free(table);
    return ferror(target) ? -1 : 0;
}
