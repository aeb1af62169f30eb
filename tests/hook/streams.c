/* What opens, flushes and writes streams by the C library's own hand. */
#include "hook.h"

#include <err.h>
#include <error.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>

static char folder[] = "/tmp/weft-streams-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* --- FIFOs */

static FILE *opened;

static long call_fopen_reading(int unused)
{
    (void)unused;
    opened = fopen(path_of("fifo"), "re");
    return opened ? 1 : -1;
}

static long call_fopen_writing(int unused)
{
    (void)unused;
    opened = fopen(path_of("fifo"), "a");
    return opened ? 1 : -1;
}

static long call_freopen(int unused)
{
    (void)unused;
    static FILE *left[4]; /* the C library never frees one that could not be reopened */
    static size_t count;
    FILE *first = opened;
    left[count++ % COUNT(left)] = first;
    opened = freopen(path_of("fifo"), "r", first);
    return opened == first ? 1 : -1;
}

static const struct {
    const char *name;
    long (*call)(int unused);
    int other; /* flags of the other side */
} opens[] = { { "fopen to read", call_fopen_reading, O_WRONLY },
              { "fopen to append", call_fopen_writing, O_RDONLY },
              { "freopen", call_freopen, O_WRONLY } };

static void open_ends(size_t which, int error)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    bool again = opens[which].call == call_freopen;
    int before = open_descriptors(), number = -1;
    if (again) {
        opened = fopen(path_of("file"), "w+");
        must(opened && fputs("written", opened) > 0, "a stream");
        number = fileno(opened);
    }
    struct trial trial = { .call = opens[which].call,
                           .timeout = error == ETIMEDOUT ? 10 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    usleep(2000);
    int other = -1;
    if (error == ECANCELED)
        weft_cancel(task);
    else if (error == UNTOUCHED)
        must((other = open(path_of("fifo"), opens[which].other)) >= 0, "the other side");
    trial_join(task);
    ok(parked && trial.result == (error == UNTOUCHED ? 1 : -1) && trial.error == error,
       "%s of a FIFO parks (%ld, errno %d)", opens[which].name, trial.result, trial.error);
    if (error == UNTOUCHED) {
        char text[8] = "";
        int from = opens[which].other == O_RDONLY ? other : fileno(opened);
        int to = opens[which].other == O_RDONLY ? fileno(opened) : other;
        ok(write(to, "through", 7) == 7 && read(from, text, 7) == 7 && strcmp(text, "through") == 0,
           "%s: it leads to the other side", opens[which].name);
        ok(!(fcntl(fileno(opened), F_GETFL) & O_NONBLOCK) &&
               (fcntl(fileno(opened), F_GETFD) & FD_CLOEXEC) == (which == 0) &&
               !(fcntl(fileno(opened), F_GETFL) & O_APPEND) == (which != 1) &&
               (!again || fileno(opened) == number),
           "%s: its flags are those that were asked for", opens[which].name);
        fclose(opened);
        close(other);
    }
    is_int(open_descriptors(), before, "%s: nothing is left open", opens[which].name);
    if (again) {
        struct stat status;
        ok(stat(path_of("file"), &status) == 0 && status.st_size == 7,
           "freopen writes out what was there before");
    }
}

FIBER(opening)
{
    for (size_t i = 0; i < COUNT(opens); i++) {
        open_ends(i, UNTOUCHED);
        open_ends(i, ECANCELED);
        open_ends(i, ETIMEDOUT);
    }
    FILE *plain = fopen(path_of("file"), "r");
    char text[8] = "";
    ok(plain && fread(text, 1, 7, plain) == 7 && strcmp(text, "written") == 0, "a file is a file");
    fclose(plain);
    errno = UNTOUCHED;
    ok(!fopen(path_of("fifo"), "q") && errno == EINVAL, "a mode that is none is refused");
    ok(!fopen(path_of("none"), "r") && errno == ENOENT, "a name that is none, too");
    plain = fopen(path_of("fifo"), "r+");
    ok(plain != NULL, "a FIFO that is opened for both waits for nobody");
    fclose(plain);
    return 0;
}

