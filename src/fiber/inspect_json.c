/* Figures, tree and stalls for programs: JSON (RFC 8259), and rows for the live view. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "fiber/fiber.h"
#include "fiber/held.h"
#include "fiber/inspect.h"

/* Bytes of the well-formed UTF-8 sequence that begins here; 0 if none does. */
static size_t sequence(const unsigned char *text)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f);
    return overlong || beyond ? 0 : length;
}

/* A name may hold any bytes, and may have been cut within a character. */
static void put_string(FILE *stream, const char *string)
{
    const unsigned char *text = (const unsigned char *)string;
    fputc('"', stream);
    while (*text) {
        size_t length = sequence(text);
        if (length == 0)
            fputs("\\ufffd", stream);
        else if (*text == '"' || *text == '\\')
            fprintf(stream, "\\%c", *text);
        else if (*text < 0x20 || *text == 0x7f)
            fprintf(stream, "\\u%04x", *text);
        else
            fwrite(text, 1, length, stream);
        text += length ? length : 1;
    }
    fputc('"', stream);
}

static void put_field(FILE *stream, const char *name, const char *value)
{
    fprintf(stream, ",\"%s\":", name);
    put_string(stream, value);
}

static const char *state_of(const struct weft__fiber *fiber)
{
    if (fiber == weft__current)
        return "runs";
    return fiber->state == WEFT__READY ? "ready" : "parked";
}

static const char *wait_of(const struct weft__fiber *fiber)
{
    static const char *const names[] = {
        [WEFT__WAIT_NONE] = "none",     [WEFT__WAIT_IO] = "descriptor",
        [WEFT__WAIT_TIME] = "timer",    [WEFT__WAIT_SYNC] = "object",
        [WEFT__WAIT_LOCK] = "lock",     [WEFT__WAIT_JOIN] = "task",
        [WEFT__WAIT_SCOPE] = "scope",   [WEFT__WAIT_OFFLOAD] = "thread",
        [WEFT__WAIT_SIGNAL] = "signal",
    };
    return fiber->wait < WEFT__WAIT_COUNT ? names[fiber->wait] : "none";
}

void weft__json_stats(FILE *stream, struct weft__runtime *runtime)
{
    struct weft_stats stats;
    if (weft_stats(&stats) < 0)
        return;
    fprintf(stream, "{\"pid\":%d", (int)getpid());
    put_field(stream, "name", runtime->name);
    put_field(stream, "backend", stats.backend);
    fprintf(stream,
            ",\"tasks\":%zu,\"ready\":%zu,\"parked_io\":%zu,\"parked_time\":%zu,"
            "\"parked_sync\":%zu,\"parked_offload\":%zu,\"watches\":%zu,\"spawned\":%" PRIu64
            ",\"switches\":%" PRIu64 ",\"polls\":%" PRIu64
            ",\"stacks\":%zu,\"stack_size\":%zu,\"load\":%u,\"stalled_places\":%zu,\"now\":%" PRId64
            "}\n",
            stats.tasks, stats.ready, stats.parked_io, stats.parked_time, stats.parked_sync,
            stats.parked_offload, stats.watches, stats.spawned, stats.switches, stats.polls,
            stats.stacks, stats.stack_size, stats.load, weft_stalls(NULL, 0), stats.now);
}

struct listing {
    FILE *stream;
    struct weft__runtime *runtime;
    int64_t now;
    bool begun;
};

/* A task by its id, or the number of a thread that runs no fiber of this loop. */
static void put_owner(FILE *stream, const struct weft__fiber *fiber)
{
    const struct weft__fiber *holder = weft__lock_holder(fiber);
    if (holder)
        fprintf(stream, ",\"owner\":\"%p\"", (const void *)holder->task);
    else if (weft__lock_other_thread(fiber))
        fprintf(stream, ",\"owner_thread\":%d", weft__lock_other_thread(fiber));
}

static void put_wait(FILE *stream, const struct weft__fiber *fiber)
{
    put_field(stream, "wait", wait_of(fiber));
    if (fiber->state != WEFT__PARKED)
        return;
    if (fiber->wait == WEFT__WAIT_IO) {
        int fd = (int)(intptr_t)fiber->wait_object;
        char peer[80];
        fprintf(stream, ",\"descriptor\":%d", fd);
        if (weft__peer(fd, peer, sizeof peer))
            put_field(stream, "peer", peer);
    } else if (fiber->wait == WEFT__WAIT_OFFLOAD) {
        char name[96];
        weft__symbol_function(fiber->wait_object, name, sizeof name);
        put_field(stream, "object", name);
    } else if (fiber->wait_object) {
        fprintf(stream, ",\"object\":\"%p\"", fiber->wait_object);
        if (fiber->wait == WEFT__WAIT_LOCK)
            put_owner(stream, fiber);
    }
}

