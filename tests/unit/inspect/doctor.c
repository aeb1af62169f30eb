/* The record of WEFT_DOCTOR and its report. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

#include <weft/weft.h>

static char record[] = "/tmp/weft-test-doctor-XXXXXX";

static int nap(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++)
        weft_sleep(WEFT_MILLISECOND);
    return 0;
}

static char *print(void)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    int result = weft_doctor_print(record, stream);
    fclose(stream);
    if (result == 0)
        return text;
    free(text);
    return NULL;
}

static void refused(int error, const char *what)
{
    char *text = print();
    ok(!text && errno == error, "%s", what);
    free(text);
}

static void test_report(void)
{
    char *text = print();
    ok(text && strstr(text, "parked: ") == text, "a report");
    ok(text && strstr(text, "         3  "), "three naps");
    ok(text && strstr(text, "nap"), "and who took them");
    ok(text && strstr(text, "\nverdict: "), "a verdict");
    free(text);
}

static void test_refusals(void)
{
    setenv("WEFT_DOCTOR", "/nonexistent/record", 1);
    ok(weft_run(nap, NULL) < 0 && errno == ENOENT && strstr(weft_error()->message, "WEFT_DOCTOR"),
       "a record that can't be made: no run");
    FILE *file = fopen(record, "w");
    must(file && fputs("somebody's", file) >= 0 && fclose(file) == 0, "a file with a text");
    setenv("WEFT_DOCTOR", record, 1);
    ok(weft_run(nap, NULL) == 0, "a file that is not empty: a run");
    refused(EINVAL, "which leaves it alone");
    must(truncate(record, 0) == 0, "an empty file");
}

/* Functions enough to fill the table. */
#define FUNCTION(n)                                                                                \
    __attribute__((noinline)) static int sleep_##n(void)                                           \
    {                                                                                              \
        return weft_sleep(n) + (n);                                                                \
    }
#define NAME(n) sleep_##n,
/* clang-format off */
#define FIVE(make, n, a, b, c, d, e) make(n##a) make(n##b) make(n##c) make(n##d) make(n##e)
#define TEN(make, n) FIVE(make, n, 0, 1, 2, 3, 4) FIVE(make, n, 5, 6, 7, 8, 9)
#define HUNDRED(make, n) \
    TEN(make, n##0) TEN(make, n##1) TEN(make, n##2) TEN(make, n##3) TEN(make, n##4) \
    TEN(make, n##5) TEN(make, n##6) TEN(make, n##7) TEN(make, n##8) TEN(make, n##9)
#define ALL(make) \
    HUNDRED(make, 1) HUNDRED(make, 2) HUNDRED(make, 3) \
    HUNDRED(make, 4) HUNDRED(make, 5) HUNDRED(make, 6)
/* clang-format on */

enum {
    FUNCTIONS = 600,
    LINES = 40 /* of a report */
};

ALL(FUNCTION)

static int call_all(void *unused)
{
    static int (*const functions[])(void) = { ALL(NAME) };
    (void)unused;
    for (size_t i = 0; i < FUNCTIONS; i++)
        functions[i]();
    return 0;
}

/* Six naps before, and one park in each function: more than are told apart, or printed. */
static void test_limits(void)
{
    char *text = print();
    long parks = 0, told = 0, elsewhere = 0, lines = 0, all = 0;
    must(text && sscanf(text, "parked: %ld", &all) == 1, "a report");
    *strstr(text, "\n\nheld") = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (sscanf(line, "%ld", &parks) != 1)
            continue;
        lines++;
        told += parks;
        if (strstr(line, "elsewhere"))
            elsewhere = parks;
    }
    is_int(all, FUNCTIONS + 6, "every park is counted");
    is_int(told, all, "on one line or another");
    is_int(lines, LINES + 1, "those with most time each have one");
    ok(elsewhere >= FUNCTIONS + 1 - LINES, "the others are counted together");
    free(text);
}

/* Texts without an end, then a short file. */
static void test_damage(void)
{
    struct stat status;
    FILE *file = fopen(record, "r+");
    must(file && fstat(fileno(file), &status) == 0, "the record");
    char *bytes = malloc((size_t)status.st_size);
    must(fread(bytes, 1, (size_t)status.st_size, file) == (size_t)status.st_size, "it is read");
    memset(bytes + 16, 0xff, (size_t)status.st_size - 16);
    rewind(file);
    fwrite(bytes, 1, (size_t)status.st_size, file);
    fflush(file);
    refused(EINVAL, "texts without an end");
    ok(ftruncate(fileno(file), 100) == 0, "a short record");
    refused(EINVAL, "is none");
    ok(ftruncate(fileno(file), 0) == 0, "an empty one");
    refused(ENODATA, "says that nothing was recorded");
    fclose(file);
    free(bytes);
    unlink(record);
    refused(ENOENT, "no record");
}

int main(void)
{
    int fd = mkstemp(record);
    must(fd >= 0, "a file for the record");
    close(fd);
    test_refusals();
    struct weft_options options = { .stack_size = 256 * 1024 }; /* room to walk the stack */
    ok(weft_run_with(&options, nap, NULL) == 0, "a run");
    test_report();
    ok(weft_run_with(&options, nap, NULL) == 0, "another, recorded in the same file");
    char *text = print();
    ok(text && strstr(text, "         6  "), "six naps");
    free(text);
    ok(weft_run_with(&options, call_all, NULL) == 0, "a run of many functions");
    test_limits();
    test_damage();
    return done_testing();
}
