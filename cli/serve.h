/*
 * weft serve: an application or a folder of files, by worker processes.
 *
 *     serve.c           the container and its workers
 *     serve_options.c   the command line
 *     serve_app.c       the shared object
 */
#ifndef WEFT_CLI_SERVE_H
#define WEFT_CLI_SERVE_H

#include <weft/app.h>
#include <weft/container.h>

enum {
    SERVE_CERTIFICATES = 16
};

/** What the command line says. */
struct serve_options {
    const char *path; /* of the shared object or the folder */
    bool is_folder;
    bool reload;
    bool verbose;
    const char *addresses[WEFT_CONTAINER_LISTENERS_MAX];
    struct weft_container_options container;
    struct weft_http_certificate certificates[SERVE_CERTIFICATES];
    struct weft_http_tls tls;
    int64_t timeout; /* ns of one step of a connection; 0: the server's own limits */
};

/** Read the command line, whose texts stay in use and may be cut. -1: serve; otherwise the exit
 * status, with what there is to say said. */
int serve_read_options(struct serve_options *options, int argc, char **argv);

/** Load the application: NULL and errno, with weft_error() saying what to do. */
const struct weft_app *serve_load_app(const char *path);

#endif
