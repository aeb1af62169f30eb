/* weft serve APP.so|DIR: worker processes behind one address or several. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weft/weft.h>

#include "command.h"

static struct serve_options options;
static const struct weft_app *app;    /* a process's; NULL: a folder is served */
static struct weft_http_static files; /* the folder */
static unsigned char tickets[32];     /* so that TLS sessions go on in any worker */

static void log_line(void *context, enum weft_log_level level, const char *line)
{
    static const char *const levels[] = { "error: ", "warning: ", "", "" };
    (void)context;
    fprintf(stderr, "%s%s\n", levels[level], line);
}

/* In each process, or in the parent before it forks. */
static int load(void *context)
{
    (void)context;
    if (options.is_folder)
        return files.handler.call ? 0 : weft_http_static_init(&files, options.path);
    app = serve_load_app(options.path);
    if (!app)
        return -1;
    return app->load ? app->load() : 0;
}

static void fill_in(struct weft_http_options *http)
{
    if (app && app->http)
        *http = *app->http;
    http->handler = app ? app->handler : &files.handler;
    http->tls = options.tls.count ? &options.tls : NULL;
    if (options.timeout) {
        http->head_timeout = options.timeout;
        http->body_timeout = options.timeout;
        http->write_timeout = options.timeout;
    }
}

static int work(struct weft_worker *worker, void *context)
{
    struct weft_http_options http = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "application", .keep_going = true };
    (void)context;
    if (app && app->start && app->start(&scope) < 0)
        return -1;
    fill_in(&http);
    int result = weft_http_work(worker, &http);
    int error = errno;
    if (app && app->stop)
        app->stop();
    errno = error;
    return result;
}

/* A connection takes a descriptor, and the usual soft limit is 1,024. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void free_arguments(char **copy)
{
    for (char **each = copy; *each; each++)
        free(*each);
    free(copy);
}

/* Titles are written over the arguments: a copy, ended by NULL. NULL: no memory. */
static char **copy_arguments(int argc, char **argv)
{
    char **copy = calloc((size_t)argc + 1, sizeof *copy);
    for (int i = 0; copy && i < argc; i++)
        if (!(copy[i] = strdup(argv[i]))) {
            free_arguments(copy);
            return NULL;
        }
    return copy;
}

static int complain(void)
{
    const struct weft_error *error = weft_error();
    fprintf(stderr, "weft serve: %s\n", error ? error->message : strerror(errno));
    return 1;
}

static int serve(void)
{
    if (access(options.path, R_OK) < 0) {
        weft_error_set("serve", errno, errno, "%s: %s", options.path, strerror(errno));
        return complain();
    }
    if (getrandom(tickets, sizeof tickets, 0) != (ssize_t)sizeof tickets)
        return complain();
    options.tls.tickets = tickets;
    options.container.load = load;
    options.container.work = work;
    weft_log_set(log_line, NULL, options.verbose ? WEFT_LOG_DEBUG : WEFT_LOG_INFO);
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    return weft_container_run(&options.container) < 0 ? complain() : 0;
}

int command_serve(int argc, char **argv)
{
    char **own = copy_arguments(argc, argv);
    if (!own)
        return complain();
    int status = serve_read_options(&options, argc, own);
    if (status < 0)
        status = serve();
    free_arguments(own);
    return status;
}
