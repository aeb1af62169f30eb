/* The command line of weft serve. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weft/weft.h>

#include "serve.h"

static const char USAGE[] =
    "usage: weft serve [OPTION...] APP.so|DIR\n"
    "\n"
    "Serves an application, a shared object that exports `weft_app`, or the files of a folder, by\n"
    "worker processes until INT or TERM.\n"
    "\n"
    "  -b, --bind ADDRESS         host:port, *:port, http://host:port, unix:/path or fd:3; may be\n"
    "                             given several times. Default 127.0.0.1:9292\n"
    "  -p, --port PORT            of the default address; 0: a free one\n"
    "  -h, --hostname NAME        of the default address\n"
    "      --reuse-port           a listening socket for each loop, in place of one for all\n"
    "\n"
    "  -n, --count N              workers; default: as many as there are CPUs to use\n"
    "      --forked               a process each (the default)\n"
    "      --threaded             threads of one process\n"
    "      --hybrid               --forks processes of --threads threads each\n"
    "      --forks N, --threads N\n"
    "      --preload              load the application once, before the workers are forked\n"
    "\n"
    "  -t, --timeout SECONDS      for a request's head, for its body, and for a client that takes\n"
    "                             nothing; default 10, 20 and 30\n"
    "      --graceful-stop SECONDS         for what is under way at the end; default 10\n"
    "      --health-check-timeout SECONDS  for which a loop may not turn; default 30\n"
    "      --start-timeout SECONDS         until a worker is ready; default 30\n"
    "      --memory-limit MIB     of one process, above which it is replaced; default none\n"
    "      --failures N           ends of workers within a minute that are borne; default 6\n"
    "\n"
    "      --certificate FILE     TLS: PEM, the server's own first; may be given several times\n"
    "      --key FILE             of the certificate before it; default: in the same file\n"
    "      --client-authority FILE         clients must show a certificate signed by it\n"
    "\n"
    "      --reload               take up APP.so whenever it is built anew\n"
    "      --verbose              log more\n"
    "\n"
    "HUP: a new generation of workers, then the old ones end gracefully. `weft top PID` shows the\n"
    "workers. A service manager's sockets (LISTEN_FDS) and NOTIFY_SOCKET are heeded.\n";

enum {
    FORKED = 256,
    THREADED,
    HYBRID,
    FORKS,
    THREADS,
    PRELOAD,
    REUSE_PORT,
    GRACEFUL,
    HEALTH,
    START,
    MEMORY,
    FAILURES,
    CERTIFICATE,
    KEY,
    AUTHORITY,
    RELOAD,
    VERBOSE,
    HELP
};

static const struct option OPTIONS[] = {
    { "bind", required_argument, NULL, 'b' },
    { "port", required_argument, NULL, 'p' },
    { "hostname", required_argument, NULL, 'h' },
    { "count", required_argument, NULL, 'n' },
    { "timeout", required_argument, NULL, 't' },
    { "forked", no_argument, NULL, FORKED },
    { "threaded", no_argument, NULL, THREADED },
    { "hybrid", no_argument, NULL, HYBRID },
    { "forks", required_argument, NULL, FORKS },
    { "threads", required_argument, NULL, THREADS },
    { "preload", no_argument, NULL, PRELOAD },
    { "reuse-port", no_argument, NULL, REUSE_PORT },
    { "graceful-stop", required_argument, NULL, GRACEFUL },
    { "health-check-timeout", required_argument, NULL, HEALTH },
    { "start-timeout", required_argument, NULL, START },
    { "memory-limit", required_argument, NULL, MEMORY },
    { "failures", required_argument, NULL, FAILURES },
    { "certificate", required_argument, NULL, CERTIFICATE },
    { "key", required_argument, NULL, KEY },
    { "client-authority", required_argument, NULL, AUTHORITY },
    { "reload", no_argument, NULL, RELOAD },
    { "verbose", no_argument, NULL, VERBOSE },
    { "help", no_argument, NULL, HELP },
    { 0 },
};

/* What has to be put together once all is read. */
struct parts {
    const char *host;
    const char *port;
    unsigned count;
    unsigned forks;
    unsigned threads;
    int kind; /* FORKED, THREADED, HYBRID */
};

