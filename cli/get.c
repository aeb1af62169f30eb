/* weft get URL...: fetch what is behind URLs. */
#include "get.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum {
    NOT_USED_RIGHT = 2,
    PARALLEL = 8,
    DATA_MAX = 1 << 30,
    MAX_TIME = 256,
    CACERT,
    RETRY
};

static int usage(FILE *stream)
{
    fputs("usage: weft get [OPTION...] URL...\n\n"
          "  -o, --output FILE     write there; with several URLs a folder\n"
          "  -O, --remote-name     write to a file named as the URL's last part\n"
          "  -C, --continue        go on with a file that is there in part\n"
          "  -X, --request METHOD  instead of GET, or POST with data\n"
          "  -d, --data TEXT       send a body; @FILE takes it from there, @- from standard input\n"
          "  -H, --header LINE     \"name: value\"\n"
          "  -L, --location        follow redirects\n"
          "  -i, --include         show the answer's head as well\n"
          "  -f, --fail            a status of 400 or more is a failure: exit status 22\n"
          "  -m, --max-time SECS   for each URL, redirects and all\n"
          "      --retry N         try again, also after 429 and 503; default 2\n"
          "  -Z, --parallel N      at once; default 8\n"
          "  -k, --insecure        believe whoever answers\n"
          "      --cacert FILE     believe these authorities\n"
          "  -x, --proxy URL       default: http_proxy, https_proxy, all_proxy, no_proxy\n"
          "  -s, --silent          no progress\n\n"
          "The exit status is 0 if all were fetched, 1 if one was not, 22 with --fail, 28 after\n"
          "--max-time.\n",
          stream);
    return stream == stdout ? 0 : NOT_USED_RIGHT;
}

static int wrong(const char *what, const char *text, const char *advice)
{
    fprintf(stderr, "weft get: %s '%s' (%s)\n", what, text, advice);
    return -1;
}

static int add_header(struct get_options *options, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon || colon == line) {
        return wrong("no header:", line, "write 'name: value'");
    }
    if (options->header_count == GET_HEADERS_MAX) {
        return wrong("too many headers:", line, "64 at most");
    }
    *colon = '\0';
    const char *value = colon + 1;
    while (*value == ' ') {
        value++;
    }
    options->headers[options->header_count++] = (struct weft_http_header){ line, value };
    return 0;
}

static char *read_file(FILE *file, size_t *length)
{
    size_t capacity = 65536;
    char *text = malloc(capacity);
    *length = 0;
    while (text) {
        *length += fread(text + *length, 1, capacity - *length, file);
        if (*length < capacity || capacity >= DATA_MAX) {
            break;
        }
        char *larger = realloc(text, capacity *= 2);
        if (!larger) {
            free(text);
        }
        text = larger;
    }
    return text;
}

static int take_data(struct get_options *options, const char *text)
{
    free(options->data);
    options->data = NULL;
    if (text[0] != '@') {
        options->data = strdup(text);
        options->data_length = strlen(text);
        return options->data ? 0 : wrong("no memory for", "--data", "free some");
    }
    FILE *file = strcmp(text, "@-") == 0 ? stdin : fopen(text + 1, "re");
    if (!file) {
        return wrong("reading the data:", text + 1, strerror(errno));
    }
    options->data = read_file(file, &options->data_length);
    if (file != stdin) {
        fclose(file);
    }
    return options->data ? 0 : wrong("no memory for", text, "free some");
}

static int take_number(const char *text, double least, double most, double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (end == text || *end || !(*number >= least && *number <= most)) {
        return wrong("no such number:", text, "see weft get --help");
    }
    return 0;
}

static int take_numeric(struct get_options *options, int option, const char *text)
{
    double number;
    switch (option) {
    case 'm':
        if (take_number(text, 0.001, 1e9, &number) < 0) {
            return -1;
        }
        options->max_time = (int64_t)(number * 1e9);
        return 0;
    case RETRY:
        if (take_number(text, 0, 1000, &number) < 0) {
            return -1;
        }
        options->retries = number > 0 ? (int)number : -1;
        return 0;
    default:
        if (take_number(text, 1, 1000, &number) < 0) {
            return -1;
        }
        options->parallel = (size_t)number;
        return 0;
    }
}

