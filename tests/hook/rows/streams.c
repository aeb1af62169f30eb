/* Rows: streams on pipes. The standard ones are the stream under test meanwhile. */
#include "streams.h"

#include <stdarg.h>

int __underflow(FILE *stream);
int __uflow(FILE *stream);
int __overflow(FILE *stream, int character);
int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list arguments);
int __vprintf_chk(int flag, const char *format, va_list arguments);
int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments);
int iso_vfscanf(FILE *stream, const char *format, va_list arguments) __asm__("__isoc99_vfscanf");
int iso_vscanf(const char *format, va_list arguments) __asm__("__isoc99_vscanf");
int iso_fscanf(FILE *stream, const char *format, ...) __asm__("__isoc99_fscanf");
int iso_scanf(const char *format, ...) __asm__("__isoc99_scanf");
int plain_vfscanf(FILE *stream, const char *format, va_list arguments) __asm__("vfscanf");
int plain_vscanf(const char *format, va_list arguments) __asm__("vscanf");
int plain_fscanf(FILE *stream, const char *format, ...) __asm__("fscanf");
int plain_scanf(const char *format, ...) __asm__("scanf");

/* --- reading */

static void prepare_reading(void)
{
    place_pipe();
    place.stream = fdopen(place.fd, "r");
    place.usual_in = stdin;
    stdin = place.stream;
}

static void wake_by_line(void)
{
    must(write(place.peer, "ab7\n", 4) == 4, "a line");
}

static void part_of_two(void)
{
    empty_pipe.part();
}

const struct setting reading = { .prepare = prepare_reading,
                                 .wake = wake_by_line,
                                 .traits = DESCRIPTOR };
static const struct setting reading_items = {
    .prepare = prepare_reading, .wake = wake_by_line, .part = part_of_two, .traits = DESCRIPTOR
};

static long items(size_t count)
{
    return count == 0 && ferror(place.stream) ? -1 : (long)count;
}

static char *line;
static size_t room;

static long line_read(ssize_t size)
{
    if (size > 0)
        memcpy(place.bytes, line, (size_t)size);
    return size;
}

static long by_list(int (*scan)(FILE *stream, const char *format, va_list arguments), ...)
{
    va_list arguments;
    va_start(arguments, scan);
    int count = scan(place.stream, "%3s", arguments);
    va_end(arguments);
    return count;
}

static long by_list_standard(int (*scan)(const char *format, va_list arguments), ...)
{
    va_list arguments;
    va_start(arguments, scan);
    int count = scan("%3s", arguments);
    va_end(arguments);
    return count;
}

ROW(fgetc, reading, fgetc(place.stream))
ROW(fgetc_unlocked, reading, fgetc_unlocked(place.stream))
ROW(getchar, reading, getchar())
ROW(getchar_unlocked, reading, getchar_unlocked())
ROW(__underflow, reading, __underflow(place.stream))
ROW(__uflow, reading, __uflow(place.stream))
ROW(fgets, reading, fgets(place.bytes, 32, place.stream) != NULL)
ROW(fgets_unlocked, reading, fgets_unlocked(place.bytes, 32, place.stream) != NULL)
ROW(fread, reading_items, items(fread(place.bytes, 1, 4, place.stream)))
ROW(fread_unlocked, reading_items, items(fread_unlocked(place.bytes, 1, 4, place.stream)))
ROW(getdelim, reading, line_read(getdelim(&line, &room, '7', place.stream)))
ROW(getline, reading, line_read(getline(&line, &room, place.stream)))
ROW(fscanf, reading, plain_fscanf(place.stream, "%3s", place.bytes))
ROW(scanf, reading, plain_scanf("%3s", place.bytes))
ROW(vfscanf, reading, by_list(plain_vfscanf, place.bytes))
ROW(vscanf, reading, by_list_standard(plain_vscanf, place.bytes))
ROW(__isoc99_fscanf, reading, iso_fscanf(place.stream, "%3s", place.bytes))
ROW(__isoc99_scanf, reading, iso_scanf("%3s", place.bytes))
ROW(__isoc99_vfscanf, reading, by_list(iso_vfscanf, place.bytes))
ROW(__isoc99_vscanf, reading, by_list_standard(iso_vscanf, place.bytes))

/* --- writing, without a buffer */

static void prepare_writing(void)
{
    full_pipe.prepare();
    place.stream = fdopen(place.fd, "w");
    setvbuf(place.stream, NULL, _IONBF, 0);
    place.usual_out = stdout;
    stdout = place.stream;
}

