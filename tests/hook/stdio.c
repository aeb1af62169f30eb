/* Streams of the C library on pipes, sockets and terminals. */
#include "hook.h"

#include <stdio_ext.h>

/* --- reading */

static FILE *input;

static long call_fgetc(int unused)
{
    (void)unused;
    return fgetc(input) == 'o' && getc(input) == 'n' && getc_unlocked(input) == 'e' &&
                   fgetc_unlocked(input) == ' '
               ? 1
               : -1;
}

static long call_fgets(int unused)
{
    (void)unused;
    char line[64];
    return fgets(line, sizeof line, input) && strcmp(line, "one line\n") == 0 ? 1 : -1;
}

static long call_fread(int unused)
{
    (void)unused;
    char text[9];
    return fread(text, 3, 3, input) == 3 && memcmp(text, "one line\n", 9) == 0 ? 1 : -1;
}

static long call_getline(int unused)
{
    (void)unused;
    char *line = NULL;
    size_t size = 0;
    ssize_t length = getline(&line, &size, input);
    int error = errno;
    long result = length == 9 && strcmp(line, "one line\n") == 0 ? 1 : -1;
    free(line);
    errno = error;
    return result;
}

static long call_getdelim(int unused)
{
    (void)unused;
    char *line = NULL;
    size_t size = 0;
    ssize_t length = getdelim(&line, &size, 'l', input);
    int error = errno;
    long result = length == 5 && strcmp(line, "one l") == 0 ? 1 : -1;
    free(line);
    errno = error;
    return result;
}

static const struct {
    const char *name;
    long (*call)(int unused);
} reads[] = {
    { "fgetc", call_fgetc },     { "fgets", call_fgets },       { "fread", call_fread },
    { "getline", call_getline }, { "getdelim", call_getdelim },
};

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

/* The text comes in two pieces. */
static void read_ends(enum channel_kind kind, size_t which, int error)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    open_pair(kind, pair);
    input = fdopen(pair[0], "r");
    must(input, "a stream");
    struct trial trial = { .call = reads[which].call,
                           .timeout = error == ETIMEDOUT ? 10 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    must(write(pair[1], "one", 3) == 3, "three bytes");
    usleep(1000);
    parked = parked && !trial.ended;
    if (error == ECANCELED)
        weft_cancel(task);
    else if (error == UNTOUCHED)
        must(write(pair[1], " line\n", 6) == 6, "the rest");
    trial_join(task);
    ok(parked && trial.result == (error == UNTOUCHED ? 1 : -1) &&
           (trial.error == error || reads[which].call == call_getline ||
            reads[which].call == call_getdelim || reads[which].call == call_fgetc) &&
           (error == UNTOUCHED) == !ferror(input),
       "%s on %s parks (%ld, errno %d)", reads[which].name, kinds[kind], trial.result, trial.error);
    fclose(input);
    close(pair[1]);
}

FIBER(reading)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < COUNT(reads); i++) {
            read_ends((enum channel_kind)kind, i, UNTOUCHED);
            read_ends((enum channel_kind)kind, i, ECANCELED);
            read_ends((enum channel_kind)kind, i, ETIMEDOUT);
        }
    return 0;
}

/* --- the same as outside: what is read, and what stands in the pipe after each call */

static char story[8192];
static size_t told;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(story + told, sizeof story - told, format, arguments);
    va_end(arguments);
    must(length >= 0 && (size_t)length < sizeof story - told, "room for the story");
    told += (size_t)length;
}

