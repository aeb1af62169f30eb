/* Rows: what writes to standard error or to the system's log, and streams that are opened. */
#include "streams.h"

#include <err.h>
#include <error.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <syslog.h>

void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments);

/* Standard error is a full pipe, for the stream as for its number, which psiginfo() writes to. */
static int usual_number;

static void prepare_errors(void)
{
    full_pipe.prepare();
    usual_number = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(place.fd, STDERR_FILENO);
    place.usual_err = stderr;
    place.stream = fdopen(place.fd, "w");
    setvbuf(place.stream, NULL, _IONBF, 0);
    stderr = place.stream;
    errno = EPIPE;
}

static void finish_errors(void)
{
    full_pipe.finish();
    dup2(usual_number, STDERR_FILENO);
    close(usual_number);
}

static const struct setting errors = {
    .prepare = prepare_errors, .wake = place_drain, .finish = finish_errors, .traits = WHOLE
};

/* A failure is told to nobody but by errno. */
static long told(void)
{
    return 0;
}

enum form {
    WARN,
    WARNX,
    LOG,
    LOG_CHECKED
};

__attribute__((format(printf, 2, 3))) static long listed(enum form form, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (form == WARN)
        vwarn(format, arguments);
    else if (form == WARNX)
        vwarnx(format, arguments);
    else if (form == LOG)
        vsyslog(LOG_DEBUG, format, arguments);
    else
        __vsyslog_chk(LOG_DEBUG, 1, format, arguments);
    va_end(arguments);
    return 0;
}

ROW(perror, errors, (perror("rows"), told()))
ROW(psignal, errors, (psignal(SIGUSR1, "rows"), told()))
ROW(psiginfo, errors, (psiginfo(&(siginfo_t){ .si_signo = SIGUSR1 }, "rows"), told()))
ROW(warn, errors, (warn("%d", 7), told()))
ROW(warnx, errors, (warnx("%d", 7), told()))
ROW(vwarn, errors, listed(WARN, "%d", 7))
ROW(vwarnx, errors, listed(WARNX, "%d", 7))
ROW(error, errors, (error(0, EPIPE, "%d", 7), told()))
ROW(error_at_line, errors, (error_at_line(0, EPIPE, "rows", 1, "%d", 7), told()))

/* Those that end the program, in a child of it. */
enum ending {
    ENDS_ERR,
    ENDS_ERRX,
    ENDS_VERR,
    ENDS_VERRX
};

__attribute__((noreturn, format(printf, 2, 3))) static void end(enum ending ending,
                                                                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (ending == ENDS_ERR)
        err(7, "%d", 7);
    if (ending == ENDS_ERRX)
        errx(7, "%d", 7);
    if (ending == ENDS_VERR)
        verr(7, format, arguments);
    verrx(7, format, arguments);
}

/* Leak checks of a sanitizer would come later, and do not know the stack of a fiber. */
static void leave(int status, void *unused)
{
    (void)unused;
    _exit(status);
}

static pid_t child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        on_exit(leave, NULL);
        int nobody = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nobody, STDERR_FILENO);
        dup2(nobody, STDOUT_FILENO);
    }
    return pid;
}

static long exit_of(pid_t pid)
{
    int status = 0;
    pid_t found;
    do
        found = (pid_t)syscall(SYS_wait4, pid, &status, 0, NULL);
    while (found < 0 && errno == EINTR);
    errno = UNTOUCHED;
    return found == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -100;
}

static long ended(enum ending ending)
{
    pid_t pid = child();
    if (pid == 0)
        end(ending, "%d", 7);
    return exit_of(pid);
}

static long all_closed(void)
{
    pid_t pid = child();
    if (pid == 0)
        _exit(fcloseall() == 0 ? 7 : 1);
    return exit_of(pid);
}

ROW(fcloseall, still, all_closed())
ROW(err, still, ended(ENDS_ERR))
ROW(errx, still, ended(ENDS_ERRX))
ROW(verr, still, ended(ENDS_VERR))
ROW(verrx, still, ended(ENDS_VERRX))

/* Nobody listens at /dev/log here, or somebody who takes it at once. */
ROW(syslog, still, (syslog(LOG_DEBUG, "%d", 7), errno = UNTOUCHED, 0))
ROW(vsyslog, still, listed(LOG, "%d", 7) + (errno = UNTOUCHED) * 0)
ROW(__vsyslog_chk, still, listed(LOG_CHECKED, "%d", 7) + (errno = UNTOUCHED) * 0)

/* --- words, and opening */

ROW(getw, reading, getw(place.stream))
ROW(putw, writing, putw(0x7a797877, place.stream))

static void prepare_fifo(void)
{
    snprintf(place.path, sizeof place.path, "/tmp/weft-rows-%d", (int)getpid());
    unlink(place.path);
    must(mkfifo(place.path, 0600) == 0, "a FIFO");
}

static void wake_fifo(void)
{
    place.peer = open(place.path, O_WRONLY | O_CLOEXEC);
}

static const struct setting fifo = { .prepare = prepare_fifo, .wake = wake_fifo };

static long opened(FILE *stream)
{
    if (!stream)
        return 0;
    fclose(stream);
    return 1;
}

/* A stream that could not be opened again is closed, and the C library keeps its memory. */
extern void __lsan_ignore_object(const void *object) __attribute__((weak));

static long opened_again(const char *path)
{
    FILE *stream = fopen("/dev/null", "re");
    if (__lsan_ignore_object)
        __lsan_ignore_object(stream);
    return opened(freopen(path, "r", stream));
}

ROW(fopen, fifo, opened(fopen(place.path, "r")))
ROW(fopen, still, opened(fopen("/dev/null/nothing", "r")))
ROW(freopen, fifo, opened_again(place.path))
ROW(freopen, still, opened_again("/dev/null/nothing"))
