/* Wide streams on pipes, sockets and terminals. */
#include "hook.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

static FILE *stream;

/* Three characters of two, three and four bytes. */
#define TEXT "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\x8a"
#define WIDE L"\u00e4\u20ac\U0001f34a"

/* --- reading */

static long call_fgetwc(int unused)
{
    (void)unused;
    wint_t a = fgetwc(stream), b = a == WEOF ? WEOF : getwc(stream);
    wint_t c = b == WEOF ? WEOF : getwc_unlocked(stream);
    return a == 0xe4 && b == 0x20ac && c == 0x1f34a ? 1 : c == WEOF ? -1 : -2;
}

static long call_fgetws(int unused)
{
    (void)unused;
    wchar_t line[8];
    if (!fgetws(line, 8, stream))
        return -1;
    return wcscmp(line, WIDE L"\n") == 0 ? 1 : -2;
}

static long call_fwscanf(int unused)
{
    (void)unused;
    wchar_t word[8];
    int count = fwscanf(stream, L"%7ls", word);
    if (count != 1)
        return -1;
    return wcscmp(word, WIDE) == 0 && getwc(stream) == L'\n' ? 1 : -2;
}

static const struct {
    const char *name;
    long (*call)(int unused);
} reads[] = { { "fgetwc", call_fgetwc }, { "fgetws", call_fgetws }, { "fwscanf", call_fwscanf } };

enum channel_kind {
    PIPE,
    SOCKET,
    TERMINAL,
    KINDS
};

static const char *const kinds[] = { "a pipe", "a socket", "a terminal" };

static void open_pair(enum channel_kind kind, int pair[2])
{
    struct termios modes;
    if (kind == PIPE)
        must(pipe(pair) == 0, "a pipe");
    else if (kind == SOCKET)
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair");
    else
        must(openpty(&pair[1], &pair[0], NULL, NULL, NULL) == 0 && tcgetattr(pair[0], &modes) == 0,
             "a terminal");
    if (kind == TERMINAL) {
        cfmakeraw(&modes);
        must(tcsetattr(pair[0], TCSANOW, &modes) == 0, "its modes");
    }
}

/*
 * Byte by byte, so that each character comes in pieces; but for fwscanf, whose characters the C
 * library itself does not put together again.
 */
static void read_ends(enum channel_kind kind, size_t which, int error, bool buffered)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    open_pair(kind, pair);
    stream = fdopen(pair[0], "r");
    must(stream, "a stream");
    if (!buffered)
        setvbuf(stream, NULL, _IONBF, 0);
    struct trial trial = { .call = reads[which].call,
                           .timeout = error == ETIMEDOUT ? 20 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    size_t sent = error == UNTOUCHED ? strlen(TEXT) - 1 : 3;
    bool whole = reads[which].call == call_fwscanf;
    for (size_t i = 0; i < sent; i += 1) {
        size_t size = !whole ? 1 : i == 0 ? 2 : i == 2 ? 3 : i == 5 ? 4 : 0;
        if (size == 0)
            continue;
        /* a scan that has begun a word ends with it */
        const char *piece = whole && error != UNTOUCHED ? "     " : &TEXT[i];
        must(write(pair[1], piece, size) == (ssize_t)size, "a piece");
        usleep(300);
        parked = parked && (!trial.ended || error == ETIMEDOUT);
    }
    if (error == ECANCELED)
        weft_cancel(task);
    else if (error == UNTOUCHED)
        must((whole || write(pair[1], &TEXT[sent], 1) == 1) && write(pair[1], "\n", 1) == 1,
             "the rest");
    trial_join(task);
    ok(parked && trial.result == (error == UNTOUCHED ? 1 : -1) && trial.error == error &&
           (error == UNTOUCHED) == !ferror(stream) && fwide(stream, 0) > 0,
       "%s on %s%s parks (%ld, errno %d)", reads[which].name, kinds[kind],
       buffered ? "" : ", without a buffer,", trial.result, trial.error);
    fclose(stream);
    close(pair[1]);
}

FIBER(reading)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < COUNT(reads); i++) {
            read_ends((enum channel_kind)kind, i, UNTOUCHED, true);
            read_ends((enum channel_kind)kind, i, UNTOUCHED, false);
            read_ends((enum channel_kind)kind, i, ECANCELED, true);
            read_ends((enum channel_kind)kind, i, ETIMEDOUT, true);
        }
    return 0;
}

/* --- the same as outside: results, errors, and what has come when */

enum {
    NOTES = 4096
};

static long notes[2][NOTES];
static int noted[2], turn;

static void note(long value)
{
    must(noted[turn] < NOTES, "room for a note");
    notes[turn][noted[turn]++] = value;
}