static void put_task(void *context, const struct weft_task *task, int depth)
{
    struct listing *listing = context;
    FILE *stream = listing->stream;
    const struct weft__fiber *fiber = task->fiber;
    const struct weft__fiber *owner = task->scope->owner;
    const char *scope = weft__scope_outer(task->scope)->name;
    char function[96];
    weft__symbol_function((const void *)(uintptr_t)fiber->function, function, sizeof function);
    fprintf(stream, "%s{\"id\":\"%p\",\"parent\":", listing->begun ? "," : "", (const void *)task);
    listing->begun = true;
    if (owner)
        fprintf(stream, "\"%p\"", (const void *)owner->task);
    else
        fputs("null", stream);
    fprintf(stream, ",\"depth\":%d", depth);
    put_field(stream, "scope", scope ? scope : "");
    put_field(stream, "name", fiber->name);
    put_field(stream, "function", function);
    put_field(stream, "state", state_of(fiber));
    put_wait(stream, fiber);
    fprintf(stream, ",\"age\":%" PRId64 ",\"parks\":%" PRIu32 ",\"transient\":%s,\"outcome\":",
            listing->now - fiber->started, fiber->parks, task->transient ? "true" : "false");
    int error = fiber->frame->effective;
    int share = weft__watchdog_share(listing->runtime, fiber);
    fputs(error == 0 ? "null" : error == ETIMEDOUT ? "\"timed out\"" : "\"cancelled\"", stream);
    if (share >= 0)
        fprintf(stream, ",\"share\":%d", share);
    fputc('}', stream);
}

void weft__json_tree(FILE *stream, struct weft__runtime *runtime, size_t limit)
{
    struct listing listing = { .stream = stream, .runtime = runtime, .now = weft__clock() };
    const struct weft__tree_visitor visitor = { put_task, NULL, limit };
    fputs("{\"tasks\":[", stream);
    size_t left = weft__tree_walk(runtime, &visitor, &listing);
    fprintf(stream, "],\"left_out\":%zu}\n", left);
}

static void put_stall(FILE *stream, const struct weft_stall *stall)
{
    fprintf(stream, "{\"count\":%" PRIu64 ",\"longest\":%" PRId64 ",\"total\":%" PRId64,
            stall->count, stall->longest, stall->total);
    put_field(stream, "name", stall->name);
    put_field(stream, "function", stall->function);
    put_field(stream, "call", stall->call);
    fputs(",\"stack\":[", stream);
    for (size_t i = 0; i < stall->frame_count; i++) {
        char name[128];
        weft__symbol(stall->frames[i], name, sizeof name);
        fputs(i ? "," : "", stream);
        put_string(stream, name);
    }
    fputs("]}", stream);
}

void weft__json_stalls(FILE *stream)
{
    struct weft_stall *stalls = weft__calloc(WEFT_STALLS_MAX, sizeof *stalls);
    size_t count = stalls ? weft_stalls(stalls, WEFT_STALLS_MAX) : 0;
    fputs("{\"stalls\":[", stream);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "," : "", stream);
        put_stall(stream, &stalls[i]);
    }
    fputs("]}\n", stream);
    weft__free(stalls);
}

static void put_row(void *context, const struct weft_task *task, int depth)
{
    struct listing *listing = context;
    FILE *stream = listing->stream;
    const struct weft__fiber *fiber = task->fiber;
    char function[96];
    weft__symbol_function((const void *)(uintptr_t)fiber->function, function, sizeof function);
    fprintf(stream, "%d\t%s\t%" PRId64 "\t%" PRIu32 "\t%d\t", depth, state_of(fiber),
            listing->now - fiber->started, fiber->parks,
            weft__watchdog_share(listing->runtime, fiber));
    weft__put_plain(stream, fiber->name);
    fputc('\t', stream);
    weft__put_plain(stream, function);
    fputc('\t', stream);
    if (fiber->frame->effective)
        fputs(fiber->frame->effective == ETIMEDOUT ? "timed out; " : "cancelled; ", stream);
    if (fiber->state == WEFT__PARKED)
        weft__print_wait(stream, fiber);
    fputc('\n', stream);
}

/* Lines that begin with "!". */
static void put_stall_rows(FILE *stream)
{
    struct weft_stall *stalls = weft__calloc(WEFT_STALLS_MAX, sizeof *stalls);
    size_t count = stalls ? weft_stalls(stalls, WEFT_STALLS_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "!\t%" PRIu64 "\t%" PRId64 "\t", stalls[i].count, stalls[i].longest);
        weft__put_plain(stream, stalls[i].name);
        fputc('\t', stream);
        weft__put_plain(stream, stalls[i].function);
        fprintf(stream, "\t%s\n", stalls[i].call);
    }
    weft__free(stalls);
}

void weft__rows(FILE *stream, struct weft__runtime *runtime, size_t limit)
{
    struct listing listing = { .stream = stream, .runtime = runtime, .now = weft__clock() };
    const struct weft__tree_visitor visitor = { put_row, NULL, limit };
    weft__tree_walk(runtime, &visitor, &listing);
    put_stall_rows(stream);
}