/* --- onto stderr, which is a full pipe meanwhile */

static int standard = -1, pair[2];

static long call_perror(int unused)
{
    (void)unused;
    errno = ENOENT;
    perror("first");
    errno = UNTOUCHED;
    return 0;
}

static long call_psignal(int unused)
{
    (void)unused;
    psignal(SIGTERM, "first");
    return 0;
}

static long call_warn(int unused)
{
    (void)unused;
    errno = ENOENT;
    warn("%s %d", "first", 2);
    errno = UNTOUCHED;
    return 0;
}

static long call_warnx(int unused)
{
    (void)unused;
    warnx("%s %d", "first", 2);
    return 0;
}

static long call_error(int unused)
{
    (void)unused;
    error(0, ENOENT, "%s %d", "first", 2);
    return 0;
}

static long call_error_at_line(int unused)
{
    (void)unused;
    error_at_line(0, 0, "file", 7, "%s %d", "first", 2);
    return 0;
}

static const struct {
    const char *name;
    long (*call)(int unused);
} tells[] = { { "perror", call_perror }, { "psignal", call_psignal },
              { "warn", call_warn },     { "warnx", call_warnx },
              { "error", call_error },   { "error_at_line", call_error_at_line } };

static void redirect(void)
{
    must(pipe(pair) == 0 && fcntl(pair[1], F_SETPIPE_SZ, 4096) >= 0, "a small pipe");
    standard = dup(STDERR_FILENO);
    must(dup2(pair[1], STDERR_FILENO) == STDERR_FILENO, "stderr");
    close(pair[1]);
}

/* All that has come there. */
static size_t restore(char *text, size_t size)
{
    size_t whole = 0;
    ssize_t count;
    dup2(standard, STDERR_FILENO);
    close(standard);
    while (whole < size && (count = read(pair[0], text + whole, size - whole)) > 0)
        whole += (size_t)count;
    close(pair[0]);
    return whole;
}

static void tell_ends(size_t which)
{
    static char filler[4096], bare[512], text[8192];
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    redirect();
    {
        WEFT_BLOCKING();
        tells[which].call(0);
    }
    size_t size = restore(bare, sizeof bare);
    redirect();
    must(write(STDERR_FILENO, filler, sizeof filler) == sizeof filler, "a full pipe");
    struct trial trial = { .call = tells[which].call };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    usleep(1000);
    parked = parked && !trial.ended;
    must(read(pair[0], filler, sizeof filler) == sizeof filler, "room");
    trial_join(task);
    size_t came = restore(text, sizeof text);
    ok(parked && trial.error == UNTOUCHED && size > 0 && came == size &&
           memcmp(text, bare, size) == 0,
       "%s parks on a full pipe, and says what it says outside (%zu bytes)", tells[which].name,
       size);
}

FIBER(telling)
{
    for (size_t i = 0; i < COUNT(tells); i++) {
        static char text[512];
        tell_ends(i);
        redirect();
        struct trial trial = { .call = tells[i].call };
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        struct weft_task *task = trial_start(&scope, &trial);
        weft_cancel(task);
        trial_join(task);
        ok(restore(text, sizeof text) > 0, "%s is heard of a cancelled fiber, too", tells[i].name);
    }
    return 0;
}

/* The end of a program, which says why. */
FIBER(end_by_err)
{
    errno = ENOENT;
    err(3, "%s", "last words");
}

FIBER(end_by_errx)
{
    errx(4, "%s", "last words");
}

FIBER(end_by_error)
{
    error(5, 0, "%s", "last words");
    return 0;
}