static FILE *stream_of(const char *bytes, size_t size, int mode, bool nonblocking)
{
    int pair[2];
    must(pipe(pair) == 0 && write(pair[1], bytes, size) == (ssize_t)size, "what is read");
    if (nonblocking)
        set_nonblocking(pair[0], true);
    else
        close(pair[1]);
    FILE *made = fdopen(pair[0], "r");
    setvbuf(made, NULL, mode, mode == _IONBF ? 0 : 64);
    return made;
}

static void note_stream(FILE *from)
{
    note(errno);
    note(ferror(from) != 0);
    note(feof(from) != 0);
    note(fwide(from, 0));
    errno = UNTOUCHED;
}

static void read_all_ways(const char *bytes, size_t size, int mode, bool nonblocking)
{
    wchar_t line[6];
    int number = -1;
    errno = UNTOUCHED;
    FILE *from = stream_of(bytes, size, mode, nonblocking);
    for (int i = 0; i < 6; i++) {
        note((long)fgetwc(from));
        note_stream(from);
    }
    note(ungetwc(L'\u20ac', from) == L'\u20ac');
    note((long)getwc(from));
    note_stream(from);
    fclose(from);
    from = stream_of(bytes, size, mode, nonblocking);
    for (int i = 0; i < 3; i++) {
        bool got = fgetws(line, 6, from) != NULL;
        note(got ? (long)wcslen(line) : -1);
        note(got && wcslen(line) ? line[wcslen(line) - 1] : -1);
        note_stream(from);
    }
    fclose(from);
    from = stream_of(bytes, size, mode, nonblocking);
    note(fwscanf(from, L"%d", &number));
    note(number);
    note((long)fgetwc(from));
    note_stream(from);
    note(fgetc(from)); /* refused: it is wide */
    note_stream(from);
    fclose(from);
    from = stream_of(bytes, size, mode, nonblocking);
    note(fgetc(from));
    note((long)fgetwc(from)); /* refused: it is narrow */
    note(fgetws(line, 6, from) != NULL);
    note_stream(from);
    fclose(from);
}

static void write_all_ways(int mode)
{
    int pair[2];
    must(pipe(pair) == 0, "a pipe");
    FILE *to = fdopen(pair[1], "w");
    setvbuf(to, NULL, mode, mode == _IONBF ? 0 : 16);
    errno = UNTOUCHED;
    for (int i = 0; i < 8; i++) {
        char bytes[4096];
        if (i == 0)
            note((long)fputwc(L'\u00e4', to));
        else if (i == 1)
            note(fputws(WIDE L"\n" WIDE, to));
        else if (i == 2)
            note(fwprintf(to, L"%d %ls %s\n", 42, WIDE, TEXT));
        else if (i == 3)
            note(fputws(L"0123456789012345678901234567890123456789", to));
        else if (i == 4)
            note(fputc('x', to));
        else if (i == 5)
            note((long)putwc((wchar_t)0xdc00, to)); /* no character */
        else if (i == 6)
            note(fputws(L"abc", to));
        else
            note(fflush(to));
        note_stream(to);
        set_nonblocking(pair[0], true);
        ssize_t came = read(pair[0], bytes, sizeof bytes);
        note(came < 0 ? -errno : came);
        for (ssize_t j = 0; j<came; j += came> 16 ? came / 8 : 1)
            note(bytes[j]);
        errno = UNTOUCHED;
    }
    note(fclose(to));
    close(pair[0]);
}

FIBER(take_notes)
{
    static const char bad[] = "a\xff"
                              "b",
                      cut[] = "a\xe2\x82", lines[] = "12" TEXT "\nxy\n" TEXT;
    static const int modes[] = { _IOFBF, _IOLBF, _IONBF };
    for (int i = 0; i < 3; i++) {
        read_all_ways(lines, sizeof lines - 1, modes[i], false);
        read_all_ways(bad, 3, modes[i], false);
        read_all_ways("", 0, modes[i], false);
        if (modes[i] != _IONBF) /* the C library forgets such bytes, and finds an end */
            read_all_ways(cut, 3, modes[i], false);
    }
    read_all_ways("7 a", 3, _IOFBF, true);
    return 0;
}

FIBER(take_notes_of_writing)
{
    write_all_ways(_IOFBF);
    write_all_ways(_IOLBF);
    write_all_ways(_IONBF);
    return 0;
}

static void same_notes(int (*function)(void *), const char *what)
{
    noted[0] = noted[1] = turn = 0;
    function(NULL);
    turn = 1;
    must(weft_run(function, NULL) == 0, "in a fiber");
    int differ = 0, first = -1;
    for (int i = 0; i < noted[0]; i++)
        if (notes[0][i] != notes[1][i] && differ++ == 0)
            first = i;
    ok(noted[0] == noted[1] && differ == 0,
       "%s: %d answers are those outside of a fiber "
       "(%d differ, the first is %d: %ld, %ld)",
       what, noted[0], differ, first, first < 0 ? 0 : notes[0][first],
       first < 0 ? 0 : notes[1][first]);
}

