/* Beats, start times, memory, deadlines. */
#include "net/container/container.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <weft/error.h>

#define MEMORY_EACH WEFT_SECOND
#define FRESH (10 * WEFT_SECOND) /* too young to have leaked */
#define ASLEEP (2 * WEFT_SECOND) /* a parent that was so late was stopped, and its workers too */

/* Bytes resident; 0 if they can't be told. */
static size_t resident(pid_t pid)
{
    char path[64];
    unsigned long long pages = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    if (fscanf(file, "%*s %llu", &pages) != 1) {
        pages = 0;
    }
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void check_memory(struct weft__container *container, struct weft__process *process,
                         int64_t now)
{
    char what[160];
    char name[48];
    size_t limit = container->options.memory_limit;
    struct weft__seat *seat = process->seat;
    process->memory = resident(process->pid);
    if (!limit || process->memory <= limit || process->state != WEFT__PROCESS_READY ||
        seat->current != process || seat->successor || container->renewing || container->stopping) {
        return;
    }
    snprintf(what, sizeof(what), "%s has %zu MiB in memory, the limit is %zu MiB",
             weft__process_name(process, name), process->memory >> 20, limit >> 20);
    weft_log(WEFT_LOG_WARNING, "container: %s: it is replaced", what);
    if (now - process->ready < FRESH) {
        weft__seats_failure(container, what);
    }
    if (!container->stopping) {
        weft__seats_replace(container, seat);
    }
}

/* The loop that has not turned for longest, and since when. */
static int64_t oldest_beat(const struct weft__container *container,
                           const struct weft__process *process, pid_t *thread)
{
    int64_t oldest = WEFT_FOREVER;
    for (unsigned i = 0; i < container->options.threads; i++) {
        const struct weft__slot *slot = &container->slots[process->slot + i];
        int64_t beat = atomic_load(&slot->beat);
        if (beat < oldest) {
            oldest = beat;
            *thread = atomic_load(&slot->thread);
        }
    }
    return oldest > container->trusted ? oldest : container->trusted;
}

static void check_ready(struct weft__container *container, struct weft__process *process,
                        int64_t now)
{
    char reason[128];
    pid_t thread = 0;
    int64_t silent = now - oldest_beat(container, process, &thread);
    if (silent > container->options.health_timeout) {
        snprintf(reason, sizeof(reason), "has not turned its loop for %" PRId64 " ms",
                 silent / WEFT_MILLISECOND);
        weft__process_dump(process, thread, reason);
    }
}

static void check_starting(struct weft__container *container, struct weft__process *process,
                           int64_t now)
{
    char reason[128];
    int64_t limit = container->options.start_timeout;
    int64_t began = process->started > container->trusted ? process->started : container->trusted;
    if (now - began > limit) {
        snprintf(reason, sizeof(reason), "was not ready within %" PRId64 " ms",
                 limit / WEFT_MILLISECOND);
        weft__process_dump(process, atomic_load(&container->slots[process->slot].thread), reason);
    }
}

static void check_process(struct weft__container *container, struct weft__process *process,
                          int64_t now)
{
    switch (process->state) {
    case WEFT__PROCESS_STARTING:
        check_starting(container, process, now);
        break;
    case WEFT__PROCESS_READY:
        check_ready(container, process, now);
        break;
    case WEFT__PROCESS_DUMPING:
        if (now > process->deadline) {
            weft__process_kill(process, "");
        }
        break;
    case WEFT__PROCESS_STOPPING:
        if (now > process->deadline) {
            weft__process_kill(process, "did not end in time and was killed");
        }
        break;
    }
}

void weft__health_check(struct weft__container *container, int64_t now)
{
    if (now - container->looked > ASLEEP) {
        container->trusted = now;
    }
    container->looked = now;
    bool memory = now - container->memory_seen >= MEMORY_EACH;
    if (memory) {
        container->memory_seen = now;
    }
    weft__list_each(node, &container->processes) {
        struct weft__process *process = weft__container_of(node, struct weft__process, node);
        check_process(container, process, now);
        if (memory) {
            check_memory(container, process, now);
        }
    }
}