static void tell_read(const char *text, bool unbuffered)
{
    int fds[2];
    char buffer[16], *line = NULL;
    size_t size = 0;
    must(pipe(fds) == 0 && write(fds[1], text, strlen(text)) == (ssize_t)strlen(text), "a text");
    close(fds[1]);
    FILE *stream = fdopen(fds[0], "r");
    if (unbuffered)
        setvbuf(stream, NULL, _IONBF, 0);
    errno = 0;
    tell("%d ", fgetc(stream));
    tell("%d ", ungetc('x', stream));
    tell("%s ", fgets(buffer, 8, stream) ? buffer : "none");
    tell("%d ", ungetc('y', stream));
    tell("%d ", ungetc('z', stream));
    tell("%zd ", getline(&line, &size, stream));
    tell("%s ", line ? line : "none");
    tell("%zu ", fread(buffer, 5, 3, stream));
    tell("%zd ", getdelim(&line, &size, 'e', stream));
    tell("%s ", fgets(buffer, 1, stream) ? "some" : "none");
    tell("%s ", fgets(buffer, sizeof buffer, stream) ? buffer : "none");
    tell("%d ", fgetc(stream));
    tell("%d %d ", feof(stream), ferror(stream));
    tell("%zd ", getline(&line, &size, stream));
    tell("%d ", fputc('x', stream));
    tell("%d %d ", ferror(stream), errno);
    tell("%d; ", fclose(stream));
    free(line);
}

static void tell_pipe(int fd, const char *what)
{
    int waiting = 0;
    ioctl(fd, FIONREAD, &waiting);
    tell("%s %d, ", what, waiting);
}

static void tell_write(int mode, size_t size)
{
    static char buffer[256], text[10000];
    int fds[2];
    must(pipe(fds) == 0, "a pipe");
    memset(text, 'a', sizeof text);
    FILE *stream = fdopen(fds[1], "w");
    if (mode >= 0)
        setvbuf(stream, size ? buffer : NULL, mode, size);
    errno = 0;
    tell("%d ", fputc('a', stream));
    tell_pipe(fds[0], "fputc");
    tell("%d ", fputs("bcd\nefg", stream) >= 0);
    tell_pipe(fds[0], "fputs");
    tell("%d ", fprintf(stream, "%s %d\n%5.2f", "text", 42, 1.5));
    tell_pipe(fds[0], "fprintf");
    tell("%zu ", fwrite(text, 7, 9, stream));
    tell_pipe(fds[0], "fwrite");
    tell("%zu ", fwrite(text, 1, sizeof text, stream));
    tell_pipe(fds[0], "more");
    tell("%d ", putc('\n', stream));
    tell_pipe(fds[0], "putc");
    tell("%d ", fflush(stream));
    tell_pipe(fds[0], "fflush");
    tell("%d ", fgetc(stream));
    tell("%d ", ferror(stream));
    fputs("last", stream);
    tell("%d ", fclose(stream));
    tell_pipe(fds[0], "fclose");
    tell("%d ", dprintf(fds[0], "refused"));
    tell("%d; ", errno);
    close(fds[0]);
}

/* Nobody reads: EPIPE, and what could not go stays an error. */
static void tell_broken(void)
{
    int fds[2];
    must(pipe(fds) == 0, "a pipe");
    FILE *stream = fdopen(fds[1], "w");
    close(fds[0]);
    errno = 0;
    tell("%d ", fputs("text", stream) >= 0);
    tell("%d ", fflush(stream));
    tell("%d %d ", errno, ferror(stream));
    errno = 0;
    tell("%d ", fclose(stream));
    tell("%d; ", errno);
}

static int tell_all(void *argument)
{
    (void)argument;
    told = 0;
    tell_read("first line\nsecond line\nthird\n", false);
    tell_read("first line\nsecond line\nthird\n", true);
    tell_read("one\n", false);
    tell_read("", false);
    tell_read("no end of a line that is longer than a short buffer", false);
    tell_write(-1, 0);
    tell_write(_IONBF, 0);
    tell_write(_IOLBF, 0);
    tell_write(_IOFBF, 256);
    tell_write(_IOLBF, 256);
    tell_broken();
    return 0;
}

static void stories_are_the_same(void)
{
    static char bare[sizeof story];
    tell_all(NULL);
    memcpy(bare, story, sizeof bare);
    must(weft_run(tell_all, NULL) == 0, "the fiber ran");
    is_str(story, bare, "streams behave as outside");
}

