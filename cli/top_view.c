/* One picture of a process: its figures, its loops, their trees, where they were held. */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weft/weft.h>

#include "inspect.h"

enum {
    INDENT_MOST = 24,
    FIELDS = 8
};

/* What is left of the picture; lines beyond its end are not drawn. */
struct page {
    FILE *stream;
    int columns;
    int left; /* rows; negative: without an end */
    bool live;
};

/* Bytes of a printable character that begins here; 0 if it is none. */
static size_t printable(const unsigned char *text)
{
    if (text[0] < 0x80)
        return text[0] >= 0x20 && text[0] != 0x7f;
    size_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (text[0] > 0xf4 || (text[0] == 0xc2 && text[1] < 0xa0))
        return 0; /* U+0080 to U+009F are commands */
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static void draw_line(struct page *page, const char *style, const char *line)
{
    const unsigned char *text = (const unsigned char *)line;
    if (page->left == 0)
        return;
    page->left -= page->left > 0;
    if (page->live)
        fputs(style, page->stream);
    for (int column = 0; *text && (!page->columns || column < page->columns); column++) {
        size_t length = printable(text);
        fwrite(length ? (const char *)text : "?", 1, length ? length : 1, page->stream);
        text += length ? length : 1;
    }
    fputs(page->live ? "\033[0m\033[K\n" : "\n", page->stream);
}

/* A number of the loop's flat object of figures; no string in it can hold such a key. */
static long long figure(const char *stats, const char *key)
{
    char quoted[48];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *place = strstr(stats, quoted);
    return place ? atoll(place + strlen(quoted)) : 0;
}

static void word(const char *stats, const char *key, char *text, size_t size)
{
    char quoted[48];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    const char *place = strstr(stats, quoted);
    place = place ? place + strlen(quoted) : "";
    snprintf(text, size, "%.*s", (int)strcspn(place, "\""), place);
}

static void draw_loop(struct page *page, const char *stats)
{
    char name[48], backend[16], line[256];
    word(stats, "name", name, sizeof name);
    word(stats, "backend", backend, sizeof backend);
    snprintf(
        line, sizeof line,
        "loop %s (%s): load %lld %%, %lld tasks: %lld ready, %lld on I/O, %lld asleep, %lld on "
        "others, %lld on threads; %lld watches, %lld stalled places",
        name, backend, figure(stats, "load"), figure(stats, "tasks"), figure(stats, "ready"),
        figure(stats, "parked_io"), figure(stats, "parked_time"), figure(stats, "parked_sync"),
        figure(stats, "parked_offload"), figure(stats, "watches"), figure(stats, "stalled_places"));
    draw_line(page, "\033[1m", line);
}

static void print_age(char *text, size_t size, long long age)
{
    if (age < WEFT_SECOND)
        snprintf(text, size, "%lld ms", age / WEFT_MILLISECOND);
    else if (age < WEFT_MINUTE)
        snprintf(text, size, "%.1f s", (double)age / WEFT_SECOND);
    else
        snprintf(text, size, "%lld:%02lld:%02lld", age / WEFT_MINUTE / 60, age / WEFT_MINUTE % 60,
                 age / WEFT_SECOND % 60);
}

static int split(char *line, char *fields[FIELDS])
{
    int count = 0;
    for (char *rest = line; rest && count < FIELDS; count++)
        fields[count] = strsep(&rest, "\t");
    return count;
}

static void draw_stall(struct page *page, char *const *fields)
{
    char line[512], longest[32];
    print_age(longest, sizeof longest, atoll(fields[2]));
    snprintf(line, sizeof line, "held %s times, up to %s, by %s%s%s, %s%s", fields[1], longest,
             fields[3], *fields[3] ? ": " : "", fields[4], *fields[5] ? "asleep in " : "computing",
             fields[5]);
    draw_line(page, "\033[31m", line);
}

static void draw_task(struct page *page, char *const *fields)
{
    char line[512], age[32], what[256], share[8] = "";
    int indent = atoi(fields[0]) * 2;
    print_age(age, sizeof age, atoll(fields[2]));
    snprintf(what, sizeof what, "%*s%s%s%s", indent < INDENT_MOST ? indent : INDENT_MOST, "",
             fields[5], *fields[5] ? ": " : "", fields[6]);
    if (atoi(fields[4]) >= 0)
        snprintf(share, sizeof share, "%d", atoi(fields[4]));
    snprintf(line, sizeof line, "%-6s %9s %8s %5s  %s%s%s", fields[1], age, fields[3], share, what,
             *fields[7] ? ", " : "", fields[7]);
    draw_line(page, strcmp(fields[1], "parked") == 0 ? "" : "\033[32m", line);
}

/* The last lines first: where the loop was held matters more than the end of a long tree. */
static void draw_rows(struct page *page, char *text)
{
    char *fields[FIELDS];
    char *tasks = text;
    char *stalls = text[0] == '!' ? text : strstr(text, "\n!");
    if (stalls && stalls > text)
        *stalls++ = '\0';
    for (char *line; stalls && (line = strsep(&stalls, "\n")) != NULL && *line;)
        if (split(line, fields) == 6)
            draw_stall(page, fields);
    draw_line(page, "\033[7m", "state        age    parks CPU %  task");
    for (char *line; tasks && (line = strsep(&tasks, "\n")) != NULL && *line && *line != '!';)
        if (split(line, fields) == FIELDS)
            draw_task(page, fields);
}

/* User and system time in clock ticks; -1 when it can't be read. */
static long long processor_ticks(pid_t process)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *after = strrchr(text, ')'); /* the name may hold anything */
    long long user, system;
    if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &user,
                         &system) != 2)
        return -1;
    return user + system;
}