static int wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int wrong(const char *format, ...)
{
    va_list args;
    fputs("weft serve: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(" (see weft serve --help)\n", stderr);
    return 2;
}

/* -1 it is a number, set; otherwise the exit status. */
static int number(const char *option, const char *text, double least, double most, double *value)
{
    char *end;
    double read = strtod(text, &end);
    if (end == text || *end || isnan(read) || read < least || read > most)
        return wrong("--%s wants a number from %g to %g, not '%s'", option, least, most, text);
    *value = read;
    return -1;
}

static int whole(const char *option, const char *text, unsigned most, unsigned *value)
{
    double read = 0;
    int status = number(option, text, 1, most, &read);
    if (status < 0 && read != floor(read))
        return wrong("--%s wants a whole number, not '%s'", option, text);
    if (status < 0)
        *value = (unsigned)read;
    return status;
}

static int seconds(const char *option, const char *text, double least, int64_t *value)
{
    double read = 0;
    int status = number(option, text, least, 86400, &read);
    if (status < 0)
        *value = (int64_t)(read * WEFT_SECOND);
    return status;
}

/* Falcon's users write URLs. */
static int bind_address(struct serve_options *options, char *address)
{
    size_t *count = &options->container.address_count;
    if (*count == WEFT_CONTAINER_LISTENERS_MAX)
        return wrong("--bind may be given %d times", WEFT_CONTAINER_LISTENERS_MAX);
    char *scheme = strstr(address, "://");
    if (strncmp(address, "https://", 8) == 0 || strncmp(address, "http://", 7) == 0)
        address = scheme + 3;
    else if (scheme)
        return wrong("--bind wants http:// or https://, not '%s'", address);
    if (strncmp(address, "unix:", 5) != 0)
        address[strcspn(address, "/")] = '\0'; /* of a URL */
    options->addresses[(*count)++] = address;
    return -1;
}

static int add_certificate(struct serve_options *options, const char *path)
{
    if (options->tls.count == SERVE_CERTIFICATES)
        return wrong("--certificate may be given %d times", SERVE_CERTIFICATES);
    options->certificates[options->tls.count++].certificate = path;
    return -1;
}

static int add_key(struct serve_options *options, const char *path)
{
    if (!options->tls.count || options->certificates[options->tls.count - 1].key)
        return wrong("--key stands behind the --certificate that it belongs to");
    options->certificates[options->tls.count - 1].key = path;
    return -1;
}

static int take_address(struct serve_options *options, struct parts *parts, int option)
{
    double port;
    switch (option) {
    case 'b':
        return bind_address(options, optarg);
    case 'p':
        parts->port = optarg;
        return number("port", optarg, 0, 65535, &port);
    case 'h':
        parts->host = optarg;
        return -1;
    case CERTIFICATE:
        return add_certificate(options, optarg);
    case KEY:
        return add_key(options, optarg);
    default:
        options->tls.client_authority = optarg;
        return -1;
    }
}

static int take_time(struct serve_options *options, int option)
{
    struct weft_container_options *container = &options->container;
    switch (option) {
    case 't':
        return seconds("timeout", optarg, 0.001, &options->timeout);
    case GRACEFUL: {
        int status = seconds("graceful-stop", optarg, 0, &container->grace);
        container->grace = container->grace ? container->grace : 1; /* 0 would be the default */
        return status;
    }
    case HEALTH:
        return seconds("health-check-timeout", optarg, 0.1, &container->health_timeout);
    default:
        return seconds("start-timeout", optarg, 0.1, &container->start_timeout);
    }
}

static int take_limit(struct serve_options *options, struct parts *parts, int option)
{
    unsigned mebibytes;
    int status;
    switch (option) {
    case 'n':
        return whole("count", optarg, WEFT_CONTAINER_PROCESSES_MAX, &parts->count);
    case FORKS:
        return whole("forks", optarg, WEFT_CONTAINER_PROCESSES_MAX, &parts->forks);
    case THREADS:
        return whole("threads", optarg, WEFT_CONTAINER_THREADS_MAX, &parts->threads);
    case FAILURES:
        return whole("failures", optarg, 1000, &options->container.failures);
    default:
        status = whole("memory-limit", optarg, 1 << 20, &mebibytes);
        if (status < 0)
            options->container.memory_limit = (size_t)mebibytes << 20;
        return status;
    }
}

static int take(struct serve_options *options, struct parts *parts, int option)
{
    switch (option) {
    case 'b':
    case 'p':
    case 'h':
    case CERTIFICATE:
    case KEY:
    case AUTHORITY:
        return take_address(options, parts, option);
    case 't':
    case GRACEFUL:
    case HEALTH:
    case START:
        return take_time(options, option);
    case FORKED:
    case THREADED:
    case HYBRID:
        parts->kind = option;
        return -1;
    case PRELOAD:
        options->container.preload = true;
        return -1;
    case REUSE_PORT:
        options->container.reuse_port = true;
        return -1;
    case RELOAD:
        options->reload = true;
        return -1;
    case VERBOSE:
        options->verbose = true;
        return -1;
    case HELP:
        fputs(USAGE, stdout);
        return 0;
    case '?':
        fputs("weft serve: see weft serve --help\n", stderr);
        return 2;
    default:
        return take_limit(options, parts, option);
    }
}

/* Processes and threads of what was asked for. */
static int share_out(struct serve_options *options, const struct parts *parts)
{
    struct weft_container_options *container = &options->container;
    if (parts->kind != HYBRID && (parts->forks || (parts->threads && parts->kind != THREADED)))
        return wrong("--forks and --threads go with --hybrid");
    container->processes = parts->kind == HYBRID ? parts->forks : parts->count;
    container->threads = parts->kind == HYBRID ? parts->threads : 1;
    if (parts->kind == THREADED) {
        unsigned all = parts->count ? parts->count : parts->threads;
        long usable = sysconf(_SC_NPROCESSORS_ONLN);
        container->processes = 1;
        container->threads = all ? all : (unsigned)usable;
        if (container->threads > WEFT_CONTAINER_THREADS_MAX)
            return wrong("--threaded takes at most %d threads", WEFT_CONTAINER_THREADS_MAX);
    }
    return -1;
}

static int finish_addresses(struct serve_options *options, const struct parts *parts)
{
    static char usual[300];
    if (options->container.address_count && (parts->host || parts->port))
        return wrong("--port and --hostname are of the default address: leave them out beside "
                     "--bind");
    if (!options->container.address_count) {
        snprintf(usual, sizeof usual, "%s:%s", parts->host ? parts->host : "127.0.0.1",
                 parts->port ? parts->port : "9292");
        options->addresses[options->container.address_count++] = usual;
    }
    options->container.addresses = options->addresses;
    options->tls.certificates = options->certificates;
    return options->tls.client_authority && !options->tls.count
               ? wrong("--client-authority goes with --certificate")
               : -1;
}

static int finish_path(struct serve_options *options, int count, char **rest)
{
    struct stat status;
    if (count != 1)
        return wrong(count ? "one application at a time, not '%s' as well"
                           : "what is to be served?%s",
                     count ? rest[1] : "");
    options->path = rest[0];
    options->is_folder = stat(rest[0], &status) == 0 && S_ISDIR(status.st_mode);
    if (options->reload && options->is_folder)
        return wrong("--reload is for an APP.so: a folder's files are read anew anyway");
    options->container.watch = options->reload ? options->path : NULL;
    const char *slash = strrchr(options->path, '/');
    options->container.name = slash && slash[1] ? slash + 1 : options->path;
    options->container.titles = options->container.inspect = true;
    return -1;
}

int serve_read_options(struct serve_options *options, int argc, char **argv)
{
    struct parts parts = { .kind = FORKED };
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "b:p:h:n:t:", OPTIONS, NULL)) != -1)
        status = take(options, &parts, option);
    if (status < 0)
        status = finish_path(options, argc - optind, argv + optind);
    if (status < 0)
        status = share_out(options, &parts);
    if (status < 0)
        status = finish_addresses(options, &parts);
    return status;
}