static void finish_writing(void)
{
    full_pipe.finish();
}

const struct setting writing = {
    .prepare = prepare_writing, .wake = place_drain, .finish = finish_writing, .traits = DESCRIPTOR
};

/* The C library's dprintf() leaks a buffer if its descriptor is none: not asked for that. */
static const struct setting writing_on = { .prepare = prepare_writing,
                                           .wake = place_drain,
                                           .finish = finish_writing,
                                           .traits = DESCRIPTOR | IGNORING };

static void prepare_buffered(void)
{
    full_pipe.prepare();
    place.stream = fdopen(place.fd, "w");
    must(fputs("wxyz", place.stream) >= 0, "four bytes in the buffer");
}

static const struct setting buffered = {
    .prepare = prepare_buffered, .wake = place_drain, .finish = finish_writing, .traits = DESCRIPTOR
};

/* What puts() and its kin return above 0 says nothing. */
static long put(int result)
{
    return result < 0 ? -1 : 0;
}

__attribute__((format(printf, 2, 3))) static long listed(int which, const char *format, ...)
{
    int size = -100;
    va_list arguments;
    va_start(arguments, format);
    switch (which) {
    case 0:
        size = vfprintf(place.stream, format, arguments);
        break;
    case 1:
        size = vprintf(format, arguments);
        break;
    case 2:
        size = vdprintf(place.fd, format, arguments);
        break;
    case 3:
        size = __vfprintf_chk(place.stream, 1, format, arguments);
        break;
    case 4:
        size = __vprintf_chk(1, format, arguments);
        break;
    case 5:
        size = __vdprintf_chk(place.fd, 1, format, arguments);
        break;
    }
    va_end(arguments);
    return size;
}

ROW(fputc, writing, fputc('x', place.stream))
ROW(fputc_unlocked, writing, fputc_unlocked('x', place.stream))
ROW(putchar, writing, putchar('x'))
ROW(putchar_unlocked, writing, putchar_unlocked('x'))
ROW(__overflow, writing, __overflow(place.stream, 'x'))
ROW(fputs, writing, put(fputs("wxyz", place.stream)))
ROW(fputs_unlocked, writing, put(fputs_unlocked("wxyz", place.stream)))
ROW(puts, writing, put(puts("wxyz")))
ROW(fwrite, writing, items(fwrite(much, 1, 4, place.stream)))
ROW(fwrite_unlocked, writing, items(fwrite_unlocked(much, 1, 4, place.stream)))
ROW(fflush, buffered, fflush(place.stream))
ROW(fflush_unlocked, buffered, fflush_unlocked(place.stream))
ROW(printf, writing, printf("%d %s", 7, "wxyz"))
ROW(fprintf, writing, fprintf(place.stream, "%d %s", 7, "wxyz"))
ROW(dprintf, writing_on, dprintf(place.fd, "%d %s", 7, "wxyz"))
ROW(vfprintf, writing, listed(0, "%d", 7))
ROW(vprintf, writing, listed(1, "%d", 7))
ROW(vdprintf, writing_on, listed(2, "%d", 7))
ROW(__vfprintf_chk, writing, listed(3, "%d", 7))
ROW(__vprintf_chk, writing, listed(4, "%d", 7))
ROW(__vdprintf_chk, writing_on, listed(5, "%d", 7))

/* --- their locks */

static void prepare_held(void)
{
    place_pipe();
    place.stream = fdopen(place.fd, "r");
    flockfile(place.stream);
}

static void wake_held(void)
{
    funlockfile(place.stream);
}

static const struct setting held = { .prepare = prepare_held, .wake = wake_held };
static const struct setting refused = { .prepare = prepare_held,
                                        .finish = wake_held,
                                        .traits = STILL };

static long locked_and_left(void)
{
    flockfile(place.stream);
    funlockfile(place.stream);
    return 0;
}

static long own_tried(void)
{
    FILE *stream = fopen("/dev/null", "re");
    int result = ftrylockfile(stream);
    if (result == 0)
        funlockfile(stream);
    fclose(stream);
    return result;
}

ROW(flockfile, held, locked_and_left())
ROW(ftrylockfile, refused, ftrylockfile(place.stream) != 0)
ROW(ftrylockfile, still, own_tried())
ROW(funlockfile, still, own_tried())