static void ends_program(int (*function)(void *), int status)
{
    char text[256] = "";
    int ended = 0;
    fflush(stdout);
    redirect();
    pid_t child = fork();
    if (child == 0)
        _exit(weft_run(function, NULL) ? 99 : 98);
    must(waitpid(child, &ended, 0) == child, "its end");
    restore(text, sizeof text - 1);
    ok(WIFEXITED(ended) && WEXITSTATUS(ended) == status && strstr(text, "last words"),
       "a fiber ends the program with a word and status %d", status);
}

/* --- all streams */

static long call_flush_all(int unused)
{
    (void)unused;
    return fflush(NULL);
}

FIBER(flushing)
{
    static char filler[4096];
    const int errors[] = { UNTOUCHED, ECANCELED, ETIMEDOUT };
    for (int i = 0; i < 3; i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        int first[2], second[2];
        must(pipe(first) == 0 && pipe(second) == 0 && fcntl(first[1], F_SETPIPE_SZ, 4096) >= 0 &&
                 write(first[1], filler, 4096) == 4096,
             "a full pipe, and one with room");
        FILE *full = fdopen(first[1], "w"), *free_one = fdopen(second[1], "w");
        FILE *file = fopen(path_of("file"), "w");
        must(fputs("a", full) > 0 && fputs("b", free_one) > 0 && fputs("c", file) > 0,
             "a byte each");
        struct trial trial = { .call = call_flush_all,
                               .timeout = i == 2 ? 10 * WEFT_MILLISECOND : 0 };
        struct weft_task *task = trial_start(&scope, &trial);
        bool parked = !trial.ended;
        usleep(1000);
        if (i == 1)
            weft_cancel(task);
        else if (i == 0)
            must(read(first[0], filler, 4096) == 4096, "room");
        trial_join(task);
        ok(parked && trial.result == (i == 0 ? 0 : -1) && trial.error == errors[i],
           "fflush(NULL) parks for a full pipe (%ld, errno %d)", trial.result, trial.error);
        must(i == 0 || read(first[0], filler, 4096) == 4096, "room");
        fflush(NULL);
        struct stat status;
        char a = 0, b = 0;
        ok(read(first[0], &a, 1) == 1 && a == 'a' && read(second[0], &b, 1) == 1 && b == 'b' &&
               stat(path_of("file"), &status) == 0 && status.st_size == 1,
           "all streams are written out, and nothing is lost by a call that ended early");
        fclose(full);
        fclose(free_one);
        fclose(file);
        close(first[0]);
        close(second[0]);
    }
    return 0;
}

/* One stream that fails keeps none of the others from being written out, or from parking. */
FIBER(flushing_broken)
{
    static char filler[4096];
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int first[2], broken[2];
    char a = 0;
    must(pipe(first) == 0 && pipe(broken) == 0 && fcntl(first[1], F_SETPIPE_SZ, 4096) >= 0 &&
             write(first[1], filler, 4096) == 4096,
         "a full pipe");
    close(broken[0]);
    FILE *full = fdopen(first[1], "w"), *failing = fdopen(broken[1], "w");
    must(fputs("a", full) > 0 && fputs("b", failing) > 0, "a byte each");
    struct trial trial = { .call = call_flush_all };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    must(read(first[0], filler, 4096) == 4096, "room");
    trial_join(task);
    ok(parked && trial.result == EOF && trial.error == EPIPE && read(first[0], &a, 1) == 1 &&
           a == 'a',
       "fflush(NULL) tells of a failure, after all have been written out (%ld, errno %d)",
       trial.result, trial.error);
    fclose(full);
    fclose(failing);
    close(first[0]);
    return 0;
}

/* --- words */

static FILE *words;

static long call_getw(int unused)
{
    (void)unused;
    return getw(words);
}