/* --- writing */

static FILE *output;
static const char chunk[] = "0123456789abcdefghijklmnopqrstuvwxyz\n";

static long call_fputs(int unused)
{
    (void)unused;
    return fputs(chunk, output) < 0 ? -1 : (long)sizeof chunk - 1;
}

static long call_fwrite(int unused)
{
    (void)unused;
    return fwrite(chunk, sizeof chunk - 1, 1, output) == 1 ? (long)sizeof chunk - 1 : -1;
}

static long call_fputc(int unused)
{
    (void)unused;
    return fputc('c', output) == EOF || putc('c', output) == EOF ||
                   putc_unlocked('c', output) == EOF
               ? -1
               : 3;
}

static long call_fprintf(int unused)
{
    (void)unused;
    return fprintf(output, "%s%d", chunk, 12345);
}

static long call_dprintf(int unused)
{
    (void)unused;
    return dprintf(fileno(output), "%s%d", chunk, 12345);
}

static long call_flush(int unused)
{
    (void)unused;
    return fputc('c', output) == EOF || fflush(output) == EOF ? -1 : 1;
}

static const struct {
    const char *name;
    long (*call)(int unused);
} writes[] = {
    { "fputs", call_fputs },     { "fwrite", call_fwrite },   { "fputc", call_fputc },
    { "fprintf", call_fprintf }, { "dprintf", call_dprintf }, { "fflush", call_flush },
};

enum {
    ENOUGH = 20 * 1024 /* more than any of them holds */
};

static long (*write_call)(int unused);

/* Until more has gone than a pipe holds. */
static long write_enough(int unused)
{
    long whole = 0;
    while (whole < ENOUGH) {
        long count = write_call(unused);
        if (count < 0)
            return -1;
        whole += count;
    }
    return fflush(output) == EOF ? -1 : whole;
}

static void write_ends(enum channel_kind kind, size_t which, int mode, int error)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2], before = open_descriptors();
    open_pair(kind, pair);
    int size = 8192;
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (kind == PIPE)
        fcntl(pair[1], F_SETPIPE_SZ, 4096);
    output = fdopen(pair[1], "w");
    setvbuf(output, NULL, mode, 0);
    write_call = writes[which].call;
    struct trial trial = { .call = write_enough,
                           .timeout = error == ETIMEDOUT ? 10 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    long got = 0;
    if (error == ECANCELED)
        weft_cancel(task);
    while (error == UNTOUCHED && !trial.ended) {
        char text[4096];
        struct pollfd one = { .fd = pair[0], .events = POLLIN };
        if (poll(&one, 1, 1) > 0)
            got += read(pair[0], text, sizeof text);
    }
    trial_join(task);
    for (char text[4096]; error == UNTOUCHED && got < trial.result;)
        got += read(pair[0], text, sizeof text);
    ok(parked && trial.error == error && trial.result == (error == UNTOUCHED ? got : -1),
       "%s to %s parks (%ld, errno %d)", writes[which].name, kinds[kind], trial.result,
       trial.error);
    if (error != UNTOUCHED) { /* it is full, and nobody reads */
        struct trial last = { .timeout = WEFT_MILLISECOND };
        WEFT_TIMEOUT(last.timeout);
        fputc('c', output);
        fclose(output);
    } else {
        fclose(output);
    }
    close(pair[0]);
    is_int(open_descriptors(), before, "and the stream is closed");
}

FIBER(writing)
{
    static const int modes[] = { _IOFBF, _IOLBF, _IONBF };
    for (size_t i = 0; i < COUNT(writes); i++)
        for (int kind = PIPE; kind <= SOCKET; kind++) {
            write_ends((enum channel_kind)kind, i, modes[i % 3], UNTOUCHED);
            write_ends((enum channel_kind)kind, i, modes[(i + 1) % 3], ECANCELED);
            write_ends((enum channel_kind)kind, i, modes[(i + 2) % 3], ETIMEDOUT);
        }
    return 0;
}

/* --- one stream, several fibers and threads */

