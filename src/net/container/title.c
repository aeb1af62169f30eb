/*
 * What `ps` shows: written over the arguments and the environment, which the kernel laid side by
 * side and reads from there for /proc/PID/cmdline. The environment moves to the heap before.
 */
#include "net/container/container.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *room;
static size_t room_size;
static char **environment; /* reachable, so that nobody takes it for a leak */

/* Where the kernel put the arguments and the environment: fields 48 to 51 of proc(5)'s stat. */
static bool find(uintptr_t bounds[4])
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file) {
        return false;
    }
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    char *rest = strrchr(text, ')');
    int field = 2;
    for (char *word; rest && (word = strsep(&rest, " ")) != NULL; field++) {
        if (field >= 48 && field <= 51) {
            bounds[field - 48] = (uintptr_t)strtoull(word, NULL, 10);
        }
    }
    return field > 51 && bounds[0] && bounds[1] > bounds[0] && bounds[2] == bounds[1] &&
           bounds[3] >= bounds[2];
}

static void free_list(char **list)
{
    for (char **each = list; *each; each++) {
        free(*each);
    }
    free(list);
}

static bool move_environment(void)
{
    size_t count = 0;
    while (environ && environ[count]) {
        count++;
    }
    char **moved = calloc(count + 1, sizeof(*moved));
    for (size_t i = 0; moved && i < count; i++) {
        moved[i] = strdup(environ[i]);
        if (!moved[i]) {
            free_list(moved);
            return false; /* the old one stays */
        }
    }
    if (moved) {
        environ = environment = moved;
    }
    return moved != NULL;
}

void weft__title_prepare(void)
{
    uintptr_t bounds[4] = { 0 };
    if (room || !find(bounds) || !move_environment()) {
        return;
    }
    room = (char *)bounds[0]; // NOLINT(performance-no-int-to-ptr)
    room_size = bounds[3] - bounds[0];
}

void weft__title_set(const char *format, ...)
{
    if (!room) {
        return;
    }
    va_list args;
    va_start(args, format);
    int length = vsnprintf(room, room_size, format, args);
    va_end(args);
    size_t used = length < 0 ? 0 : (size_t)length < room_size ? (size_t)length : room_size - 1;
    memset(room + used, 0, room_size - used);
}
