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

/* Every byte of the record at a time that ends a text or begins the table, then a short file. */
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
    setenv("WEFT_DOCTOR", record, 1);
    struct weft_options options = { .stack_size = 256 * 1024 }; /* room to walk the stack */
    ok(weft_run_with(&options, nap, NULL) == 0, "a run");
    test_report();
    ok(weft_run_with(&options, nap, NULL) == 0, "another, recorded in the same file");
    char *text = print();
    ok(text && strstr(text, "         6  "), "six naps");
    free(text);
    test_damage();
    return done_testing();
}