static int take_lines(void *argument)
{
    int *lines = *(int **)argument;
    char line[64];
    while (fgets(line, sizeof line, input)) {
        if (strcmp(line, chunk) != 0)
            return -1;
        ++*lines;
    }
    return 0;
}

FIBER(whole_lines)
{
    struct weft_scope scope = { 0 };
    int fds[2], lines = 0, *place = &lines;
    must(pipe(fds) == 0, "a pipe");
    input = fdopen(fds[0], "r");
    for (int i = 0; i < 3; i++)
        weft_spawn(&scope, take_lines, &place, sizeof place);
    for (int i = 0; i < 50; i++) {
        must(write(fds[1], chunk, 10) == 10, "a part");
        usleep(200);
        must(write(fds[1], chunk + 10, sizeof chunk - 11) == sizeof chunk - 11, "the rest");
    }
    close(fds[1]);
    ok(weft_scope_wait(&scope) == 0 && lines == 50, "three fibers read whole lines of one stream");
    fclose(input);
    return 0;
}

static long call_put_line(int unused)
{
    (void)unused;
    return fputs("other", output) >= 0 ? 0 : -1;
}

static void *thread_puts(void *unused)
{
    (void)unused;
    return fputs("thread", output) >= 0 ? output : NULL;
}

FIBER(held)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int fds[2];
    char text[32] = "";
    pthread_t thread;
    must(pipe(fds) == 0, "a pipe");
    output = fdopen(fds[1], "w");
    flockfile(output);
    flockfile(output);
    must(ftrylockfile(output) == 0, "three times");
    fputs("mine", output);
    struct trial trial = { .call = call_put_line };
    struct weft_task *task = trial_start(&scope, &trial);
    must(pthread_create(&thread, NULL, thread_puts, NULL) == 0, "a thread");
    usleep(5000);
    funlockfile(output);
    funlockfile(output);
    fputs("!", output);
    struct trial late = { .call = call_put_line, .timeout = WEFT_MILLISECOND };
    trial_join(trial_start(&scope, &late));
    ok(!trial.ended && late.result == -1 && late.error == ETIMEDOUT,
       "flockfile keeps other fibers out, who may be late");
    funlockfile(output);
    trial_join(task);
    void *done;
    must(pthread_join(thread, &done) == 0 && done, "the thread's end");
    fclose(output);
    ssize_t count = read(fds[0], text, sizeof text - 1);
    ok(count == 16 && memcmp(text, "mine!", 5) == 0 && strstr(text, "other") &&
           strstr(text, "thread"),
       "and threads: %s", text);
    close(fds[0]);
    return 0;
}

/* --- a prompt comes before its answer */

static long ask(int unused)
{
    (void)unused;
    char answer[16];
    printf("name? ");
    return fgets(answer, sizeof answer, stdin) && strcmp(answer, "weft\n") == 0 ? 1 : -1;
}

FIBER(prompts)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    open_pair(TERMINAL, pair);
    FILE *kept_in = stdin, *kept_out = stdout;
    stdin = fdopen(dup(pair[0]), "r");
    stdout = fdopen(dup(pair[0]), "w");
    struct trial trial = { .call = ask };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    char seen[16] = "";
    struct pollfd one = { .fd = pair[1], .events = POLLIN };
    bool came = poll(&one, 1, 1000) == 1 && read(pair[1], seen, 15) == 6;
    must(write(pair[1], "weft\n", 5) == 5, "an answer");
    trial_join(task);
    fclose(stdin);
    fclose(stdout);
    stdin = kept_in;
    stdout = kept_out;
    ok(parked && came && trial.result == 1, "a prompt is seen before its answer is waited for: %s",
       seen);
    close(pair[0]);
    close(pair[1]);
    return 0;
}

int main(void)
{
    stories_are_the_same();
    in_runtime(reading);
    in_runtime(writing);
    in_runtime(whole_lines);
    in_runtime(held);
    in_runtime(prompts);
    return done_testing();
}