/* --- writing parks */

static wchar_t *long_text;

static long call_fputws(int unused)
{
    (void)unused;
    return fputws(long_text, stream) < 0 ? -1 : 1;
}

static long call_fwprintf(int unused)
{
    (void)unused;
    return fwprintf(stream, L"%ls", long_text) < 0 ? -1 : 1;
}

static long call_fflush(int unused)
{
    (void)unused;
    return fflush(stream) < 0 ? -1 : 1;
}

static long call_fclose(int unused)
{
    (void)unused;
    return fclose(stream) < 0 ? -1 : 1;
}

static const struct {
    const char *name;
    long (*call)(int unused);
} writes[] = { { "fputws", call_fputws },
               { "fwprintf", call_fwprintf },
               { "fflush", call_fflush },
               { "fclose", call_fclose } };

enum {
    LONG_TEXT = 20000 /* characters, more than twice as many bytes */
};

static void write_ends(size_t which, int error)
{
    static char buffer[1 << 17];
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    must(pipe(pair) == 0 && fcntl(pair[1], F_SETPIPE_SZ, 4096) >= 0, "a small pipe");
    bool last = writes[which].call == call_fflush || writes[which].call == call_fclose;
    stream = fdopen(pair[1], "w");
    char *own = malloc(1 << 17);
    if (last) {
        must(setvbuf(stream, own, _IOFBF, 1 << 17) == 0, "a large buffer");
        fputws(L"\u20ac", stream);
        must(write(pair[1], buffer, 4096) == 4096, "a full pipe");
    }
    struct trial trial = { .call = writes[which].call,
                           .timeout = error == ETIMEDOUT ? 10 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    usleep(1000);
    if (error == ECANCELED)
        weft_cancel(task);
    size_t came = 0;
    while (error == UNTOUCHED && !trial.ended) {
        ssize_t count = read(pair[0], buffer, sizeof buffer);
        came += count > 0 ? (size_t)count : 0;
    }
    trial_join(task);
    ok(parked && trial.result == (error == UNTOUCHED ? 1 : -1) && trial.error == error,
       "a wide %s parks (%ld, errno %d, %zu bytes)", writes[which].name, trial.result, trial.error,
       came);
    close(pair[0]);
    if (writes[which].call != call_fclose)
        fclose(stream);
    free(own);
}

FIBER(writing)
{
    long_text = calloc(LONG_TEXT + 1, sizeof *long_text);
    for (int i = 0; i < LONG_TEXT; i++)
        long_text[i] = L'\u20ac';
    int before = open_descriptors();
    for (size_t i = 0; i < COUNT(writes); i++) {
        write_ends(i, UNTOUCHED);
        write_ends(i, ECANCELED);
        write_ends(i, ETIMEDOUT);
    }
    is_int(open_descriptors(), before, "no descriptor is left");
    free(long_text);
    return 0;
}

/* What comes out of the other end is what went in, though many wrote and the pipe is small. */
static int sink_fd;

FIBER(write_lines)
{
    int which = *(int *)argument;
    for (int i = 0; i < 200; i++)
        must(fwprintf(stream, L"%d " WIDE L" %d\n", which, i) > 0, "a line");
    return 0;
}

FIBER(lines_stay_whole)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2], next[4] = { 0 };
    must(pipe(pair) == 0 && fcntl(pair[1], F_SETPIPE_SZ, 4096) >= 0, "a small pipe");
    stream = fdopen(pair[1], "w");
    setvbuf(stream, NULL, _IOLBF, 256);
    sink_fd = pair[0];
    for (int i = 0; i < 4; i++)
        weft_go(&scope, write_lines, i);
    FILE *from = fdopen(sink_fd, "r");
    int torn = 0;
    for (int i = 0; i < 800; i++) {
        int which = -1, number = -1, count = 0;
        wchar_t word[8] = L"", line[64];
        if (fgetws(line, COUNT(line), from))
            count = swscanf(line, L"%d %7ls %d", &which, word, &number);
        torn += count != 3 || which < 0 || which > 3 || next[which]++ != number ||
                wcscmp(word, WIDE) != 0;
    }
    must(weft_scope_wait(&scope) == 0, "all have written");
    is_int(torn, 0, "lines of four fibers come whole and in order");
    fclose(stream);
    fclose(from);
    return 0;
}

int main(void)
{
    must(setlocale(LC_CTYPE, "C.UTF-8"), "a locale");
    same_notes(take_notes, "reading");
    same_notes(take_notes_of_writing, "writing");
    in_runtime(reading);
    in_runtime(writing);
    in_runtime(lines_stay_whole);
    return done_testing();
}
