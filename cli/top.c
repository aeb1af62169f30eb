/* weft top [PID]: a running process, live. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"
#include "inspect.h"

enum {
    INTERVAL_MS = 1000,
    COLUMNS_DEFAULT = 80,
    ROWS_DEFAULT = 24
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

/* The size has changed: poll() ends with EINTR, and a new picture is drawn. */
static void on_resize(int number)
{
    (void)number;
}

static int usage(FILE *stream)
{
    fputs(
        "usage: weft top [--json] [PID]\n\n"
        "Shows a process's tasks, what each waits for, its load and where its loops were held:\n"
        "live in a terminal (q quits), once otherwise. The process was started with\n"
        "WEFT_INSPECT=1 in its environment or sets weft_options.inspect. Without a PID: the only\n"
        "one that is. Of `weft serve` it shows the workers. --json prints one object for "
        "programs.\n",
        stream);
    return stream == stdout ? 0 : 2;
}

static int print_json(pid_t process)
{
    static const char *const parts[] = { "stats", "tree", "stalls" };
    char *workers = inspect_workers(process);
    if (workers) {
        fputs(workers, stdout);
        free(workers);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    printf("{\"process\":%d,\"loops\":[", (int)process);
    for (unsigned loop = 1;; loop++) {
        for (int i = 0; i < 3; i++) {
            char *text;
            size_t size;
            enum inspect_outcome outcome = inspect_ask(process, loop, parts[i], &text, &size);
            if (outcome == INSPECT_NO_LOOP && loop > 1 && i == 0) {
                puts("]}");
                return fflush(stdout) == 0 ? 0 : 1;
            }
            if (outcome != INSPECT_ANSWERED)
                return inspect_complain("weft top", process, outcome);
            printf("%s\"%s\":%.*s",
                   i          ? ","
                   : loop > 1 ? ",{"
                              : "{",
                   parts[i], (int)strcspn(text, "\n"), text);
            free(text);
        }
        putchar('}');
    }
}

static int print_once(pid_t process)
{
    struct top_view view = { .process = process, .ticks = -1 };
    enum inspect_outcome outcome = top_draw(&view, stdout);
    if (outcome != INSPECT_ANSWERED)
        return inspect_complain("weft top", process, outcome);
    return fflush(stdout) == 0 ? 0 : 1;
}

static void measure(struct top_view *view)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;
    view->columns = known ? size.ws_col : COLUMNS_DEFAULT;
    view->rows = known ? size.ws_row : ROWS_DEFAULT;
}

/* False once a key, a signal or the end of the input says so. */
static bool wait_interval(void)
{
    struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
    char key;
    if (poll(&keys, 1, INTERVAL_MS) <= 0)
        return !ended;
    return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q' && key != 3 && !ended;
}

static void show(struct top_view *view)
{
    bool more = true;
    while (more) {
        measure(view);
        fputs("\033[H", stdout);
        enum inspect_outcome outcome = top_draw(view, stdout);
        if (outcome == INSPECT_SILENT)
            fputs("it does not answer: a fiber holds its loop\033[K\n", stdout);
        fputs("\033[J", stdout);
        fflush(stdout);
        more = (outcome == INSPECT_ANSWERED || outcome == INSPECT_SILENT) && wait_interval();
    }
}

static void catch_signals(void)
{
    struct sigaction end = { .sa_handler = on_end }, resize = { .sa_handler = on_resize };
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGHUP, &end, NULL);
    sigaction(SIGWINCH, &resize, NULL);
}

static int show_live(pid_t process)
{
    char *text;
    size_t size;
    struct termios before;
    enum inspect_outcome outcome = inspect_ask(process, 1, "stats", &text, &size);
    if (outcome != INSPECT_ANSWERED)
        return inspect_complain("weft top", process, outcome);
    free(text);
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return print_once(process);
    struct termios raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    catch_signals();
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l\033[2J", stdout); /* another screen, no cursor */
    struct top_view view = { .process = process, .live = true, .ticks = -1 };
    show(&view);
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return 0;
}

int command_top(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int first = json ? 2 : 1;
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc > first + 1 || (argc > first && argv[first][0] == '-'))
        return usage(stderr);
    pid_t process = inspect_process("weft top", argc > first ? argv[first] : NULL);
    if (!process)
        return 1;
    if (json)
        return print_json(process);
    return isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) ? show_live(process) : print_once(process);
}
