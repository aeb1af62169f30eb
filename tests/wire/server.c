/*
 * The test application as a program: prints its port, serves until SIGTERM.
 *
 *      server [--certificate FILE [--key FILE]]... [--authority FILE] [--optional] [--plain] [--13]
 */
#include <stdio.h>

#include "app.h"

enum {
    CERTIFICATES = 4
};

static struct weft_http_certificate certificates[CERTIFICATES];
static struct weft_http_tls tls = { .certificates = certificates };

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
        } else {
            takes = false;
        }
        i += takes;
        tls.client_optional |= strcmp(name, "--optional") == 0;
        tls.plain |= strcmp(name, "--plain") == 0;
        tls.minimum = strcmp(name, "--13") == 0 ? 13 : tls.minimum;
    }
}

static void log_line(void *context, enum weft_log_level level, const char *line)
{
    (void)context, (void)level;
    fprintf(stderr, "%s\n", line);
}

static int serve(void *argument)
{
    return weft_http_server_run(argument);
}

int main(int count, char **arguments)
{
    read_arguments(count, arguments);
    struct weft_http_options options = { .handler = app_make(),
                                         .address = "127.0.0.1:0",
                                         .tls = tls.count ? &tls : NULL };
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
    return weft_run(serve, server) < 0;
}