FIBER(wording)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int ends[2], word = 4711;
    must(pipe(ends) == 0, "a pipe");
    words = fdopen(ends[0], "r");
    FILE *to = fdopen(ends[1], "w");
    struct trial trial = { .call = call_getw };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    must(write(ends[1], &word, 2) == 2, "half a word");
    usleep(1000);
    parked = parked && !trial.ended;
    must(write(ends[1], (char *)&word + 2, sizeof word - 2) == sizeof word - 2, "the rest");
    trial_join(task);
    ok(parked && trial.result == 4711, "getw parks");
    ok(putw(1234, to) == 0 && fflush(to) == 0 && getw(words) == 1234, "putw puts");
    fclose(to);
    ok(getw(words) == EOF && feof(words), "getw finds the end");
    fclose(words);
    return 0;
}

/* --- fclose of a fiber that is cancelled */

struct closing {
    int to;
    int result;
    int error;
};

FIBER(close_late)
{
    struct closing *closing = *(struct closing **)argument;
    FILE *stream = fdopen(closing->to, "w");
    fputs("bytes", stream);
    usleep(60 * 1000000);
    errno = UNTOUCHED;
    closing->result = fclose(stream);
    closing->error = errno;
    return 0;
}

FIBER(closing_late)
{
    static char filler[65536];
    for (int full = 0; full < 2; full++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        int ends[2];
        must(pipe(ends) == 0 && fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0, "a pipe");
        if (full)
            must(write(ends[1], filler, 4096) == 4096, "that is full");
        struct closing closing = { .to = ends[1] }, *passed = &closing;
        struct weft_task *task = weft_go(&scope, close_late, passed);
        weft_cancel(task);
        trial_join(task);
        char text[8] = "";
        if (!full)
            ok(closing.result == 0 && closing.error == UNTOUCHED && read(ends[0], text, 8) == 5,
               "fclose in a cancelled fiber writes what needs no wait (%d, errno %d)",
               closing.result, closing.error);
        else
            ok(closing.result == EOF && closing.error == ECANCELED,
               "it tells when bytes were lost, and does not wait (%d, errno %d)", closing.result,
               closing.error);
        ok(fcntl(ends[1], F_GETFD) == -1, "it closes in any case");
        close(ends[0]);
    }
    return 0;
}

/* --- the log of the system, in a file system of our own */

static long call_syslog(int unused)
{
    (void)unused;
    errno = ENOENT;
    syslog(LOG_USER | LOG_INFO, "one %s: %m", "line");
    bool kept = errno == ENOENT;
    errno = UNTOUCHED;
    return kept ? 0 : -1;
}

FIBER(logging)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
    char line[256] = "";
    int daemon = socket(AF_UNIX, SOCK_DGRAM, 0), filler = socket(AF_UNIX, SOCK_DGRAM, 0);
    must(bind(daemon, (struct sockaddr *)&address, sizeof address) == 0, "a daemon");
    must(connect(filler, (struct sockaddr *)&address, sizeof address) == 0, "a busy one");
    while (send(filler, "x", 1, MSG_DONTWAIT) == 1)
        ;
    struct trial trial = { .call = call_syslog };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    usleep(1000);
    parked = parked && !trial.ended;
    while (recv(daemon, line, sizeof line - 1, 0) == 1)
        ;
    trial_join(task);
    ok(parked && trial.result == 0 && strstr(line, "one line: No such file or directory"),
       "syslog parks while the daemon's socket is full");
    closelog();
    close(filler);
    close(daemon);
    return 0;
}

static bool own_devices(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/dev", "tmpfs", 0, NULL) == 0;
}

int main(void)
{
    if (own_devices()) { /* before there is a thread, which would keep the old ones */
        in_runtime(logging);
        must(umount("/dev") == 0, "the usual devices");
    }
    must(mkdtemp(folder) && mkfifo(path_of("fifo"), 0600) == 0, "a folder");
    ends_program(end_by_err, 3);
    ends_program(end_by_errx, 4);
    ends_program(end_by_error, 5);
    in_runtime(opening);
    in_runtime(telling);
    in_runtime(flushing);
    in_runtime(flushing_broken);
    in_runtime(wording);
    in_runtime(closing_late);
    unlink(path_of("fifo"));
    unlink(path_of("file"));
    rmdir(folder);
    return done_testing();
}
