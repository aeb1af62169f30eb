/*
 * The test application as a program: prints its port, serves until SIGTERM.
 *
 *      server [--certificate FILE [--key FILE]]... [--authority FILE] [--optional] [--plain] [--13]
 * [--http1]
 *             [--set NAME=NUMBER]...      options of the server, times in ms
 */
#include <signal.h>
#include <stdio.h>

#include "app.h"

enum {
    CERTIFICATES = 4
};

static struct weft_http_certificate certificates[CERTIFICATES];
static struct weft_http_tls tls = { .certificates = certificates };

static struct weft_http_options options;

static bool set_size(const char *name, size_t value)
{
    const struct {
        const char *name;
        size_t *option;
    } sizes[] = {
        { "max_connections", &options.max_connections },
        { "max_target", &options.max_target },
        { "max_field", &options.max_field },
        { "max_head", &options.max_head },
        { "max_fields", &options.max_fields },
        { "max_body", &options.max_body },
        { "max_streams", &options.max_streams },
        { "max_resets", &options.max_resets },
        { "max_controls", &options.max_controls },
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (strcmp(name, sizes[i].name) == 0) {
            *sizes[i].option = value;
            return true;
        }
    }
    return false;
}

static bool set_time(const char *name, int64_t ms)
{
    const struct {
        const char *name;
        int64_t *option;
    } times[] = {
        { "head_timeout", &options.head_timeout },
        { "idle_timeout", &options.idle_timeout },
        { "body_timeout", &options.body_timeout },
        { "write_timeout", &options.write_timeout },
        { "grace", &options.grace },
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (strcmp(name, times[i].name) == 0) {
            *times[i].option = ms * WEFT_MILLISECOND;
            return true;
        }
    }
    return false;
}

static void set_option(const char *text)
{
    char name[32];
    long value;
    if (sscanf(text, "%31[a-z_]=%ld", name, &value) != 2 ||
        (!set_size(name, (size_t)value) && !set_time(name, value))) {
        fprintf(stderr, "server: no option '%s'\n", text);
        exit(2);
    }
}

static void read_arguments(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        const char *value = i + 1 < count ? arguments[i + 1] : "";
        bool takes = true;
        if (strcmp(name, "--certificate") == 0 && tls.count < CERTIFICATES) {
            certificates[tls.count++].certificate = value;
        } else if (strcmp(name, "--key") == 0 && tls.count > 0) {
            certificates[tls.count - 1].key = value;
        } else if (strcmp(name, "--authority") == 0) {
            tls.client_authority = value;
        } else if (strcmp(name, "--set") == 0) {
            set_option(value);
        } else {
            takes = false;
        }
        i += takes;
        tls.client_optional |= strcmp(name, "--optional") == 0;
        tls.plain |= strcmp(name, "--plain") == 0;
        tls.minimum = strcmp(name, "--13") == 0 ? 13 : tls.minimum;
        options.http1_only |= strcmp(name, "--http1") == 0;
    }
}

static void log_line(void *context, enum weft_log_level level, const char *line)
{
    (void)context, (void)level;
    fprintf(stderr, "%s\n", line);
}

/* SIGTERM ends it gracefully. */
static int heed_signal(void *argument)
{
    struct weft_http_server *server = *(struct weft_http_server **)argument;
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &number);
    weft_http_server_stop(server);
    return 0;
}

static int serve(void *argument)
{
    struct weft_http_server *server = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_go_transient(&scope, heed_signal, (struct weft_http_server *){ server });
    return weft_http_server_run(server);
}

int main(int count, char **arguments)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    read_arguments(count, arguments);
    options.handler = app_make();
    options.address = "127.0.0.1:0";
    options.tls = tls.count ? &tls : NULL;
    struct weft_http_server *server = weft_http_server_new(&options);
    if (!server) {
        const struct weft_error *error = weft_error();
        fprintf(stderr, "server: %s\n", error ? error->message : strerror(errno));
        return 1;
    }
    if (getenv("WEFT_TEST_LOG")) {
        weft_log_set(log_line, NULL, WEFT_LOG_INFO);
    }
    printf("%d\n", weft_http_server_port(server));
    fflush(stdout);
    int result = weft_run(serve, server);
    weft_http_server_free(server);
    return result < 0;
}