static int take_flag(struct get_options *options, int option)
{
    switch (option) {
    case 'O':
        options->remote_name = true;
        return 0;
    case 'C':
        options->resume = true;
        return 0;
    case 'L':
        options->follow = true;
        return 0;
    case 'i':
        options->show_head = true;
        return 0;
    case 'f':
        options->fail = true;
        return 0;
    case 'k':
        options->insecure = true;
        return 0;
    case 's':
        options->silent = true;
        return 0;
    default:
        return -1;
    }
}

static int take(struct get_options *options, int option, char *text)
{
    switch (option) {
    case 'o':
        options->output = text;
        return 0;
    case 'X':
        options->method = text;
        return 0;
    case 'd':
        return take_data(options, text);
    case 'H':
        return add_header(options, text);
    case CACERT:
        options->authority = text;
        return 0;
    case 'x':
        options->proxy = text;
        return 0;
    case 'm':
    case 'Z':
    case RETRY:
        return take_numeric(options, option, text);
    default:
        return take_flag(options, option);
    }
}

static int read_options(struct get_options *options, int argc, char **argv)
{
    static const struct option LONG[] = {
        { "output", 1, NULL, 'o' },   { "remote-name", 0, NULL, 'O' },
        { "continue", 0, NULL, 'C' }, { "request", 1, NULL, 'X' },
        { "data", 1, NULL, 'd' },     { "header", 1, NULL, 'H' },
        { "location", 0, NULL, 'L' }, { "include", 0, NULL, 'i' },
        { "fail", 0, NULL, 'f' },     { "max-time", 1, NULL, 'm' },
        { "retry", 1, NULL, RETRY },  { "parallel", 1, NULL, 'Z' },
        { "insecure", 0, NULL, 'k' }, { "cacert", 1, NULL, CACERT },
        { "proxy", 1, NULL, 'x' },    { "silent", 0, NULL, 's' },
        { NULL, 0, NULL, 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "o:OCX:d:H:Lifm:Z:kx:s", LONG, NULL)) != -1) {
        if (take(options, option, optarg) < 0) {
            return -1;
        }
    }
    options->urls = argv + optind;
    options->url_count = (size_t)(argc - optind);
    return options->url_count ? 0 : -1;
}

struct errand {
    struct get *get;
    const char *url;
};

static int fetch(void *argument)
{
    const struct errand *errand = argument;
    return get_transfer(errand->get, errand->url);
}

static int fetch_all(void *argument)
{
    struct get *get = argument;
    const struct get_options *options = get->options;
    struct weft_http_client_tls tls = { .authorities = options->authority,
                                        .insecure = options->insecure };
    const struct weft_internet_options internet = {
        .client = { .tls = &tls,
                    .proxy = options->proxy,
                    .retries = options->retries,
                    .retry_statuses = true },
        .redirects = options->follow ? 0 : -1,
    };
    get->internet = weft_internet_new(&internet);
    if (!get->internet) {
        fprintf(stderr, "weft get: %s\n", weft_error()->message);
        return -1;
    }
    WEFT_AUTO(weft_scope)
    struct weft_scope scope = { .limit = options->parallel, .keep_going = true, .reap = true };
    for (char **url = options->urls; *url; url++) {
        weft_go(&scope, fetch, (struct errand){ get, *url });
    }
    weft_scope_wait(&scope);
    weft_internet_free(get->internet);
    return 0;
}

int command_get(int argc, char **argv)
{
    struct get_options options = { .parallel = PARALLEL };
    struct get get = { .options = &options };
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout);
    }
    if (read_options(&options, argc, argv) < 0) {
        free(options.data);
        return usage(stderr);
    }
    if (weft_run(fetch_all, &get) < 0 && get.status == 0) {
        get.status = 1;
    }
    free(options.data);
    return get.status;
}