static int descriptors(pid_t process)
{
    char path[64];
    int count = -2; /* "." and ".." */
    snprintf(path, sizeof path, "/proc/%d/fd", (int)process);
    DIR *entries = opendir(path);
    if (!entries)
        return -1;
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static void program(pid_t process, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, size - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

/* --- a parent of workers */

static void draw_worker(struct page *page, const char *worker)
{
    char line[256], state[16], age[32];
    word(worker, "state", state, sizeof state);
    print_age(age, sizeof age, figure(worker, "age"));
    snprintf(line, sizeof line,
             "%6lld %8lld %10lld %-8s %9s %6lld %6lld %10lld %10lld %4lld%% %6lld %8lld",
             figure(worker, "worker"), figure(worker, "process"), figure(worker, "generation"),
             state, age, figure(worker, "connections"), figure(worker, "active"),
             figure(worker, "accepted"), figure(worker, "requests"), figure(worker, "load"),
             figure(worker, "memory") >> 20, figure(worker, "restarts"));
    draw_line(page, strcmp(state, "serving") == 0 ? "" : "\033[33m", line);
}

static void draw_workers(struct page *page, char *text)
{
    char line[256], name[64], age[32];
    word(text, "name", name, sizeof name);
    print_age(age, sizeof age, figure(text, "age"));
    snprintf(line, sizeof line,
             "%s: generation %lld, %lld processes of %lld loops, for %s, %lld failures", name,
             figure(text, "generation"), figure(text, "processes"), figure(text, "threads"), age,
             figure(text, "failures"));
    draw_line(page, "\033[1m", line);
    draw_line(page, "\033[7m",
              "worker  process generation state          age  conns active   accepted   requests "
              " load    MiB restarts");
    char *rest = strstr(text, "\"workers\":[");
    for (char *worker; rest && (worker = strsep(&rest, "\n")) != NULL;)
        if (strstr(worker, "{\"worker\":"))
            draw_worker(page, strstr(worker, "{\"worker\":"));
}

static void draw_process(struct page *page, struct top_view *view)
{
    char name[64], line[256], share[32] = "";
    long long ticks = processor_ticks(view->process);
    long long now = weft_now();
    if (view->ticks >= 0 && ticks >= view->ticks && now > view->taken)
        snprintf(share, sizeof share, ", %.0f %% of a processor",
                 (double)(ticks - view->ticks) / (double)sysconf(_SC_CLK_TCK) * 100 *
                     (double)WEFT_SECOND / (double)(now - view->taken));
    view->ticks = ticks;
    view->taken = now;
    program(view->process, name, sizeof name);
    snprintf(line, sizeof line, "process %d %s: %d descriptors%s%s", (int)view->process, name,
             descriptors(view->process), share, page->live ? " (q quits)" : "");
    draw_line(page, "\033[1m", line);
}

enum inspect_outcome top_draw(struct top_view *view, FILE *stream)
{
    struct page page = { stream, view->columns, view->rows ? view->rows - 1 : -1, view->live };
    char *workers = inspect_workers(view->process);
    if (workers) {
        draw_process(&page, view);
        draw_workers(&page, workers);
        free(workers);
        return INSPECT_ANSWERED;
    }
    for (unsigned loop = 1;; loop++) {
        char *stats, *rows;
        size_t size;
        enum inspect_outcome outcome = inspect_ask(view->process, loop, "stats", &stats, &size);
        if (outcome == INSPECT_NO_LOOP && loop > 1)
            return INSPECT_ANSWERED;
        if (outcome == INSPECT_ANSWERED) {
            outcome = inspect_ask(view->process, loop, "rows", &rows, &size);
            if (outcome != INSPECT_ANSWERED)
                free(stats);
        }
        if (outcome != INSPECT_ANSWERED)
            return outcome;
        if (loop == 1)
            draw_process(&page, view);
        draw_loop(&page, stats);
        draw_rows(&page, rows);
        free(stats);
        free(rows);
    }
}
